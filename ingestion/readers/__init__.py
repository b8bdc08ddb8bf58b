"""Readers: the bytes of a delivery to text columns, one module per format.

Belongs here: what a reader gives back, choosing the reader, undoing gzip.
Does not belong here: types, codes, rules of a feed (conform.py).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed


class Refused(Exception):
    """A delivery that cannot be used at all: rule code, one sentence what and where, one sentence what to do."""

    def __init__(self, rule: str, message: str, way_out: str) -> None:
        super().__init__(f"{message}. {way_out}")
        self.rule, self.message, self.way_out = rule, message, way_out


@dataclass
class Source:
    """A delivery as a relation.

    `relation` is SQL for FROM: VARCHAR columns named as the source headers, `_row_number` BIGINT
    (1-based data record) and `_problem` VARCHAR (null or a rule). `temporary` files are removed by the
    caller. `repair`, where a reader has it, reads the file again in a slower way that cannot fail on
    single lines; the caller tries it when the relation cannot be read.
    """

    relation: str
    headers: list[str]
    notes: list[str] = field(default_factory=list)
    temporary: list[Path] = field(default_factory=list)
    repair: Callable[[], Source] | None = None


def open_source(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:
    """The delivery at `path` as a relation on `con`. Raises Refused for a file that cannot be read at all."""
    reader = importlib.import_module(f"ingestion.readers.{feed.format.type}")
    return reader.open(con, path, feed)
