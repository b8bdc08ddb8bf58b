"""What a run and the status say about deliveries that are not as they were: totals that do not fit, feeds that are gone.

Belongs here: lines for a person, from real landing and conforming.
Does not belong here: codes without a unit (tests/run/test_commands.py).
"""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.catalogue import read_catalogue
from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.commands.check import check
from orchestration.commands.status import status
from orchestration.commands.summary import published_from
from orchestration.pipeline import bring_in, land
from orchestration.unmapped import left_out_lines
from tests.ingestion.workbooks import workbook

ROWS = [["Hospital", "Unit", "Patient class", "Jan-26"], ["Harbor", "4 West", "Inpatient", 10], ["Harbor", "ED", "Emergency", 20]]


def test_a_total_that_does_not_fit_is_told(tmp_path: Path) -> None:
    inbox, lines = tmp_path / "inbox", []
    inbox.mkdir()
    (inbox / "encounter_counts_20260201.xlsx").write_bytes(workbook(*ROWS, ["Harbor total", None, None, 31]))
    home, feeds = Home(tmp_path / "home"), load_feeds()
    bring_in(home, feeds, [str(inbox)], lines.append, {})
    warned = "warning: total 31 in cell D4 is not the sum of rows 2 to 3: 30"
    assert [line for line in lines if line.endswith(f"2 rows accepted, 0 quarantined; {warned}")]
    [entry] = Ledger(home.ledger).entries("conform")
    assert entry["notes"] == [warned, "1 total row was checked and left out"]


def test_status_tells_every_delivery_that_waits_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inbox, home = tmp_path / "inbox", Home(tmp_path / "home")
    inbox.mkdir()
    for number in range(1, 13):
        (inbox / f"encounters_daily_202601{number:02}_20260201.csv").write_text(f"Remark\n{number}\n")
    bring_in(home, load_feeds(), [str(inbox)], lambda _: None, {})
    status(home, as_json=False)
    told = capsys.readouterr().out
    assert told.count("\nrefused ") == 12 and "more: pxw status" not in told


def test_a_name_without_a_day_is_told_by_status_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, home = tmp_path / "inbox", Home(tmp_path / "home")
    inbox.mkdir()
    (inbox / "encounters_daily_20251340.csv").write_text("Remark\n1\n")
    bring_in(home, load_feeds(), [str(inbox)], lambda _: None, {})
    status(home, as_json=False)
    told = "NO DAY encounters_daily_20251340.csv: 20251340 in its name is no day"
    assert told in capsys.readouterr().out
    check(home, inbox / "encounters_daily_20251340.csv", None)
    assert told.replace("NO DAY", "warning:") in capsys.readouterr().out


def test_a_name_of_a_day_to_come_is_told_by_status_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inbox, home = tmp_path / "inbox", Home(tmp_path / "home")
    inbox.mkdir()
    today, coming = datetime.now(UTC), datetime.now(UTC) + timedelta(days=40)
    for day in (today, coming):
        (inbox / f"encounters_daily_{day:%Y%m%d}.csv").write_text(f"Remark\n{day}\n")
    bring_in(home, load_feeds(), [str(inbox)], lambda _: None, {})
    status(home, as_json=False)
    out = " ".join(capsys.readouterr().out.split())
    assert f"AHEAD encounters_daily_{coming:%Y%m%d}.csv is named for {coming:%Y-%m-%d}, a day after it came" in out and out.count("AHEAD") == 1
    check(home, inbox / f"encounters_daily_{coming:%Y%m%d}.csv", None)
    assert f"warning: encounters_daily_{coming:%Y%m%d}.csv is named for {coming:%Y-%m-%d}" in capsys.readouterr().out


def test_after_a_run_as_of_a_date_later_deliveries_are_not_called_loaded(tmp_path: Path) -> None:
    inbox, home = tmp_path / "inbox", Home(tmp_path / "home").create()
    inbox.mkdir()
    for received in (20260201, 20260301):
        (inbox / f"encounters_daily_{received}.csv").write_text(f"Date,Facility,Department,Class,Count\n2026-01-01,F1,,IP,{received}\n")
    land(home, [str(inbox)], load_feeds())
    known = read_catalogue(home, load_feeds())
    for as_of, n in (("2026-02-10", 1), ("2019-01-01", 0), (None, 2)):
        home.published.mkdir(exist_ok=True)
        (home.published / "manifest.json").write_text(json.dumps({"as_of": as_of}))
        assert len(published_from(home, known)) == n


def test_an_archive_that_cannot_be_taken_apart_is_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its files were once said to match no feed, which sent people to the definitions."""
    inbox, home = tmp_path / "inbox", Home(tmp_path / "home")
    inbox.mkdir()
    with zipfile.ZipFile(inbox / "march.zip", "w") as archive:
        archive.writestr("encounters_daily_202603_20260402.csv", "Date,Facility,Department,Class,Count\n")
    whole = (inbox / "march.zip").read_bytes()
    (inbox / "march.zip").write_bytes(whole[:-30])
    (inbox / "[other].txt").write_text("x")
    land(home, [str(inbox)], load_feeds())
    status(home, as_json=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "not taken march.zip: an archive that is damaged, locked or empty" in told and "not taken [other].txt: matches no feed" in told


def test_deliveries_whose_feed_is_not_defined_any_more_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when PXW_FEEDS was set for one run and forgotten for the next: a whole hospital would leave the marts."""
    inbox, own = tmp_path / "inbox", tmp_path / "own"
    for folder in (inbox, own):
        folder.mkdir()
    (own / "ward_log.yml").write_text("feed: ward_log\nlabel: Ward log\nkind: complaint\nfiles: 'ward_*.csv'\nformat: {type: delimited}\ntime_zone: UTC\n"
                                      "business_key: [case_id]\ncolumns:\n  case_id: {from: Ref, required: true}\n"
                                      "  received_at: {from: Opened, type: timestamp, formats: ['%Y-%m-%d'], required: true}\n")
    (inbox / "ward_1.csv").write_text("Ref,Opened\n1,2026-03-01\n")
    home = Home(tmp_path / "home")
    monkeypatch.setenv("PXW_FEEDS", str(own))
    land(home, [str(inbox)], load_feeds())
    assert list(left_out_lines(home, load_feeds())) == []
    monkeypatch.delenv("PXW_FEEDS")
    headline, way_out = left_out_lines(home, load_feeds())
    assert headline.startswith("1 delivery, because no feed of this name is defined: ward_log (1);") and "PXW_FEEDS is not set" in way_out
