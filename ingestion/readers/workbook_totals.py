"""Total rows and total columns of a sheet against the sum of their parts.

Belongs here: finding which rows a total adds up, saying where it does not.
Does not belong here: which rows are totals (the feed's skip_rows says so).

Sheets do not say what a total adds up, so the sets of rows it can mean are tried, and the one that fits
most months is taken: the rows since the total before, all rows so far, the rows that follow, rows that
share its names or are named in it, all rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingestion.readers import WARNING
from ingestion.readers.workbook_sheet import cell_name
from ingestion.words import counted

_MAX_NOTES = 20
_MAX_SUMS = 20_000_000  # a sheet that would need more additions is not one people made by hand
_TOLERANCE = 0.005  # counts are whole; averages shown with two decimals must not raise a note


@dataclass
class _Row:
    row: int
    names: list[str]
    counts: dict[int, float]
    labels: list[str] = field(default_factory=list)
    n_before: int = 0  # parts above it


class Totals:
    """The parts and totals of one table, in the order of the sheet. Rows and columns are 0-based."""

    def __init__(self) -> None:
        self._parts: list[_Row] = []
        self._totals: list[_Row] = []
        self._across: dict[int, list[tuple[int, float, float]]] = {}  # column of a total -> row, stated and found where it is wrong

    def add_part(self, row: int, names: list[str], values: dict[int, str], across: dict[int, str]) -> None:
        """A row of data, its counts by column, and the total columns beside them."""
        counts = _numbers(values)
        self._parts.append(_Row(row, names, counts))
        for column, stated in _numbers(across).items():
            if abs(stated - (found := sum(counts.values()))) > _TOLERANCE:
                self._across.setdefault(column, []).append((row, stated, found))

    def add_total(self, row: int, names: list[str], labels: list[str], values: dict[int, str]) -> None:
        """A row that adds up others; `labels` are the names that say so, `names` the rest."""
        self._totals.append(_Row(row, names, _numbers(values), labels, len(self._parts)))

    def notes(self, total_columns: dict[int, str]) -> list[str]:
        """One warning per total that is not the sum of its parts, with both numbers, and a sentence how many were looked at."""
        if len(self._totals) * len(self._parts) * max((len(t.counts) for t in self._totals), default=0) > _MAX_SUMS:
            return [f"{len(self._totals)} total rows were left out without a check: there are too many"]
        wrong = [note for index in range(len(self._totals)) for note in self._check(index)]
        shown = wrong[:_MAX_NOTES]
        if len(wrong) > len(shown):
            shown.append(f"{WARNING}{len(wrong) - len(shown)} more totals differ from the sum of their parts")
        if self._totals:
            shown.append(f"{counted(len(self._totals), 'total row was', 'total rows were')} checked and left out")
        for column, rows in sorted(self._across.items()):
            row, stated, found = rows[0]
            shown.append(f"{WARNING}column '{total_columns[column][:40]}' differs from the sum of its months in {len(rows)} "
                         f"rows, first in cell {cell_name(row, column)}: {stated:,.10g}, the sum is {found:,.10g}")
        return shown

    def _check(self, index: int) -> Iterator[str]:
        total = self._totals[index]
        best = max(self._meanings(index), key=lambda rows: self._n_equal(total, rows), default=[])
        for column, stated in total.counts.items():
            found = _sum(best, column)
            if abs(stated - found) > _TOLERANCE:
                where = f"rows {best[0].row + 1} to {best[-1].row + 1}" if best else "no rows"
                yield f"{WARNING}total {stated:,.10g} in cell {cell_name(total.row, column)} is not the sum of {where}: {found:,.10g}"

    def _meanings(self, index: int) -> Iterator[list[_Row]]:
        total, parts = self._totals[index], self._parts
        previous = self._totals[index - 1].n_before if index else 0
        following = self._totals[index + 1].n_before if index + 1 < len(self._totals) else len(parts)
        yield parts[previous:total.n_before]
        yield parts[:total.n_before]
        yield parts[total.n_before:following]
        wanted = {name.casefold() for name in total.names} & {name.casefold() for part in parts for name in part.names}
        if wanted:
            yield [part for part in parts if wanted <= {name.casefold() for name in part.names}]
        label = " ".join(total.labels).casefold()
        yield [part for part in parts if any(name and name.casefold() in label for name in part.names)]
        yield parts

    @staticmethod
    def _n_equal(total: _Row, rows: list[_Row]) -> tuple[int, bool]:
        return sum(abs(stated - _sum(rows, c)) <= _TOLERANCE for c, stated in total.counts.items()), bool(rows)


def _sum(rows: list[_Row], column: int) -> float:
    return sum(row.counts.get(column, 0.0) for row in rows)


def _numbers(values: dict[int, str]) -> dict[int, float]:
    """The cells that are numbers; (12) is -12. Blank, '-' and 'n/a' add nothing."""
    found = {}
    for column, text in values.items():
        bare = re.sub(r"[,'\s]", "", text)
        bare = f"-{bare[1:-1]}" if re.fullmatch(r"\(.+\)", bare) else bare
        if re.fullmatch(r"[+-]?\d+(\.\d+)?", bare):
            found[column] = float(bare)
    return found
