"""A file as numbered lines of text: DuckDB reads it as it lies, or line by line where it cannot.

Belongs here: lines, blank lines, lines that are too long, damaged or not UTF-8.
Does not belong here: what is in a line (ndjson.py, fixed_width.py).

A file DuckDB would misread or refuses (mixed line ends, not UTF-8, a line that is too long) is copied
line by line, so that such a line becomes one row with a problem.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ingestion.readers import Source
from ingestion.readers.limits import MAX_RECORD_BYTES
from ingestion.readers.spool import Spool
from ingestion.sql import literal

# A FHIR Encounter is about 2 KB; the longest resources met in bulk exports are a few MB.
_CHUNK_BYTES = 4 << 20
_BUFFER_BYTES = 2 * MAX_RECORD_BYTES
_BOM = b"\xef\xbb\xbf"
# Never part of a text, so as dialect they split and blank nothing; a file that has them is copied.
_DELIMITER, _NULL = b"\x01", b"\x02"


def open_lines(path: Path, columns: Callable[[str], str], headers: list[str], is_trimmed: bool = True) -> Source:
    """The file as a source: `columns` makes SQL of its columns from SQL of its lines.

    Lines have `line` (null for one with a problem), `_row_number` counting those that are not blank, and
    `_problem`: invalid_encoding, nul_byte, line_too_long.
    """
    source = Source(columns(_scan(path)), headers)

    def copied() -> Source:
        with path.open("rb") as handle, Spool(["line"], is_trimmed=False) as spool:
            for line, problem in _lines(handle, is_trimmed):
                spool.add([line], problem, len(line or ""))
        source.temporary.append(spool.path)
        return Source(columns(spool.relation()), headers, source.notes, source.temporary)

    source.repair = copied
    return copied() if _is_suspect(path) else source


def _scan(path: Path) -> str:
    """SQL that reads the lines. `parallel=false` keeps the numbering that of the file in every setting."""
    scan = (
        f"read_csv({literal(str(path))}, auto_detect=false, header=false, delim=chr({_DELIMITER[0]}), quote='', "
        f"escape='', nullstr=chr({_NULL[0]}), parallel=false, max_line_size={MAX_RECORD_BYTES}, "
        f"buffer_size={_BUFFER_BYTES}, columns={{'line': 'VARCHAR'}})"
    )
    return (f"(select line, null::varchar as _problem, row_number() over () as _row_number from {scan} "
            r"where not regexp_full_match(line, '\s*'))")


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


def _lines(handle: BinaryIO, is_trimmed: bool):
    """Lines that are not blank as (text or None, problem), in memory one at a time."""
    is_first = True
    while raw := handle.readline(MAX_RECORD_BYTES):
        is_cut = len(raw) >= MAX_RECORD_BYTES and not raw.endswith(b"\n")
        while is_cut and (rest := handle.readline(MAX_RECORD_BYTES)) and not rest.endswith(b"\n"):
            pass
        if is_first:
            raw, is_first = raw.removeprefix(_BOM), False
        if is_cut:
            yield None, "line_too_long"
        elif b"\0" in raw:
            yield None, "nul_byte"
        elif raw.strip():
            try:
                text = raw.decode()
                yield text.strip() if is_trimmed else text.rstrip("\r\n"), None
            except UnicodeDecodeError:
                yield None, "invalid_encoding"
