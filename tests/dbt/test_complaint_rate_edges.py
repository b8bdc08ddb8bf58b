"""Complaint rates where there is little to divide by, and where the mix of encounter classes moves."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingestion.kinds import KINDS
from methods import charts
from orchestration.encounter_settings import EncounterSettings
from tests.dbt.warehouse import Input, Warehouse, feed

MONTHS = [date(2024 + n // 12, n % 12 + 1, 1) for n in range(24)]  # 2024-01 .. 2025-12
FEEDS = [
    feed("cases", "complaint", ["case_id", "issue_number", "facility_code", "unit_code", "received_at", "feedback_type_code", "status_code",
                                "severity_text", "category_text", "is_grievance"], business_key=["case_id", "issue_number"]),
    feed("sheet", "encounter_count", list(KINDS["encounter_count"]), business_key=["facility_code", "unit_code", "class_code", "period_start_on"]),
    feed("org", "org_unit", list(KINDS["org_unit"])),
]
UNITS = [("A", "W", "ward"), ("A", "C", "clinic"), ("B", "W", "ward"), ("G", "W", "ward"), ("Z", "W", "ward")]


def case(number: str, facility: str, unit: str, month: date, **more: Any) -> dict[str, Any]:
    at = datetime(month.year, month.month, 10, 12)
    return {"case_id": number, "issue_number": 1, "facility_code": facility, "unit_code": unit, "received_at": at, "received_on": at.date(),
            "feedback_type_code": "complaint", "status_code": "new"} | more


def encounters(facility: str, unit: str, word: str, month: date, n: int | None) -> dict[str, Any]:
    return {"facility_code": facility, "unit_code": unit, "class_code": word, "period_grain": "month", "period_start_on": month, "n_encounters": n}


def cases_of(month: date) -> list[dict[str, Any]]:
    """Four cases on the ward of A and two in its clinic every month, one of the ward's in two categories; others now and then."""
    tag = f"{month:%Y%m}"
    found = [case(f"w{tag}-{n}", "A", "W", month, severity_text="5" if n == 0 else "2", is_grievance=n == 1) for n in range(4)]
    found += [case(f"c{tag}-{n}", "A", "C", month) for n in range(2)]
    found.append(case(f"w{tag}-0", "A", "W", month, issue_number=2, severity_text="5", category_text="Another"))
    if month == date(2025, 6, 1):
        found += [case("ghost", "G", "W", month), case("zero", "Z", "W", month), case("nobody", "??", "W", month)]
    return found


def sheet() -> list[dict[str, Any]]:
    """The clinic of A doubles its visits in 2025; ward A misses 2025-03; G never sends; Z had no visit in 2025-06; B has no case."""
    rows = []
    for month in MONTHS:
        if month != date(2025, 3, 1):
            rows.append(encounters("A", "W", "Inpatients", month, 500))
        rows.append(encounters("A", "C", "Office visits", month, 1000 if month.year == 2024 else 2000))
        rows.append(encounters("B", "W", "Inpatients", month, 400))
        rows.append(encounters("Z", "W", "Inpatients", month, 0 if month == date(2025, 6, 1) else 50))
    return rows


def build(root: Path, later: list[dict[str, Any]] | None = None, **settings: Any) -> Warehouse:
    given, warehouse = Input(root / "input", FEEDS), Warehouse(root, FEEDS)
    given.encounters = EncounterSettings.model_validate(settings)
    given.delivery("org", "2023-12-01", [
        {"source_feed": "*", "source_facility_code": code, "source_unit_code": unit, "facility_id": code, "unit_id": unit, "unit_name": unit,
         "service_line": line, "time_zone": "UTC", "facility_name": code} for code, unit, line in UNITS])
    given.delivery("cases", "2026-01-05", [row for month in MONTHS for row in cases_of(month)])
    if later:
        given.delivery("cases", "2026-03-05", later)
    first = [row | {"n_encounters": 1} for row in sheet() if row["period_start_on"] < date(2024, 6, 1)]
    given.delivery("sheet", "2024-06-05", first)
    given.delivery("sheet", "2026-01-05", sheet())
    given.write()
    warehouse.dbt("build", "--select", "+complaint_rate", "+encounter_denominator", "+kpi_trend", "--exclude-resource-type", "unit_test",
                  "--exclude-resource-type", "test")
    return warehouse


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Warehouse:
    return build(tmp_path_factory.mktemp("edges"))


def rate(warehouse: Warehouse, key: str) -> dict[str, Any]:
    return warehouse.row(f"select * from marts.complaint_rate where rate_key = '{key}'")


def test_a_facility_without_encounters_has_a_count_and_no_rate(warehouse):
    row = rate(warehouse, "month:2025-06-01:unit:G/W:total:all:all")
    assert (row["numerator"], row["denominator"], row["rate"], row["reason"]) == (1, 0, None, "DENOMINATOR_MISSING")
    assert rate(warehouse, "month:2025-06-01:facility:G:unassigned:all:all")["numerator"] == 1


def test_no_encounter_is_no_rate_and_no_case_is_a_rate_of_nought(warehouse):
    nothing = rate(warehouse, "month:2025-06-01:unit:Z/W:total:all:all")
    assert (nothing["numerator"], nothing["denominator"], nothing["rate"], nothing["reason"]) == (1, 0, None, "DENOMINATOR_MISSING")
    good = rate(warehouse, "month:2025-06-01:unit:B/W:total:all:all")
    assert (good["rate"], good["ci_low"], good["reason"]) == (0, 0, None)
    assert good["ci_high"] == pytest.approx(1000 * 3.688879454113936 / 400, rel=1e-12)  # -ln 0.025
    assert (good["rate_ratio"], good["ratio_reason"]) == (None, "NO_CASE_IN_BOTH")
    small = rate(warehouse, "month:2025-05-01:unit:Z/W:total:all:all")
    assert (small["rate"], small["reason"], small["is_publishable"]) == (0, "BELOW_MINIMUM", False)


def test_a_month_that_waits_names_its_feed(warehouse):
    row = rate(warehouse, "month:2025-03-01:unit:A/C:total:all:all")
    assert (row["rate"], row["reason"], row["missing_feeds"]) == (None, "DENOMINATOR_INCOMPLETE", "sheet: inpatient of A in 2025-03")
    whole = rate(warehouse, "month:2025-03-01:facility:A:office:all:all")
    assert whole["rate"] == 1.0 and whole["missing_feeds"] is None  # the class itself is whole
    assert rate(warehouse, "quarter:2025-01-01:facility:A:total:all:all")["reason"] == "WINDOW_INCOMPLETE"
    later = rate(warehouse, "month:2025-04-01:unit:A/W:inpatient:all:all")
    assert later["rate"] == 8.0 and later["rate_ratio"] == 1.0 and later["rate_ratio_p"] == 1.0
    assert rate(warehouse, "quarter:2025-01-01:unit:A/C:office:all:all")["rate_ratio"] == 0.5


def test_codes_nobody_mapped_have_a_count_and_no_rate(warehouse):
    row = rate(warehouse, "month:2025-06-01:facility:unassigned:total:all:all")
    assert (row["numerator"], row["rate"], row["reason"]) == (1, None, "UNASSIGNED_UNIT")


def test_the_crude_rate_moves_with_the_mix_and_the_standardised_does_not(warehouse):
    before, after = (rate(warehouse, f"month:{month}:facility:A:total:all:all") for month in ("2024-09-01", "2025-09-01"))
    assert before["rate"] == pytest.approx(4.0) and after["rate"] == pytest.approx(2.4)
    # Ward: 8 per 1,000 throughout. Clinic: 2 per 1,000, then 1. Mix of the first twelve months: 950 stays with B and Z to 1,000 visits.
    weight = 950 / 1950
    assert before["standardised_rate"] == pytest.approx(8 * weight + 2 * (1 - weight), rel=1e-12)
    assert after["standardised_rate"] == pytest.approx(8 * weight + 1 * (1 - weight), rel=1e-12)
    assert "first twelve whole months of the enterprise, 2024-01 to 2024-12" in after["standard_method"]
    assert rate(warehouse, "month:2025-09-01:facility:B:total:all:all")["standard_reason"] == "CLASS_WITHOUT_ENCOUNTERS: office"


def test_restatements_keep_their_versions(warehouse):
    versions = warehouse.rows("select version_number, n_encounters, change, is_counted from marts.encounter_version "
                              "where facility_id = 'A' and encounter_class = 'office' and month_start_on = '2024-02-01' order by 1")
    assert [tuple(row.values()) for row in versions] == [(1, 1, None, False), (2, 1000, 999, True)]
    assert f"{rate(warehouse, 'month:2024-02-01:unit:A/C:total:all:all')['denominator_delivered_at']:%Y-%m-%d}" == "2026-01-05"


def test_a_drop_is_flagged(warehouse):
    flagged = warehouse.rows("select facility_id, month_start_on, median_before, change_pct from marts.encounter_denominator where is_drop_flagged")
    assert [(row["facility_id"], row["month_start_on"], row["median_before"], row["change_pct"]) for row in flagged] == [("Z", date(2025, 6, 1), 50, -100)]
    gone = warehouse.row("select state, missing_feeds, rules from marts.encounter_denominator where facility_id = 'A' and encounter_class = 'inpatient' and month_start_on = '2025-03-01'")
    assert (gone["state"], gone["missing_feeds"]) == ("NOT_DELIVERED", "sheet") and "inpatient by discharges" in gone["rules"]


def test_own_weights_and_single_class_units(tmp_path):
    own = build(tmp_path, [case("late", "A", "W", date(2026, 2, 1))], standard_weights={"inpatient": 1, "office": 3}, case_class="unit_single", missing_feed="rate_of_what_came", drop_alert=0.99)
    row = rate(own, "month:2024-09-01:facility:A:total:all:all")
    assert row["standardised_rate"] == pytest.approx(8 * 0.25 + 2 * 0.75) and "weights of the settings" in row["standard_method"]
    waiting = rate(own, "month:2025-03-01:unit:A/C:total:all:all")
    assert waiting["rate"] == 1.0 and waiting["reason"] is None
    # Cases came for February, and no feed has counted an encounter since December: the months have their rows all the same.
    newest = rate(own, "month:2026-02-01:unit:A/W:total:all:all")
    assert (newest["numerator"], newest["rate"], newest["reason"]) == (1, None, "DENOMINATOR_MISSING")
    assert newest["missing_feeds"] == "sheet: inpatient of A in 2026-02; sheet: office of A in 2026-02"


def test_severe_cases_are_charted_by_the_encounters_between_them(warehouse):
    """One a month on the 10th of ward A, of 500 discharges a month; nobody knows those of March 2025, so two distances are unknown."""
    rows = warehouse.rows("select * from marts.kpi_trend where kpi_id = 'severe_complaint_rate' and period_grain = 'event' and level = 'unit' and unit_id = 'W' "
                          "and facility_id = 'A' order by point")

    def before(month: date) -> float:
        counted = sum(500 for one in MONTHS if one < month and one != date(2025, 3, 1))
        return counted + 500 * 9.5 / monthrange(month.year, month.month)[1]

    known = {date(2025, 3, 1), date(2025, 4, 1)}
    distances = [None if b in known else round(before(b) - before(a)) for a, b in zip(MONTHS, MONTHS[1:], strict=False)]
    assert [row["value"] for row in rows] == distances and distances.count(None) == 2
    assert [row["period_start_on"] for row in rows] == [month.replace(day=10) for month in MONTHS[1:]]
    wanted = charts.limits("g", np.array([np.nan if n is None else n for n in distances]))
    assert {(row["chart"], row["direction"], row["reason"] if row["value"] is None else None) for row in rows} == {
        ("g", "increase", None), ("g", "increase", "DENOMINATOR_INCOMPLETE")}
    for name in ("centre", "lcl", "ucl"):
        assert [row[name] for row in rows if row["value"] is not None] == pytest.approx(
            [line for n, line in zip(distances, getattr(wanted, name).tolist(), strict=True) if n is not None], rel=1e-12)
