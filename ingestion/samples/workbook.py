"""Encounter counts as a hospital group sends them: a workbook for people, months as columns.

Belongs here: the layout of the encounter_counts files, cumulative over twelve months, and their traps.
Does not belong here: the counts (volumes.py), daily counts and single visits (encounters.py, visits.py).

Title rows, merged hospital names, subtotals, a grand total, a year-to-date column, numbers typed as text with
thousands separators, `-` and `n/a`, a partial current month, and one month restated without notice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.samples.delivery import Inbox
from ingestion.samples.scale import Scale, delivered, half_years, next_month

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FEED = "encounter_counts"
_DAY_SENT = 6
_MONTHS_SHOWN = 12
_PARTIAL_SHARE = 0.16  # of a month has passed when the file is made
_TITLES = ("Encounter volumes by hospital and unit", "Source: registration system. Inpatient = discharges in the month.")
_IDS = ("Hospital", "Unit", "Patient class")
_DASHES, _NOT_AVAILABLE, _NOTE, _RESTATED = (1, 3), 3, 1, 2  # running numbers of the months with these traps
_ADDED = 7  # discharges found later for the restated month


@dataclass(frozen=True)
class Sheet:
    """One workbook: its months by number, the partial one after them, and its place among the workbooks."""

    number: int
    months: list[tuple[int, date]]
    sent: date

    @property
    def partial_on(self) -> date:
        return next_month(self.months[-1][1])

    @property
    def headers(self) -> list[str]:
        months = [f"{month:%b-%y}" for _, month in self.months]
        return [*_IDS, *months, f"{self.partial_on:%b-%y} (partial)", f"YTD {self.months[-1][1]:%Y}"]


def write(inbox: Inbox, con: DuckDBPyConnection, scale: Scale) -> None:
    """A workbook after each March and September."""
    lines = _lines(con)
    months = list(enumerate(scale.months))
    for number, last in enumerate(half_years(scale.months)):
        shown = [pair for pair in months if pair[1] <= last][-_MONTHS_SHOWN:]
        sheet = Sheet(number, shown, delivered(last, _DAY_SENT))
        table = [(place, unit, word, _cells(sheet, place_no, nth, word, counts)) for place_no, place, nth, unit, word, counts in lines]
        cells = [cell for *_, row in table for cell in row]
        planted = {"dash_cells": cells.count("-"), "na_cells": cells.count("n/a"), "bad_number": cells.count("see note"),
                   "restated_cells": int(number > 0 and any(number_ == _RESTATED for number_, _ in shown)), "partial_cells": len(table)}
        path = f"encounter_counts_{last:%Y%m}_{sheet.sent:%Y%m%d}.xlsx"
        inbox.add(FEED, path, sheet.sent, lambda part, s=sheet, t=table: _write_file(part, s, t), planted)


def _lines(con: DuckDBPyConnection) -> list[tuple]:
    """One line per facility, unit and class: (facility number, name, unit's place, unit name, class words, counts by month number)."""
    return con.execute("""
        with line as (
            select facility_no, facility_name, unit_no, workbook_name, month_no, n_encounters as n,
                case encounter when 'inpatient' then 'Inpatient discharges' else 'Emergency visits' end as word
            from unit_month where encounter <> 'clinic'
            union all
            select facility_no, facility_name, unit_no, workbook_name, month_no, n_observation, 'Observation stays'
            from unit_month where unit_id = '4W'
        )
        select facility_no, facility_name, unit_no - min(unit_no) over (partition by facility_no), workbook_name, word,
            list(n order by month_no)
        from line group by facility_no, facility_name, unit_no, workbook_name, word order by facility_no, unit_no, word
    """).fetchall()


def _cells(sheet: Sheet, place_no: int, nth_unit: int, word: str, counts: list[int]) -> list[int | str]:
    """What stands in the months of a line, the partial month last."""
    cells: list[int | str] = []
    for number, _ in sheet.months:
        cell: int | str = counts[number]
        if place_no == 1 and word == "Observation stays" and number in _DASHES:
            cell = "-"
        elif place_no == 2 and nth_unit == 1 and number == _NOT_AVAILABLE:
            cell = "n/a"
        elif place_no == 1 and word == "Emergency visits" and number == _NOTE and sheet.number == 1:
            cell = "see note"
        elif place_no == 1 and nth_unit == 0 and word == "Inpatient discharges" and number == _RESTATED and sheet.number > 0:
            cell += _ADDED
        cells.append(cell)
    latest = counts[min(sheet.months[-1][0] + 1, len(counts) - 1)]
    return [*cells, round(latest * _PARTIAL_SHARE)]


def _write_file(part: Path, sheet: Sheet, table: list[tuple]) -> int:
    import xlsxwriter

    with part.open("wb") as out, xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"title": _TITLES[0], "created": datetime(sheet.sent.year, sheet.sent.month, sheet.sent.day)})
        page = book.add_worksheet("Volumes")
        for row, title in enumerate(_TITLES):
            page.write_string(row, 0, title)
        page.write_row(len(_TITLES) + 1, 0, sheet.headers)
        row = len(_TITLES) + 2
        for place, group in itertools.groupby(table, key=lambda line: line[0]):
            lines = list(group)
            page.merge_range(row, 0, row + len(lines) - 1, 0, place)
            for _, unit, word, cells in lines:
                _write_line(page, row, ["", unit, word], cells, sheet, is_text=row % 3 == 0)
                row += 1
            _write_line(page, row, [f"{place} total", "", ""], _sums(lines), sheet)
            row += 1
        _write_line(page, row, ["Grand total", "", ""], _sums(table), sheet)
    return len(table) * (len(sheet.months) + 1)


def _write_line(page: Any, row: int, ids: list[str], cells: list[int | str], sheet: Sheet, is_text: bool = False) -> None:
    """Ids, months, partial month, year to date. Large numbers of some lines are text such as `1,204`."""
    this_year = [cell for (_, month), cell in zip(sheet.months, cells, strict=False) if month.year == sheet.months[-1][1].year]
    for column, text in enumerate(ids):
        if text:
            page.write_string(row, column, text)
    for column, cell in enumerate([*cells, _sum(this_year)], start=len(ids)):
        if isinstance(cell, str) or (is_text and cell >= 1000):
            page.write_string(row, column, cell if isinstance(cell, str) else f"{cell:,}")
        else:
            page.write_number(row, column, cell)


def _sums(lines: list[tuple]) -> list[int | str]:
    return [_sum(column) for column in zip(*(cells for *_, cells in lines), strict=True)]


def _sum(cells: Iterable[int | str]) -> int:
    return sum(cell for cell in cells if isinstance(cell, int))
