"""Hospitals that send files of their own close their own months, and the months of the enterprise wait for them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from ingestion.kinds import KINDS
from orchestration.dbt_instruments import family_items
from orchestration.dbt_render import PROJECT_DIR
from orchestration.month_settings import MonthSettings
from orchestration.unmapped import awaited_lines
from tests.dbt.warehouse import Input, Warehouse, feed

CASE = ["case_id", "issue_number", "facility_code", "unit_code", "received_at"]
SURVEY = ["survey_id", "facility_code", "unit_code", "discharge_on", "disposition_code", "is_in_official_sample"]
FEEDS = [
    feed("cases", "complaint", CASE, business_key=["case_id", "issue_number"]),
    feed("before", "complaint", CASE, business_key=["case_id", "issue_number"]),
    feed("sheet", "encounter_count", list(KINDS["encounter_count"]), business_key=["facility_code", "unit_code", "class_code", "period_start_on"]),
    feed("org", "org_unit", list(KINDS["org_unit"])),
    feed("group", "survey", SURVEY, business_key=["survey_id"], constants={"program_code": "HCAHPS"}),
    feed("early", "survey", SURVEY, business_key=["survey_id"], constants={"program_code": "FFT"},
         items={"family": "fft", "generations": [{"id": "any", "columns": {}}]}),
    feed("own", "survey", SURVEY, business_key=["survey_id"], constants={"program_code": "HCAHPS"}),
]
ITEMS = {item.item_code: item for item in family_items("hcahps", PROJECT_DIR / "seeds")}
JANUARY, FEBRUARY, MARCH = (date(2025, month, 1) for month in (1, 2, 3))


def case(number: str, facility: str, on: date) -> dict:
    return {"case_id": number, "issue_number": 1, "facility_code": facility, "unit_code": "W", "received_at": datetime(on.year, on.month, 10), "received_on": on.replace(day=10)}


def surveys(facility: str, *months: date) -> list[dict]:
    answers = {code: item.answers[0] for code, item in ITEMS.items() if "HCAHPS-32" in item.instruments}
    return [answers | {"survey_id": f"{facility}{month:%m}{n}", "facility_code": facility, "unit_code": "W", "discharge_on": month.replace(day=5), "disposition_code": "1",
             "is_in_official_sample": True, "overall_rate": 10 if n else 3} for month in months for n in range(4)]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    root: Path = tmp_path_factory.mktemp("open")
    given, warehouse = Input(root / "input", FEEDS), Warehouse(root, FEEDS)
    given.months = MonthSettings.model_validate({"ended_feeds": {"before": "2024-12-31"}})
    given.delivery("before", "2025-01-03", [case("a0", "A", date(2024, 12, 1))])  # without the setting A would wait for it
    given.delivery("org", "2024-12-01", [
        {"source_feed": "*", "source_facility_code": code, "source_unit_code": "W", "facility_id": code, "unit_id": "W", "unit_name": "ward",
         "service_line": "ward", "time_zone": "UTC", "facility_name": code} for code in "ABC"])
    given.delivery("sheet", "2025-04-02", [
        {"facility_code": code, "unit_code": "W", "class_code": "Inpatients", "period_grain": "month", "period_start_on": month, "n_encounters": 1000}
        for code in "AB" for month in (date(2024, 12, 1), JANUARY, FEBRUARY, MARCH)])
    given.delivery("cases", "2025-02-03", [case("a1", "A", JANUARY)])
    given.delivery("cases", "2025-02-04", [case("b1", "B", JANUARY), case("b2", "B", JANUARY)])
    given.delivery("cases", "2025-03-03", [case("a2", "A", FEBRUARY)])
    given.delivery("cases", "2025-04-03", [case("a3", "A", MARCH)])
    given.delivery("cases", "2025-04-09", [case("b1", "B", JANUARY), case("b3", "B", FEBRUARY)])  # late: newer cases were known
    given.delivery("group", "2025-02-10", surveys("A", JANUARY) + surveys("C", JANUARY))
    given.delivery("group", "2025-04-10", surveys("A", FEBRUARY, MARCH))  # of a group: nothing of C has happened in March
    given.delivery("own", "2025-03-11", surveys("B", JANUARY, FEBRUARY))
    given.delivery("early", "2025-01-20", [{"survey_id": "e1", "facility_code": "A", "unit_code": "W", "discharge_on": date(2025, 3, 5), "disposition_code": "1",
                                            "is_in_official_sample": True, "fft_experience": 1}])
    given.write()
    warehouse.dbt("build", "--select", "+complaint_rate", "+kpi_scorecard", "+survey_score", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    return warehouse


def values(warehouse: Warehouse, entity: str, kpi: str = "complaint_rate") -> dict[date, tuple]:
    rows = warehouse.rows(f"select period_start_on, value, reason from marts.kpi_value where kpi_key like '{kpi}:month:%:{entity}:all'")
    return {row["period_start_on"]: (row["value"], row["reason"]) for row in rows}


def test_a_hospital_closes_its_own_months(warehouse):
    assert values(warehouse, "facility:A") == {date(2024, 12, 1): (1.0, None), JANUARY: (1.0, None), FEBRUARY: (1.0, None), MARCH: (1.0, None)}
    assert values(warehouse, "facility:B") == {date(2024, 12, 1): (None, "NUMERATOR_INCOMPLETE"), JANUARY: (2.0, None), FEBRUARY: (1.0, None), MARCH: (None, "PERIOD_OPEN")}
    assert values(warehouse, "unit:B/W") == values(warehouse, "facility:B")


def test_the_enterprise_waits_for_all_its_hospitals(warehouse):
    assert values(warehouse, "enterprise:all") == {date(2024, 12, 1): (None, "NUMERATOR_INCOMPLETE"), JANUARY: (1.5, None), FEBRUARY: (1.0, None), MARCH: (None, "PERIOD_OPEN")}


def test_other_marts_say_the_same(warehouse):
    rates = warehouse.rows("select coalesce(facility_id, 'all') as place, reason from marts.complaint_rate where period_grain = 'month' and level in ('enterprise', 'facility') "
                           "and encounter_class = 'total' and segment_type = 'all' and period_start_on = '2025-03-01' order by 1")
    assert [(row["place"], row["reason"]) for row in rates] == [("A", None), ("B", "PERIOD_OPEN"), ("all", "PERIOD_OPEN")]
    cells = warehouse.rows("select facility_id, complaints_per_1000_reason as reason from marts.kpi_scorecard where month_start_on = '2025-03-01' order by 1")
    assert [tuple(row.values()) for row in cells] == [("A", None), ("B", "PERIOD_OPEN"), ("C", "PERIOD_OPEN")]


def test_surveys_of_the_enterprise_wait_for_all_its_hospitals(warehouse):
    rating = {entity: values(warehouse, entity, "hcahps_overall_rating_top_box") for entity in ("facility:A", "facility:B", "facility:C", "enterprise:all")}
    few = "BELOW_MINIMUM"
    assert rating["facility:A"] == dict.fromkeys((JANUARY, FEBRUARY, MARCH), (75.0, few))
    assert rating["facility:B"] == {JANUARY: (75.0, few), FEBRUARY: (75.0, few), MARCH: (None, "PERIOD_OPEN")}
    assert rating["facility:C"] == {JANUARY: (75.0, few), FEBRUARY: (None, "NO_ANSWERS"), MARCH: (None, "NO_ANSWERS")}
    assert rating["enterprise:all"] == {JANUARY: (75.0, few), FEBRUARY: (75.0, few), MARCH: (None, "PERIOD_OPEN")}
    cells = warehouse.rows("select facility_id, overall_rating_top_box_pct_reason as reason from marts.kpi_scorecard where month_start_on = '2025-03-01' order by 1")
    assert [tuple(row.values()) for row in cells] == [("A", few), ("B", "PERIOD_OPEN"), ("C", "NO_ANSWERS")]


def test_a_score_of_a_month_after_its_file_is_open(warehouse):
    scores = warehouse.rows("select period_grain, level, reason, score from marts.survey_score where instrument_family = 'fft' and date_basis = 'discharge' and segment_type = 'all'")
    assert {(row["reason"], row["score"]) for row in scores} == {("PERIOD_OPEN", None)} and {row["level"] for row in scores} >= {"facility", "enterprise"}


def test_who_is_awaited_is_told(warehouse):
    headline, *lines, way_out = awaited_lines(lambda schema, table, query: [tuple(row.values()) for row in warehouse.rows(query)])
    assert headline.startswith("1 facility whose files have not come") and "ended_feeds" in way_out
    assert lines == ["  B: cases has come up to 2025-02", "  B: own has come up to 2025-02"]
