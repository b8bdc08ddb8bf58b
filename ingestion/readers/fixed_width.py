"""Fixed width text to columns: one record per line, fields by position.

Belongs here: positions, short last fields, records of another length, shifted positions.
Does not belong here: splitting into lines (lines.py), types and codes (conform.py).

Positions count characters from 1, the last one is included. Exports strip trailing blanks, so a short
record is read as if they were there; a longer one, or one with a tab, has shifted and is a problem.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.readers import Refused, Source
from ingestion.readers.content import describe_text
from ingestion.readers.delimited import refuse_other_encoding, to_utf8
from ingestion.readers.lines import open_lines
from ingestion.readers.scratch import removed_on_failure
from ingestion.sql import identifier

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed, Format


def open(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:  # noqa: A001 the readers' common name
    """Lines as rows, one column per name under `format.fields`. `_problem`: record_too_long, tab_in_record.

    Raises Refused for a file that is empty, is another kind of text, or is in another encoding.
    """
    fmt = feed.format
    refuse_other_encoding(path, fmt)
    _refuse_other_layout(path)
    if fmt.encoding == "utf-8":
        return _lines(path, fmt)
    plain = to_utf8(path, fmt.encoding)
    with removed_on_failure([plain]):
        source = _lines(plain, fmt)
    source.temporary.append(plain)
    return source


def _lines(path: Path, fmt: Format) -> Source:
    return open_lines(path, lambda lines: _columns(lines, fmt), list(fmt.fields), is_trimmed=False)


def _columns(lines: str, fmt: Format) -> str:
    length = fmt.record_length or max(last for _, last in fmt.fields.values())
    cells = ", ".join(f"case when _problem is null then substr(line, {first}, {last - first + 1}) end as {identifier(name)}"
                      for name, (first, last) in fmt.fields.items())
    return (f"(select {cells}, _problem, _row_number from (select line, _row_number, case when _problem is not null then _problem "
            f"when contains(line, chr(9)) then 'tab_in_record' when length(rtrim(line)) > {length} then 'record_too_long' end "
            f"as _problem from (select * replace (ltrim(line, chr(65279)) as line) from {lines})))")


def _refuse_other_layout(path: Path) -> None:
    with path.open("rb") as handle:
        start = handle.read(1 << 12)
    if not start.strip():
        raise Refused("empty_file", "the file is empty", "Ask the sender for the file again.")
    found = describe_text(start)
    if found in ("XML", "an HTML page"):
        raise Refused("wrong_content", f"the file is {found}, the feed expects fixed width text",
                      "Have the export made in the format of the feed, or describe this one in a feed of its own.")
