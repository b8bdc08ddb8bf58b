"""The page of a unit and month says what the marts behind it say."""

from __future__ import annotations

from datetime import date

import pytest

from tests.dbt.warehouse import Warehouse


@pytest.fixture(scope="module")
def pages(warehouse: Warehouse) -> dict[tuple, dict]:
    rows = warehouse.rows("select * from marts.experience_scorecard")
    return {(row["facility_id"], row["unit_id"], row["month_start_on"]): row for row in rows}


def test_a_page_for_every_unit_and_month_of_the_scorecard(pages, warehouse):
    known = {tuple(row.values()) for row in warehouse.rows("select facility_id, unit_id, month_start_on from marts.kpi_scorecard")}
    assert set(pages) == known and len(known) > 20


def test_values_are_those_of_kpi_value(pages, warehouse):
    columns = {"complaint_rate": "complaints_per_1000", "grievance_rate": "grievances_per_1000", "hcahps_response_rate": "response_rate_pct",
               "hcahps_recommend_top_box": "recommend_top_box_pct", "hcahps_overall_rating_top_box": "overall_rating_top_box_pct"}
    rows = warehouse.rows(f"select * from marts.kpi_value where level = 'unit' and period_grain = 'month' and kpi_id in {tuple(columns)}")
    n_values = 0
    for row in rows:
        page, column = pages[row["facility_id"], row["unit_id"], row["period_start_on"]], columns[row["kpi_id"]]
        assert (page[column], page[f"{column}_reason"]) == (row["value"], row["reason"]), row["kpi_key"]
        assert page[f"{column}_target"] == row["target"]
        n_values += row["value"] is not None
    assert n_values > 50


def test_severity_weighs(pages, warehouse):
    # March 2025 on 4 West: three cases, no severity word in the export: each weighs 1, so the weighted rate is the rate.
    page = pages["F1", "4W", date(2025, 3, 1)]
    assert (page["n_complaints"], page["n_severe"]) == (3, 0)
    assert page["severity_weighted_per_1000"] == pytest.approx(page["complaints_per_1000"], rel=1e-12)
    quiet = pages["F1", "4W", date(2025, 5, 1)]
    assert (quiet["n_complaints"], quiet["severity_weighted_per_1000"]) == (0, 0)
    gone = pages["F2", "A1", date(2025, 2, 1)]
    assert gone["severity_weighted_per_1000"] is None and gone["severity_weighted_reason"] == gone["complaints_per_1000_reason"] != None  # noqa: E711


def test_timeliness_stands_beside(pages, warehouse):
    rows = warehouse.rows("select * from marts.complaint_timeliness where level = 'unit' and period_grain = 'month' and step_code = 'respond'")
    assert rows
    for row in rows:
        if page := pages.get((row["facility_id"], row["unit_id"], row["period_start_on"])):
            assert (page["responded_in_target_pct"], page["median_days_to_respond"]) == (row["in_target_pct"], row["median_days"])
            assert page["n_unanswered_past_target"] == row["n_open_past_target"]
    without = [page for page in pages.values() if page["n_complaints"] == 0 and page["responded_in_target_pct"] is None]
    assert without and all(page["responded_reason"] for page in without)


def test_targets_are_counted(pages):
    page = pages["F1", "4W", date(2025, 5, 1)]
    assert page["complaints_per_1000_target"] == 2.0
    assert 1 <= page["n_targets_met"] <= page["n_targets"]
    assert pages["F1", "4W", date(2024, 7, 1)]["complaints_per_1000_target"] is None
