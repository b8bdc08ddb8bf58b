"""Reading the columns that `pxw score` needs from one delimited or Parquet file.

Belongs here: header and column lookup, text to numbers, small side tables (entity names, strata).
Does not belong here: statistics (methods/), feeds and deliveries (ingestion/).

A file is read with an explicit dialect and as text: inference would turn one "n/a" into a text column.
Messages name column, count and row, never a cell.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import re
from collections.abc import Sequence
from pathlib import Path

from ingestion.readers.content import GZIP
from ingestion.sql import NO_TYPE_PUSHDOWN, identifier, literal


class InputError(Exception):
    """The file cannot be read or its content cannot be used; one sentence saying where and what to do."""


class UnknownColumn(InputError):
    """A column that the file does not have."""


def load(path: Path, delimiter: str, entity: str, numeric: Sequence[str], missing: Sequence[str]) -> dict:
    """Columns as numpy arrays under the names asked for: `entity` as text, `numeric` as floats with NaN.

    `missing`: codes that mean "no answer". Column names match exactly or, if that is unique, in any case.
    """
    import duckdb

    with duckdb.connect(config={"disabled_optimizers": NO_TYPE_PUSHDOWN}) as con:
        header, relation, names = _source(con, path, delimiter)
        found = {name: identifier(names[_position(header, name, path)]) for name in dict.fromkeys([entity, *numeric])}
        text = {name: f"nullif(trim({column}::VARCHAR), '')" for name, column in found.items()}
        number = {
            name: f"CASE WHEN {_is_missing(text[name], missing)} THEN NULL ELSE {text[name]} END" for name in numeric
        }
        try:
            _refuse_text(con, relation, number, path)
            # 7.0 is how a number of an entity looks after a spreadsheet or a data frame; 010001 stays as it is.
            label = f"regexp_replace({text[entity]}, '^(\\d+)\\.0+$', '\\1')"
            columns = [f"{label} AS c0"] + [
                f"try_cast({number[n]} AS DOUBLE) AS c{i}" for i, n in enumerate(numeric, 1)
            ]
            data = con.execute(f"SELECT {', '.join(columns)} FROM {relation}").fetchnumpy()
        except duckdb.Error as error:
            raise InputError(_reader_message(path, error, len(header))) from None
    table = {name: _filled(data[f"c{i}"]) for i, name in enumerate(numeric, 1)}
    return table | {entity: _filled(data["c0"])}


def entity_names(path: Path) -> dict[str, str]:
    """Code -> name from the first two columns of a CSV with a header row."""
    return {row[0].strip(): row[1].strip() for row in _rows(path, 2)}


def strata(path: Path) -> dict[str, tuple[str, float]]:
    """Stratum -> (unit, population or share) from the first three columns of a CSV with a header row."""
    found = {}
    for line, row in enumerate(_rows(path, 3), 2):
        try:
            found[row[0].strip()] = (row[1].strip(), float(row[2]))
        except ValueError:
            raise InputError(
                f"{path.name}, line {line}: the third column, population or share, is not a number"
            ) from None
    return found


def _is_missing(value: str, codes: Sequence[str]) -> str:
    """SQL condition: the text is one of the codes, or the same number (98 also means 98.0)."""
    texts = ", ".join(map(literal, codes))
    values = ", ".join(code for code in codes if re.fullmatch(r"-?\d+(\.\d+)?", code))
    conditions = [f"{value} IN ({texts})"] if texts else []
    conditions += [f"coalesce(try_cast({value} AS DOUBLE) IN ({values}), false)"] if values else []
    return " OR ".join(conditions) or "false"


def _source(con, path: Path, delimiter: str) -> tuple[list[str], str, list[str]]:
    """(header as written, relation for FROM, the relation's column names)."""
    file = literal(str(path))
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"PAR1":
        header = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM read_parquet({file})").fetchall()]
        return header, f"read_parquet({file})", header
    is_gzip = magic.startswith(GZIP)
    header = _header(path, delimiter, is_gzip=is_gzip)
    names = [f"column_{i}" for i in range(len(header))]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    compression = "gzip" if is_gzip else "none"
    options = f"delim='{delimiter}', quote='\"', escape='\"', compression='{compression}'"
    relation = f"read_csv({file}, header=true, auto_detect=false, nullstr='', {options}, columns={{{columns}}})"
    return header, relation, names


def _header(path: Path, delimiter: str, is_gzip: bool) -> list[str]:
    opener = gzip.open if is_gzip else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream, delimiter=delimiter), [])
    except (UnicodeDecodeError, OSError, EOFError, csv.Error):
        raise InputError(
            f"{path.name} is not UTF-8 text with a header row; save it as CSV (UTF-8) or Parquet"
        ) from None
    if not any(name.strip() for name in header):
        raise InputError(f"{path.name} is empty or has no header row")
    return [name.strip() for name in header]


def _position(header: list[str], name: str, path: Path) -> int:
    """Position of a column by exact name, else by a unique match in any case."""
    exact = [i for i, column in enumerate(header) if column == name]
    found = exact or [i for i, column in enumerate(header) if column.lower() == name.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownColumn(f"{path.name} has {len(found)} columns named '{name}'; rename one of them")
    near = difflib.get_close_matches(name, header, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(header[:30])}"
    raise UnknownColumn(f"{path.name} has no column '{name}'; {hint}")


def _refuse_text(con, relation: str, number: dict[str, str], path: Path) -> None:
    """Raise for the first column with text that is neither a number nor a declared missing code."""
    if not number:
        return
    wrong = {name: f"({value}) IS NOT NULL AND try_cast(({value}) AS DOUBLE) IS NULL" for name, value in number.items()}
    parts = [f"count(*) FILTER ({w}), min(_row) FILTER ({w})" for w in wrong.values()]
    counts = con.execute(
        f"SELECT {', '.join(parts)} FROM (SELECT *, row_number() OVER () AS _row FROM {relation})"
    ).fetchone()
    for i, name in enumerate(wrong):
        n, first = counts[2 * i], counts[2 * i + 1]
        if n:
            raise InputError(
                f"column '{name}' of {path.name} holds {n} values that are not numbers, the first in data row {first}; "
                "name codes that mean no answer with --missing, e.g. --missing M,NA"
            )


def _reader_message(path: Path, error: Exception, n_columns: int) -> str:
    """What the reader could not read, without the line itself."""
    line = re.search(r"[Ll]ine:? (\d+)", str(error))
    where = f"line {line.group(1)} of {path.name}" if line else path.name
    return f"{where} cannot be read: it does not fit the {n_columns} columns of the header (quotes or delimiter?)"


def _rows(path: Path, n_columns: int) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream) if row][1:]
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"{path.name} is not UTF-8 CSV") from None
    if not rows or any(len(row) < n_columns for row in rows):
        raise InputError(f"{path.name} needs a header row and {n_columns} columns in every row")
    return rows


def _filled(values):
    """Masked array of DuckDB -> NaN for numbers, None for text."""
    import numpy as np

    if not isinstance(values, np.ma.MaskedArray):
        return values
    if values.dtype.kind == "f":
        return values.filled(np.nan)
    return np.where(values.mask, None, values.data.astype(object))  # filled(None) would put in numpy's own '?'
