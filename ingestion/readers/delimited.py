"""Delimited text (CSV, pipes, tabs, semicolons) to text columns, read by DuckDB with an explicit dialect.

Belongs here: header, dialect, encoding, and what happens to a line that cannot be split.
Does not belong here: types and codes (conform.py), decompression (readers/__init__.py).

DuckDB reads the file as it lies. Only a file DuckDB refuses as a whole is first rewritten record by
record (delimited_repair.py), so that a broken line becomes one row with a problem.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.readers import Refused, Source
from ingestion.readers.content import is_wide
from ingestion.readers.foreign import refuse_foreign_text
from ingestion.readers.headers import MOST_ROWS, coalesced, header_key, names_of, time_zones_of, told_apart
from ingestion.readers.limits import MAX_RECORD_BYTES
from ingestion.readers.scratch import removed_on_failure, scratch
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed, Format

_HEADER_BYTES = 1_000_000
_HEADER_WITHIN_ROWS = 20  # titles and dates of issue above a table take a few rows
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SEPARATOR_ROW = re.compile(r'"?sep=(.)"?[\r\n]', re.IGNORECASE)
_EXTRA = "_extra"


def open(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:  # noqa: A001 the readers' common name
    """The file as a relation of text columns. Raises Refused for a file that has no usable header."""
    temporary: list[Path] = []
    fmt = feed.format
    refuse_other_encoding(path, fmt)
    if fmt.encoding != "utf-8":
        path = to_utf8(path, fmt.encoding)
        temporary.append(path)
    with removed_on_failure(temporary):
        headers, n_skipped, time_zones = _headers(path, fmt, feed)
        source = Source(*coalesced(_relation(path, fmt, headers, n_skipped), headers), [], temporary, time_zones=time_zones)
        source.repair = lambda: _repaired(source, headers, path, fmt, n_skipped)
        return source.repair() if _is_suspect(path, fmt, len(headers)) or _has_mixed_top(path, fmt, n_skipped) else source


def _repaired(source: Source, headers: list[str], path: Path, fmt: Format, n_skipped: int) -> Source:
    from ingestion.readers.delimited_repair import rewrite

    clean = rewrite(path, fmt, len(headers), n_skipped)
    source.temporary.append(clean)
    return Source(*coalesced(_repaired_relation(clean, headers), headers), source.notes, source.temporary, time_zones=source.time_zones)


def _relation(path: Path, fmt: Format, headers: list[str], n_skipped: int) -> str:
    """SQL that reads the file; too short and too long records are kept and named.

    One of several lines may be whole records behind a stray quote: that is an error, so that the repaired twin is read.
    `nullstr` is a byte that no text has, so a missing column (null) differs from an empty one.
    """
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in [*headers, _EXTRA])
    quote = literal(fmt.quote or "")
    scan = (
        f"read_csv({literal(str(path))}, auto_detect=false, header=false, skip={n_skipped}, "
        f"delim={literal(fmt.delimiter)}, quote={quote}, escape={quote}, nullstr=chr(1), null_padding=true, "
        f"strict_mode=true, parallel=false, max_line_size={MAX_RECORD_BYTES}, columns={{{columns}}})"
    )
    cells = ", ".join(identifier(name) for name in [*headers, _EXTRA])

    def unless_joined(problem: str) -> str:
        return f"case when contains(concat_ws('', {cells}), chr(10)) then error('lines joined by a quote, ' || _row_number) else '{problem}' end"

    return (
        f"(select * exclude ({_EXTRA}) replace (case _problem when 1 then {unless_joined('too_many_columns')} when 2 then {unless_joined('too_few_columns')} end as _problem) "
        f"from (select *, row_number() over () as _row_number, "
        f"case when {_EXTRA} is not null then 1 when {identifier(headers[-1])} is null then 2 end as _problem from {scan}))"
    )


def _repaired_relation(path: Path, headers: list[str]) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in ["_row_number", "_problem", *headers])
    return (
        "(select * replace (_row_number::bigint as _row_number, nullif(_problem, '') as _problem) from "
        f"read_csv({literal(str(path))}, auto_detect=false, header=false, delim=',', quote='\"', escape='\"', "
        f"nullstr=chr(1), parallel=false, max_line_size={2 * MAX_RECORD_BYTES}, columns={{{columns}}}))"
    )


def _headers(path: Path, fmt: Format, feed: Feed) -> tuple[list[str], int, dict[str, str]]:
    """The column names, how many records stand before the first one of data, and the time zones the header states."""
    with path.open("rb") as handle:
        start = handle.read(_HEADER_BYTES)
    if not start.strip():
        raise Refused("empty_file", "the file is empty", "Ask the sender for the file again.")
    text = start.decode("utf-8-sig", errors="replace")
    n_marks = _separator_rows(text, fmt)
    n_before, first = _first_rows(_rows(text, fmt, n_marks), fmt, feed)
    headers, n_rows = names_of(first, fmt.headers)
    if n_rows > len(first):
        raise Refused("no_header", f"the file ends before its header of {n_rows} rows", "Check format.headers in the feed.")
    refuse_foreign_text(start, headers, _top_rows(_rows(text, fmt, 0)), feed)
    _refuse_wrong_delimiter(headers, first[0], fmt, feed)
    names = [name or f"_unnamed_{index}" for index, name in enumerate(told_apart(headers, fmt.repeated), start=1)]
    return names, n_marks + n_before + n_rows, time_zones_of(first, fmt.headers)


def _rows(text: str, fmt: Format, n_skipped: int) -> Iterator[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=fmt.delimiter, quotechar=fmt.quote or None,
                      quoting=csv.QUOTE_MINIMAL if fmt.quote else csv.QUOTE_NONE)
    return itertools.islice(rows, n_skipped, None)


def _top_rows(rows: Iterator[list[str]]) -> list[list[str]]:
    try:
        return list(itertools.islice(rows, _HEADER_WITHIN_ROWS))
    except csv.Error:
        return []


def _separator_rows(text: str, fmt: Format) -> int:
    """1 where the first row only tells Excel the delimiter (`sep=;`), else 0. Raises Refused when it tells another one than the feed."""
    found = _SEPARATOR_ROW.match(text)
    if found and found[1] != fmt.delimiter:
        raise Refused("wrong_delimiter", f"the first row of the file says that it splits at {found[1]!r}, the feed says {fmt.delimiter!r}",
                      f"If the vendor changed its export, set format.delimiter to {found[1]!r} in the feed.")
    return 1 if found else 0


def _first_rows(rows: Iterator[list[str]], fmt: Format, feed: Feed) -> tuple[int, list[list[str]]]:
    """How many rows stand before the header, and the rows that may be header. Raises Refused where there is none."""
    try:
        if fmt.header_row == "auto":
            look = [row for _, row in zip(range(_HEADER_WITHIN_ROWS + MOST_ROWS), rows, strict=False)]
            wanted = {header_key(name) for name in feed.source_names} | _unpivoted_names(fmt)
            counts = [len(wanted & {header_key(name) for name in row}) for row in look[:_HEADER_WITHIN_ROWS]]
            n_before = counts.index(max(counts)) if counts and max(counts) else len(look)
            first = look[n_before:n_before + MOST_ROWS]
        else:
            n_before = fmt.skip_rows_before + (fmt.header_row or 1) - 1
            for _ in range(n_before):
                next(rows)
            first = [row for _, row in zip(range(MOST_ROWS if fmt.headers != "plain" else 1), rows, strict=False)]
    except (StopIteration, csv.Error):
        first = []
    if not first:
        raise Refused("no_header", "the file ends before its header line",
                      "Compare the file with the feed's header_row and skip_rows_before.")
    return n_before, first


def _unpivoted_names(fmt: Format) -> set[str]:
    return {header_key(name) for names in fmt.unpivot.columns.values() for name in names} if fmt.unpivot else set()


def _refuse_wrong_delimiter(headers: list[str], header: list[str], fmt: Format, feed: Feed) -> None:
    if len(headers) > 1 or len(feed.source_names) < 2:
        return
    better = max(",;|\t", key=lambda sign: header[0].count(sign) if header else 0)
    if header and header[0].count(better):
        raise Refused("wrong_delimiter", f"the header does not split at {fmt.delimiter!r}; it holds {better!r}",
                      f"If the vendor changed its export, set format.delimiter to {better!r} in the feed.")


def _is_suspect(path: Path, fmt: Format, n_columns: int) -> bool:
    """Whether the file holds a NUL byte, an odd number of quotes, or records inside a quoted text.

    DuckDB passes NUL bytes on, and takes a quote that never closes for a text up to the end of the file.
    """
    quote, n_quotes = (fmt.quote or "").encode(), 0
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            if b"\0" in chunk:
                return True
            n_quotes += chunk.count(quote) if quote else 0
    if n_quotes == 0 or n_quotes % 2 == 1:
        return n_quotes > 0
    from ingestion.readers.stray_quotes import hides_records

    return hides_records(path, fmt, n_columns)


def _has_mixed_top(path: Path, fmt: Format, n_skipped: int) -> bool:
    """Whether of several rows to skip, and the one below, some end otherwise than others: DuckDB would find no row below them, and say nothing."""
    if n_skipped < 2:
        return False  # it refuses the file
    with path.open("rb") as handle:
        start = handle.read(_HEADER_BYTES)
    quote, ends, is_open = (fmt.quote or "").encode(), [], False
    for line in start.splitlines(keepends=True):
        is_open ^= bool(quote) and line.count(quote) % 2 == 1
        if not is_open:
            ends.append(line[len(line.rstrip(b"\r\n")):])
        if len(ends) > n_skipped:
            break
    return len({end for end in ends if end}) > 1


def refuse_other_encoding(path: Path, fmt: Format) -> None:
    """Raise Refused when the file's byte order mark says another encoding than the feed."""
    with path.open("rb") as handle:
        start = handle.read(400)
    found = next((name for bom, name in _BOMS.items() if start.startswith(bom)), None)
    if found and found != fmt.encoding:
        raise Refused("wrong_encoding", f"the file is marked as {found}, the feed says {fmt.encoding}",
                      f"Set format.encoding to {found} in the feed if the vendor changed its export.")
    if is_wide(start):
        raise Refused("wrong_encoding", f"the file is UTF-16 without the mark at its beginning that says so, the feed says {fmt.encoding}",
                      "Have it saved as UTF-8, or as UTF-16 with its mark and format.encoding utf-16 in the feed.")


def to_utf8(path: Path, encoding: str) -> Path:
    """A copy in UTF-8 the caller removes. Raises Refused for bytes that are not in `encoding`."""
    with scratch(".utf8") as plain, plain.open("w", encoding="utf-8", newline="") as out:
        try:
            with path.open("r", encoding=encoding, newline="") as text:
                for chunk in iter(lambda: text.read(1 << 20), ""):
                    out.write(chunk)
        except UnicodeError as error:
            where = f"near byte {error.start}" if isinstance(error, UnicodeDecodeError) else "it has no byte order mark"
            raise Refused("wrong_encoding", f"the file is not {encoding} ({where})",
                          "Correct format.encoding in the feed, or have the file sent again.") from None
    return plain
