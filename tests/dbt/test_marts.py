"""Marts beside KPI values: lists for people, documentation in the database, and tests that can fail."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from types import SimpleNamespace

import duckdb
import pytest

from ingestion.cadence import due_after
from orchestration.dbt_render import PROJECT_DIR
from orchestration.unmapped import reading_build, unmapped_class_lines, unmapped_word_lines
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


def test_words_of_encounter_classes_that_nobody_mapped_are_told(warehouse: Warehouse) -> None:
    found = warehouse.rows("select feed, source_text, n_issues, first_used_on from marts.unmapped_words where dimension = 'encounter_class'")
    assert [tuple(row.values()) for row in found] == [("fhir_visits", "Ward round", 1, day("2025-04-10"))]
    with reading_build(SimpleNamespace(build_file=warehouse.file)) as rows:
        headline, told, way_out = unmapped_class_lines(rows)
        assert not any("Ward round" in line for line in unmapped_word_lines(rows))
    assert headline.startswith("1 word of encounter classes") and told == "  fhir_visits: 1 word in 1 row: Ward round" and "codes" in way_out


def test_feed_status_counts_and_expects(warehouse: Warehouse) -> None:
    row = warehouse.row("select * from marts.feed_status where feed = 'vendor_survey'")
    assert (row["n_deliveries"], row["n_accepted"], row["n_held"]) == (18, 17, 1)
    assert (row["next_due_on"], row["late_after_on"]) == (day("2025-09-05"), day("2025-09-13"))
    assert (row["n_rows_held"], row["n_rows_quarantined"]) == (1, 1)
    assert row["n_rows_delivered"] == row["n_rows_accepted"] + 2
    assert warehouse.row("select count(*) as n from marts.feed_status")["n"] == 7


@pytest.mark.parametrize(("cadence", "days"), [("daily", (1, 2)), ("weekly", (7, 9)), ("monthly", (31, 39)), ("quarterly", (92, 114))])
def test_due_dates_follow_the_cadence(cadence: str, days: tuple[int, int]) -> None:
    due = due_after(cadence, datetime(2025, 3, 10, 23, 30))
    assert ((due.next_due_on - day("2025-03-10")).days, (due.late_after_on - day("2025-03-10")).days) == days
    assert due.days_late(due.late_after_on) == 0 and due.days_late(due.late_after_on + timedelta(days=1)) == days[1] - days[0] + 1
    assert due_after("none", datetime(2025, 3, 10)) is None and due_after(cadence, None) is None


def test_the_mart_and_the_command_line_agree_when_a_feed_is_due(warehouse: Warehouse) -> None:
    rows = warehouse.rows("select * from marts.feed_status")
    told = {row["feed"]: due_after(row["cadence"], row["last_accepted_at"]) for row in rows}
    assert {row["feed"]: (row["next_due_on"], row["late_after_on"]) for row in rows} == {
        feed: (due.next_due_on, due.late_after_on) if due else (None, None) for feed, due in told.items()}
    assert sum(due is not None for due in told.values()) == 2


def test_good_rows_of_a_held_delivery_are_not_called_accepted(warehouse: Warehouse) -> None:
    found = warehouse.rows("select outcome, n_rows from marts.data_quality where status = 'held' order by all")
    assert [tuple(row.values()) for row in found] == [("delivered", 1), ("held", 1), ("quarantined", 0)]


def test_response_rate_says_what_kpi_value_says(warehouse: Warehouse) -> None:
    differing = warehouse.rows("""
        select r.*, v.value, v.reason as kpi_reason from marts.response_rate as r
        left join marts.kpi_value as v on v.kpi_id = 'hcahps_response_rate' and v.level = 'unit' and v.period_grain = 'month'
            and v.facility_id = r.facility_id and v.unit_id = r.unit_id and v.period_start_on = r.month_start_on
        where r.month_start_on >= '2018-01-01' and (r.reason, r.is_publishable, r.response_rate_pct, r.ci_low, r.ci_high, r.n_complete)
            is distinct from (v.reason, v.is_publishable, v.value, v.ci_low, v.ci_high, v.numerator::bigint)""")
    assert differing == []
    reasons = {row["reason"] for row in warehouse.rows("select distinct reason from marts.response_rate")}
    assert {"UNASSIGNED_UNIT", "BELOW_MINIMUM"} <= reasons


def test_benchmarks_keep_reason_and_meaning(warehouse: Warehouse) -> None:
    rows = {row["public_measure_id"]: row for row in warehouse.rows("select * from marts.benchmark")}
    assert rows["H_COMP_1_A_P"]["value"] == 80.0 and rows["H_COMP_1_A_P"]["measure_id"] == "hcahps_nurse_communication_top_box"
    missing = rows["H_COMP_3_A_P"]
    assert (missing["value"], missing["value_reason"]) == (None, "Not Available")
    assert missing["footnote_meaning"] == "too few cases to report; not available this period"


def test_a_footnote_decides_whether_a_published_value_may_be_used(warehouse: Warehouse) -> None:
    found = {row["public_measure_id"]: row["is_usable"] for row in warehouse.rows("select public_measure_id, is_usable from marts.benchmark")}
    assert found == {"H_COMP_1_A_P": True, "H_COMP_3_A_P": False, "H_COMP_2_A_P": True, "H_COMP_5_A_P": False, "H_COMP_2_LINEAR_SCORE": True, "H_COMP_2_STAR_RATING": False}


def test_scorecard_shows_surveys_and_complaints_side_by_side(warehouse: Warehouse) -> None:
    row = warehouse.row("select * from marts.kpi_scorecard where unit_id = '4W' and month_start_on = '2025-03-01'")
    value = warehouse.row("select value, numerator, denominator from marts.kpi_value where kpi_key = 'complaint_rate:month:2025-03-01:unit:F1/4W:all'")
    assert (row["complaints_per_1000"], row["n_complaints"], row["n_encounters"]) == (value["value"], 3, value["denominator"])
    assert (row["n_surveys"], row["overall_rating_top_box_pct_reason"], row["complaints_per_1000_reason"]) == (6, "BELOW_MINIMUM", None)
    assert row["facility_name"] == "Hospital F1" and row["complaints_target"] == 2.0
    unassigned = warehouse.row("select * from marts.kpi_scorecard where facility_id = 'F1' and unit_id = 'unassigned' and month_start_on = '2025-03-01'")
    assert (unassigned["n_complaints"], unassigned["complaints_per_1000"], unassigned["complaints_per_1000_reason"]) == (1, None, "UNASSIGNED_UNIT")
    assert (unassigned["overall_rating_top_box_pct_reason"], unassigned["n_surveys"]) == ("UNASSIGNED_UNIT", 0)


def test_every_empty_cell_of_the_scorecard_says_why(warehouse: Warehouse) -> None:
    columns = [row["column_name"] for row in warehouse.rows("select column_name from duckdb_columns() where table_name = 'kpi_scorecard' and column_name like '%\\_reason' escape '\\'")]
    assert len(columns) == 10
    silent = " or ".join(f"({c.removesuffix('_reason')} is null and {c} is null)" for c in columns)
    assert warehouse.row(f"select count(*) as n, count(*) filter ({silent} or n_surveys is null) as n_silent from marts.kpi_scorecard")["n_silent"] == 0
    reasons = {row["r"] for c in columns for row in warehouse.rows(f"select distinct {c} as r from marts.kpi_scorecard")}
    assert reasons - {None} >= {"BELOW_MINIMUM", "UNASSIGNED_UNIT", "PERIOD_OPEN"} and "NOT_DEFINED" not in reasons


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
    # Steps in Python have no contract; what they make is described where a mart shows it.
    in_python = {path.stem for path in PROJECT_DIR.rglob("models/**/*.py")}
    columns = [row for row in warehouse.rows(
        "select schema_name, table_name, column_name, comment from duckdb_columns() where schema_name in ('core', 'marts', 'restricted')")
        if row["schema_name"] != "core" or row["table_name"] not in in_python]
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
