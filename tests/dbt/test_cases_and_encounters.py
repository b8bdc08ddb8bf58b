"""Complaints and encounters in core: local dates, snapshots, one feed per denominator."""

from __future__ import annotations

from tests.dbt.warehouse import Warehouse, day


def test_cases_stand_as_the_last_snapshot_shows_them(warehouse: Warehouse) -> None:
    found = {row["case_id"]: row for row in warehouse.rows("select * from core.fct_complaint")}
    assert sorted(found) == ["C0", "C1", "C2", "C3", "C4", "C5", "C6", "C7"]
    assert {case_id: row["exclusion_reason"] for case_id, row in found.items() if not row["is_valid_case"]} == {"C2": "WITHDRAWN", "C6": "TEST"}
    assert found["C5"]["unit_key"] == "F1/unassigned"


def test_a_case_at_half_past_eleven_stays_in_its_local_month(warehouse: Warehouse) -> None:
    row = warehouse.row("select * from core.fct_complaint where case_id = 'C4'")
    assert (str(row["received_at"]), row["received_on"], row["month_start_on"]) == ("2025-04-01 04:30:00", day("2025-03-31"), day("2025-03-01"))


def test_issues_of_the_last_snapshot_are_kept_once(warehouse: Warehouse) -> None:
    issues = warehouse.rows("select case_id, issue_number, category_text from core.fct_complaint_issue where case_id in ('C1', 'C2') order by all")
    assert [tuple(row.values()) for row in issues] == [("C1", 1, "Care"), ("C1", 2, "Noise"), ("C2", 1, "Care")]


def test_narratives_are_in_the_restricted_schema_only(warehouse: Warehouse) -> None:
    texts = warehouse.rows("select case_id, text from restricted.complaint_narrative where case_id = 'C1' order by row_number")
    assert [row["text"] for row in texts] == ["text of C1"] * 3
    columns = warehouse.rows("select schema_name, table_name, column_name from duckdb_columns() where column_name in ('text', 'narrative')")
    assert {row["schema_name"] for row in columns} == {"restricted"}


def test_visits_count_once_and_only_when_finished(warehouse: Warehouse) -> None:
    rows = warehouse.rows("select distinct rule, is_counted, encounter_class, month_start_on from core.fct_encounter where feed = 'fhir_visits' and counted_on < '2025-04-01' order by all")
    assert [tuple(row.values()) for row in rows] == [
        ("COUNTED", True, "outpatient", day("2025-03-01")),
        ("NOT_FINISHED", False, "outpatient", day("2025-03-01")),
        ("OTHER_FEED_PREFERRED", False, "emergency", day("2025-03-01")),
        ("PART_OF_A_VISIT", False, "outpatient", day("2025-03-01")),
    ]


def test_sheets_are_restated_and_partial_months_are_not_whole(warehouse: Warehouse) -> None:
    assert warehouse.rows("select * from core.fct_encounter where n_encounters = 1 and feed = 'sheet'") == []
    states = warehouse.rows("select facility_id, encounter_class, month_start_on, state from core.encounter_completeness where not is_complete and month_start_on < '2025-08-01'")
    assert [tuple(row.values()) for row in states] == [("F2", "surgery_short_stay", day("2025-02-01"), "NOT_DELIVERED")]
    partial = warehouse.row("select state from core.encounter_completeness where encounter_class = 'emergency' and month_start_on = '2025-08-01'")
    assert partial["state"] == "PARTIAL"
