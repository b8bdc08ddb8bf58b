"""The value of a KPI row computed again from the sums of its evidence.

Belongs here: the arithmetic of each kind of measure, in exact fractions, apart from the SQL that publishes.
Does not belong here: reading the evidence (evidence.py), values that are no sum of rows (adjusted.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

# The published value passed through binary doubles; the fraction did not.
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Component:
    """What the evidence of one component (an item of a composite, or the whole) adds up to."""

    code: str
    numerator: Fraction
    denominator: Fraction

    @property
    def score(self) -> Fraction | None:
        """Numerator / denominator; None when nothing counts."""
        return self.numerator / self.denominator if self.denominator else None


def components(rows: Iterable[tuple[str, Decimal | int, Decimal | int]]) -> list[Component]:
    """Components from rows of (code, numerator, denominator)."""
    return [Component(code, Fraction(numerator or 0), Fraction(denominator or 0)) for code, numerator, denominator in rows]


def value_of(parts: Iterable[Component], scale_factor: float) -> Fraction | None:
    """scale x the plain mean of the components' scores; components nobody answered are left out."""
    scores = [part.score for part in parts if part.score is not None]
    return Fraction(scale_factor) * sum(scores) / len(scores) if scores else None


def disagreements(published: dict[str, Any], parts: list[Component], scale_factor: float) -> list[str]:
    """Sentences on what the evidence says otherwise than the published row; empty when they agree.

    A row without a value for a reason (an open period, a missing denominator) still has its sums compared.
    """
    told = []
    sums = {"numerator": sum(part.numerator for part in parts), "denominator": sum(part.denominator for part in parts)}
    for name, total in sums.items():
        if not is_same(published[name] or 0, total):
            told.append(f"{name}: published {text_of(published[name])}, the evidence adds up to {text_of(float(total))}")
    value = value_of(parts, scale_factor)
    if published["value"] is None:
        if not published["reason"]:
            told.append("the published value is missing without a reason")
    elif value is None:
        told.append(f"value: published {text_of(published['value'])}, no evidence counts")
    elif not is_same(published["value"], value):
        told.append(f"value: published {text_of(published['value'])}, computed again {text_of(float(value))}")
    return told


def is_same(published: float, computed: Fraction | float, tolerance: float = TOLERANCE) -> bool:
    """Equal but for the last digits of a binary double."""
    return abs(Fraction(published) - Fraction(computed)) <= Fraction(tolerance) * max(1, abs(Fraction(computed)))


def text_of(number: float | None) -> str:
    """A number in a sentence about a difference."""
    return "nothing" if number is None else f"{number:.12g}"
