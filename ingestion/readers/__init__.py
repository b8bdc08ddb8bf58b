"""From the bytes of a delivery to rows of text: one module per format, one door.

Belongs here: what a reader returns, how a file is refused, which reader a feed wants, packed files.
Does not belong here: the formats themselves (the modules beside this one), types and codes (conform.py).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.readers.content import GZIP, ZIP, describe
from ingestion.readers.scratch import removed_on_failure

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed
    from ingestion.feed_format import Format

WARNING = "warning: "  # how a note begins that a person must see: the run says it, not `pxw check` alone


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
    lines; it is for the caller to use when `relation` cannot be read. Of a sparse source `headers` are
    the names that occur, and a name that does not may simply have no value. `is_iso_dated`: dates were
    cells of a spreadsheet and are given as ISO text. `time_zones`: header -> zone,
    where the file states it. `n_bytes`: the size of the file, unpacked.
    """

    relation: str
    headers: list[str]
    notes: list[str] = field(default_factory=list)
    temporary: list[Path] = field(default_factory=list)
    repair: Callable[[], Source] | None = None
    is_sparse: bool = False
    is_iso_dated: bool = False
    time_zones: dict[str, str] = field(default_factory=dict)
    n_bytes: int = 0

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

    Unpacked first where it is gzip, or a zip that is no workbook; a table may come as .xlsx instead of text.
    Raises Refused when nothing in the file can be trusted.
    """
    from ingestion.readers.reshape import reshape

    plain = _unpacked(Path(path), feed.format)
    unpacked = [plain] if plain != path else []
    with removed_on_failure(unpacked):
        kind = _kind(plain, feed.format.type, bool(unpacked))
        source = importlib.import_module(f"ingestion.readers.{kind}").open(con, plain, feed)
    source.is_iso_dated = kind == "workbook"
    source.temporary.extend(unpacked)
    with removed_on_failure(source.temporary):
        time_zones = source.time_zones
        source = reshape(source, feed)
        source.time_zones = time_zones
        source.n_bytes = plain.stat().st_size
    return source


def read_or_repair(source: Source, read: Callable[[Source], Any]) -> Any:
    """`read(source)`; where DuckDB cannot read the file as it lies, `read` of its repaired twin.

    Raises Refused where neither can be read. A fault of the machine (disk, memory) and one in the feed's own SQL pass as they are.
    """
    import duckdb

    for way in (lambda: source, source.repair):
        if way is not None:
            try:
                return read(way())
            except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.BinderException, duckdb.ParserException):
                raise
            except duckdb.Error as error:
                kind = type(error).__name__  # its text may quote the file
    raise Refused("unreadable", f"the file cannot be read ({kind})", "Ask the sender for the file again.")


def _unpacked(path: Path, fmt: Format) -> Path:
    """The file itself, or a temporary one with what is packed in it."""
    start, max_bytes = _start(path), fmt.max_uncompressed_bytes
    if start.startswith(GZIP):
        from ingestion.readers.compression import unpack

        return unpack(path, max_bytes)
    if start.startswith(ZIP):
        from ingestion.readers.archive import is_workbook, unpack_only_member

        if not is_workbook(path, fmt.type == "workbook"):
            return unpack_only_member(path, max_bytes)
    return path


def _kind(path: Path, wanted: str, was_packed: bool) -> str:
    """The reader for a file: that of the feed, or the one for workbooks where a table comes as .xlsx."""
    start = _start(path)
    if start.startswith(ZIP):
        from ingestion.readers.archive import is_workbook

        if was_packed and not is_workbook(path, wanted == "workbook"):
            raise Refused("nested_archive", "the file is a zip archive inside another archive",
                          "Have the archive packed once only; nothing of it was loaded.")
        if wanted == "delimited":
            return "workbook"
    _refuse_foreign(start, wanted)
    return wanted


def _refuse_foreign(start: bytes, wanted: str) -> None:
    if not start:
        raise Refused("empty_file", "the file is empty", "Ask the sender for the file again.")
    found = describe(start)
    if found and wanted != "workbook":
        raise Refused("wrong_content", f"the file is {found}, the feed expects {wanted}",
                      "Have the export made in the format of the feed, or describe this one in a feed of its own.")


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(16)
