"""key_driver counted again from the answers: Pearson and partial correlation, intervals, n, mean score, priority index and rank.

Belongs here: the numbers of the mart over the scenario. Does not belong here: the formulas over arrays (tests/methods/test_key_drivers.py).
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy import stats

from tests.dbt.warehouse import Warehouse

OUTCOMES = {"overall_rating": ["overall_rate"], "recommend": ["recommend"]}
DRIVERS = {
    "care_coordination": ["informed_about_care", "plans_made", "worked_together"], "cleanliness": ["cleanliness"],
    "discharge_information": ["help_after_discharge", "symptoms"], "doctor_communication": ["dr_courtesy_respect", "dr_listen", "dr_explain"],
    "medicines": ["med_for", "side_effects"], "nurse_communication": ["nurse_courtesy_respect", "nurse_listen", "nurse_explain"],
    "responsiveness_2025": ["bathroom_help", "help_right_away"], "restfulness": ["quiet", "rest", "rest_recovery"],
    "symptoms_information": ["family_symptom_information"],
}
HIGHEST = {"overall_rate": 10} | dict.fromkeys(["plans_made", "rest_recovery", "family_symptom_information"], 3) | dict.fromkeys(["help_after_discharge", "symptoms"], 2)


def points(item: str, answer: int | None) -> float:
    """0 to 100: ratings rise from 0, frequencies from 1 (never) to 4 (always), yes/no and three-way answers have the best first; else none."""
    highest = HIGHEST.get(item, 4)
    if answer is None or not (highest != 10) <= answer <= highest:
        return np.nan
    if highest == 10:
        return 10.0 * answer
    return 100 * (answer - 1) / 3 if highest == 4 else 100 * (highest - answer) / (highest - 1)


@pytest.fixture(scope="module")
def people(warehouse: Warehouse) -> list[tuple[str, str, dict[str, float]]]:
    """Facility, service line and scores of the respondents of the last twelve months."""
    rows = warehouse.rows("select u.facility_id, u.service_line, s.* from core.fct_survey_hcahps as s inner join marts.dim_unit as u using (unit_key) where s.is_scored")
    newest = max(row["discharge_on"] for row in rows)
    rows = [row for row in rows if row["facility_id"] != "unassigned" and row["discharge_on"] > newest.replace(year=newest.year - 1)]
    assert all(row["discharge_on"] >= newest - timedelta(366) for row in rows)

    def score(row: dict, items: list[str]) -> float:
        found = [value for item in items if not np.isnan(value := points(item, row[item]))]
        return float(np.mean(found)) if found else np.nan

    return [(row["facility_id"], row["service_line"], {name: score(row, items) for name, items in (OUTCOMES | DRIVERS).items()}) for row in rows]


def interval(r: float, n: int, n_given: int = 0) -> tuple[float, float]:
    half = stats.norm.ppf(0.975) / np.sqrt(n - n_given - 3)
    return np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)


def partial(scores: list[dict[str, float]], driver: str, outcome: str) -> tuple[int, float]:
    """Complete respondents, and the correlation of what the other drivers leave of both."""
    whole = np.array([[one[name] for name in (driver, outcome, *(d for d in DRIVERS if d != driver))] for one in scores])
    whole = whole[~np.isnan(whole).any(axis=1)]
    others = np.column_stack([np.ones(len(whole)), whole[:, 2:]])
    left = [column - others @ np.linalg.lstsq(others, column, rcond=None)[0] for column in whole[:, :2].T]
    return len(whole), float(np.corrcoef(*left)[0, 1])


def test_every_row_is_what_the_answers_say(warehouse: Warehouse, people: list) -> None:
    rows = warehouse.rows("select * from marts.key_driver")
    seen: dict[str, int] = {"r": 0, "partial": 0, "few": 0}
    for row in rows:
        outcome, driver = (row[name].removeprefix("hcahps_").removesuffix("_linear_mean") for name in ("outcome_measure_id", "driver_measure_id"))
        scores = [one for facility, line, one in people if row["facility_id"] in (None, facility) and row["service_line"] in (None, line)]
        x, y = (np.array([one[name] for one in scores]) for name in (driver, outcome))
        both = ~np.isnan(x) & ~np.isnan(y)
        assert (row["n"], row["n_score"]) == (both.sum(), (~np.isnan(x)).sum())
        assert row["score"] == pytest.approx(np.nanmean(x), abs=1e-9)
        if row["n"] < 30:
            seen["few"] += 1
            assert (row["r"], row["r_low"], row["priority_index"], row["priority_rank"], row["reason"]) == (None,) * 4 + ("TOO_FEW_RESPONDENTS_OR_NO_VARIATION",)
        else:
            seen["r"] += 1
            r = stats.pearsonr(x[both], y[both]).statistic
            assert (row["r"], row["r_low"], row["r_high"]) == pytest.approx((r, *interval(r, row["n"])), abs=1e-9)
            assert row["priority_index"] == pytest.approx(max(r, 0) * (100 - np.nanmean(x)), abs=1e-8)
        if row["r_partial"] is None:
            assert (row["n_partial"], row["n_given"], row["r_partial_low"]) == (None, None, None)
        else:
            seen["partial"] += 1
            n, r = partial(scores, driver, outcome)
            assert (row["n_partial"], row["n_given"]) == (n, len(DRIVERS) - 1)
            assert (row["r_partial"], row["r_partial_low"], row["r_partial_high"]) == pytest.approx((r, *interval(r, n, len(DRIVERS) - 1)), abs=1e-8)
    assert min(seen.values()) > 10 and {row["level"] for row in rows} == {"enterprise", "facility", "service_line"}
    assert {row["outcome_measure_id"] for row in rows} == {f"hcahps_{name}_linear_mean" for name in OUTCOMES}
    assert len(rows) == len({(row["outcome_measure_id"], row["driver_measure_id"], row["facility_id"], row["service_line"]) for row in rows})


def test_ranks_follow_the_index_within_place_and_outcome(warehouse: Warehouse) -> None:
    groups: dict[tuple, list[tuple[float, int]]] = {}
    for row in warehouse.rows("select * from marts.key_driver where priority_index is not null"):
        groups.setdefault((row["outcome_measure_id"], row["facility_id"], row["service_line"]), []).append((row["priority_index"], row["priority_rank"]))
    assert len(groups) > 6
    for ranked in groups.values():
        assert [rank for _, rank in ranked] == [1 + sum(other > index for other, _ in ranked) for index, _ in ranked]
