"""Marts beside KPI values: lists for people, documentation in the database, and tests that can fail."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from tests.dbt.warehouse import Warehouse, day


def test_rows_by_rule_and_totals(warehouse: Warehouse) -> None:
    delivery = warehouse.row("select delivery_id from marts.data_quality where rule = 'bad_date'")["delivery_id"]
    found = warehouse.rows(f"select outcome, rule, column_name, n_rows from marts.data_quality where delivery_id = '{delivery}' order by all")
    assert [tuple(row.values()) for row in found] == [
        ("accepted", "(all)", "(all)", 16),
        ("delivered", "(all)", "(all)", 17),
        ("quarantined", "(all)", "(all)", 1),
        ("quarantined", "bad_date", "discharge_on", 1),
        ("warning", "answer_not_permitted", "quiet", 1),
        ("warning", "answer_not_permitted", "rest", 1),
    ]
    assert warehouse.row("select * exclude (delivery_id) from core.quarantine") == {
        "feed": "vendor_survey", "row_number": 16, "fault_number": 1, "rule": "bad_date", "column_name": "discharge_on", "masked": "99/99/9999"}


def test_codes_to_map_are_listed_with_what_hangs_on_them(warehouse: Warehouse) -> None:
    found = warehouse.rows("select feed, source_facility_code, source_unit_code, facility_id, n_rows, first_used_on from marts.unmapped_codes order by all")
    assert [tuple(row.values()) for row in found] == [
        ("fhir_visits", "HOSP-X", "4 West", "unassigned", 1, day("2025-03-10")),
        ("rl6", "HOSP-A", "5 East", "F1", 1, day("2025-03-20")),
        ("vendor_survey", "HOSP-B", "odd", "F2", 14, day("2017-12-31")),
        ("vendor_survey", "HOSP-X", "odd", "unassigned", 1, day("2025-02-10")),
        ("xml_survey", "330101", "(none)", "F2", 2, day("2025-04-01")),
    ]


def test_feed_status_counts_and_expects(warehouse: Warehouse) -> None:
    row = warehouse.row("select * from marts.feed_status where feed = 'vendor_survey'")
    assert (row["n_deliveries"], row["n_accepted"], row["n_held"], row["next_expected_on"], row["is_late"]) == (18, 17, 1, day("2025-09-13"), False)
    assert warehouse.row("select count(*) as n from marts.feed_status")["n"] == 7


def test_benchmarks_keep_reason_and_meaning(warehouse: Warehouse) -> None:
    rows = {row["public_measure_id"]: row for row in warehouse.rows("select * from marts.benchmark")}
    assert rows["H_COMP_1_A_P"]["value"] == 80.0 and rows["H_COMP_1_A_P"]["measure_id"] == "hcahps_nurse_communication_top_box"
    missing = rows["H_COMP_3_A_P"]
    assert (missing["value"], missing["value_reason"]) == (None, "Not Available")
    assert missing["footnote_meaning"] == "too few cases to report; not available this period"


def test_scorecard_shows_surveys_and_complaints_side_by_side(warehouse: Warehouse) -> None:
    row = warehouse.row("select * from marts.kpi_scorecard where unit_id = '4W' and month_start_on = '2025-03-01'")
    value = warehouse.row("select value, numerator, denominator from marts.kpi_value where kpi_key = 'complaint_rate:month:2025-03-01:unit:F1/4W:all'")
    assert (row["complaints_per_1000"], row["n_complaints"], row["n_encounters"]) == (value["value"], 3, value["denominator"])
    assert (row["n_surveys"], row["overall_rating_top_box_pct_reason"], row["complaints_per_1000_reason"]) == (6, "BELOW_MINIMUM", None)
    assert row["facility_name"] == "Hospital F1" and row["complaints_target"] == 2.0
    unassigned = warehouse.row("select * from marts.kpi_scorecard where facility_id = 'F1' and unit_id = 'unassigned' and month_start_on = '2025-03-01'")
    assert (unassigned["n_complaints"], unassigned["complaints_per_1000"], unassigned["complaints_per_1000_reason"]) == (1, None, "UNASSIGNED_UNIT")
    assert unassigned["overall_rating_top_box_pct_reason"] == "NOT_DEFINED"


def test_evidence_names_the_rows_and_the_rule(warehouse: Warehouse) -> None:
    rows = warehouse.rows(
        "select e.source_kind, e.rule, sum(e.numerator)::int as numerator, sum(e.denominator)::int as denominator, count(*) as n from marts.kpi_evidence as e "
        "where kpi_id = 'grievance_rate' and unit_id = '4W' and month_start_on = '2025-03-01' group by all order by all"
    )
    encounters = warehouse.row("select denominator::int as n from marts.kpi_value where kpi_key = 'grievance_rate:month:2025-03-01:unit:F1/4W:all'")["n"]
    assert [tuple(row.values()) for row in rows] == [
        ("complaint", "GRIEVANCE_UNDETERMINED", 0, 0, 1),
        ("complaint", "NOT_A_GRIEVANCE", 0, 0, 1),
        ("complaint", "VALID_CASE", 1, 0, 1),
        ("complaint", "WITHDRAWN", 0, 0, 1),
        ("encounter", "COUNTED", 0, 1, 1),
        ("encounter", "NOT_FINISHED", 0, 0, 1),
        ("encounter", "OTHER_FEED_PREFERRED", 0, 0, 1),
        ("encounter", "PART_OF_A_VISIT", 0, 0, 1),
        ("encounter_count", "COUNTED", 0, encounters - 1, 2),
    ]


def test_every_column_of_core_and_marts_is_documented_in_the_database(warehouse: Warehouse) -> None:
    columns = warehouse.rows("select schema_name, table_name, column_name, comment from duckdb_columns() where schema_name in ('core', 'marts', 'restricted')")
    assert len(columns) > 400
    assert [row for row in columns if not row["comment"]] == []
    tables = warehouse.rows("select table_name, comment from duckdb_tables() where schema_name in ('core', 'marts') "
                            "union all select view_name, comment from duckdb_views() where schema_name in ('core', 'marts')")
    assert len(tables) > 30 and [row for row in tables if not row["comment"]] == []


def test_published_keys_are_declared(warehouse: Warehouse) -> None:
    keys = {row["table_name"] for row in warehouse.rows("select table_name from duckdb_constraints() where constraint_type = 'PRIMARY KEY' and schema_name = 'marts'")}
    assert {"kpi_value", "kpi_scorecard", "dim_unit", "dim_facility", "dim_measure", "dim_kpi", "response_rate", "feed_status", "data_quality"} <= keys


FAULTS = {
    "rows_reconcile": "delete from core.delivery_rows where rule = '(all)' and outcome = 'quarantined' and n_rows > 0",
    "keys_hold": "insert into core.measure_month from core.measure_month limit 1",
    "parts_make_totals": "update marts.kpi_value set numerator = numerator + 1 where kpi_key = 'complaint_rate:month:2025-03-01:facility:F1:all'",
    "kpi_values_are_sound": "update marts.kpi_value set reason = 'BELOW_MINIMUM' where kpi_key = 'complaint_rate:month:2025-02-01:facility:F2:all'",
    "kpi_evidence_equals_value": "update core.fct_encounter set n_encounters = n_encounters + 1 where is_counted and feed = 'sheet' and row_number = 1",
}


def test_each_data_test_fails_on_the_fault_it_is_there_for(warehouse: Warehouse, tmp_path) -> None:
    broken = Warehouse(tmp_path, list(warehouse.feeds.values()))
    shutil.copytree(warehouse.project, broken.project)
    shutil.copy(warehouse.file, broken.file)
    broken.input = warehouse.input
    with duckdb.connect(str(broken.file)) as con:
        for fault in FAULTS.values():
            con.execute(fault)
    with pytest.raises(AssertionError) as failure:
        broken.dbt("test", "--select", "test_type:singular")
    told = str(failure.value)
    assert [name for name in FAULTS if name not in told] == []
