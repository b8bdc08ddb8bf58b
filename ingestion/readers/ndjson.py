"""NDJSON (one JSON object per line) to rows of text: DuckDB reads the lines and takes the paths out.

Belongs here: lines that are no JSON object, JSON paths as column names.
Does not belong here: splitting into lines (lines.py), types and codes (conform.py), what a FHIR resource
means (feeds, dbt_project).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.readers import Refused, Source
from ingestion.readers.content import describe_text
from ingestion.readers.lines import open_lines
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed

_BOM = b"\xef\xbb\xbf"


def open(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:  # noqa: A001 the readers' common name
    """Lines as rows, one column per declared path (DuckDB's JSON path; `[-1]` is the last element).

    `_row_number` counts the lines that are not blank. `_problem`: malformed_json, not_an_object,
    invalid_encoding, nul_byte, line_too_long. Numbers are given as JSON reads them (1.10 is 1.1).
    Raises Refused for a file that is not newline-delimited JSON at all.
    """
    _refuse_other_layout(path)
    _refuse_bad_paths(con, feed.source_names)
    return open_lines(path, lambda lines: _columns(lines, feed.source_names), list(feed.source_names))


def _columns(lines: str, paths: list[str]) -> str:
    """SQL that takes all paths out of each line at once, after the line is known to be an object."""
    names = ", ".join(f"_values[{index}] as {identifier(path)}" for index, path in enumerate(paths, start=1))
    wanted = ", ".join(literal(path) for path in paths)
    return (
        f"(select {names}, _problem, _row_number from ("
        f"select _problem, _row_number, case when _problem is null then json_extract_string(line, [{wanted}]) end "
        "as _values from ("
        "select line, _row_number, case when _problem is not null then _problem "
        "when not json_valid(line) then 'malformed_json' "
        r"when not regexp_matches(line, '^\s*\{') then 'not_an_object' end as _problem "
        f"from {lines})))"
    )


def _refuse_other_layout(path: Path) -> None:
    """Raise Refused when the file begins as something else. One odd line is left to the rows."""
    with path.open("rb") as handle:
        start = handle.read(1 << 16)
    lines = [line.strip() for line in start.removeprefix(_BOM).split(b"\n") if line.strip()]
    if not lines:
        raise Refused("empty_file", "the file has no line with text", "Ask the sender for the file again.")
    way_out = "Have it exported as newline-delimited JSON: one object per line."
    if lines[0].startswith(b"[") and not re.match(rb"\[.*\]\s*$", lines[0]):
        raise Refused("json_array", "the file is one JSON array, not one object per line", way_out)
    if lines[0] == b"{":
        raise Refused("json_document", "the file is one JSON document over several lines, not one object per line",
                      way_out)
    if not any(line.startswith(b"{") for line in lines):
        raise Refused("not_ndjson", f"the file holds {describe_text(start)}, not one JSON object per line", way_out)


def _refuse_bad_paths(con: DuckDBPyConnection, paths: list[str]) -> None:
    import duckdb

    for path in paths:
        try:
            con.execute("select json_extract_string('{}', [$path])", {"path": path}).fetchall()
        except duckdb.Error:
            raise Refused("feed_definition", f"'{path}' in the feed is not a path to one value",
                          "Write paths such as $.class.code or $.location[0].location.display.") from None
