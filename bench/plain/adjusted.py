"""Adjusted scores: a regression within entities, over all of them together.

Belongs here: the window of a study, who answered in it, the least squares. Does not belong here: raw scores, variances, tests.
"""

from __future__ import annotations

import numpy as np

from bench.plain.pieces import first_day_of, month_of
from bench.plain.script import Script
from bench.plain.surveys import FEEDS
from bench.plain.units import stretch

ENTITIES = {"facility": "facility_id", "unit": "facility_id || '/' || unit_id"}


def adjusted(script: Script) -> None:
    """Table adjusted_value (kpi_key, value): scores of every study's entities in the newest closed four quarters that all have surveys."""
    script.run("create temp table adjusted_value (kpi_key varchar, value double)")
    quarters = {quarter for (quarter,) in script.rows(f"select distinct {month_of('discharge_on')} // 3 from survey where is_scored")}
    last = max((q for q in quarters if 3 * q + 2 < script.open_month(*FEEDS) and quarters >= set(range(q - 3, q + 1))), default=None)
    for study, settings in script.studies.items() if last else ():
        assert (settings["windows"], settings["impute"], settings["k"]) == ({"rolling_4_quarters": 1}, True, 1)  # what is computed here
        first_on, last_on = first_day_of(f"{3 * last - 9}"), f"last_day({first_day_of(f'{3 * last + 2}')})"
        names = _respondents(script, settings["adjusters"], f"{first_on} and {last_on}")
        for level in settings["levels"]:
            weights = _weights(script, study, level, first_on, last_on)
            labels, entity, x, answers = _of_level(script, level, names, sorted({item for items in weights.values() for item in items}))
            for kpi, items in weights.items():
                y = np.column_stack([_points(answers[item], by_answer) for item, by_answer in items.items()])
                entities, scores = _scores(y, x, entity)
                key = f"concat_ws(':', '{kpi}', 'rolling_12_months', {first_on}, '{level}', unnest($1::varchar[]), 'all')"
                script.run(f"insert into adjusted_value select {key}, unnest($2::double[])", [labels[entities].tolist(), scores.tolist()])


def _respondents(script: Script, adjusters: list[dict], days: str) -> list[str]:
    """Table respondent: who answers in the window, in which unit, with adjusters inside their ranges; returns the adjusters' columns."""
    columns = {f"x{nth}": f"case when {one['column']} between {one['lowest']} and {one['highest']} then {one['column']} end::double"
               for nth, one in enumerate(adjusters)}
    script.run(f"""
        create or replace temp table respondent as
        select facility_id, unit_id, {", ".join(script.scored)}, {", ".join(f"{sql} as {name}" for name, sql in columns.items())}
        from (select *, {stretch(script, "discharge_on")} as stretch_on from survey where is_scored and discharge_on between {days})
        join sampled_place using (feed, facility_code, unit_code, stretch_on)
        where facility_id <> 'unassigned'""")
    return list(columns)


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


def _of_level(script: Script, level: str, names: list[str], items: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
    """Labels of the entities, the entity of every respondent, adjusters, answers by item.

    A missing adjuster is the entity's mean over all its respondents, before any of them drops out.
    """
    script.run(f"""
        create or replace temp table entity as
        select *, (row_number() over (order by label))::integer - 1 as number
        from (select distinct {ENTITIES[level]} as label from respondent where '{level}' <> 'unit' or unit_id <> 'unassigned')""")
    labels = np.array([label for (label,) in script.rows("select label from entity order by number")], dtype=object)
    found = script.run(f"""
        select number, {", ".join([*names, *items])} from respondent join entity on label = {ENTITIES[level]}""").fetchnumpy()
    entity = np.asarray(found["number"])
    x = np.column_stack([np.ma.filled(found[name], np.nan) for name in names])
    for values in x.T:
        is_known = ~np.isnan(values)
        mean = _means(values[is_known], entity[is_known], len(labels))
        values[~is_known] = mean[entity[~is_known]]
    return labels, entity, x, {item: np.ma.filled(found[item], -1) for item in items}


def _points(answers: np.ndarray, by_answer: dict[int, float]) -> np.ndarray:
    points = np.full(256, np.nan)
    points[list(by_answer)] = list(by_answer.values())
    return points[answers.view(np.uint8)]


def _means(values: np.ndarray, entity: np.ndarray, n: int) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # an entity without values has no mean
        return np.bincount(entity, values, n) / np.bincount(entity, minlength=n)


def _scores(y: np.ndarray, x: np.ndarray, entity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entities and their adjusted scores; none where there is nobody to compare with. An entity needs two surveys that can be used."""
    is_usable = ~np.isnan(y).all(axis=1) & ~np.isnan(x).any(axis=1)
    is_kept = np.bincount(entity[is_usable], minlength=entity.max() + 1) > 1
    if is_kept.sum() < 2:
        return np.array([], dtype=int), np.array([])
    rows = np.flatnonzero(is_usable & is_kept[entity])
    code = (np.cumsum(is_kept) - 1)[entity[rows]]
    raw, level = zip(*(_item(answers, x[rows], code, is_kept.sum()) for answers in y[rows].T), strict=True)
    unadjusted, score = _composite(np.column_stack(raw)), _composite(np.column_stack(level))
    return np.flatnonzero(is_kept), score + unadjusted.mean() - score.mean()


def _item(y: np.ndarray, x: np.ndarray, entity: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Raw and adjusted mean per entity."""
    is_known = ~np.isnan(y)
    y, x, entity = y[is_known], x[is_known], entity[is_known]
    y_mean, x_mean = _means(y, entity, n), np.column_stack([_means(values, entity, n) for values in x.T])
    centred = x - x_mean[entity]
    slopes = np.linalg.lstsq(centred.T @ centred, centred.T @ (y - y_mean[entity]), rcond=None)[0]
    return y_mean, y_mean - (x_mean - np.nanmean(x_mean, axis=0)) @ slopes


def _composite(means: np.ndarray) -> np.ndarray:
    """The mean over the items that an entity has answers to, of differences from each item's mean, and the mean of those means."""
    overall = np.nanmean(means, axis=0)
    return np.nanmean(means - overall, axis=1) + overall.mean()
