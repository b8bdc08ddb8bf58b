"""Adjusted scores: a regression within entities, over all of them together.

Belongs here: the window of a study, its sums of products in one pass over the surveys, the least squares over those.
Does not belong here: raw scores, variances, tests.
"""

from __future__ import annotations

import numpy as np

from bench.plain.pieces import first_day_of, month_of
from bench.plain.script import Script
from bench.plain.surveys import FEEDS
from bench.plain.units import stretch

ENTITIES = {"facility": "facility_id", "unit": "facility_id || '/' || unit_id"}
WHO = {"facility": "true", "unit": "unit_id <> 'unassigned'"}
Y = "y__{}__{}"  # of a KPI and an item


def adjusted(script: Script) -> None:
    """Table adjusted_value (kpi_key, value): scores of every study's entities in the newest closed four quarters that all have surveys."""
    script.run("create temp table adjusted_value (kpi_key varchar, value double)")
    quarters = {quarter for (quarter,) in script.rows(f"select distinct {month_of('discharge_on')} // 3 from survey where is_scored")}
    last = max((q for q in quarters if 3 * q + 2 < script.open_month(*FEEDS) and quarters >= set(range(q - 3, q + 1))), default=None)
    for study, settings in script.studies.items() if last else ():
        assert (settings["windows"], settings["impute"], settings["k"]) == ({"rolling_4_quarters": 1}, True, 1)  # what is computed here
        first_on, last_on = first_day_of(f"{3 * last - 9}"), f"last_day({first_day_of(f'{3 * last + 2}')})"
        names = [f"x{number}" for number in range(len(settings["adjusters"]))]
        _respondents(script, dict(zip(names, settings["adjusters"], strict=True)), f"{first_on} and {last_on}")
        for level in settings["levels"]:
            weights = _weights(script, study, level, first_on, last_on)
            found = script.run(_sums(names, weights, level)).fetchnumpy()
            for kpi, items in weights.items():
                entities, scores = _scores(found, kpi, list(items), names)
                script.run(f"""
                    insert into adjusted_value
                    select concat_ws(':', '{kpi}', 'rolling_12_months', {first_on}, '{level}', unnest($1::varchar[]), 'all'), unnest($2::double[])""",
                    [entities, scores])


def _respondents(script: Script, adjusters: dict[str, dict], days: str) -> None:
    """Table respondent: who answers in the window, in which unit, with adjusters inside their ranges."""
    script.run(f"""
        create or replace temp table respondent as
        select facility_id, unit_id, {", ".join(script.scored)},
            {", ".join(f"case when {one['column']} between {one['lowest']} and {one['highest']} then {one['column']} end as {name}"
                       for name, one in adjusters.items())}
        from (select *, {stretch(script, "discharge_on")} as stretch_on from survey where is_scored and discharge_on between {days})
        join sampled_place using (feed, facility_code, unit_code, stretch_on)
        where facility_id <> 'unassigned'""")


def _weights(script: Script, study: str, level: str, first_on: str, last_on: str) -> dict[str, dict[str, dict[int, float]]]:
    """KPI -> item -> answer -> what it is worth: that of the score that is adjusted."""
    kpis = script.rows(f"""
        select kpi_id, r.measure_id, r.scale_factor
        from kpi join measure as m using (measure_id) join kpi_level using (kpi_id) join kpi_window using (kpi_id)
        join measure as r on r.measure_id = replace(m.measure_id, '_adjusted_', '_')
        where m.numerator_rule = '{study}' and level = '{level}' and period_grain = 'rolling_12_months'
            and coalesce(m.valid_from_on <= {first_on}, true) and coalesce(m.valid_to_on >= {last_on}, true)
        order by all""")
    return {kpi: {item: {answer: scale * weight for answer, weight in by_answer.items()}
                  for item, by_answer in script.weights[measure].items()} for kpi, measure, scale in kpis}


def _sums(names: list[str], weights: dict[str, dict[str, dict[int, float]]], level: str) -> str:
    """SQL: per entity the sums of answers, adjusters and their products, of every KPI and item.

    A missing adjuster is the entity's mean over all its surveys, before any survey drops out.
    """
    points, sums = [], {}
    for kpi, items in weights.items():
        for item, by_answer in items.items():
            y, cases = Y.format(kpi, item), " ".join(f"when {answer} then {weight}::double" for answer, weight in by_answer.items())
            points.append(f"case when {' + '.join(names)} is not null then case {item} {cases} end end as {y}")
            sums |= {f"{item}__n": f"count({y})", y: f"sum({y})"} | {f"{y}__{x}": f"sum({y} * {x})" for x in names}
            for nth, x in enumerate(names):
                sums[f"{item}__{x}"] = f"sum({x}) filter ({y} is not null)"
                sums |= {f"{item}__{x}_{other}": f"sum({x} * {other}) filter ({y} is not null)" for other in names[nth:]}
        sums[f"usable__{kpi}"] = f"count(*) filter (coalesce({', '.join(Y.format(kpi, item) for item in items)}) is not null)"
    return f"""
        with respondent_of as (select *, {ENTITIES[level]} as entity from respondent where {WHO[level]}),
        filled as (
            select r.* replace ({", ".join(f"coalesce({name}, mean_{name}) as {name}" for name in names)})
            from respondent_of as r
            join (select entity, {", ".join(f"avg({name}) as mean_{name}" for name in names)} from respondent_of group by entity) using (entity)
        )
        select entity, {", ".join(f"{sql} as {name}" for name, sql in sums.items())}
        from (select *, {", ".join(points)} from filled) group by entity order by entity"""


def _scores(found: dict, kpi: str, items: list[str], names: list[str]) -> tuple[list[str], list[float]]:
    """Entities and their adjusted scores; none where there is nobody to compare with. An entity needs two surveys."""
    is_kept = found[f"usable__{kpi}"] > 1
    if is_kept.sum() < 2:
        return [], []

    def column(name: str) -> np.ndarray:
        return np.ma.filled(found[name].astype(float), np.nan)[is_kept]

    raw, level = [], []
    for item in items:
        y, n = Y.format(kpi, item), column(f"{item}__n")
        mean, means = column(y) / n, np.column_stack([column(f"{item}__{x}") for x in names]) / n[:, None]
        xx = np.array([[np.nansum(column(f"{item}__{min(a, b)}_{max(a, b)}")) for b in names] for a in names])
        xy = np.array([np.nansum(column(f"{y}__{x}")) for x in names])
        weighed = np.nan_to_num(means * n[:, None])
        within = xx - weighed.T @ np.nan_to_num(means), xy - weighed.T @ np.nan_to_num(mean)
        raw.append(mean)
        level.append(mean - (means - np.nanmean(means, axis=0)) @ np.linalg.lstsq(*within, rcond=None)[0])
    unadjusted, score = _composite(np.column_stack(raw)), _composite(np.column_stack(level))
    return found["entity"][is_kept].tolist(), (score + unadjusted.mean() - score.mean()).tolist()


def _composite(means: np.ndarray) -> np.ndarray:
    """The mean over the items that an entity has answers to, of differences from each item's mean, and the mean of those means."""
    overall = np.nanmean(means, axis=0)
    return np.nanmean(means - overall, axis=1) + overall.mean()
