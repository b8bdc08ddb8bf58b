"""Extra expectations of a feed: every type runs inside DuckDB, per delivery, and gives counts."""

from __future__ import annotations

import pytest

from expectations.settings import EXTRA_TYPES
from tests.expectations.conftest import survey_feed

# type -> (kwargs that a normal delivery meets, kwargs that it does not)
CASES = {
    "expect_column_values_to_be_between": ({"column": "overall_rate", "min_value": -1, "max_value": 10}, {"column": "overall_rate", "max_value": 5}),
    "expect_column_values_to_be_in_set": ({"column": "sex_code", "value_set": ["1", "2"]}, {"column": "sex_code", "value_set": ["1"]}),
    "expect_column_values_to_not_be_in_set": ({"column": "sex_code", "value_set": ["M"]}, {"column": "sex_code", "value_set": ["1"]}),
    "expect_column_values_to_be_null": ({"column": "rest"}, {"column": "sex_code"}),
    "expect_column_values_to_not_be_null": ({"column": "sex_code"}, {"column": "rest"}),
    "expect_column_values_to_be_unique": ({"column": "survey_id"}, {"column": "unit_code"}),
    "expect_column_value_lengths_to_be_between": ({"column": "patient_id", "min_value": 32, "max_value": 32}, {"column": "patient_id", "max_value": 31}),
    "expect_column_value_lengths_to_equal": ({"column": "sex_code", "value": 1}, {"column": "sex_code", "value": 2}),
    "expect_column_unique_value_count_to_be_between": ({"column": "facility_code", "max_value": 4}, {"column": "facility_code", "max_value": 1}),
    "expect_column_proportion_of_unique_values_to_be_between": ({"column": "survey_id", "min_value": 1}, {"column": "sex_code", "min_value": 1}),
    "expect_column_min_to_be_between": ({"column": "overall_rate", "min_value": -1}, {"column": "overall_rate", "min_value": 0}),
    "expect_column_max_to_be_between": ({"column": "overall_rate", "max_value": 10}, {"column": "overall_rate", "max_value": 9}),
    "expect_column_mean_to_be_between": ({"column": "overall_rate", "min_value": 7}, {"column": "overall_rate", "max_value": 7}),
    "expect_column_sum_to_be_between": ({"column": "overall_rate", "min_value": 1}, {"column": "overall_rate", "max_value": 1}),
    "expect_column_distinct_values_to_be_in_set": ({"column": "sex_code", "value_set": ["1", "2"]}, {"column": "sex_code", "value_set": ["1"]}),
    "expect_column_pair_values_to_be_equal": ({"column_A": "sex_code", "column_B": "sex_code"}, {"column_A": "sex_code", "column_B": "unit_code"}),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        {"column_A": "delivered_at", "column_B": "discharge_on"}, {"column_A": "nurse_listen", "column_B": "overall_rate"}),
    "expect_compound_columns_to_be_unique": ({"column_list": ["survey_id", "sex_code"]}, {"column_list": ["sex_code", "unit_code"]}),
    "expect_table_row_count_to_be_between": ({"min_value": 600, "max_value": 600}, {"max_value": 10}),
}


def test_every_available_type_runs_in_duckdb_and_can_fail(workshop):
    assert set(CASES) | {"unexpected_rows"} == EXTRA_TYPES
    for number, is_met in ((0, True), (1, False)):
        extras = [{"type": name, "kwargs": cases[number]} for name, cases in CASES.items()]
        extras.append({"type": "unexpected_rows", "sql": f"select * from {{batch}} where overall_rate > {10 if is_met else 9}"})
        feed = survey_feed(expectations={"extra": extras})
        verdict, = workshop.judge(feed, [workshop.delivery(feed, 0)])
        assert [f.expectation for f in verdict.failures] == ([] if is_met else [*CASES, "unexpected_rows"])
        assert not [f.message for f in verdict.failures if "could not be evaluated" in f.message]


def test_mostly_counts_within_each_delivery(workshop):
    extra = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "unit_code", "mostly": 0.9}, "note": "units are known"}
    feed = survey_feed(expectations={"extra": [extra]})
    good, bad = workshop.delivery(feed, 0, n_rows=2000), workshop.delivery(feed, 1, n_rows=100, unit_code="case when i % 4 > 0 then 'U' end")
    verdicts = workshop.judge(feed, [good, bad])
    assert [v.is_ok for v in verdicts] == [True, False]
    failure, = verdicts[1].failures
    assert (failure.message, failure.column) == ("units are known: not met by 25 rows (25.0 %)", "unit_code")
    assert failure.observed == 25.0


def test_a_file_of_one_facility_and_one_month(workshop):
    """The file rules of HCAHPS XML as a feed would write them."""
    feed = survey_feed(expectations={"extra": [
        {"type": "expect_column_unique_value_count_to_be_between", "kwargs": {"column": "facility_code", "max_value": 1},
         "note": "one facility per file"},
        {"type": "unexpected_rows", "note": "one discharge month per file", "rows": "all",
         "sql": "select date_trunc('month', discharge_on) as m from {batch} group by m having m <> (select max(date_trunc('month', discharge_on)) from {batch})"},
    ]})
    one = {"facility_code": "'F1'", "discharge_on": "date '2025-01-01' + (i % 20)::int"}
    good, bad = workshop.delivery(feed, 0, **one), workshop.delivery(feed, 1)
    verdicts = workshop.judge(feed, [good, bad])
    assert verdicts[0].is_ok
    assert [f.message for f in verdicts[1].failures] == ["one facility per file: not met, observed 4", "one discharge month per file: 1 unexpected row"]


def test_extras_see_accepted_rows_unless_all_are_wanted(workshop):
    def judged(rows: str) -> bool:
        extra = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "overall_rate", "max_value": 10}, "rows": rows}
        feed = survey_feed(expectations={"extra": [extra]})
        rate = "(case when i % 20 = 0 then 99 else 8 end)::tinyint"
        return workshop.judge(feed, [workshop.delivery(feed, 0, faulty="i % 20 = 0", overall_rate=rate)])[0].is_ok

    assert judged("accepted") and not judged("all")


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_an_extra_that_cannot_run_holds_its_delivery_with_a_reason(workshop, severity: str):
    extra = {"type": "unexpected_rows", "sql": "select * from {batch} where unit_code::integer > 0", "severity": severity}
    feed = survey_feed(expectations={"extra": [extra]})
    verdict, = workshop.judge(feed, [workshop.delivery(feed, 0)])
    assert verdict.is_ok == (severity == "warning")
    said, = verdict.failures or verdict.warnings
    assert said.message == ("unexpected_rows: could not be evaluated (ConversionException); check the extra in the feed's definition")


def test_a_failing_extra_keeps_the_delivery_out_of_history(workshop):
    extra = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "unit_code"}}
    feed = survey_feed(expectations={"extra": [extra], "min_history": 1})
    first = workshop.delivery(feed, 0, n_rows=3000, unit_code="case when i > 0 then 'U' end")
    second = workshop.delivery(feed, 1, n_rows=300)
    assert [v.is_ok for v in workshop.judge(feed, [first, second])] == [False, True]
