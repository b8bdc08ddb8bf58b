"""A build over delivered files, without the command: files are conformed as a run does and given to dbt.

Belongs here: from files to build/input, the hospital sample's complaint exports.
Does not belong here: what is expected of the build (test_*.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from ingestion.conform import ConformReport, conform
from ingestion.feed import Feed
from ingestion.landing import delivery_order
from ingestion.samples import SCALES
from ingestion.sources import list_inbox
from tests.dbt.warehouse import Input
from tests.ingestion.conftest import KEYS


class Delivered(Input):
    """Build input made of files in an inbox; `reports` is what became of each."""

    def __init__(self, root: Path, feeds: Mapping[str, Feed]) -> None:
        super().__init__(root, list(feeds.values()))
        self.reports: dict[str, ConformReport] = {}

    def take(self, inbox: Path) -> None:
        """Conform every file of the inbox that one of the feeds takes."""
        for file in sorted(list_inbox(str(inbox)), key=lambda one: one.name):
            for name, feed in self.feeds.items():
                if feed.matches(file.name):
                    self._conform(inbox / file.relative_path, name, delivery_order(file, feed))

    def _conform(self, path: Path, name: str, order: tuple) -> None:
        feed = self.feeds[name]
        delivery_id = self.delivery(name, order[0].replace(tzinfo=None).isoformat(), [], order[1])
        (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "restricted" / name).mkdir(parents=True, exist_ok=True)
        report = conform(feed, path, delivery_id, order, KEYS, self.root / name / f"{delivery_id}.parquet",
                         self.root / "restricted" / name / f"{delivery_id}.parquet")
        assert report.refused is None, (path.name, report.refused)
        self.reports[path.name] = report
        self.deliveries[-1] |= {"n_rows": report.n_rows, "n_quarantined": report.n_quarantined}

    def _write_delivery(self, con: duckdb.DuckDBPyConnection, delivery: dict[str, Any]) -> None:
        """The Parquet is there already."""


def write_complaint_sample(folder: Path, scale: str, seed: int) -> None:
    """The complaint exports and the org_units files of a sample, without the surveys and encounters around them."""
    from ingestion.samples import complaints, organisation, volumes
    from ingestion.samples.delivery import Inbox

    size, inbox = SCALES[scale], Inbox(folder)
    places = organisation.facilities(size, seed)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as con:
        con.execute("set TimeZone = 'UTC'")
        volumes.build(con, size, places, seed)
        organisation.write_org_units(inbox, size, places)
        complaints.write(inbox, con, size, seed)
