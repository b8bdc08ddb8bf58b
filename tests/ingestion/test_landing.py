"""Landing: bytes once, ledger entries, order of deliveries, files nobody can place."""

from __future__ import annotations

import hashlib
import os
from datetime import date

import pytest
from fsspec.implementations.local import LocalFileSystem

from ingestion.catalogue import read_catalogue
from ingestion.home import Home
from ingestion.known_files import Look, look
from ingestion.landing import land, landed_path
from ingestion.ledger import Ledger
from ingestion.sources import SourceError, SourceFile
from tests.ingestion.conftest import complaint_feed


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def test_what_holds_rows_of_people_is_for_the_owner_alone(home):
    folders = [path for path in home.root.rglob("*") if path.is_dir()]
    assert len(folders) >= 7 and not [path.name for path in folders if path.stat().st_mode & 0o077]


FEEDS = {"log": complaint_feed(files=["**/log*.csv"], order=r"_(?P<received>\d{8})(?:_v(?P<sequence>\d+))?")}


def test_bytes_are_stored_under_their_hash_and_written_down(home, inbox):
    (inbox / "log_20260401.csv").write_bytes(b"Case\n1\n")
    report = land(home, [str(inbox)], FEEDS)
    sha256 = hashlib.sha256(b"Case\n1\n").hexdigest()
    assert landed_path(home, sha256).read_bytes() == b"Case\n1\n"
    entry = report.new[0]
    assert (entry["delivery_id"], entry["sha256"], entry["feed"], entry["n_bytes"]) == (sha256[:16], sha256, "log", 7)
    assert entry["delivered_at"].startswith("2026-04-01T00:00:00") and entry["feed_version"] == FEEDS["log"].version
    assert [e["kind"] for e in Ledger(home.ledger).entries()] == ["delivery"]


def test_a_second_look_reads_and_writes_nothing(home, inbox):
    (inbox / "log_20260401.csv").write_bytes(b"Case\n1\n")
    land(home, [str(inbox)], FEEDS)
    before = (home.ledger / "ledger.jsonl").read_bytes()
    report = land(home, [str(inbox)], FEEDS)
    assert (report.new, report.n_known) == ([], 1)
    assert (home.ledger / "ledger.jsonl").read_bytes() == before
    assert look(home, [str(inbox)], FEEDS) == Look([], [])


def test_same_bytes_under_two_names_are_one_delivery_with_the_earlier_order(home, inbox):
    (inbox / "log_20260501.csv").write_bytes(b"Case\n1\n")
    land(home, [str(inbox)], FEEDS)
    (inbox / "log_20260401.csv").write_bytes(b"Case\n1\n")
    told: list[str] = []
    report = land(home, [str(inbox)], FEEDS, told.append)
    assert (len(report.new), len(report.repeats)) == (0, 1)
    assert told == [f"log_20260401.csv: bytes that are here already (delivery {report.repeats[0]['delivery_id']}); they count once"]
    catalogue = read_catalogue(home, FEEDS)
    assert [d.delivered_at.date() for d in catalogue] == [date(2026, 4, 1)]


def test_a_day_that_no_calendar_has_is_told_until_the_file_comes_under_its_right_name(home, inbox):
    told: list[str] = []
    (inbox / "log_20251340_v2.csv").write_bytes(b"Case\n1\n")
    os.utime(inbox / "log_20251340_v2.csv", (1_700_000_000, 1_700_000_000))
    [entry] = land(home, [str(inbox)], FEEDS, told.append).new
    assert entry["no_day"] == "20251340" and entry["delivered_at"].startswith("2023-11-14T22:13:20")
    assert any("log_20251340_v2.csv: 20251340 in its name is no day" in line and "2023-11-14 22:13 UTC" in line for line in told)
    assert [d.no_day for d in read_catalogue(home, FEEDS)] == ["20251340"]
    (inbox / "log_20251230.csv").write_bytes(b"Case\n1\n")
    land(home, [str(inbox)], FEEDS)
    assert [(d.delivered_at.date(), d.delivery_sequence, d.no_day) for d in read_catalogue(home, FEEDS)] == [(date(2025, 12, 30), 0, None)]
    (inbox / "log.csv").write_bytes(b"Case\n2\n")
    assert "no_day" not in land(home, [str(inbox)], FEEDS).new[0]


def test_two_files_under_one_name_are_two_deliveries_and_the_later_supersedes(home, inbox):
    file = inbox / "log_20260401.csv"
    file.write_bytes(b"Case\n1\n")
    land(home, [str(inbox)], FEEDS)
    file.write_bytes(b"Case\n2\n")
    os.utime(file, (2_000_000_000, 2_000_000_000))
    land(home, [str(inbox)], FEEDS)
    assert len(read_catalogue(home, FEEDS)) == 2
    (inbox / "log_20260401_v2.csv").write_bytes(b"Case\n3\n")
    newest = land(home, [str(inbox)], FEEDS).new[0]
    assert newest["delivery_sequence"] == 2 and len(newest["supersedes"]) == 1


def test_a_delivery_supersedes_the_newest_before_it_of_the_same_name(home, inbox):
    def landed(*names: str) -> list[list[str]]:
        for name in names:
            (inbox / name).write_bytes(name.encode())
        ids = {entry["delivery_id"]: entry["file_name"] for entry in Ledger(home.ledger).entries("delivery")}
        new = land(home, [str(inbox)], FEEDS).new
        return [[(ids | {entry["delivery_id"]: entry["file_name"] for entry in new})[one] for one in entry["supersedes"]] for entry in new]

    assert landed("log_20260401.csv", "log_20260402.csv", "log_east_20260402.csv") == [[], ["log_20260401.csv"], []]
    assert landed("log_20260301.csv", "log_20260501.csv", "log_east_20260501.csv") == [[], ["log_20260402.csv"], ["log_east_20260402.csv"]]


def test_a_file_without_a_feed_or_with_two_is_reported_not_guessed(home, inbox):
    feeds = FEEDS | {"other": complaint_feed(feed="other", files=["*both*"])}
    (inbox / "readme.txt").write_text("hello")
    (inbox / "log_both.csv").write_text("Case\n")
    report = land(home, [str(inbox)], feeds)
    assert report.unmatched == ["readme.txt"]
    assert report.ambiguous == {"log_both.csv": ["log", "other"]}
    assert report.new == [] and not any(p.is_file() for p in home.landing.rglob("*"))
    land(home, [str(inbox)], feeds)
    assert [e["kind"] for e in Ledger(home.ledger).entries()] == ["unplaced", "unplaced"]
    assert look(home, [str(inbox)], feeds) == Look([], [("log_both.csv", ["log", "other"]), ("readme.txt", [])])


def test_a_crash_between_bytes_and_ledger_heals(home, inbox, monkeypatch):
    (inbox / "log_20260401.csv").write_bytes(b"Case\n1\n")

    def crash(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ledger, "append_many", crash)
        land(home, [str(inbox)], FEEDS)
    assert len(land(home, [str(inbox)], FEEDS).new) == 1


def test_a_file_that_cannot_be_read_is_left_and_told_and_the_others_come_in(home, inbox):
    for number in (1, 3):
        (inbox / f"log_2026040{number}.csv").write_bytes(b"Case\n%d\n" % number)
    (inbox / "log_20260402.csv").symlink_to(inbox / "gone")
    told: list[str] = []
    report = land(home, [str(inbox)], FEEDS, told.append)
    assert [entry["file_name"] for entry in report.new] == ["log_20260401.csv", "log_20260403.csv"] and report.unsettled == ["log_20260402.csv"]
    assert any("left for the next run: log_20260402.csv cannot be read, there is no such folder or file" in line for line in told)
    (inbox / "gone").write_bytes(b"Case\n2\n")
    assert [entry["file_name"] for entry in land(home, [str(inbox)], FEEDS).new] == ["log_20260402.csv"]


def test_a_place_that_breaks_ends_the_run_and_does_not_cost_the_files_before(home, inbox, monkeypatch):
    for number in (1, 2, 3):
        (inbox / f"log_2026040{number}.csv").write_bytes(b"Case\n%d\n" % number)
    whole = SourceFile.open

    def cut(file: SourceFile):
        if file.name == "log_20260402.csv":
            raise ConnectionResetError
        return whole(file)

    with monkeypatch.context() as patch, pytest.raises(SourceError, match="log_20260402.csv cannot be read, the connection broke"):
        patch.setattr(SourceFile, "open", cut)
        land(home, [str(inbox)], FEEDS)
    assert [entry["file_name"] for entry in Ledger(home.ledger).entries()] == ["log_20260401.csv"]
    assert [entry["file_name"] for entry in land(home, [str(inbox)], FEEDS).new] == ["log_20260402.csv", "log_20260403.csv"]


def test_a_folder_that_may_not_be_looked_into_is_told_and_the_others_are_read(home, inbox, monkeypatch):
    for folder in ("locked", "open/deep", ".hidden"):
        (inbox / folder).mkdir(parents=True)
    (inbox / "open" / "deep" / "log_20260401.csv").write_bytes(b"Case\n1\n")
    whole, denied = LocalFileSystem.ls, {str(inbox / "locked"), str(inbox / ".hidden")}

    def ls(self, path, detail=False, **more):
        if path in denied:
            raise PermissionError(13, "denied", path)
        return whole(self, path, detail, **more)

    monkeypatch.setattr(LocalFileSystem, "ls", ls)
    found = look(home, [str(inbox)], FEEDS)
    assert ([file.relative_path for file in found.unseen], found.locked) == (["open/deep/log_20260401.csv"], ["locked"])
    denied.add(str(inbox))
    with pytest.raises(SourceError, match="cannot be listed, the place does not permit it"):
        look(home, [str(inbox)], FEEDS)


def test_names_that_are_no_utf8_or_hold_control_characters_are_told_with_escapes(home, inbox):
    for name in (b"log_caf\xe9_20260401.csv", b"log_a\nb_20260402.csv", "log_é\u2014日_20260403.csv".encode()):
        (inbox / os.fsdecode(name)).write_bytes(b"Case\n" + name)
    report = land(home, [str(inbox)], FEEDS)
    assert sorted(entry["file_name"] for entry in report.new) == [r"log_a\nb_20260402.csv", r"log_caf\udce9_20260401.csv", "log_é\u2014日_20260403.csv"]
    assert land(home, [str(inbox)], FEEDS).n_known == 3


def test_bytes_that_came_under_a_name_of_another_feed_come_in_under_the_right_one(home, inbox):
    feeds = FEEDS | {"other": complaint_feed(feed="other", files=["**/other*.csv"], order=r"_(?P<received>\d{8})")}
    (inbox / "other_20260401.csv").write_bytes(b"Case\n1\n")
    wrong = land(home, [str(inbox)], feeds).new[0]
    (inbox / "other_20260401.csv").rename(inbox / "log_20260301.csv")
    right = land(home, [str(inbox)], feeds).new[0]
    assert (right["feed"], right["sha256"]) == ("log", wrong["sha256"]) and right["delivery_id"] != wrong["delivery_id"]
    (inbox / "log_20260201.csv").write_bytes(b"Case\n1\n")
    assert [entry["delivery_id"] for entry in land(home, [str(inbox)], feeds).repeats] == [right["delivery_id"]]
    moments = {d.delivery_id: d.delivered_at.date() for d in read_catalogue(home, feeds)}
    assert moments == {wrong["delivery_id"]: date(2026, 4, 1), right["delivery_id"]: date(2026, 2, 1)}


def test_a_home_that_took_renamed_bytes_for_a_repeat_of_another_feed_loads_them(home, inbox):
    feeds = FEEDS | {"other": complaint_feed(feed="other", files=["**/other*.csv"], order=r"_(?P<received>\d{8})")}
    (inbox / "other_20260401.csv").write_bytes(b"Case\n1\n")
    wrong = land(home, [str(inbox)], feeds).new[0]
    (inbox / "other_20260401.csv").rename(inbox / "log_20260301.csv")
    facts = {key: value for key, value in wrong.items() if key not in ("kind", "at", "entry", "previous")}
    name = "log_20260301.csv"
    Ledger(home.ledger).append("repeat", **facts | {"feed": "log", "file_name": name, "source_url": wrong["source_url"].replace("other_20260401.csv", name),
                                                    "delivered_at": "2026-03-01T00:00:00+00:00"})
    assert [entry["feed"] for entry in land(home, [str(inbox)], feeds).new] == ["log"]
    assert next(d for d in read_catalogue(home, feeds) if d.feed == "other").delivered_at.date() == date(2026, 4, 1)


def test_files_still_being_written_and_pipes_are_left_alone(home, inbox):
    (inbox / "log_20260401.csv.part").write_text("Case\n")
    (inbox / ".log_hidden.csv").write_text("Case\n")
    os.mkfifo(inbox / "log_20260402.csv")
    report = land(home, [str(inbox)], FEEDS)
    assert (report.new, report.unmatched) == ([], [])


def test_an_inbox_that_is_not_there_is_an_error_with_its_name(home, tmp_path):
    with pytest.raises(SourceError, match="no such folder"):
        land(home, [str(tmp_path / "nowhere")], FEEDS)


def test_as_of_cuts_by_the_delivery_moment(home, inbox):
    (inbox / "log_20260401.csv").write_bytes(b"Case\n1\n")
    (inbox / "log_20260501.csv").write_bytes(b"Case\n2\n")
    land(home, [str(inbox)], FEEDS)
    assert len(read_catalogue(home, FEEDS, date(2026, 4, 1))) == 1
    assert len(read_catalogue(home, FEEDS, date(2026, 3, 31))) == 0
    assert [d.delivery_order for d in read_catalogue(home, FEEDS)] == [1, 2]
