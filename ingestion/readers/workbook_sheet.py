"""One sheet in memory, cell by cell as text.

Belongs here: cell values to text, merged ranges, names of cells.
Does not belong here: what the cells mean (workbook.py, workbook_months.py).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingestion.readers import Refused
from ingestion.readers.workbook_cells import Facts


@dataclass
class Sheet:
    """Cells by 0-based (row, column) of the sheet, as a person counts them less one."""

    name: str
    rows: list[list[Any]]
    merges: list[tuple[tuple[int, int], tuple[int, int]]]
    facts: Facts

    def __post_init__(self) -> None:
        self.n_columns = max((len(row) for row in self.rows), default=0)
        self._merges_of: dict[int, list] = {}

    def value(self, row: int, column: int) -> Any:
        """The raw value; '' for blank and for what lies outside."""
        return self.rows[row][column] if 0 <= row < len(self.rows) and column < len(self.rows[row]) else ""

    def text(self, row: int, column: int) -> str:
        """The cell as trimmed text; an error such as #N/A as that."""
        return self.facts.errors.get((row, column)) or as_text(self.value(row, column))

    def texts(self, row: int) -> list[str]:
        """The whole row, as wide as the sheet."""
        return [self.text(row, column) for column in range(self.n_columns)]

    def names(self, row: int) -> list[str]:
        """The whole row as headers: runs of blanks and line breaks are one blank."""
        return [" ".join(text.split()) for text in self.texts(row)]

    def anchor(self, row: int, column: int) -> tuple[int, int]:
        """The cell that holds the value: the upper left one of a merged range, else the cell itself."""
        if column not in self._merges_of:
            self._merges_of[column] = [merge for merge in self.merges if merge[0][1] <= column <= merge[1][1]]
        return next((first for first, last in self._merges_of[column] if first[0] <= row <= last[0]), (row, column))


def load(path: Path, name: str, facts: Facts) -> Sheet:
    """Read one sheet whole; its size has been measured before. Raises Refused for a workbook that cannot be read."""
    import python_calamine

    try:
        with path.open("rb") as handle:
            found = python_calamine.CalamineWorkbook.from_filelike(handle).get_sheet_by_name(name)
            rows = found.to_python(skip_empty_area=False)
            merges = found.merged_cell_ranges or []
    except BaseException as error:
        # The library's own errors, and a panic in it, which is no Exception and would end the whole run.
        if not isinstance(error, python_calamine.CalamineError) and type(error).__name__ != "PanicException":
            raise
        raise Refused("damaged_workbook", f"sheet '{name}' cannot be read",
                      "Ask the sender for the file again, saved as .xlsx.") from None
    return Sheet(name, rows, merges, facts)


def as_text(value: Any) -> str:
    """A cell value as text: ISO dates, TRUE or FALSE, numbers in full with the 15 digits a spreadsheet keeps."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, dt.datetime):
        rounded = (value + dt.timedelta(microseconds=500_000)).replace(microsecond=0)
        return rounded.date().isoformat() if rounded.time() == dt.time() else rounded.isoformat(sep=" ")
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()[:10] if isinstance(value, dt.date) else value.isoformat(timespec="seconds")
    return str(value)


def _number_text(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return format(Decimal(format(value, ".15g")), "f")


def column_name(column: int) -> str:
    """0 -> A, 26 -> AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_name(row: int, column: int) -> str:
    """(2, 6) -> G3."""
    return f"{column_name(column)}{row + 1}"
