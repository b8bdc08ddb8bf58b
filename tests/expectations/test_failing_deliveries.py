"""What must be held, each with the check, the column and a sentence that says why."""

from __future__ import annotations

import re

import pytest

from tests.expectations.conftest import ANSWERED, COUNTS, RACE, answer, count_feed, draw, survey_feed

FEED = survey_feed()
BLANK = "null::tinyint"


@pytest.mark.parametrize(("changes", "expected"), [
    ({"n_rows": 0}, {("row_count", None)}),
    ({"faulty": "i % 4 = 0"}, {("quarantined_share", None)}),
    ({"faulty": "i % 12 = 0", "rule": "duplicate_key"}, {("duplicate_share", None)}),
    ({"n_rows": 100}, {("volume_low", None), ("answered_low", None)}),
    ({"n_rows": 2400}, {("volume_high", None)}),
    ({"discharge_on": "delivered_at::date + 40 - (i % 28)::int"}, {("future_share", None)}),
    ({"unit_code": "case when i % 2 = 0 then 'U1' end"}, {("missing_share", "unit_code")}),
    ({"overall_rate": BLANK}, {("missing_share", "overall_rate")}),
    ({"overall_rate": answer("overall_rate", {"9": 0.5, "10": 0.5}, missing=0.6)}, {("missing_share", "overall_rate")}),
    ({"call_button": BLANK}, set()),  # is what the newer generation without this item looks like
    ({"call_button": BLANK, "race": BLANK}, {("missing_share", "race")}),
    ({name: BLANK for name in ("nurse_listen", "overall_rate", "race", "call_button")}, {("answered_low", None)}),
    ({"disposition_code": "'1'"}, {("shift", "disposition_code")}),
    ({"sex_code": draw("sex", {"'M'": 0.45, "'F'": 0.55})}, {("reorder", "sex_code")}),
])
def test_each_fault_is_named(workshop, changes: dict, expected: set):
    history = workshop.months(FEED, 6)
    assert workshop.failures(FEED, workshop.delivery(FEED, 6, **changes), history) == expected


@pytest.mark.parametrize("codes", [
    {"5": 0.70, "4": 0.15, "3": 0.08, "2": 0.05, "1": 0.02},  # list turned round
    {"2": 0.70, "3": 0.15, "4": 0.08, "5": 0.05, "1": 0.02},  # list moved by one
])
def test_a_reordered_code_list_within_the_same_range_is_caught(workshop, codes: dict):
    """A range check cannot see it: every code is still one of 1 to 5."""
    history = [workshop.delivery(FEED, 0, n_rows=900)]
    verdict, = workshop.judge(FEED, [workshop.delivery(FEED, 1, n_rows=900, race=answer("race", codes))], history)
    failure, = verdict.failures
    assert (failure.expectation, failure.column, failure.expected) == ("reorder", "race", 0.15)
    assert failure.observed > 0.4 and "; 1: 66 % before, 2 % now" in failure.message.replace("(", "; ")


def test_a_reordered_flat_code_list_is_caught_although_the_distance_is_small(workshop):
    usual = {"1": 0.35, "2": 0.3, "3": 0.2, "4": 0.1, "5": 0.05}
    moved = {"2": 0.35, "3": 0.3, "4": 0.2, "5": 0.1, "1": 0.05}
    history = workshop.months(FEED, 5, n_rows=2500, race=answer("race", usual))
    new = workshop.delivery(FEED, 5, n_rows=2500, race=answer("race", moved))
    assert workshop.failures(FEED, new, history) == {("reorder", "race")}
    assert workshop.failures(survey_feed(expectations={"max_reorder": None}), new, history) == set()


def test_the_mixture_may_drift_while_the_order_of_the_codes_holds(workshop):
    drifted = RACE | {"1": 0.50, "2": 0.28, "3": 0.14}
    history = workshop.months(FEED, 6)
    assert workshop.failures(FEED, workshop.delivery(FEED, 6, race=answer("race", drifted)), history) == set()


def test_limits_of_the_feed_replace_the_defaults(workshop):
    new = workshop.delivery(FEED, 0, faulty="i % 4 = 0", unit_code="case when i % 5 > 0 then 'U1' end")
    lenient = survey_feed(expectations={"max_quarantined_pct": 30})
    strict = survey_feed(expectations={"max_quarantined_pct": 30, "max_missing_pct": {"unit_code": 10}})
    assert workshop.failures(lenient, new) == set()
    assert workshop.failures(strict, new) == {("missing_share", "unit_code")}


def test_sentences_say_what_where_and_how_much(workshop):
    verdict, = workshop.judge(FEED, [workshop.delivery(FEED, 0, faulty="i % 2 = 0")])
    failure, = verdict.failures
    assert failure.message == ("50 % of the rows are quarantined, at most 20 % are accepted; "
                               "most often bad_date in discharge_on (300 rows)")
    assert (failure.observed, failure.expected, verdict.is_ok) == (50.0, 20.0, False)


def test_a_small_file_of_unknown_rows_is_no_correction(workshop):
    history = workshop.months(FEED, 6)
    known = {"n_rows": 100, "seed": 3, "disposition_code": "'1'"}
    assert workshop.failures(FEED, workshop.delivery(FEED, 6, **known), history) == set()
    assert ("volume_low", None) in workshop.failures(FEED, workshop.delivery(FEED, 6, **known | {"seed": 77}), history)
    # Where a delivery replaces whole facilities, a small one would remove rows; where it replaces single surveys, it would not.
    cut_off = workshop.delivery(FEED, 6, **known)
    assert ("volume_low", None) in workshop.failures(survey_feed(replaces=["facility_code"]), cut_off, history)
    assert workshop.failures(survey_feed(replaces=["survey_id"]), cut_off, history) == set()


def test_counts_are_judged_by_encounters_per_whole_month(workshop):
    feed = count_feed()
    history = [workshop.delivery(feed, 11 + n, n_rows=60 + 10 * n, shape=COUNTS) for n in range(5)]
    dropped = workshop.delivery(feed, 17, n_rows=120, shape=COUNTS | {"n_encounters": "(9 + hash(i, seed) % 2)::integer"})
    assert workshop.failures(feed, dropped, history) == {("volume_low", None)}


def test_of_large_files_one_row_in_k_is_looked_at(workshop, monkeypatch):
    """File counts stay exact, column shares come from a part of the rows, however regular the file is."""
    from expectations import measure

    monkeypatch.setattr(measure, "LOOKED_AT", 500)
    bad = workshop.delivery(FEED, 5, n_rows=3000, unit_code="case when hash(i) % 100 < 30 then 'U' end", faulty="i % 3 = 1")
    verdict, = workshop.judge(FEED, [bad], workshop.months(FEED, 5, n_rows=3000))
    quarantined, missing = verdict.failures
    assert (quarantined.observed, missing.column) == (33.33, "unit_code")
    n_looked_at = int(re.search(r"of the (\d+) accepted rows in a spread sample of the [\d,]+ rows", missing.message)[1])
    assert 200 < n_looked_at < 300 and abs(missing.observed - 70) < 10


def test_rows_a_feed_does_not_keep_are_no_fault_of_the_file(workshop):
    assert workshop.failures(FEED, workshop.delivery(FEED, 0, faulty="i % 2 = 0", rule="set_aside")) == set()


def test_warnings_do_not_hold(workshop):
    feed = survey_feed(expectations={"warn_marked_missing_pct": 5, "warn_gap_days": 20})
    history = workshop.months(feed, 1)
    marked = answer("race", RACE, missing=0.2)
    verdict, = workshop.judge(feed, [workshop.delivery(feed, 1, race=marked)], history)
    assert verdict.is_ok and not verdict.failures
    assert {(w.expectation, w.column) for w in verdict.warnings} == {("marked_missing", "race"), ("gap", None)}


def test_answers_count_where_surveys_were_answered(workshop):
    """Most sampled patients never answer; that is no missing answer."""
    history = workshop.months(FEED, 5)
    few = workshop.delivery(FEED, 5, n_rows=900, nurse_listen=f"(case when {ANSWERED} and i % 3 = 0 then 4 end)::tinyint")
    assert ("missing_share", "nurse_listen") in workshop.failures(FEED, few, history)


def test_every_one_of_many_failing_deliveries_is_held(workshop):
    """Great Expectations names 20 rows of a table unless it is asked for more."""
    feed = survey_feed(expectations={"extra": [{"type": "unexpected_rows", "sql": "select 1 from {batch} where unit_code is null", "note": "units"}]})
    for changes, name in (({"faulty": "i % 2 = 0"}, "quarantined_share"), ({"unit_code": "case when i > 0 then 'U' end"}, "unexpected_rows")):
        verdicts = workshop.judge(feed, [workshop.delivery(feed, number, n_rows=60, **changes) for number in range(25)])
        assert [[f.expectation for f in verdict.failures] for verdict in verdicts] == [[name]] * 25
