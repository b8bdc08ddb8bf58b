"""A delimited file that cannot be split everywhere: rewritten so that every record is one row.

Belongs here: finding records by their quotes, naming what is wrong with one that has no end,
is too long, holds a NUL byte or is not UTF-8.
Does not belong here: the ordinary way of reading (delimited.py); this one is slow and rarely needed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ingestion.readers.limits import MAX_RECORD_BYTES
from ingestion.readers.scratch import scratch

if TYPE_CHECKING:
    from ingestion.feed import Format

# Delimiters that stand right by chance in a text of several lines: a text of two lines may well have five commas in its second one, as a row of six columns has.
_MIN_CHANCE = 8
MAX_RECORD_LINES = 1_000  # a quoted text with more lines than this is taken for a quote that was never closed


def rewrite(path: Path, fmt: Format, n_columns: int, n_skipped: int) -> Path:
    """Write `_row_number, _problem, column...` as plain CSV into a temporary file and return its path."""
    csv.field_size_limit(2 * MAX_RECORD_BYTES)
    with scratch(".repaired") as clean, path.open(encoding="latin-1", newline="") as source, clean.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        records = _records(source, (fmt.quote or "").encode(), fmt, n_columns)
        for _ in range(n_skipped):
            next(records, None)
        number = 0
        for raw, problem in records:
            if not raw.strip() and not problem:
                continue  # a blank line holds nothing; the ordinary way skips it too
            number += 1
            cells, problem = _cells(raw, problem, fmt, n_columns)
            writer.writerow([number, problem or "", *cells])
    return clean


def are_records(lines: list[bytes], quote: bytes, fmt: Format, n_columns: int) -> bool:
    """Whether each of the lines that a quote joins is a record by itself, once the quote that opens and the one that closes are taken for letters."""
    if (len(lines) - 1) * (n_columns - 1) < _MIN_CHANCE:
        return False
    before, _, after = lines[0].rpartition(quote)
    alone = [before + after, *lines[1:-1], lines[-1].replace(quote, b"", 1)]
    return all(_cells(line.rstrip(b"\r\n"), None, fmt, n_columns)[1] is None for line in alone)


def _cells(raw: bytes, problem: str | None, fmt: Format, n_columns: int) -> tuple[list[str], str | None]:
    nothing = [""] * n_columns
    if problem:
        return nothing, problem
    if b"\0" in raw:
        return nothing, "nul_byte"
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return nothing, "invalid_encoding"
    quoting = csv.QUOTE_MINIMAL if fmt.quote else csv.QUOTE_NONE
    try:
        parsed = list(csv.reader(io.StringIO(text, newline=""), delimiter=fmt.delimiter,
                                 quotechar=fmt.quote or None, quoting=quoting, strict=True))
    except csv.Error:
        return nothing, "malformed_line"
    if len(parsed) != 1:
        return nothing, "malformed_line"
    cells = parsed[0]
    if len(cells) != n_columns:
        return nothing, "too_few_columns" if len(cells) < n_columns else "too_many_columns"
    return cells, None


def _records(source: TextIO, quote: bytes, fmt: Format, n_columns: int) -> Iterator[tuple[bytes, str | None]]:
    """Records as bytes without their line end, of bytes read as Latin-1 because that splits at every line end. A quote that never closes, or closes in another record, costs its own line only."""

    def problem_of(raw: bytes) -> str | None:
        return _cells(raw, None, fmt, n_columns)[1]

    while line := _line(source):
        if len(line) >= MAX_RECORD_BYTES:
            yield b"", "line_too_long"
            continue
        if not quote or line.count(quote) % 2 == 0:
            yield (b"", "malformed_line") if _is_cut(line, source, problem_of) else (line.rstrip(b"\r\n"), None)
            continue
        resume = source.tell()
        record = b"".join(lines := _continue(source, line, quote))
        if lines and not _is_stray(record, lines, problem_of) and not are_records(lines, quote, fmt, n_columns):
            yield record.rstrip(b"\r\n"), None
        else:
            source.seek(resume)
            yield b"", "unterminated_quote"


def _is_cut(line: bytes, source: TextIO, problem_of: Callable[[bytes], str | None]) -> bool:
    """Whether the carriage return at the end of the line stands in the middle of a record: no record before it and none after. Then the rest is passed over too."""
    if not line.endswith(b"\r") or not line.strip() or problem_of(line.rstrip()) is None:
        return False
    resume = source.tell()
    rest = _line(source)
    if rest.strip() and problem_of(rest.rstrip(b"\r\n")) is not None:
        return True
    source.seek(resume)
    return False


def _is_stray(record: bytes, lines: list[bytes], problem_of: Callable[[bytes], str | None]) -> bool:
    """Whether the quote of the first line is none: what it joins cannot be split, or holds a line that is a record by itself."""
    problem = problem_of(record)
    return problem == "malformed_line" or (problem is not None and any(problem_of(line) is None for line in lines[1:]))


def _continue(source: TextIO, line: bytes, quote: bytes) -> list[bytes]:
    """The lines up to the one whose quote closes that of `line`; none where there is no such line near."""
    lines, size = [line], len(line)
    for _ in range(MAX_RECORD_LINES):
        more = _line(source)
        size += len(more)
        if not more or size >= MAX_RECORD_BYTES:
            return []
        lines.append(more)
        if more.count(quote) % 2 == 1:
            return lines
    return []


def _line(source: TextIO) -> bytes:
    """One physical line, ended by LF, CR or both; of one that is too long, its beginning, with the rest passed over."""
    line = source.readline(MAX_RECORD_BYTES)
    rest = line
    while len(rest) >= MAX_RECORD_BYTES and not rest.endswith(("\n", "\r")):
        rest = source.readline(MAX_RECORD_BYTES)
    return line.encode("latin-1")
