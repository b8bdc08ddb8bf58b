"""An adjusted value computed again from the usable surveys and the coefficients of its study.

Belongs here: the means of answers and adjusters of every entity compared, the adjustment, in sums and plain arithmetic.
Does not belong here: fitting the coefficients (methods/case_mix, run again by `pxw verify`), comparing (adjusted.py).

Per item, entity mean less coefficients x (its adjuster means less the mean of these over the entities); items are
combined as differences from their mean over the entities, and the whole is moved so that adjusted and unadjusted
scores have the same mean (docs/case_mix.md, steps 3 to 11). Nothing of the code that published the value is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_POINTS = "linear_mean"
_BOXES = {2: ("bottom_box", "top_box"), 3: ("bottom_box", "middle_box", "top_box")}
_ENTITY = {"facility": "u.facility_id", "unit": "case when u.unit_id <> 'unassigned' then u.facility_id || '/' || u.unit_id end"}


@dataclass(frozen=True)
class Readjusted:
    """What usable surveys and coefficients give for one entity; points or percent. `value` is None for an entity that is alone."""

    value: float | None
    unadjusted: float
    n_usable: int
    n_entities: int


@dataclass(frozen=True)
class _Means:
    """Of one entity and item: usable surveys that answer it, their mean, the means of their adjusters."""

    n: int
    answer: float | None
    adjusters: list[float | None]


def readjusted(con: DuckDBPyConnection, settings: str, family: str, row: Mapping[str, Any], score: str, measure_name: str,
               coefficients: Mapping[tuple[str, str], float]) -> Readjusted | None:
    """The value of a row of kpi_value. None when the entity has no two usable surveys.

    settings: those of the study, as JSON. coefficients: (adjuster, item_code) -> points, for a box percent, per unit.
    """
    study = json.loads(settings)
    (measure,) = (one for one in study["measures"] if one["name"] == measure_name)
    names = [one["name"] for one in study["adjusters"]]
    usable, means = _means(con, study, measure, family, row, score)
    mine = row["facility_id"] if row["level"] == "facility" else f"{row['facility_id']}/{row['unit_id']}"
    if mine not in usable:
        return None
    entities = sorted(usable)
    weights = {entity: _weights([means[item, entity].n for item in measure["items"]], study["k"]) for entity in entities}
    raw, corrected = {}, {}
    for item in measure["items"]:
        answered = {entity: means[item, entity] for entity in entities if means[item, entity].n}
        raw |= {(item, entity): own.answer for entity, own in answered.items()}
        corrected |= _corrected(item, answered, [coefficients.get((name, item)) or 0.0 for name in names])
    unadjusted, adjusted = (_composite(scores, measure["items"], entities, weights) for scores in (raw, corrected))
    moved = fmean(unadjusted.values()) - fmean(adjusted.values())
    return Readjusted(adjusted[mine] + moved if len(entities) > 1 else None, unadjusted[mine], usable[mine], len(entities))


def _corrected(item: str, answered: Mapping[str, _Means], betas: Sequence[float]) -> dict[tuple[str, str], float]:
    """Mean answer of every entity less what its adjusters, as far as they differ from the mean over the entities, explain."""
    overall = [fmean(own.adjusters[j] for own in answered.values()) for j in range(len(betas))] if answered else []
    return {(item, entity): own.answer - sum(beta * (x - mean) for beta, x, mean in zip(betas, own.adjusters, overall, strict=True))
            for entity, own in answered.items()}


def _weights(n: Sequence[int], k: float) -> list[float]:
    limited = [min(count, max(k, 1.0)) for count in n]
    return [one / sum(limited) for one in limited]


def _composite(scores: Mapping[tuple[str, str], float], items: Sequence[str], entities: Sequence[str], weights: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Entity -> weighted mean of the items' differences from their mean over the entities, plus the mean of these means."""
    overall = {item: fmean(known) for item in items if (known := [scores[item, entity] for entity in entities if (item, entity) in scores])}
    level = fmean(overall.values())
    return {entity: level + sum(weight * (scores[item, entity] - overall[item]) for weight, item in zip(weights[entity], items, strict=True) if (item, entity) in scores)
            for entity in entities}


def _means(con: DuckDBPyConnection, study: Mapping, measure: Mapping, family: str, row: Mapping[str, Any], score: str) -> tuple[dict[str, int], dict[tuple[str, str], _Means]]:
    """Usable surveys per entity, and the means per item and entity, of every entity that has two usable surveys or more."""
    items, names = measure["items"], [one["name"] for one in study["adjusters"]]
    adjusters = [f"x{j}" for j in range(len(names))]
    filled = [f"coalesce({x}, avg({x}) over (partition by entity)) as {x}" if study["impute"] else x for x in adjusters]
    usable = " and ".join([f"({' or '.join(f'y{i} is not null' for i in range(len(items)))})", *(f"{x} is not null" for x in adjusters)])
    shown = ", ".join(f"count(y{i}), avg(y{i}){''.join(f', avg({x}) filter (y{i} is not null)' for x in adjusters)}" for i in range(len(items)))
    columns = [f"{_answer(measure, item, score)} as y{i}" for i, item in enumerate(items)] + [f"{_adjuster(one)} as {x}" for one, x in zip(study["adjusters"], adjusters, strict=True)]
    found = con.execute(
        f"with survey as (select {_ENTITY[row['level']]} as entity, {', '.join(columns)} from built.core.{identifier(f'fct_survey_{family}')} as s "
        "inner join built.marts.dim_unit as u on u.unit_key = s.unit_key where s.is_scored and u.facility_id <> 'unassigned' and s.discharge_on between ? and ?), "
        f"filled as (select {', '.join(['entity', *(f'y{i}' for i in range(len(items))), *filled])} from survey where entity is not null), "
        f"usable as (select * from filled where {usable} qualify count(*) over (partition by entity) > 1) "
        f"select entity, count(*), {shown} from usable group by entity order by entity", [row["period_start_on"], row["period_end_on"]]).fetchall()
    width = 2 + len(adjusters)
    means = {(item, one[0]): _Means(one[2 + i * width], one[3 + i * width], list(one[4 + i * width: 2 + (i + 1) * width])) for one in found for i, item in enumerate(items)}
    return {one[0]: one[1] for one in found}, means


def _answer(measure: Mapping, item: str, score: str) -> str:
    """SQL of an answer as points, or as 100 or 0 percent of a box; null for what is no answer."""
    box = None if score == _POINTS else measure["boxes"][_BOXES[len(measure["boxes"])].index(score)]
    given = ((answer, points if box is None else 100.0 * (points in box)) for answer, points in measure["answers"][item].items())
    return f"case s.{identifier(item)} " + " ".join(f"when {int(answer)} then {value!r}::double" for answer, value in given) + " end"


def _adjuster(one: Mapping) -> str:
    """SQL of an adjuster as a number; null outside its range."""
    text = f"s.{identifier(one['column'])}::varchar"
    coded = " ".join(f"when {literal(code)} then {number!r}::double" for code, number in one["codes"].items())
    value = f"case {text} {coded} end" if coded else f"try_cast({text} as double)"
    lowest, highest = one.get("lowest"), one.get("highest")
    limits = [f"isfinite({value})", *([f"{value} >= {lowest!r}"] if lowest is not None else []), *([f"{value} <= {highest!r}"] if highest is not None else [])]
    return f"case when {' and '.join(limits)} then {value} end"
