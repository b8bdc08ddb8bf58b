"""The header of a sheet with months as columns: which column is which.

Belongs here: months written as dates or texts, split and merged headers, columns to leave out.
Does not belong here: the rows below (workbook_months.py).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.readers import Refused
from ingestion.readers.workbook_sheet import Sheet, cell_name

if TYPE_CHECKING:
    from ingestion.feed import Format

_FORMATS = ("%b %Y", "%B %Y", "%b-%Y", "%B-%Y", "%b %y", "%b-%y", "%Y-%m", "%Y/%m", "%m/%Y", "%Y-%m-%d")
_MONTH_NAME = re.compile(r"(?i)^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)")
_YEAR = re.compile(r"(19|20)\d\d")
# A header may be split over rows: the year above (often merged), the months below.
_YEAR_WITHIN_ROWS = 3
_SHOWN_CHARACTERS = 40


@dataclass
class Header:
    """Rows and columns are 0-based."""

    row: int  # where the id columns are named
    last_row: int  # where the months stand: the same row, or the one below
    ids: dict[str, int]
    months: dict[int, tuple[str, bool]] = field(default_factory=dict)  # column -> ('2026-03', is partial)
    total_columns: dict[int, str] = field(default_factory=dict)
    ignored: set[int] = field(default_factory=set)
    unread: dict[int, str] = field(default_factory=dict)


class HeaderReader:
    """Reads header rows of one sheet by the feed's format."""

    def __init__(self, sheet: Sheet, fmt: Format) -> None:
        self._sheet = sheet
        self._names = fmt.id_columns
        self._formats = fmt.month_formats or _FORMATS
        self._ignore = re.compile(fmt.ignore_columns) if fmt.ignore_columns else None
        self._marker = re.compile(fmt.partial_marker) if fmt.partial_marker else None

    def is_header(self, row: int) -> bool:
        """Whether a row names every id column."""
        names = {name.casefold() for name in self._sheet.names(row)}
        return names.issuperset(name.casefold() for name in self._names)

    def read(self, row: int) -> Header:
        """Raises Refused for an absent id column, no month at all, a month twice, or a header that may be
        a month but cannot be read as one: a month must not vanish in silence.
        """
        names = [name.casefold() for name in self._sheet.names(row)]
        if missing := [name for name in self._names if name.casefold() not in names]:
            raise Refused("missing_column", f"row {row + 1} of sheet '{self._sheet.name}' has no column "
                          f"{', '.join(map(repr, missing))}", "Correct format.id_columns or format.header_row.")
        ids = {name: names.index(name.casefold()) for name in self._names}
        is_split = not any(self._sheet.text(row + 1, column) for column in ids.values())
        for last_row in (row, row + 1) if is_split else (row,):
            header = Header(row, last_row, ids)
            for column in set(range(self._sheet.n_columns)) - set(ids.values()):
                self._place(header, column)
            if header.months:
                header.months = dict(sorted(header.months.items()))
                return header
        raise Refused("no_months", f"row {row + 1} of sheet '{self._sheet.name}' has no header that is a month",
                      "Correct format.header_row, or add the way months are written to format.month_formats.")

    def _place(self, header: Header, column: int) -> None:
        """Decide what one column is."""
        row = header.last_row
        text = self._text(row, column)
        bare = self._bare(text)
        if not text:
            return
        if self._ignore and self._ignore.search(text):
            header.ignored.add(column)
            if "total" in text.casefold():
                header.total_columns[column] = text
        elif period := self._period(row, column, bare):
            if period in (known for known, _ in header.months.values()):
                raise Refused("duplicate_month", f"cell {cell_name(row, column)} repeats the month {period}",
                              "Name the column in format.ignore_columns, or have the sheet corrected.")
            header.months[column] = (period, bare != text)
        elif self._is_year_over_month(row, column, bare):
            return
        elif _MONTH_NAME.search(bare) or re.search(r"\d", bare):
            raise Refused("unknown_month", f"header '{text[:_SHOWN_CHARACTERS]}' in cell {cell_name(row, column)} is "
                          "neither a month the feed can read nor named in format.ignore_columns",
                          "Add its form to format.month_formats, or the column to format.ignore_columns.")
        else:
            header.unread[column] = text[:_SHOWN_CHARACTERS]

    def _text(self, row: int, column: int) -> str:
        return " ".join(self._sheet.text(*self._sheet.anchor(row, column)).split())

    def _bare(self, text: str) -> str:
        return " ".join(self._marker.sub("", text).split()) if self._marker else text

    def _is_year_over_month(self, row: int, column: int, text: str) -> bool:
        return bool(_YEAR.fullmatch(text)) and bool(self._period(row + 1, column, self._bare(self._text(row + 1, column))))

    def _period(self, row: int, column: int, text: str) -> str | None:
        """A header as YYYY-MM, with the year of a row above where it has none of its own."""
        value = self._sheet.value(*self._sheet.anchor(row, column))
        if isinstance(value, dt.date):
            return f"{value:%Y-%m}"
        tidy = re.sub(r"(?i)^sept\b", "Sep", text).replace(".", "")
        found = self._parsed(text) or self._parsed(tidy)
        if not found and _MONTH_NAME.search(tidy) and (year := self._year_above(row, column)):
            found = self._parsed(f"{tidy} {year}")
        return found

    def _parsed(self, text: str) -> str | None:
        for form in self._formats:
            try:
                moment = dt.datetime.strptime(text, form)
            except ValueError:
                continue
            if 1990 <= moment.year <= 2100:  # a bare number such as 46082 is no month
                return f"{moment:%Y-%m}"
        return None

    def _year_above(self, row: int, column: int) -> str | None:
        for upper in range(row - 1, max(-1, row - 1 - _YEAR_WITHIN_ROWS), -1):
            texts = (self._text(upper, left) for left in range(column, -1, -1))
            nearest = next((text for text in texts if text), "")
            if _YEAR.fullmatch(nearest):
                return nearest
        return None
