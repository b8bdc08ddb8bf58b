"""Answer scales: the valid values of a measure and the classes ("boxes") they fall into.

Belongs here: the four scales of the CAHPS Analysis Program and any other set of whole-number answers.
Does not belong here: instruments, items and labels (code tables of the warehouse).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from methods.case_mix.errors import CaseMixError


@dataclass(frozen=True)
class Scale:
    """Valid answers in ascending order (the highest is the best) and boxes from worst to best."""

    values: tuple[int, ...]
    boxes: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        boxed = [value for box in self.boxes for value in box]
        if len(self.values) < 2 or list(self.values) != sorted(set(self.values)):
            raise CaseMixError("a scale needs at least two different valid values in ascending order")
        if sorted(boxed) != list(self.values) or any(not box for box in self.boxes):
            raise CaseMixError("the boxes must hold every valid value exactly once")

    @property
    def lowest(self) -> int:
        return self.values[0]

    @property
    def highest(self) -> int:
        return self.values[-1]

    @property
    def box_labels(self) -> tuple[str, ...]:
        return tuple(str(box[0]) if len(box) == 1 else f"{min(box)}-{max(box)}" for box in self.boxes)


YES_NO = Scale((0, 1), ((0,), (1,)))
RATING = Scale(tuple(range(11)), (tuple(range(7)), (7, 8), (9, 10)))
NEVER_ALWAYS = Scale((1, 2, 3, 4), ((1, 2), (3,), (4,)))
THREE_POINT = Scale((1, 2, 3), ((1,), (2,), (3,)))

_WITH_USUAL_BOXES = {scale.values: scale for scale in (YES_NO, RATING, NEVER_ALWAYS, THREE_POINT)}


def scale_of(valid: str, boxes: str | None = None) -> Scale:
    """Scale from text: valid '0-10' or '1,2,3', boxes '0-6/7-8/9-10' from worst to best.

    Without boxes the program's own classes are used, and for any other scale one box per value.
    """
    values = tuple(sorted(set(_whole_numbers(valid))))
    if boxes is not None:
        return Scale(values, tuple(tuple(_whole_numbers(box)) for box in boxes.split("/")))
    return _WITH_USUAL_BOXES.get(values) or Scale(values, tuple((value,) for value in values))


def _whole_numbers(text: str) -> list[int]:
    """'0-2,5' -> [0, 1, 2, 5]."""
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part)
        if not match:
            raise CaseMixError(f"'{text}' is not a list of whole numbers such as 0-10 or 1,2,3")
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if last < first:
            raise CaseMixError(f"'{text}' runs backwards: write the lower number first")
        numbers.extend(range(first, last + 1))
    return numbers
