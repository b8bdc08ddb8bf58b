"""How answers, cases or surveys become one number: the arithmetic that the worked examples run through.

Belongs here: the formulas on a handful of values in plain Python, to be compared with the SQL of the marts.
Does not belong here: reading definitions, intervals, rounding (none happens before publication).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orchestration.definitions_data.measures import Measure


class AnswerCount(NamedTuple):
    """One line of a worked example as the answer cube would hold it."""

    measure_id: str
    item_code: str
    answer: int  # the delivered code; may be one that is no answer
    n: int
    expected_value: float | None  # in the unit of the measure
    example_number: int  # from 1; a measure may have several examples


class GroupCount(NamedTuple):
    """One count of a worked example of a rate: `side` is case, encounter or survey."""

    measure_id: str
    side: str
    group: str
    n: int
    expected_value: float | None
    example_number: int


def score_example(measure: Measure, given: Mapping) -> float | None:
    """The value of a measure in its unit, or None where there is nothing to divide by.

    `given` has the shape of the measure's source: answers {item_code: [codes]}, cases
    {"cases": {kind: n}, "encounters": {class: n}}, surveys {disposition group: n},
    patient_means {"patients": [{item_code: code}]}.
    """
    if measure.source == "patient_means":
        return _mean_of_patients(measure, given["patients"])
    if measure.source == "answers":
        return _mean_of_item_scores(measure.weights, measure.scale_factor, given)
    if measure.source == "metrics":
        numerator, denominator = _delivered(measure, given)
    elif measure.source == "cases":
        numerator = _counted(given["cases"], measure.numerator_groups)
        denominator = _counted(given["encounters"], measure.denominator_groups)
    else:
        numerator = _counted(given, measure.numerator_groups)
        denominator = _counted(given, measure.denominator_groups)
    return measure.scale_factor * numerator / denominator if denominator else None


def _delivered(measure: Measure, given: Mapping) -> tuple[float, int | None]:
    """Numerator and denominator of a metric; a mean may come as the value alone, weighted by its denominator or 1."""
    if measure.statistic != "mean":
        return given["numerator"] or 0.0, given["denominator"]
    n = 1 if given["denominator"] is None else given["denominator"]
    return (given["metric_value"] or 0.0) * n if given["numerator"] is None else given["numerator"], n


def _mean_of_item_scores(weights: Mapping, scale_factor: float, answers: Mapping[str, Sequence]) -> float | None:
    """scale x unweighted mean over items of (sum of weights / valid answers).

    AHRQ, Preparing Data from CAHPS Surveys for Analysis (2017): codes without a weight leave both
    sums, an item nobody answered is left out, and items count alike however many answered them.
    """
    scores = []
    for item_code, by_answer in weights.items():
        valid = [by_answer[answer] for answer in answers.get(item_code, ()) if answer in by_answer]
        if valid:
            scores.append(sum(valid) / len(valid))
    return scale_factor * sum(scores) / len(scores) if scores else None


def _mean_of_patients(measure: Measure, patients: Sequence[Mapping]) -> float | None:
    """Mean of a patient's answered items per section, then over sections, then over patients (surveys.md section 16)."""
    scores = []
    for patient in patients:
        sections = []
        for items in measure.sections.values():
            points = [measure.weights[item][patient[item]] for item in items if patient.get(item) in measure.weights[item]]
            if points:
                sections.append(sum(points) / len(points))
        if sections:
            scores.append(sum(sections) / len(sections))
    return measure.scale_factor * sum(scores) / len(scores) if scores else None


def _counted(counts: Mapping[str, int], groups: Iterable[str]) -> int:
    return sum(counts.get(group, 0) for group in groups)


def examples(measures: Iterable[Measure]) -> Iterator[AnswerCount]:
    """The worked examples of answer measures as counts, ordered; blanks (null) have no code and are left out."""
    for measure in sorted(measures, key=lambda measure: measure.measure_id):
        if measure.source != "answers":
            continue
        for number, example in enumerate(measure.examples, start=1):
            for item_code, answers in sorted(example.given.items()):
                for answer in sorted({answer for answer in answers if answer is not None}):
                    n = sum(code == answer for code in answers)
                    yield AnswerCount(measure.measure_id, item_code, answer, n, example.value, number)


def rate_examples(measures: Iterable[Measure]) -> Iterator[GroupCount]:
    """The worked examples of case and survey measures as counts per group, ordered."""
    for measure in sorted(measures, key=lambda measure: measure.measure_id):
        if measure.source not in ("cases", "surveys"):
            continue
        for number, example in enumerate(measure.examples, start=1):
            sides = {"survey": example.given}
            if measure.source == "cases":
                sides = {"case": example.given["cases"], "encounter": example.given["encounters"]}
            for side, counts in sides.items():
                for group, n in sorted(counts.items()):
                    yield GroupCount(measure.measure_id, side, group, n, example.value, number)
