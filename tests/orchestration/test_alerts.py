"""Alerts: what the ledger remembers, what is sent to whom, and that nothing about them can end a run.

Belongs here: real receivers on this machine (HTTP, SMTP). Does not belong here: what is an alert (tests/dbt/test_alert_mart.py).
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import get_args

import duckdb
import pytest
from click.testing import CliRunner

from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration import alert_state, alerts
from orchestration.alert_rows import COLUMNS, published_alerts
from orchestration.alert_settings import Kind
from orchestration.cli import main
from orchestration.commands.alerts import _WORDS
from orchestration.settings import load_settings


def alert(number: int, kind: str = "new_signal", is_concern: bool = True) -> dict:
    return {"alert_id": f"id{number}", "alert_kind": kind, "subject_id": f"subject{number}", "first_seen_on": date(2026, 3, number), "kpi_id": "complaint_rate",
            "facility_id": "F1", "unit_id": "4W", "feed": None, "is_concern": is_concern, "message": f"complaint_rate, 4W in F1: number {number}"}


@pytest.fixture
def web() -> Iterator[tuple[str, list[dict], list[int]]]:
    """A receiver on loopback: its Apprise URL, what it got, and the status it answers with."""
    got: list[dict] = []
    status = [200]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status[0])
            self.end_headers()
            if status[0] == 200:
                got.append(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://user:secret@127.0.0.1:{server.server_port}/path", got, status
        server.shutdown()


@pytest.fixture
def mail() -> Iterator[tuple[str, list[str]]]:
    """A mail server on loopback: its Apprise URL and the text of the mails it took."""
    got: list[str] = []

    class Mailbox(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (text := self.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(text.decode())
                    got.append("".join(lines))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return

    with socketserver.TCPServer(("127.0.0.1", 0), Mailbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"mailto://127.0.0.1:{server.server_address[1]}?from=px@example.org&to=board@example.org&mode=insecure", got
        server.shutdown()


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    monkeypatch.setenv("PXW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PXW_ALERT_URLS", raising=False)
    return Home(tmp_path / "home").create()


def publish(home: Home, found: list[dict]) -> None:
    """A published file with the mart alone."""
    home.published.mkdir(exist_ok=True)
    (home.published / "px.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(home.published / "px.duckdb")) as con:
        con.execute("create schema marts")
        con.execute("create table marts.alert (alert_id varchar, alert_kind varchar, subject_id varchar, first_seen_on date, kpi_id varchar, "
                    "facility_id varchar, unit_id varchar, feed varchar, is_concern boolean, message varchar)")
        for one in found:
            con.execute(f"insert into marts.alert values ({', '.join('?' * 10)})", [one[name] for name in COLUMNS])


def configure(home: Home, *urls: str, more: str = "") -> None:
    home.config.mkdir(parents=True, exist_ok=True)
    (home.config / "settings.yml").write_text(f"alerts:\n  urls: {json.dumps(urls)}\n{more}")


def run(home: Home) -> list[str]:
    told: list[str] = []
    alerts.after_run(home, told.append)
    return told


def test_each_event_is_sent_once_to_each_receiver(home: Home, web, mail) -> None:
    (url, got, _), (address, mails) = web, mail
    configure(home, url, address)
    publish(home, [alert(1), alert(2), alert(3, is_concern=False)])
    told = run(home)
    assert "3 new, 0 over, 3 open" in told[0] and [line.split(": ")[-1] for line in told[1:]] == ["2 sent", "2 sent"]
    assert got[0]["title"] == "Patient Experience Warehouse: 2 new alerts"
    assert got[0]["message"].splitlines() == ["- complaint_rate, 4W in F1: number 1 (since 2026-03-01)", "- complaint_rate, 4W in F1: number 2 (since 2026-03-02)"]
    assert len(mails) == 1 and "board@example.org" in mails[0]
    assert run(home) == [] and (len(got), len(mails)) == (1, 1)
    publish(home, [alert(2), alert(4)])
    run(home)
    assert [one["message"].count("number 4") for one in got] == [0, 1] and got[1]["message"].count("\n") == 0
    assert len(mails) == 2
    ledger = (home.ledger / "ledger.jsonl").read_text()
    assert "secret" not in ledger and "127.0.0.1" not in ledger and "board" not in ledger
    assert "secret" not in "".join(told) and "127.0.0.1" not in "".join(told)


def test_a_receiver_that_is_away_gets_it_later_and_the_other_not_again(home: Home, web, mail) -> None:
    (url, got, status), (address, mails) = web, mail
    configure(home, url, address)
    publish(home, [alert(1)])
    status[0] = 500
    assert [line.split(": ")[-1] for line in run(home)[1:]] == ["could not be reached; 1 wait for the next run", "1 sent"]
    status[0] = 200
    told: list[str] = []
    alerts.send_waiting(home, told.append)
    assert [line.split(": ")[-1] for line in told] == ["1 sent"] and (len(got), len(mails)) == (1, 1)


def test_nothing_about_alerts_ends_a_run(home: Home) -> None:
    configure(home, "nonsense://x", "json://127.0.0.1:1/never")
    publish(home, [alert(1)])
    assert [line.split(": ")[-1] for line in run(home)[1:]] == [
        "its URL is of no known kind, or incomplete; 1 wait for the next run", "could not be reached; 1 wait for the next run"]
    (home.config / "settings.yml").write_text("alerts: {url: [x]}\n")
    assert run(home) == ["alerts were not sent (DefinitionError); pxw alerts shows them"]
    (home.config / "settings.yml").unlink()
    (home.published / "px.duckdb").write_bytes(b"no database")
    assert len(run(home)) == 1


def test_an_event_keeps_its_id_while_it_lasts(home: Home) -> None:
    ledger = Ledger(home.ledger)
    assert alert_state.record_open(ledger, [alert(1), alert(2)]) == (2, 0)
    assert alert_state.record_open(ledger, [alert(1), alert(2)]) == (0, 0)
    assert sum(1 for _ in ledger.entries()) == 1
    assert alert_state.record_open(ledger, [alert(2)]) == (0, 1)
    again = alert(1) | {"alert_id": "another", "first_seen_on": date(2026, 9, 1)}
    assert alert_state.record_open(ledger, [again, alert(2)]) == (1, 0)
    assert alert_state.open_alerts(ledger) == {
        "subject1": {"alert_id": "another", "first_seen_on": "2026-09-01"}, "subject2": {"alert_id": "id2", "first_seen_on": "2026-03-02"}}
    assert alert_state.open_alerts(ledger, as_of=date(2020, 1, 1)) == {}


def test_a_project_without_alerts_says_nothing(home: Home, web) -> None:
    configure(home, web[0])
    home.published.mkdir()
    with duckdb.connect(str(home.published / "px.duckdb")) as con:
        con.execute("create schema marts")
    assert published_alerts(home) == [] and run(home) == []


def feed_status(home: Home, **late_after: str) -> None:
    with duckdb.connect(str(home.published / "px.duckdb")) as con:
        con.execute("create table marts.feed_status (feed varchar, next_due_on date, late_after_on date)")
        con.executemany("insert into marts.feed_status values (?, ?::date - 8, ?::date)", [(feed, on, on) for feed, on in late_after.items()])


def test_feeds_are_late_by_the_clock_even_when_everything_stopped(home: Home, web) -> None:
    url, got, _ = web
    publish(home, [alert(1)])
    feed_status(home, visits="2026-03-10", cases="2026-03-20", once=None)
    on = {day: [(one["feed"], str(one["first_seen_on"])) for one in published_alerts(home, date(2026, 3, day)) if one["alert_kind"] == "feed_late"] for day in (10, 11, 21)}
    assert on == {10: [], 11: [("visits", "2026-03-11")], 21: [("visits", "2026-03-11"), ("cases", "2026-03-21")]}
    configure(home, url)
    alerts.send_waiting(home, lambda _: None)
    alerts.send_waiting(home, lambda _: None)
    assert len(got) == 1 and "- Feed visits is late: the next delivery was due on 2026-03-02 (since 2026-03-11)" in got[0]["message"]
    (home.published / "manifest.json").write_text('{"as_of": "2026-03-15"}')      # a publication of a day knows that day
    assert [one["feed"] for one in published_alerts(home)] == [None, "visits"]


def test_the_channels_of_the_settings_are_known_to_the_library_and_their_tokens_stay_secret(home: Home, monkeypatch) -> None:
    """Nothing is sent here: a URL that the library cannot read would never reach anyone."""
    secrets = ("s" * 40, "c" * 24, "password", "quality")
    urls = [f"workflows://teams.example.org/flow/{secrets[0]}", f"slack://{'T' + 'A' * 8}/{'B' + 'A' * 8}/{secrets[1]}/#quality", "mailto://user:password@example.org?to=quality@example.org"]
    configure(home, *urls)
    found = alerts.receivers(load_settings(home).alerts)
    assert [one.url for one in found] == urls and [one.name.partition(":")[0] for one in found] == ["workflows", "slack", "mailto"]
    for one in found:
        assert alerts.why_not(one) == "could not be reached" and not [secret for secret in secrets if secret in one.name]
    configure(home, "nochannel://token-of-somebody")
    told = CliRunner().invoke(main, ["alerts", "--test"])
    assert told.exit_code == 1 and "its URL is of no known kind, or incomplete" in told.output and "token-of" not in told.output


def test_the_settings_choose_kinds(home: Home, web) -> None:
    url, got, _ = web
    configure(home, url, more="  kinds: [held_delivery, new_signal]\n  only_concerns: false\n")
    publish(home, [alert(1, "feed_late"), alert(2, "held_delivery"), alert(3, is_concern=False)])
    run(home)
    assert got[0]["title"].endswith("2 new alerts") and "number 1" not in got[0]["message"]


def test_the_list_counts_first_and_narrows(home: Home) -> None:
    def listed(*options: str) -> list[str]:
        return CliRunner().invoke(main, ["alerts", *options]).output.splitlines()

    publish(home, [*(alert(n) for n in range(1, 15)), alert(20, is_concern=False),
                   alert(21, "held_delivery") | {"kpi_id": None, "facility_id": None, "unit_id": None, "feed": "cases", "message": "A delivery of feed cases is held"},
                   alert(22, "grievance_overdue") | {"facility_id": "F2", "unit_id": None, "message": None}])
    with duckdb.connect(str(home.published / "px.duckdb")) as con:
        con.execute("create table marts.dim_facility as select * from (values ('F1', 'First'), ('F2', 'Second')) as t (facility_id, facility_name)")
        con.execute("create table marts.dim_unit as select 'F1' as facility_id, '4W' as unit_id, '4 West' as unit_name")
    whole = listed()
    assert whole[0] == "17 open: 15 signals, 1 grievance overdue, 1 held delivery; 1 of the signals is no concern"
    assert whole[2:4] == ["15 signals", "  F1 (15)"] and whole[4].endswith("number 14") and whole[14] == "    ... and 5 older or better: pxw alerts --kind new_signal --facility 'F1' --all"
    assert whole[-2:] == ["1 held delivery", "  2026-03-21  id21  A delivery of feed cases is held"]
    assert "    2026-03-22  id22  A grievance in F2 is past its due day; unit and step are not shown (small cells)" in whole
    assert sum("number" in line for line in listed("--all")) == 15 and listed("--all")[18].endswith("number 20")
    assert listed("--kind", "held_delivery")[0] == "1 open: 1 held delivery"
    assert listed("--facility", "second")[0] == "1 open: 1 grievance overdue"
    assert listed("--facility", "F1", "--unit", "4 west", "--since", "2026-03-14")[0] == "2 open: 2 signals; 1 of the signals is no concern"
    assert listed("--unit", "first/4w", "--since", "2026-03-14") == listed("--facility", "F1", "--unit", "4W", "--since", "2026-03-14")
    assert listed("--since", "2027-01-01") == ["nothing of that kind"]
    assert [one["alert_id"] for one in json.loads("".join(listed("--json", "--kind", "grievance_overdue")))] == ["id22"]
    assert "a unit needs its --facility" in listed("--unit", "4W")[-1] and "there is no facility 'F3'" in listed("--facility", "F3")[-1]
    assert set(get_args(Kind)) == {one for one in _WORDS}


def test_the_command_lists_tests_and_sends(home: Home, web, monkeypatch) -> None:
    url, got, status = web
    runner = CliRunner()
    assert "run `pxw run` first" in runner.invoke(main, ["alerts"]).output
    assert "no receivers" in runner.invoke(main, ["alerts", "--test"]).output
    publish(home, [alert(1), alert(2)])
    listed = runner.invoke(main, ["alerts"]).output
    assert listed.startswith("2 open: 2 signals\n") and "    2026-03-01  id1  complaint_rate, 4W in F1: number 1\n" in listed
    assert [one["alert_id"] for one in json.loads(runner.invoke(main, ["alerts", "--json"]).output)] == ["id1", "id2"]
    monkeypatch.setenv("PXW_ALERT_URLS", url)
    tested = runner.invoke(main, ["alerts", "--test"])
    assert tested.exit_code == 0 and tested.output.endswith("reached\n") and "secret" not in tested.output
    assert got.pop()["title"] == "Patient Experience Warehouse: test"
    assert "2 sent" in runner.invoke(main, ["alerts", "--send"]).output and "nothing to send" in runner.invoke(main, ["alerts", "--send"]).output
    status[0] = 500
    assert runner.invoke(main, ["alerts", "--test"]).exit_code == 1
