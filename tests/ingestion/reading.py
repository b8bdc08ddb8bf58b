"""Opening bytes with a reader, as a delivery is opened: from a file without an extension.

Belongs here: a feed that is nothing but a format and source names, the rows a reader gives.
Does not belong here: files of one format (the tests of that format).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.feed import Feed
from ingestion.readers import Refused, Source, open_source
from ingestion.sql import identifier


def feed_of(names: list[str], **fmt) -> Feed:
    """A feed that reads `names` with the given `format`; its kind plays no part in reading."""
    columns = {f"c{index}": {"from": name, "privacy": "drop"} for index, name in enumerate(names)}
    known = {name: {"from": names[0]} for name in ("source_facility_code", "facility_id")}
    return Feed.model_validate({"feed": "any_feed", "label": "Any", "kind": "org_unit", "files": "*",
                                "format": fmt, "columns": known | columns})


@dataclass
class Read:
    """All rows of an opened file."""

    con: duckdb.DuckDBPyConnection
    source: Source

    @property
    def headers(self) -> list[str]:
        return self.source.headers

    @property
    def notes(self) -> list[str]:
        return self.source.notes

    def rows(self, *columns: str) -> list[tuple]:
        """The columns in the order of the file; without names `_row_number`, `_problem` and the headers."""
        names = ", ".join(map(identifier, columns or ("_row_number", "_problem", *self.headers)))
        return self.con.execute(f"select {names} from {self.source.relation} order by _row_number").fetchall()

    def repaired(self) -> Read:
        """The same file read the careful way, as conform does when DuckDB refuses it."""
        return Read(self.con, self.source.repair())


@contextlib.contextmanager
def reading(content: bytes, feed: Feed) -> Iterator[Read]:
    """Open bytes; afterwards nothing temporary may be left."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        con.execute("set disabled_optimizers = 'type_pushdown'")
        con.execute("set TimeZone = 'UTC'")
        landed = Path(folder) / "a1b2c3d4e5f60718"
        landed.write_bytes(content)
        with open_source(con, landed, feed) as source:
            left = list(source.temporary)
            yield Read(con, source)
            left += source.temporary
        assert not [path for path in left if path.exists()]
        assert landed.read_bytes() == content


def refusal(content: bytes, feed: Feed) -> Refused:
    """The refusal of a file that must be refused."""
    try:
        with reading(content, feed) as read:
            rows = read.rows()
    except Refused as refused:
        return refused
    raise AssertionError(f"the file was read: {len(rows)} rows")
