"""NDJSON (one JSON object per line) to rows of text: DuckDB reads the lines and takes the paths out.

Belongs here: lines, blank lines, lines that are no JSON object, JSON paths as column names.
Does not belong here: types and codes (conform.py), what a FHIR resource means (feeds, dbt_project).

DuckDB reads the file as it lies. A file it would misread or refuses (mixed line ends, not UTF-8, a line
that is too long) is copied line by line, so that such a line becomes one row with a problem.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingestion.readers import Refused, Source
from ingestion.readers.content import describe_text
from ingestion.readers.spool import Spool
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed

# A FHIR Encounter is about 2 KB; the longest resources met in bulk exports are a few MB.
MAX_LINE_BYTES = 16_000_000
_CHUNK_BYTES = 4 << 20
_BUFFER_BYTES = 2 * MAX_LINE_BYTES
_BOM = b"\xef\xbb\xbf"
# Never part of a JSON text, so as dialect they split and blank nothing; a file that has them is copied.
_DELIMITER, _NULL = b"\x01", b"\x02"


def open(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:  # noqa: A001 the readers' common name
    """Lines as rows, one column per declared path (DuckDB's JSON path; `[-1]` is the last element).

    `_row_number` counts the lines that are not blank. `_problem`: malformed_json, not_an_object,
    invalid_encoding, nul_byte, line_too_long. Numbers are given as JSON reads them (1.10 is 1.1).
    Raises Refused for a file that is not newline-delimited JSON at all.
    """
    _refuse_other_layout(path)
    _refuse_bad_paths(con, feed.source_names)
    source = Source(_columns(_scan(path), feed.source_names), list(feed.source_names))
    source.repair = lambda: _copied(source, path)
    return source.repair() if _is_suspect(path) else source


def _copied(source: Source, path: Path) -> Source:
    with path.open("rb") as handle, Spool(["line"], is_trimmed=False) as spool:
        for line, problem in _lines(handle):
            spool.add([line], problem, len(line or ""))
    source.temporary.append(spool.path)
    return Source(_columns(spool.relation(), source.headers), source.headers, source.notes, source.temporary)


def _scan(path: Path) -> str:
    """SQL that reads the lines. `parallel=false` keeps the numbering that of the file in every setting."""
    scan = (
        f"read_csv({literal(str(path))}, auto_detect=false, header=false, delim=chr({_DELIMITER[0]}), quote='', "
        f"escape='', nullstr=chr({_NULL[0]}), parallel=false, max_line_size={MAX_LINE_BYTES}, "
        f"buffer_size={_BUFFER_BYTES}, columns={{'line': 'VARCHAR'}})"
    )
    return (f"(select line, null::varchar as _problem, row_number() over () as _row_number from {scan} "
            r"where not regexp_full_match(line, '\s*'))")


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


def _is_suspect(path: Path) -> bool:
    """Whether `_scan` could misread the file without an error: it takes a lone CR for a line end."""
    n_cr = n_crlf = n_lf = 0
    last = b""
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            if any(byte in chunk for byte in (b"\0", _DELIMITER, _NULL)):
                return True
            n_cr += chunk.count(b"\r")
            if n_cr:
                n_lf += chunk.count(b"\n")
                n_crlf += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            last = chunk[-1:]
    return n_cr != n_crlf or n_crlf not in (0, n_lf)


def _lines(handle: BinaryIO):
    """Lines that are not blank as (text or None, problem), in memory one at a time."""
    is_first = True
    while raw := handle.readline(MAX_LINE_BYTES):
        is_cut = len(raw) >= MAX_LINE_BYTES and not raw.endswith(b"\n")
        while is_cut and (rest := handle.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        if is_first:
            raw, is_first = raw.removeprefix(_BOM), False
        if is_cut:
            yield None, "line_too_long"
        elif b"\0" in raw:
            yield None, "nul_byte"
        elif raw.strip():
            try:
                yield raw.decode().strip(), None
            except UnicodeDecodeError:
                yield None, "invalid_encoding"


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
