"""Scores adjusted with published coefficients, against a recount in plain Python over the survey facts."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from statistics import mean

import pytest

from tests.dbt.warehouse import Warehouse

NINE = {0: 0, **dict.fromkeys(range(1, 9), 0), 9: 100, 10: 100}
LOW = {**dict.fromkeys(range(7), 100), **dict.fromkeys(range(7, 11), 0)}
LINEAR = {answer: 10 * answer for answer in range(11)}
EDUCATION = dict(zip(range(1, 7), (3, 2, 1, 0, -1.5, -2.5), strict=True))
MODE = {"mail": 1.25, "phone": -2}


@pytest.fixture(scope="module")
def quarters(scores: Warehouse) -> dict:
    """(facility, first day of the quarter) -> its scored surveys."""
    found = defaultdict(list)
    for survey in scores.rows("select * from core.fct_survey_hcahps where is_scored"):
        day = survey["discharge_on"]
        found[survey["unit_key"].split("/")[0], date(day.year, (day.month - 1) // 3 * 3 + 1, 1)].append(survey)
    return found


@pytest.fixture(scope="module")
def rows(scores: Warehouse) -> dict:
    found = scores.rows("select * from marts.survey_score where adjustment = 'adjusted_published'")
    assert {row["level"] for row in found} == {"facility"} and {row["instrument_family"] for row in found} == {"hcahps"}
    return {(row["measure_name"], row["facility_id"], row["period_grain"], row["period_start_on"]): row for row in found}


def _rating_2024(surveys: list[dict], weights: dict, sign: float) -> float:
    raw = mean(weights[s["overall_rate"]] for s in surveys if s["overall_rate"] in weights)
    health = mean(s["overall_health"] for s in surveys)
    education = [s["education"] for s in surveys if s["education"]]  # a missing value is the mean of the others
    shift = -4.5 * (health - 2.7) + sum(effect * (education.count(code) / len(education) - 1 / 6) for code, effect in EDUCATION.items())
    return raw - sign * shift + sign * mean(MODE[s["mode_code"]] for s in surveys)


def _rating_2025(surveys: list[dict]) -> float:
    raw = mean(NINE[s["overall_rate"]] for s in surveys if s["overall_rate"] in NINE)
    return raw + 4.0 * (mean(s["overall_health"] for s in surveys) - 2.7) - 0.35 * (mean(int(s["age_code"]) for s in surveys) - 8.0)


@pytest.mark.parametrize("facility", ["F1", "F2", "F3"])
def test_a_quarter_is_raw_less_patient_mix_plus_mode(rows: dict, quarters: dict, facility: str) -> None:
    for month in (1, 4, 7, 10):
        day = date(2024, month, 1)
        row, surveys = rows["hcahps_overall_rating", facility, "quarter", day], quarters[facility, day]
        assert row["reason"] in (None, "BELOW_MINIMUM") and row["adjustment_edition"] == "SYNTHETIC 2024"
        assert row["score"] == row["top_box_pct"] == pytest.approx(_rating_2024(surveys, NINE, 1.0), abs=1e-6)
        assert row["bottom_box_pct"] == pytest.approx(_rating_2024(surveys, LOW, -0.5), abs=1e-6)
        assert row["middle_box_pct"] == pytest.approx(100 - row["top_box_pct"] - row["bottom_box_pct"], abs=1e-6)
        assert row["linear_mean"] == pytest.approx(_rating_2024(surveys, LINEAR, 0.6), abs=1e-6)
    later = rows["hcahps_overall_rating", facility, "quarter", date(2025, 1, 1)]
    assert later["score"] == pytest.approx(_rating_2025(quarters[facility, date(2025, 1, 1)]), abs=1e-6)
    assert later["linear_mean"] is None and later["adjustment_edition"] == "SYNTHETIC 2025"


def test_the_interval_moves_with_the_score(scores: Warehouse, rows: dict) -> None:
    row = rows["hcahps_overall_rating", "F1", "quarter", date(2024, 4, 1)]
    raw = scores.row("select * from marts.survey_score where score_key = 'hcahps_overall_rating:raw:discharge:quarter:2024-04-01:facility:F1:all'")
    moved = row["score"] - raw["score"]
    assert abs(moved) > 0.5
    assert (row["ci_low"] - raw["ci_low"], row["ci_high"] - raw["ci_high"]) == pytest.approx((moved, moved))
    assert (row["linear_mean_se"], row["n"]) == (raw["linear_mean_se"], raw["n"])


@pytest.mark.parametrize("facility", ["F1", "F2"])
def test_four_quarters_weigh_by_eligible_discharges_across_editions(rows: dict, quarters: dict, facility: str) -> None:
    parts = {day: _rating_2024(quarters[facility, day], NINE, 1.0) for day in (date(2024, 4, 1), date(2024, 7, 1), date(2024, 10, 1))}
    parts[date(2025, 1, 1)] = _rating_2025(quarters[facility, date(2025, 1, 1)])
    weights = {day: sum(100 + 10 * month for month in range(day.month, day.month + 3)) for day in parts}
    row = rows["hcahps_overall_rating", facility, "rolling_4_quarters", date(2024, 4, 1)]
    assert row["score"] == pytest.approx(sum(weights[day] * score for day, score in parts.items()) / sum(weights.values()), abs=1e-6)
    assert (row["adjustment_edition"], row["weighted_by"], row["linear_mean"]) == ("SYNTHETIC 2024, SYNTHETIC 2025", "eligible_discharges", None)


def test_coefficients_of_items_make_a_composite(rows: dict, quarters: dict) -> None:
    surveys = quarters["F1", date(2024, 7, 1)]
    health = mean(s["overall_health"] for s in surveys)
    items = [mean(100 * (s[item] == 4) for s in surveys if s[item] in (1, 2, 3, 4)) + lift * (health - 2.7)
             for item, lift in (("nurse_courtesy_respect", 1.0), ("nurse_listen", 2.0), ("nurse_explain", 4.0))]  # fmt: skip
    assert rows["hcahps_nurse_communication", "F1", "quarter", date(2024, 7, 1)]["score"] == pytest.approx(mean(items), abs=1e-6)


@pytest.mark.parametrize(("measure", "reason"), [
    ("hcahps_discharge_information", "NO_COEFFICIENTS"), ("hcahps_medicines", "COEFFICIENTS_OF_OTHER_PERIOD"), ("hcahps_recommend", "ADJUSTER_MISSING"),
    ("hcahps_cleanliness", "COEFFICIENTS_INVALID"), ("hcahps_quietness", "LEVEL_NOT_IN_TABLE"), ("hcahps_doctor_communication", "COEFFICIENTS_INCOMPLETE"),
])  # fmt: skip
def test_without_coefficients_that_fit_there_is_a_reason_and_no_score(rows: dict, measure: str, reason: str) -> None:
    for grain, day in (("quarter", date(2024, 1, 1)), ("quarter", date(2024, 7, 1)), ("rolling_4_quarters", date(2024, 1, 1))):
        row = rows[measure, "F1", grain, day]
        assert (row["score"], row["top_box_pct"], row["ci_low"], row["reason"], row["is_publishable"]) == (None, None, None, reason, False)
        assert row["n"] > 0
    if measure == "hcahps_doctor_communication":
        assert rows[measure, "F1", "quarter", date(2024, 7, 1)]["linear_mean"] is not None  # the table has that score alone


def test_a_quarter_outside_the_period_has_no_score_nor_have_its_four_quarters(rows: dict) -> None:
    quarter = rows["hcahps_overall_rating", "F1", "quarter", date(2025, 4, 1)]
    assert (quarter["score"], quarter["reason"]) == (None, "COEFFICIENTS_OF_OTHER_PERIOD")
    year = rows["hcahps_overall_rating", "F1", "rolling_4_quarters", date(2024, 7, 1)]
    assert (year["score"], year["reason"]) == (None, "COEFFICIENTS_OF_OTHER_PERIOD")
