"""A sheet with months as columns, as hospitals count by hand: one output row per row and month.

Belongs here: what is a row of data, filled-down and merged names, counts as delivered text.
Does not belong here: reading the header (workbook_headers.py), checking totals (workbook_totals.py),
types and what a blank means (conform.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ingestion.readers import Refused
from ingestion.readers.workbook_headers import Header, HeaderReader
from ingestion.readers.workbook_sheet import Sheet, cell_name, column_name
from ingestion.readers.workbook_totals import Totals
from ingestion.words import counted

if TYPE_CHECKING:
    from ingestion.feed import Format

# 1,234 or 1 234 or 1'234 as text. A point is left alone: 1.234 may be a decimal number.
_GROUPED = re.compile(r"[+-]?\d{1,3}([,'\u00a0\u202f\u2009 ])\d{3}(\1\d{3})*(\.\d+)?")
_MAX_NOTES = 20


def read(sheet: Sheet, fmt: Format, find_header: Callable[[], int]) -> tuple[list[str], list[list[str]], list[str]]:
    """Columns, rows and notes. Columns: the id columns, `period` YYYY-MM, `value`, `is_partial`, `_cell`.

    Raises Refused as HeaderReader.read does.
    """
    if not fmt.id_columns:
        raise Refused("feed_definition", "the feed names no id columns", "Set format.id_columns in the feed.")
    months = _Months(sheet, fmt)
    rows = list(months.rows(fmt.header_row - 1 if isinstance(fmt.header_row, int) else find_header()))
    return [*fmt.id_columns, "period", "value", "is_partial", "_cell"], rows, months.notes()


class _Months:
    def __init__(self, sheet: Sheet, fmt: Format) -> None:
        self._sheet = sheet
        self._fill_down = fmt.fill_down
        self._skip = re.compile(fmt.skip_rows) if fmt.skip_rows else None
        self._headers = HeaderReader(sheet, fmt)
        self._tables: list[tuple[Header, Totals]] = []
        self._passed_over: list[int] = []
        self._n_grouped = 0

    def rows(self, header_row: int) -> Iterator[list[str]]:
        """Output rows of every table on the sheet; a repeated header row begins the next table."""
        header, totals = self._begin(header_row)
        above: dict[str, str] = {}
        for row in range(header_row + 1, len(self._sheet.rows)):
            if self._headers.is_header(row):
                (header, totals), above = self._begin(row), {}
            elif row > header.last_row and any(self._sheet.texts(row)):
                yield from self._data(header, totals, row, above)

    def _begin(self, row: int) -> tuple[Header, Totals]:
        self._tables.append((self._headers.read(row), Totals()))
        return self._tables[-1]

    def _data(self, header: Header, totals: Totals, row: int, above: dict[str, str]) -> Iterator[list[str]]:
        own = {name: self._id_text(row, column) for name, column in header.ids.items()}
        values = {column: self._count(row, column) for column in header.months}
        labels = [text for text in own.values() if text and self._skip and self._skip.search(text)]
        if labels:
            totals.add_total(row, [text for text in own.values() if text and text not in labels], labels, values)
            return
        ids = self._filled(own, above)
        of_its_own = [text for name, text in own.items() if text and name not in self._fill_down]
        if not any(values.values()) and not (of_its_own and all(ids.values())):
            if of_its_own or not any(own.values()):
                self._passed_over.append(row)  # a title or a footnote; else the name of the group that follows
            return
        across = {column: self._sheet.text(row, column) for column in header.total_columns}
        totals.add_part(row, list(ids.values()), values, across)
        for column, (period, is_partial) in header.months.items():
            yield [*ids.values(), period, values[column], "true" if is_partial else "false", cell_name(row, column)]

    def _id_text(self, row: int, column: int) -> str:
        return self._sheet.text(row, column) or self._sheet.text(*self._sheet.anchor(row, column))

    def _filled(self, own: dict[str, str], above: dict[str, str]) -> dict[str, str]:
        """Blank names take the one above; a new name ends those after it in `fill_down`."""
        is_new = False
        for name in self._fill_down:
            if own.get(name):
                is_new = is_new or above.get(name) != own[name]
                above[name] = own[name]
            elif is_new:
                above.pop(name, None)
        return {name: text or (above.get(name, "") if name in self._fill_down else "") for name, text in own.items()}

    def _count(self, row: int, column: int) -> str:
        """The cell as delivered, '-' and 'n/a' too; a text such as 1,234 without its separators."""
        text = self._sheet.text(row, column)
        if isinstance(self._sheet.value(row, column), str) and (match := _GROUPED.fullmatch(text)):
            self._n_grouped += 1
            return text.replace(match[1], "")
        return text

    def notes(self) -> list[str]:
        """What was met and is not in the rows."""
        notes = []
        ends = [header.row for header, _ in self._tables[1:]] + [len(self._sheet.rows)]
        for (header, totals), end in zip(self._tables, ends, strict=True):
            notes += [f"column {column_name(column)} '{text}' is no month and was not read"
                      for column, text in header.unread.items()]
            notes += self._nameless(header, end)
            notes += totals.notes(header.total_columns)
        if self._passed_over:
            shown = ", ".join(str(row + 1) for row in self._passed_over[:_MAX_NOTES])
            notes.append(f"{counted(len(self._passed_over), 'row without counts was', 'rows without counts were')} passed over (row{'s' * (len(self._passed_over) > 1)} {shown})")
        if self._n_grouped:
            notes.append(f"thousands separators were removed from {counted(self._n_grouped, 'cell that holds', 'cells that hold')} text")
        return list(dict.fromkeys(notes))

    def _nameless(self, header: Header, end: int) -> list[str]:
        known = {*header.ids.values(), *header.months, *header.ignored, *header.unread}
        return [f"column {column_name(column)} has values but no header; it was not read"
                for column in sorted(set(range(self._sheet.n_columns)) - known)
                if any(self._sheet.text(row, column) for row in range(header.last_row + 1, end))]
