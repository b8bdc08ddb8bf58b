"""The case-mix study behind the value of an adjusted measure.

Belongs here: finding the study's finding for one KPI row, comparing the row with it and with its evidence.
Does not belong here: the regression (methods/case_mix), measures whose value is a sum of rows (recompute.py).

An adjusted value depends on every survey of every entity compared, so the rows of one entity cannot give it. The
mart keeps the coefficients but not the means of the adjusters: what is compared is the value and its counts with the
study, and the surveys counted with the evidence. `pxw verify` runs the whole study again from landing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingestion.sql import literal
from orchestration.audit.recompute import Component, is_same, text_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SOURCE = "adjusted"
_SUFFIX = "_adjusted"
_POINTS = "linear_mean"


@dataclass(frozen=True)
class Study:
    """What marts.case_mix says of one entity, measure and window.

    `found`: the row of the entity, None when the study has none; points or percent as `score` says.
    `coefficients`: adjuster, item_code, coefficient in points per unit of the adjuster, always of the linear mean.
    """

    case_mix_id: str
    label: str
    score: str
    found: dict[str, Any] | None
    coefficients: list[dict[str, Any]]

    @property
    def adjustment(self) -> float | None:
        """Adjusted less unadjusted score; None without an adjusted score."""
        if self.found is None or self.found["adjusted"] is None:
            return None
        return self.found["adjusted"] - self.found["unadjusted"]

    @property
    def has_coefficients_of_points(self) -> bool:
        """The value is the share of a box: the coefficients kept are those of the mean in points, not its own."""
        return bool(self.coefficients) and self.score != _POINTS


def study_of(con: DuckDBPyConnection, row: dict[str, Any], definition: dict[str, Any]) -> Study:
    """The study of a row of kpi_value, from the attached build; `definition` is its measure."""
    case_mix_id, score = definition["numerator_rule"], definition["statistic"]
    where = (f"case_mix_id = {literal(case_mix_id)} and measure_name = {literal(definition['measure_name'].removesuffix(_SUFFIX))} "
             f"and level = {literal(row['level'])} and period_start_on = date '{row['period_start_on']}' and period_end_on = date '{row['period_end_on']}'")
    place = " and ".join(f"{name} is not distinct from {literal(row[name]) if row[name] is not None else 'null'}" for name in ("facility_id", "unit_id"))
    # An entity the study left out has one row without a score, that of the linear mean.
    found = _dicts(con, "select label, n_all, n_answered, n_usable, unadjusted, adjusted, variance, reason_code, note from built.marts.case_mix "
                        f"where {where} and {place} and row_kind = 'entity' and (score = {literal(score)} or (reason_code is not null and score = '{_POINTS}')) "
                        f"order by score = {literal(score)} desc limit 1")
    coefficients = _dicts(con, f"select adjuster, item_code, coefficient from built.marts.case_mix where {where} and row_kind = 'coefficient' order by all")
    return Study(case_mix_id, found[0]["label"] if found else case_mix_id, score, found[0] if found else None, coefficients)


def disagreements(published: dict[str, Any], parts: list[Component], study: Study) -> list[str]:
    """Sentences on what study or evidence say otherwise than the published row; empty when they agree."""
    told = []
    counted = sum(part.denominator for part in parts)
    if published["numerator"] is not None:
        told.append(f"numerator: published {text_of(published['numerator'])}, an adjusted value has none")
    if not is_same(published["denominator"] or 0, counted):
        told.append(f"denominator: published {text_of(published['denominator'])}, the evidence adds up to {text_of(float(counted))}")
    if study.found is None:
        return [*told, f"study {study.case_mix_id} has no finding for this place and window"]
    for name, of_study in (("denominator", "n_answered"), ("n", "n_usable"), ("value", "adjusted")):
        one, other = published[name], study.found[of_study]
        if (one is None) != (other is None) or (one is not None and not is_same(one, other)):
            told.append(f"{name}: published {text_of(one)}, study {study.case_mix_id} says {text_of(other)}")
    if published["value"] is None and not published["reason"]:
        told.append("the published value is missing without a reason")
    return told


def _dicts(con: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
