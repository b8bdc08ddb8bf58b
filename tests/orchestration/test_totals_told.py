"""A spreadsheet whose totals are not the sum of their parts: the run says so, with both numbers, and loads the parts."""

from __future__ import annotations

from pathlib import Path

from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.pipeline import bring_in
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
    assert entry["notes"] == [warned, "1 total rows were checked and left out"]
