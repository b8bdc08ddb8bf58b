"""A small complaint feed and helpers to conform text with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ingestion.conform import ConformReport, conform
from ingestion.feed import Feed

KEYS = {purpose: purpose.encode() * 4 for purpose in ("patient", "staff", "complainant", "encounter")}
MOMENT = (datetime(2026, 4, 1, tzinfo=UTC), 0)


def complaint_feed(**changes) -> Feed:
    """A day-first complaint log; keys of `changes` replace those of the definition."""
    definition = {
        "feed": "log", "label": "Complaint log", "kind": "complaint", "files": "*.csv", "format": {"type": "delimited"},
        "time_zone": "America/Chicago", "business_key": ["case_id"], "unique": True,
        "columns": {
            "case_id": {"from": "Case", "required": True},
            "received_at": {"from": ["Received", "Date received"], "type": "timestamp", "formats": ["%d/%m/%Y %H:%M"], "required": True},
            "event_on": {"from": "Event", "type": "date", "formats": ["%d/%m/%Y"], "on_error": "warn"},
            "patient_id": {"from": "MRN", "privacy": "patient"},
            "staff_id": {"from": "Staff", "privacy": "drop"},
            "narrative": {"from": "Text", "privacy": "free_text"},
        },
    }
    return Feed.model_validate(definition | changes)


HEADER = "Case,Received,Event,MRN,Staff,Text"


class Conformed:
    """The report of a conforming and the rows it wrote."""

    def __init__(self, report: ConformReport, out: Path, restricted: Path) -> None:
        self.report, self.out, self.restricted = report, out, restricted

    def rows(self, columns: str = "*") -> list[tuple]:
        return duckdb.sql(f"select {columns} from read_parquet('{self.out}') order by row_number").fetchall()

    def rules(self) -> list[list[str]]:
        return [row[0] for row in self.rows("list_transform(problems, lambda p: p.rule)")]


@pytest.fixture
def conformed(tmp_path: Path) -> Callable[..., Conformed]:
    """Conform bytes or text with a feed (by default the complaint log)."""

    def run(content: str | bytes, feed: Feed | None = None) -> Conformed:
        landed = tmp_path / "landed"
        landed.write_bytes(content.encode() if isinstance(content, str) else content)
        out, restricted = tmp_path / "raw.parquet", tmp_path / "text.parquet"
        report = conform(feed or complaint_feed(), landed, "0123456789abcdef", MOMENT, KEYS, out, restricted)
        return Conformed(report, out, restricted)

    return run
