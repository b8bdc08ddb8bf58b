"""The raw cells of one sheet: how far they reach, and what they say beyond their values.

Belongs here: extent, error texts, formulas that were never calculated.
Does not belong here: the package around them (workbook_package.py), cell values (workbook_sheet.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_DIGITS = "0123456789"
_MAX_ERROR_CHARACTERS = 20


@dataclass
class Facts:
    """(row, column) are 0-based."""

    errors: dict[tuple[int, int], str] = field(default_factory=dict)  # such as #N/A
    unsaved: set[tuple[int, int]] = field(default_factory=set)  # formulas without a result


class Cells:
    """Handlers of an expat parser over `<row><c r="B3" t="e"><f>..</f><v>..</v></c></row>`.

    Few calls per cell, since a sheet may have millions: only starts, and text only inside an error.
    """

    def __init__(self, parser: Any) -> None:
        self.facts = Facts()
        self._parser = parser
        self._row, self._column = -1, -1  # of the cell being read
        self._type = ""
        self._has_formula = self._is_in_error = False
        self._top, self._bottom, self._left, self._right = 1 << 30, -1, 1 << 30, -1
        self._columns: dict[str, int] = {}
        self._local: dict[str, str] = {}

    @property
    def extent(self) -> int:
        """Cells of the rectangle around everything that has a value."""
        return (self._bottom - self._top + 1) * (self._right - self._left + 1) if self._bottom >= 0 else 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if self._is_in_error:
            self._parser.CharacterDataHandler = None
            self._is_in_error = False
        name = self._local.get(tag) or self._local.setdefault(tag, tag.rpartition(":")[2])
        if name == "c":
            self._leave()
            self._type = attributes.get("t", "")
            self._move(attributes.get("r"))
        elif name == "v" or name == "is":
            self._has_formula = False
            self._grow()
            if self._type == "e":
                self.facts.errors[self._row, self._column] = ""
                self._parser.CharacterDataHandler = self._text
                self._is_in_error = True
        elif name == "f":
            self._has_formula = True
        elif name == "row":
            self._leave()
            number = attributes.get("r", "")
            self._row, self._column = (int(number) - 1 if number.isdecimal() else self._row + 1), -1

    def finish(self) -> None:
        """The sheet is read."""
        self._leave()

    def _leave(self) -> None:
        if self._has_formula:
            self.facts.unsaved.add((self._row, self._column))
            self._has_formula = False

    def _text(self, data: str) -> None:
        found = self.facts.errors[self._row, self._column] + data.strip()
        self.facts.errors[self._row, self._column] = found[:_MAX_ERROR_CHARACTERS]

    def _move(self, reference: str | None) -> None:
        """To the cell a reference such as AB12 names; without one to the next in the row."""
        letters = reference.rstrip(_DIGITS) if reference else ""
        if not reference or not letters or letters == reference:
            self._column += 1
            return
        column = self._columns.get(letters)
        if column is None:
            column = self._columns[letters] = _column_number(letters)
        self._row, self._column = int(reference[len(letters):]) - 1, column

    def _grow(self) -> None:
        row, column = self._row, self._column
        if row > self._bottom:
            self._bottom = row
        if row < self._top:
            self._top = row
        if column > self._right:
            self._right = column
        if column < self._left:
            self._left = column


def _column_number(letters: str) -> int:
    """A -> 0, AA -> 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1
