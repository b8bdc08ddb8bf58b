"""The mart survey_score against a recount in plain Python over the survey facts."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from statistics import mean

import pytest

from orchestration import definitions_data
from orchestration.dbt_render import PROJECT_DIR
from tests.dbt.warehouse import Warehouse

AGE = {"18_44": range(1, 6), "45_64": range(6, 10), "65_74": range(10, 12), "75_plus": range(12, 16)}
BOXES = {"top_box_pct": "top_box", "middle_box_pct": "middle_box", "bottom_box_pct": "bottom_box", "linear_mean": "linear_mean"}


@pytest.fixture(scope="module")
def measures() -> dict:
    return definitions_data.load_measures(PROJECT_DIR / "measures", PROJECT_DIR / "seeds")


@pytest.fixture(scope="module")
def surveys(scores: Warehouse) -> list[dict]:
    return scores.rows("select * from core.fct_survey_hcahps where is_scored")


@pytest.fixture(scope="module")
def rows(scores: Warehouse) -> list[dict]:
    return scores.rows("select * from marts.survey_score where instrument_family = 'hcahps'")


def _race(survey: dict) -> str:
    if survey["ethnic"] in (2, 3, 4, 5):
        return "hispanic"
    boxes = {"race_white": "white", "race_african_amer": "black", "race_asian": "asian", "race_hi_pacific_islander": "pacific_islander",
             "race_amer_indian_ak": "american_indian"}  # fmt: skip
    marked = [name for item, name in boxes.items() if survey[item] == 1]
    return "multiple" if len(marked) > 1 else marked[0] if marked else "unknown"


def _segment(survey: dict, kind: str) -> str:
    if kind == "age_band":
        return next((band for band, codes in AGE.items() if int(survey["age_code"]) in codes), "unknown")
    if kind == "race_ethnicity":
        return _race(survey)
    line = {"F1/4W": "medicine", "F1/ONC": "Oncology", "F2/A1": "Surgery", "F3/P1": "Palliative care"}
    return line[survey["unit_key"]] if kind == "service_line" else survey[{"language": "language_code", "sex": "sex_code", "payer": "payer_code"}[kind]]


def _in(row: dict, survey: dict) -> bool:
    facility, unit = survey["unit_key"].split("/")
    day = survey["discharge_on"] if row["date_basis"] == "discharge" else survey["received_on"]
    return (row["facility_id"] in (None, facility) and row["unit_id"] in (None, unit) and row["period_start_on"] <= day <= row["period_end_on"]
            and (row["level"] != "service_line" or row["service_line"] == _segment(survey, "service_line"))
            and (row["segment_type"] == "all" or _segment(survey, row["segment_type"]) == row["segment_value"]))  # fmt: skip


def test_months_and_quarters_are_means_of_item_scores(rows: list[dict], surveys: list[dict], measures: dict) -> None:
    seen: dict[tuple, int] = defaultdict(int)
    for number, row in enumerate(rows):
        if row["period_grain"] == "rolling_4_quarters" or row["score"] is None or row["adjustment"] != "raw" or number % 5:
            continue
        chosen = [survey for survey in surveys if _in(row, survey)]
        for column, score in BOXES.items():
            measure = measures.get(f"{row['measure_name']}_{score}")
            if measure is None:
                continue
            asked = [s for s in chosen if (measure.valid_from_on or date.min) <= s["discharge_on"] <= (measure.valid_to_on or date.max)]
            parts = [[weights[s[item]] for s in asked if s[item] in weights] for item, weights in measure.weights.items()]
            parts = [part for part in parts if part]
            assert row[column] == pytest.approx(measure.scale_factor * mean(mean(part) for part in parts), abs=1e-9), row
            assert (row["n"], row["n_items"]) == (max(map(len, parts)), len(parts))
        seen[row["level"], row["segment_type"], row["date_basis"]] += 1
        seen[row["level"], row["date_basis"], row["period_grain"]] += 1
    assert all(seen[level, "all", "discharge"] > 20 for level in ("enterprise", "facility", "service_line", "unit"))
    assert all(seen["facility", kind, "discharge"] > 10 for kind in ("language", "sex", "age_band", "race_ethnicity", "payer", "service_line"))
    assert all(seen[level, "received", grain] > 5 for level in ("facility", "enterprise") for grain in ("month", "quarter"))


def test_standard_error_of_one_item(rows: list[dict], surveys: list[dict]) -> None:
    (row,) = [r for r in rows if r["measure_name"] == "hcahps_overall_rating" and r["facility_id"] == "F2" and r["level"] == "facility"
              and r["period_start_on"] == date(2025, 4, 1) and r["period_grain"] == "quarter" and r["segment_type"] == "all" and r["date_basis"] == "discharge"
              and r["adjustment"] == "raw"]  # fmt: skip
    values = [10 * s["overall_rate"] for s in surveys if _in(row, s)]
    variance = sum((v - mean(values)) ** 2 for v in values) / (len(values) - 1)
    assert row["linear_mean_se"] == pytest.approx(math.sqrt(variance / len(values)), rel=1e-9)
    p = row["top_box_pct"] / 100
    z2, n = 1.959963984540054**2, len(values)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((100 * (centre - half), 100 * (centre + half)), rel=1e-9)


def test_four_quarters_are_weighted_by_eligible_discharges(rows: list[dict]) -> None:
    by_key = {row["score_key"]: row for row in rows}
    n_checked = 0
    for row in rows:
        if row["period_grain"] != "rolling_4_quarters" or row["reason"] not in (None, "BELOW_MINIMUM") or row["level"] != "facility" or row["adjustment"] != "raw":
            continue
        quarters = []
        for n in range(row["period_start_on"].year * 12 + row["period_start_on"].month - 1, row["period_end_on"].year * 12 + row["period_end_on"].month, 3):
            first = date(n // 12, n % 12 + 1, 1)
            quarter = by_key.get(row["score_key"].replace("rolling_4_quarters", "quarter").replace(f"{row['period_start_on']}", f"{first}"))
            if quarter is not None:
                quarters.append((sum(100 + 10 * (month % 12 + 1) for month in range(n, n + 3)), quarter))
        assert row["weighted_by"] == "eligible_discharges"
        assert row["n_quarters"] == len(quarters) and row["n"] == sum(quarter["n"] for _, quarter in quarters)
        total = sum(weight for weight, _ in quarters)
        assert row["top_box_pct"] == pytest.approx(sum(weight * quarter["top_box_pct"] for weight, quarter in quarters) / total, rel=1e-9)
        shares = [(weight / total, quarter["top_box_pct"] / 100, quarter["n"]) for weight, quarter in quarters]
        se = 100 * math.sqrt(sum(w * w * p * (1 - p) / n for w, p, n in shares))
        assert row["ci_high"] == pytest.approx(min(row["top_box_pct"] + 1.959963984540054 * se, 100), rel=1e-6)
        n_checked += 1
    assert n_checked > 100


def test_the_old_and_the_new_responsiveness_are_never_joined(rows: list[dict]) -> None:
    found = {(r["measure_name"], r["period_start_on"]): r for r in rows if r["period_grain"] == "rolling_4_quarters" and r["level"] == "enterprise"
             and r["segment_type"] == "all" and r["date_basis"] == "discharge" and r["adjustment"] == "raw"}  # fmt: skip
    old, new = (lambda day, n=name: found[n, day] for name in ("hcahps_responsiveness", "hcahps_responsiveness_2025"))
    assert old(date(2024, 1, 1))["score"] is not None and new(date(2025, 1, 1))["score"] is not None
    for day in (date(2024, 4, 1), date(2024, 7, 1), date(2024, 10, 1)):
        assert (old(day)["reason"], old(day)["score"], new(day)["reason"], new(day)["score"]) == ("DEFINITION_CHANGED", None, "DEFINITION_CHANGED", None)
    assert new(date(2025, 1, 1))["trend_break_on"] == date(2025, 1, 1)
    assert "not comparable with hcahps_responsiveness" in new(date(2025, 1, 1))["trend_note"]
    crossing = found["hcahps_overall_rating", date(2024, 7, 1)]
    assert crossing["score"] is not None and crossing["trend_break_on"] == date(2025, 1, 1) and crossing["trend_note"]
    assert found["hcahps_overall_rating", date(2024, 1, 1)]["trend_break_on"] is None


def test_few_surveys_keep_their_score_and_get_a_footnote(rows: list[dict]) -> None:
    seen = set()
    for row in rows:
        if row["score"] is None or row["adjustment"] != "raw":
            assert row["footnote_code"] is None or row["score"] is not None
            continue
        code = "1" if row["n"] < 25 else "10" if row["n"] < 50 else "6" if row["n"] < 100 else None
        reason = "BELOW_MINIMUM" if code == "1" else "DSRS_UNWEIGHTED" if _is_disproportionate(row) else None
        assert (row["footnote_code"], row["is_publishable"], row["reason"]) == (code, reason is None, reason)
        assert (row["footnote"] is None) == (code is None)
        seen.add(code)
    assert seen == {"1", "10", "6", None}


def _is_disproportionate(row: dict) -> bool:
    """F3 drew its sample of November 2025 with unequal shares; what came back until February may be of it."""
    last = date(2026, 2, 28) if row["date_basis"] == "received" else date(2025, 11, 30)
    return row["facility_id"] in (None, "F3") and row["period_end_on"] >= date(2025, 11, 1) and row["period_start_on"] <= last


def test_scores_of_unequal_samples_say_that_they_are_not_weighted(rows: list[dict]) -> None:
    found = {(r["period_grain"], str(r["period_start_on"]), r["date_basis"]): r for r in rows if r["measure_name"] == "hcahps_overall_rating" and r["level"] == "enterprise"
             and r["segment_type"] == "all" and r["adjustment"] == "raw"}  # fmt: skip
    marked = [found[key] for key in (("month", "2025-11-01", "discharge"), ("quarter", "2025-10-01", "discharge"), ("rolling_4_quarters", "2025-01-01", "discharge"),
                                     ("month", "2025-11-01", "received"), ("month", "2025-12-01", "received"))]
    assert {(r["reason"], r["is_publishable"], r["score"] is None) for r in marked} == {("DSRS_UNWEIGHTED", False, False)}
    free = [found[key] for key in (("month", "2025-10-01", "discharge"), ("month", "2025-12-01", "discharge"), ("month", "2025-10-01", "received"))]
    assert {r["reason"] for r in free} == {None}


def test_scores_of_other_instruments_stand_in_the_same_mart(scores: Warehouse) -> None:
    found = {row["measure_name"]: row for row in scores.rows(
        "select * from marts.survey_score where period_grain = 'month' and level = 'unit' and period_start_on = '2025-02-01' and unit_id = '4W' "
        "and segment_type = 'all' and adjustment = 'raw'")}  # fmt: skip
    values = {"pg_mean_score": 66.527777777778, "pg_section_a": 220 / 3, "pg_section_b": 53.75, "pg_section_c": 72.5, "net_promoter_score": 100 / 7,
              "fft_positive": 400 / 7, "review_stars": 200 / 3, "oas_facility": 100, "cg_office_staff": 100}  # fmt: skip
    for name, value in values.items():
        assert found[name]["score"] == pytest.approx(value, abs=1e-9), name
    assert found["net_promoter_score"]["score_unit"] == "net_points" and found["pg_mean_score"]["standing"] == "unverified"
    patients = [78.472222222222, 65.277777777778, 68.75, 57.638888888889, 62.5]  # the five patients' own means, by hand
    se = math.sqrt(sum((value - mean(patients)) ** 2 for value in patients) / 4 / 5)
    pg = found["pg_mean_score"]
    assert (pg["n"], pg["ci_high"]) == (5, pytest.approx(mean(patients) + 1.959963984540054 * se, abs=1e-6))
