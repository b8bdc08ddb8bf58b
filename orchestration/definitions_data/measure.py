"""The measure as everything after the files knows it.

Belongs here: the fields of a measure and the hash of its definition.
Does not belong here: reading files (measures.py), arithmetic (scoring.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path

# Said about the number, not part of it: a new wording is no new definition.
_NOT_HASHED = {"label", "note", "standing", "breaks", "is_outcome", "examples", "path"}


@dataclass(frozen=True)
class Example:
    """A worked example: `given` as scoring.score_example takes it, `value` in the unit of the measure."""

    given: Mapping
    value: float | None


@dataclass(frozen=True)
class Measure:
    """How answers, cases or surveys become one number: value = scale_factor x the mean or ratio of its source.

    weights: item_code -> answer -> weight, one per valid answer (sources answers and patient_means).
    sections: section -> its items (source patient_means only).
    numerator_groups, denominator_groups: case kinds, encounter classes or disposition groups that count.
    conditions: tag of a case (severity, category, encounter_class) -> values that count; a case must meet each tag.
    valid_from_on, valid_to_on: discharge dates (answers, surveys) or received dates (cases), ends included.
    breaks: first date and note of each stretch that is not fully comparable with what was before.
    """

    measure_id: str
    measure_name: str
    score: str | None
    version: int
    label: str
    unit: str
    source: str
    statistic: str
    direction: str
    standing: str
    scale_factor: float
    interval_method: str
    denominator_rule: str
    instrument_family: str | None = None
    numerator_rule: str | None = None
    valid_from_on: date | None = None
    valid_to_on: date | None = None
    note: str | None = None
    breaks: tuple[tuple[date, str], ...] = ()
    is_outcome: bool = False
    weights: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    sections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numerator_groups: tuple[str, ...] = ()
    denominator_groups: tuple[str, ...] = ()
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    path: Path | None = None

    @property
    def is_share(self) -> bool:
        """Whether numerator / denominator lies between 0 and 1, so that binomial limits hold."""
        weights = [weight for by_answer in self.weights.values() for weight in by_answer.values()]
        return self.statistic == "proportion" or bool(weights) and self.unit == "percent" and all(0 <= w <= 1 for w in weights)

    @property
    def definition_sha256(self) -> str:
        """Hash of everything that can change the number or how it is read; order of items does not matter."""
        data = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _NOT_HASHED}
        for groups in ("numerator_groups", "denominator_groups"):
            data[groups] = sorted(data[groups])
        data["conditions"] = {tag: sorted(values) for tag, values in sorted(self.conditions.items())}
        if not self.conditions:
            del data["conditions"]  # a measure without any is what it was before there were conditions
        text = json.dumps(data, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
