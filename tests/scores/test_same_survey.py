"""A survey that two feeds deliver is counted once, and the row that is left out is listed with the one that counts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from orchestration.unmapped import reading_build, reference_fault_lines, same_survey_lines
from tests.dbt.warehouse import Warehouse


def test_a_survey_of_two_feeds_counts_once(scores: Warehouse) -> None:
    found = scores.rows("select feed, row_number, rule, counted_feed, counted_row_number from core.same_survey order by row_number")
    assert found == [
        {"feed": "review_copy", "row_number": 1, "rule": "SAME_NUMBER", "counted_feed": "review_survey", "counted_row_number": 1},
        {"feed": "review_copy", "row_number": 2, "rule": "SAME_PATIENT", "counted_feed": "review_survey", "counted_row_number": 2},
        {"feed": "review_copy", "row_number": 4, "rule": "SAME_PATIENT", "counted_feed": "review_survey", "counted_row_number": 5},  # the row of that patient
    ]
    counted = {row["month"]: row["n"] for row in scores.rows(
        "select cast(month_start_on as varchar) as month, count(*) as n from core.fct_survey where family = 'review' group by month_start_on")}
    assert counted == {"2025-02-01": 3, "2025-01-01": 2, "2024-12-01": 2}
    told = scores.rows("select rule, n_rows from marts.data_quality where outcome = 'counted_elsewhere' order by rule")
    assert told == [{"rule": "DUPLICATE_RETURN", "n_rows": 5}, {"rule": "SAME_NUMBER", "n_rows": 1}, {"rule": "SAME_PATIENT", "n_rows": 2}]


def test_the_first_questionnaire_of_a_patient_counts_unless_a_later_one_says_much_more(scores: Warehouse) -> None:
    found = scores.rows("select row_number, superseded_by_row_number as kept from core.superseded_row where feed = 'pg_survey' and rule = 'DUPLICATE_RETURN' order by 1")
    assert [(row["row_number"], row["kept"]) for row in found] == [(2, 1), (3, 4), (5, 6), (12, 14), (13, 14)]
    counted = {row["survey_id"].split("A")[-1] for row in scores.rows("select survey_id from core.fct_survey_pg where unit_key like 'F2/%' or unit_key = 'unassigned/unassigned'")}
    assert counted >= {"1-1", "1-4", "1-6", "1-7", "1-8", "1-9", "2-9", "1-10", "1-13"} and not counted & {"1-2", "1-3", "1-5", "1-11", "1-12"}
    corrected = scores.row("select rule from core.superseded_row as s where feed = 'pg_survey' and rule = 'NEWER_VERSION'")
    assert corrected["rule"] == "NEWER_VERSION"


def test_the_evidence_holds_the_counted_row_alone(scores: Warehouse) -> None:
    rows = scores.rows("select feed, row_number from marts.kpi_evidence where kpi_id = 'review_stars_top_box' and month_start_on = '2025-02-01' and is_counted order by row_number")
    assert [(row["feed"], row["row_number"]) for row in rows] == [("review_survey", n) for n in (1, 2, 3)]


def test_a_run_tells_of_them_and_of_names_that_nothing_knows(scores: Warehouse, tmp_path: Path) -> None:
    with reading_build(SimpleNamespace(build_file=scores.file)) as rows:
        told, twice = same_survey_lines(rows)
        headline, *lines = reference_fault_lines(rows)
    assert twice.startswith("5 surveys of pg_survey from patients who returned another one")
    assert told.startswith("3 surveys of review_copy came by review_survey too") and "priority" in told
    assert headline.startswith("4 names or values in reference files") and len(lines) == 4
    assert lines[0] == ("  cuts: measure_name 'hcahps_clenliness' unknown measure in 4 rows, first in row 52; nearest known name: hcahps_cleanliness; "
                        "correct the file and deliver it again")  # fmt: skip
    with reading_build(SimpleNamespace(build_file=tmp_path / "none.duckdb")) as rows:
        assert list(same_survey_lines(rows)) == list(reference_fault_lines(rows)) == []
