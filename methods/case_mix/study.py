"""A study: several measures of one questionnaire, adjusted over the same respondents, as one long table.

Belongs here: running case_mix() per measure for one set of entities, its tables laid out as rows with a kind.
Does not belong here: reading surveys, windows, names of entities (dbt model case_mix_result), the algorithm itself.

Answers enter as points (0-100), so means are on the published scale; the algorithm is linear in the answers, so this
changes no test, star or share. Box scores are in percent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from methods.case_mix.clean import Adjuster, numbers, valid_answers
from methods.case_mix.run import case_mix
from methods.case_mix.scale import Scale

KINDS = ("entity", "overall", "coefficient", "item", "missing", "response", "note")
TEXT = ("measure_name", "row_kind", "score", "item_code", "adjuster", "reason_code", "note")
NUMBERS = (
    "entity", "box", "n_all", "n_answered", "n_usable", "n_entities", "unadjusted", "adjusted", "delta", "se", "ci95", "variance", "t",
    "p_value", "star", "reliability", "coefficient", "rank", "r_squared", "adjusted_r_squared", "overall_mean", "grand_mean", "f", "df1", "df2",
    "share", "adjusted_share",
)  # fmt: skip
LINEAR = "linear_mean"
_SCORE = ("n_all", "n_usable", "unadjusted", "adjusted", "delta", "se", "ci95", "variance", "t", "p_value", "star", "reliability")
_IN_UNITS = {"unadjusted", "adjusted", "delta", "se", "ci95"}


def run_study(respondents: Mapping, study: Mapping) -> dict[str, list]:
    """Columns TEXT and NUMBERS of equal length, one row per finding; None where a column does not apply.

    respondents: arrays by name: `entity` (whole numbers), one per item code (points, NaN = no answer) and per adjuster
    name (numbers, NaN = missing). study: `measures` (name, items: list of codes, points: valid values, boxes: lists of
    points from worst to best), `adjusters` (name, lowest, highest) and the options impute, k, alpha, change,
    mean_difference, adjust_boxes of case_mix(). Raises CaseMixError for a study that cannot be run as asked.
    """
    rows = [row for measure in study["measures"] for row in _measure(respondents, study, measure)]
    return {name: [row.get(name) for row in rows] for name in (*TEXT, *NUMBERS)}


def _measure(respondents: Mapping, study: Mapping, measure: Mapping) -> Iterator[dict]:
    scale = Scale(tuple(sorted(measure["points"])), tuple(tuple(box) for box in measure["boxes"]))
    adjusters = [Adjuster(a["name"], a["name"], a.get("lowest"), a.get("highest")) for a in study["adjusters"]]
    options = {name: study[name] for name in ("impute", "k", "alpha", "change", "mean_difference", "adjust_boxes") if name in study}
    result = case_mix(respondents, items=measure["items"], entity="entity", scale=scale, adjusters=adjusters, **options)
    answered = _answered(respondents, measure, scale)
    for row in _rows(result, measure, answered):
        yield {"measure_name": measure["name"]} | row


def _rows(result, measure: Mapping, answered: dict) -> Iterator[dict]:
    for row in _records(result["entities"]):
        yield _entity(row, LINEAR, 1.0, answered)
    names = box_names(len(measure["boxes"]))
    if "box_entities" in result.tables:
        of_label = dict(zip(result.settings["boxes"], names, strict=True))
        for row in _records(result["box_entities"]):
            yield _entity(row, of_label[row["box"]], 100.0, answered)
    for row in _records(result["dropped"]):
        yield {"row_kind": "entity", "score": LINEAR, "entity": row["entity"], "n_all": row["n_all"], "n_usable": row["n_usable"],
               "n_answered": answered.get(row["entity"], 0), "reason_code": row["reason_code"], "note": row["reason"]}  # fmt: skip
    for row in _records(result["overall"]):
        kept = {name: row[name] for name in ("n_entities", "n_usable", "grand_mean", "df1", "df2", "f", "p_value", "reliability")}
        yield {"row_kind": "overall", "score": LINEAR, "overall_mean": row["overall"], "note": row["reliability_class"] or None} | kept
    yield from _coefficients(result["coefficients"], measure, {}, 1.0)
    if "box_coefficients" in result.tables:
        yield from _coefficients(result["box_coefficients"], measure, of_label, 100.0)
    for row in _records(result["r_squared"]):
        yield {"row_kind": "item", "score": LINEAR, "item_code": row["item"], "n_usable": row["n"],
               "rank": row["rank"], "r_squared": row["r_squared"], "adjusted_r_squared": row["adjusted_r_squared"]}  # fmt: skip
    items = set(measure["items"])
    for row in _records(result["percent_missing"]):
        for name in row.keys() - {"entity", "n_all"}:
            column = "item_code" if name in items else "adjuster"
            yield {"row_kind": "missing", "entity": row["entity"], "n_all": row["n_all"], column: name, "share": row[name]}
    for row in _records(result["response_distribution"]):
        for box, name in enumerate(names, 1):
            yield {"row_kind": "response", "score": name, "entity": row["entity"], "box": box, "n_usable": row["n_usable"],
                   "share": row[f"box_{box}"], "adjusted_share": row.get(f"adjusted_{box}")}  # fmt: skip
    for note in result.notes:
        yield {"row_kind": "note", "reason_code": note.code, "note": note.text}


def _coefficients(table: Mapping, measure: Mapping, of_label: Mapping, factor: float) -> Iterator[dict]:
    for row in _records(table):
        for item in measure["items"]:
            yield {"row_kind": "coefficient", "score": of_label.get(row.get("box"), LINEAR), "item_code": item, "adjuster": row["adjuster"],
                   "coefficient": factor * row[item]}  # fmt: skip


def box_names(n: int) -> list[str]:
    """Names of boxes from worst to best: two have no middle."""
    return {2: ["bottom_box", "top_box"], 3: ["bottom_box", "middle_box", "top_box"]}.get(n, [f"box_{b}" for b in range(1, n + 1)])


def _entity(row: dict, score: str, factor: float, answered: dict) -> dict:
    found = {name: row[name] * factor if name in _IN_UNITS else row[name] for name in _SCORE}
    found["variance"] *= factor**2
    is_alone = np.isnan(row["adjusted"])
    reason = {"reason_code": "ONE_ENTITY", "note": "nothing to compare with: unadjusted score only"} if is_alone else {}
    return {"row_kind": "entity", "score": score, "entity": row["entity"], "n_answered": answered.get(row["entity"], 0)} | found | reason


def _answered(respondents: Mapping, measure: Mapping, scale: Scale) -> dict:
    """Entity -> rows that answer any item of the measure, whatever their adjusters."""
    answers = [~np.isnan(valid_answers(numbers(respondents, item), scale)) for item in measure["items"]]
    labels, n = np.unique(np.asarray(respondents["entity"])[np.any(answers, axis=0)], return_counts=True)
    return dict(zip(labels.tolist(), n.tolist(), strict=True))


def _records(table: dict[str, np.ndarray]) -> Iterator[dict]:
    for values in zip(*(column.tolist() for column in table.values()), strict=True):
        yield dict(zip(table, values, strict=True))
