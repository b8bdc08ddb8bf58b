"""Long form inside an XML record: blocks of responses, each a variable name and a value, to the columns of one row.

Belongs here: which response goes to which column, the question map, what is met that nobody declared.
Does not belong here: reading the file (xml.py), plain elements of the record (xml_plan.py).

A block may be missing, empty or hold one response only. The same variable name means another thing in
another service, so a question is told by service and name.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ingestion.readers.xml_plan import MAX_UNDECLARED, Plan, local_name

if TYPE_CHECKING:
    from ingestion.feed_format import Responses

_MAX_NAME_CHARACTERS = 60
_OTHERS = "(other names)"


class ResponsePlan(Plan):
    """Declared names: plain paths, and BLOCK/VARIABLE or BLOCK/SERVICE|VARIABLE for the responses of a block."""

    def __init__(self, names: list[str], layout: Responses) -> None:
        self._layout = layout
        self._blocks = set(layout.blocks)
        plain = [name for name in names if name.partition("/")[0] not in self._blocks]
        super().__init__(plain)
        self._names = names
        self._plain_at = [names.index(name) for name in plain]
        self._at = {tuple(name.split("/", 1)): place for place, name in enumerate(names) if name not in plain}
        self._is_response = {name: True for name in layout.element}
        self._asked: set[str] = set()
        self._met: set[int] = set()
        self._unknown: Counter[str] = Counter()

    @property
    def is_sparse(self) -> bool:
        """Without a question map a variable that never occurs may have been asked all the same."""
        return not self._asked

    def row(self, element: Any) -> tuple[list[str | None], str | None]:
        """Texts in the order of the names. `repeated_response`: two values for one question; the first is kept.
        `unnamed_response`: a response without the name of its variable.
        """
        values: list[str | None] = [None] * len(self._names)
        service = self._text(element, self._layout.service) if self._layout.service else ""
        problem = None
        for block in list(element):
            name = local_name(block.tag)
            if name in self._blocks:
                problem = self._take(block, name, service, values) or problem
                element.remove(block)
        row, other = super().row(element)
        for place, value in zip(self._plain_at, row, strict=True):
            values[place] = value
        return values, other or problem

    def learn(self, header: Any) -> None:
        """Take the question map out of the header element: what it lists was asked."""
        path = (self._layout.questions or "").split("/")
        found = [header]
        for part in path[:-1]:
            found = [child for one in found for child in one if local_name(child.tag) == part]
        for parent in found:
            for question in [child for child in parent if local_name(child.tag) == path[-1]]:
                variable = self._text(question, self._layout.name)
                service = self._text(question, self._layout.service) if self._layout.service else ""
                self._asked |= {variable, f"{service}|{variable}"}
                parent.remove(question)
            if parent is not header and not len(parent) and parent.getparent() is header:
                header.remove(parent)  # it held nothing but the map

    def absent(self) -> set[str]:
        """Declared names that the file does not have."""
        silent = {name for (_, name), place in self._at.items() if place not in self._met and name not in self._asked}
        return super().absent() | {name for name in self._names if name.partition("/")[0] in self._blocks and name.split("/", 1)[1] in silent}

    def undeclared(self) -> dict[str, int]:
        """How often each undeclared element and response was met."""
        known = {name: n for name, n in super().undeclared().items() if name != self._layout.service}
        return known | dict(self._unknown)

    def _take(self, block: Any, name: str, service: str, values: list[str | None]) -> str | None:
        problem = None
        for response in block:
            if not self._is_response.get(local_name(response.tag)):
                self._count(f"{name}/{local_name(response.tag)}")
                continue
            variable = self._text(response, self._layout.name)
            if not variable:
                problem = "unnamed_response"
                continue
            place = self._at.get((name, f"{service}|{variable}"))
            place = self._at.get((name, variable)) if place is None else place
            if place is None:
                self._count(f"{name}/{service}|{variable}")
                continue
            value = self._text(response, self._layout.value)
            self._met.add(place)
            if values[place] and value and values[place] != value:
                problem = "repeated_response"
            else:
                values[place] = values[place] or value or None
        return problem

    def _count(self, name: str) -> None:
        name = name[:_MAX_NAME_CHARACTERS]
        self._unknown[name if name in self._unknown or len(self._unknown) < MAX_UNDECLARED else _OTHERS] += 1

    @staticmethod
    def _text(element: Any, name: str | None) -> str:
        for child in element:
            if local_name(child.tag) == name:
                return (child.text or "").strip()
        return ""
