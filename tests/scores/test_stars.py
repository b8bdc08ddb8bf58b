"""Stars of facilities: the cut points a site brings, and every way of having no star."""

from __future__ import annotations

from typing import Any

import pytest

from methods.stars import measure_stars, patient_experience_group_score, summary_star
from tests.dbt.warehouse import Warehouse

COMPOSITES = ("nurse_communication", "doctor_communication", "responsiveness", "medicines", "discharge_information", "care_transition")
SINGLES = ("cleanliness", "quietness", "overall_rating", "recommend")


@pytest.fixture(scope="module")
def stars(scores: Warehouse) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Rows by facility, first day and measure without its prefix."""
    rows = scores.rows("select * from marts.star_rating where star_kind <> 'pe_group'")
    found = {(row["facility_id"], str(row["period_start_on"]), (row["measure_name"] or "hcahps_summary").removeprefix("hcahps_")): row for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("facility", ["F1", "F2"])
def test_stars_follow_the_functions(stars: dict, facility: str) -> None:
    given = {}
    for name in COMPOSITES + SINGLES:
        row = stars[facility, "2024-01-01", name]
        cuts = [row[f"star_{star}_from"] for star in (2, 3, 4, 5)]
        assert (row["edition"], row["reason"], row["standing"]) == ("2024", None, "product-defined")
        assert row["star"] == measure_stars(row["linear_mean"], cuts)
        given[name] = row["star"]
    assert len(set(given.values())) > 2
    row = stars[facility, "2024-01-01", "summary"]
    assert row["star"] == summary_star([given[name] for name in COMPOSITES], *(given[name] for name in SINGLES))
    assert (row["star_kind"], row["reason"], row["standing"]) == ("summary", None, "product-defined")


def test_completed_surveys_are_counted_over_the_four_quarters(stars: dict) -> None:
    assert {facility: stars[facility, "2024-01-01", "recommend"]["n_complete"] for facility in ("F1", "F2", "F3")} == {"F1": 312, "F2": 168, "F3": 12}


def test_stars_rest_on_adjusted_means_where_there_are_coefficients(scores: Warehouse, stars: dict) -> None:
    adjusted = {name for (facility, start, name), row in stars.items() if (facility, start) == ("F1", "2024-01-01") and row["adjustment"] == "adjusted_published"}
    assert adjusted == {"overall_rating", "doctor_communication"} and stars["F1", "2024-01-01", "summary"]["adjustment"] == "mixed"
    row = stars["F1", "2024-01-01", "overall_rating"]
    score = scores.row(f"select adjustment, linear_mean from marts.survey_score where score_key = '{row['score_key']}'")
    assert score == {"adjustment": "adjusted_published", "linear_mean": row["linear_mean"]}
    assert stars["F1", "2025-01-01", "cleanliness"]["adjustment"] == stars["F1", "2025-01-01", "summary"]["adjustment"] == "raw"


def test_every_row_without_a_star_says_why(stars: dict) -> None:
    assert all((row["star"] is None) == (row["reason"] is not None) for row in stars.values())
    small = {row["reason"] for (facility, start, _), row in stars.items() if (facility, start) == ("F3", "2024-01-01")}
    assert small == {"BELOW_MINIMUM"}
    later = {name: (row["edition"], row["star"] is not None, row["reason"]) for (facility, start, name), row in stars.items() if (facility, start) == ("F1", "2025-01-01")}
    assert later["cleanliness"] == ("2025", True, None)
    assert later["recommend"] == later["overall_rating"] == ("2025", False, "CUT_POINTS_INVALID")  # falling; only three
    assert later["nurse_communication"] == ("2025", False, "NO_CUT_POINTS")  # another edition does not fill the gap
    assert later["summary"] == ("2025", False, "MEASURE_MISSING")  # the form of 2025 lacks two measures
    between = stars["F1", "2024-04-01", "responsiveness"]
    assert (between["edition"], between["reason"]) == ("2024", "DEFINITION_CHANGED")
    early = [row for (_, start, _), row in stars.items() if start < "2024-01-01"]
    assert early and {row["reason"] for row in early} == {"WINDOW_INCOMPLETE"} and {row["edition"] for row in early} == {None}


def test_the_group_score_is_the_function_over_our_facilities(scores: Warehouse, stars: dict) -> None:
    rows = {row["facility_id"]: row for row in scores.rows("select * from marts.star_rating where star_kind = 'pe_group' and period_start_on = '2024-01-01'")}
    parts = [[stars[facility, "2024-01-01", name]["star"] for name in COMPOSITES] + [
        (stars[facility, "2024-01-01", one]["star"] + stars[facility, "2024-01-01", other]["star"]) / 2 for one, other in (SINGLES[:2], SINGLES[2:])]
        for facility in ("F1", "F2")]  # fmt: skip
    expected = patient_experience_group_score(parts)
    assert [rows[facility]["group_score"] for facility in ("F1", "F2")] == pytest.approx(list(expected), abs=1e-12) and abs(expected[0]) > 0.5
    assert (rows["F3"]["group_score"], rows["F3"]["reason"], rows["F1"]["star"], rows["F1"]["reason"]) == (None, "BELOW_MINIMUM", None, None)
    assert rows["F1"]["standing"] == "product-defined"
