"""From the bytes of a delivery to rows of text: one module per format, one door.

Belongs here: what a reader returns, how a file is refused, which reader a feed wants, packed files.
Does not belong here: the formats themselves (the modules beside this one), types and codes (conform.py).
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

_GZIP_MAGIC = b"\x1f\x8b"


class Refused(Exception):
    """A file that cannot be read as the feed describes it.

    `rule` is a short code, `message` one sentence that says what is wrong and where, `way_out` one
    sentence that says what to do. None of them holds a value from the file.
    """

    def __init__(self, rule: str, message: str, way_out: str) -> None:
        super().__init__(f"{message}. {way_out}")
        self.rule = rule
        self.message = message
        self.way_out = way_out


@dataclass
class Source:
    """A file opened as rows of text.

    `relation` is SQL for a FROM clause and may be read any number of times. Its columns are VARCHAR,
    named exactly as `headers`, plus `_row_number` BIGINT (1-based data record) and `_problem` VARCHAR
    (null, or the rule the record breaks). `notes` say what was met but not read. Close it (or use it
    as a context manager) after the last read of `relation`: that removes the temporary files.
    `repair`, where a reader has it, opens the file again in a slower way that cannot fail on single
    lines; it is for the caller to use when `relation` cannot be read.
    """

    relation: str
    headers: list[str]
    notes: list[str] = field(default_factory=list)
    temporary: list[Path] = field(default_factory=list)
    repair: Callable[[], Source] | None = None

    def close(self) -> None:
        """Remove what was written on the way. The delivered file is never among it."""
        while self.temporary:
            self.temporary.pop().unlink(missing_ok=True)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:
    """Open a delivered file with the reader its feed names. The file's name plays no part.

    Raises Refused when nothing in the file can be trusted.
    """
    path, packed = Path(path), _start(Path(path))[:2] == _GZIP_MAGIC
    if packed:
        from ingestion.readers.compression import unpack

        path = unpack(path, feed.format.max_uncompressed_bytes)
    try:
        _refuse_foreign(_start(path), feed.format.type)
        reader = importlib.import_module(f"ingestion.readers.{feed.format.type}")
        source = reader.open(con, path, feed)
    except BaseException:
        if packed:
            path.unlink(missing_ok=True)
        raise
    if packed:
        source.temporary.append(path)
    return source


def _refuse_foreign(start: bytes, wanted: str) -> None:
    if not start:
        raise Refused("empty_file", "the file is empty", "Ask the sender for the file again.")
    from ingestion.readers.content import describe

    found = describe(start)
    if found and wanted != "workbook":
        raise Refused("wrong_content", f"the file is {found}, the feed expects {wanted}",
                      "Have the export made in the format of the feed, or describe this one in a feed of its own.")


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(16)
