"""A month without complaints reads 0 only where somebody has said so: hospitals that send files of their own close their own months."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from ingestion.kinds import KINDS
from orchestration.complaint_settings import ComplaintSettings
from orchestration.unmapped import awaited_lines
from tests.dbt.warehouse import Input, Warehouse, feed

CASE = ["case_id", "issue_number", "facility_code", "unit_code", "received_at"]
FEEDS = [
    feed("cases", "complaint", CASE, business_key=["case_id", "issue_number"]),
    feed("before", "complaint", CASE, business_key=["case_id", "issue_number"]),
    feed("sheet", "encounter_count", list(KINDS["encounter_count"]), business_key=["facility_code", "unit_code", "class_code", "period_start_on"]),
    feed("org", "org_unit", list(KINDS["org_unit"])),
]
JANUARY, FEBRUARY, MARCH = (date(2025, month, 1) for month in (1, 2, 3))


def case(number: str, facility: str, on: date) -> dict:
    return {"case_id": number, "issue_number": 1, "facility_code": facility, "unit_code": "W", "received_at": datetime(on.year, on.month, 10), "received_on": on.replace(day=10)}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    root: Path = tmp_path_factory.mktemp("open")
    given, warehouse = Input(root / "input", FEEDS), Warehouse(root, FEEDS)
    given.complaints = ComplaintSettings.model_validate({"ended_feeds": {"before": "2024-12-31"}})
    given.delivery("before", "2025-01-03", [case("a0", "A", date(2024, 12, 1))])  # without the setting A would wait for it
    given.delivery("org", "2024-12-01", [
        {"source_feed": "*", "source_facility_code": code, "source_unit_code": "W", "facility_id": code, "unit_id": "W", "unit_name": "ward",
         "service_line": "ward", "time_zone": "UTC", "facility_name": code} for code in "AB"])
    given.delivery("sheet", "2025-04-02", [
        {"facility_code": code, "unit_code": "W", "class_code": "Inpatients", "period_grain": "month", "period_start_on": month, "n_encounters": 1000}
        for code in "AB" for month in (date(2024, 12, 1), JANUARY, FEBRUARY, MARCH)])
    given.delivery("cases", "2025-02-03", [case("a1", "A", JANUARY)])
    given.delivery("cases", "2025-02-04", [case("b1", "B", JANUARY), case("b2", "B", JANUARY)])
    given.delivery("cases", "2025-03-03", [case("a2", "A", FEBRUARY)])
    given.delivery("cases", "2025-04-03", [case("a3", "A", MARCH)])
    given.delivery("cases", "2025-04-09", [case("b1", "B", JANUARY), case("b3", "B", FEBRUARY)])  # late: newer cases were known
    given.write()
    warehouse.dbt("build", "--select", "+complaint_rate", "+kpi_scorecard", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    return warehouse


def values(warehouse: Warehouse, entity: str) -> dict[date, tuple]:
    rows = warehouse.rows(f"select period_start_on, value, reason from marts.kpi_value where kpi_key like 'complaint_rate:month:%:{entity}:all'")
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
    assert [tuple(row.values()) for row in cells] == [("A", None), ("B", "PERIOD_OPEN")]


def test_who_is_awaited_is_told(warehouse):
    headline, line, way_out = awaited_lines(lambda schema, table, query: [tuple(row.values()) for row in warehouse.rows(query)])
    assert headline.startswith("1 facility whose complaints have not come") and line == "  B: cases has come up to 2025-02" and "ended_feeds" in way_out
