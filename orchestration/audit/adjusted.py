"""The case-mix study behind the value of an adjusted measure.

Belongs here: finding the study's finding for one KPI row, comparing the row with it, with its evidence and with the
value computed again.
Does not belong here: computing it again (readjust.py), the regression (methods/case_mix), measures whose value is a
sum of rows (recompute.py).

An adjusted value depends on every survey of every entity compared, so the rows of one entity cannot give it: the
evidence is their usable surveys and the coefficients. `pxw verify` fits the coefficients themselves again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingestion.home import Home
from ingestion.sql import dicts, literal
from orchestration.audit.readjust import Readjusted, readjusted
from orchestration.audit.recompute import Component, is_same, text_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SOURCE = "adjusted"
_SUFFIX = "_adjusted"
_POINTS = "linear_mean"
# Sums of binary doubles over a whole group, added in another order.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Study:
    """What marts.case_mix says of one entity, measure and window.

    `found`: the row of the entity, None when the study has none; points or percent as `score` says.
    `coefficients`: adjuster, item_code, coefficient per unit of the adjuster, in points or percent as `score` says.
    `again`: the value computed again, None when the study has none to compute.
    """

    case_mix_id: str
    label: str
    score: str
    found: dict[str, Any] | None
    coefficients: list[dict[str, Any]]
    again: Readjusted | None = None

    @property
    def adjustment(self) -> float | None:
        """Adjusted less unadjusted score; None without an adjusted score."""
        if self.found is None or self.found["adjusted"] is None:
            return None
        return self.found["adjusted"] - self.found["unadjusted"]


def study_of(con: DuckDBPyConnection, home: Home, row: dict[str, Any], definition: dict[str, Any]) -> Study:
    """The study of a row of kpi_value, from the attached build, with the value computed again; `definition` is its measure."""
    case_mix_id, score = definition["numerator_rule"], definition["statistic"]
    measure_name = definition["measure_name"].removesuffix(_SUFFIX)
    where = (f"case_mix_id = {literal(case_mix_id)} and measure_name = {literal(measure_name)} "
             f"and level = {literal(row['level'])} and period_start_on = date '{row['period_start_on']}' and period_end_on = date '{row['period_end_on']}'")
    place = " and ".join(f"{name} is not distinct from {literal(row[name]) if row[name] is not None else 'null'}" for name in ("facility_id", "unit_id"))
    # An entity the study left out has one row without a score, that of the linear mean.
    found = dicts(con, "select label, n_all, n_answered, n_usable, unadjusted, adjusted, variance, reason_code, note from built.marts.case_mix "
                        f"where {where} and {place} and row_kind = 'entity' and (score = {literal(score)} or (reason_code is not null and score = '{_POINTS}')) "
                        f"order by score = {literal(score)} desc limit 1")
    coefficients = dicts(con, f"select adjuster, item_code, coefficient from built.marts.case_mix where {where} and row_kind = 'coefficient' and score = {literal(score)} order by all")
    study = Study(case_mix_id, found[0]["label"] if found else case_mix_id, score, found[0] if found else None, coefficients)
    ((settings, family),) = con.execute(f"select settings, instrument_family from read_parquet({literal(str(home.input / 'definitions' / 'case_mix.parquet'))}) "
                                        "where case_mix_id = ?", [case_mix_id]).fetchall()
    by_name = {(one["adjuster"], one["item_code"]): one["coefficient"] for one in coefficients}
    return replace(study, again=readjusted(con, settings, family, row, score, measure_name, by_name))


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
    again = study.again
    for name, computed in (("value", again.value if again else None), ("n", again.n_usable if again and again.value is not None else published["n"])):
        if (published[name] is None) != (computed is None) or (computed is not None and not is_same(published[name], computed, _TOLERANCE)):
            told.append(f"{name}: published {text_of(published[name])}, computed again from usable surveys and coefficients {text_of(computed)}")
    for name, of_study in (("denominator", "n_answered"), ("n", "n_usable"), ("value", "adjusted")):
        one, other = published[name], study.found[of_study]
        if (one is None) != (other is None) or (one is not None and not is_same(one, other)):
            told.append(f"{name}: published {text_of(one)}, study {study.case_mix_id} says {text_of(other)}")
    if published["value"] is None and not published["reason"]:
        told.append("the published value is missing without a reason")
    return told
