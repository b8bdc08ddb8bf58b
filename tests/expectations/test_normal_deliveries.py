"""What must never be held: the ordinary ups and downs of deliveries."""

from __future__ import annotations

from tests.expectations.conftest import COUNTS, answer, count_feed, draw, survey_feed


def held(verdicts) -> list[str]:
    return [f"{v.delivery_id}: {failure.message}" for v in verdicts for failure in v.failures]


def test_a_backfill_then_seasons_a_new_layout_and_corrections(workshop):
    feed = survey_feed()
    new = [workshop.delivery(feed, 0, n_rows=14_000)]
    for month in range(1, 15):
        winter = 0.1 if month % 12 < 4 else 0.0
        shape = {
            "nurse_listen": answer("nurse_listen", {"1": 0.03, "2": 0.06, "3": 0.2 + winter, "4": 0.71 - winter}),
            "sex_code": draw("sex", {"'1'": 0.42 + winter, "'2'": 0.58 - winter}),
        }
        if month >= 9:  # another generation of the questionnaire: one item gone, one new
            shape |= {"call_button": "null::tinyint", "rest": answer("rest", {"1": 0.1, "2": 0.2, "3": 0.3, "4": 0.4})}
        new.append(workshop.delivery(feed, month, n_rows=700 - 25 * (month % 5), faulty="i % 40 = 0", **shape))
    # Late answers to surveys of month 7: few rows, all answered, all keys known.
    new.append(workshop.delivery(feed, 8, n_rows=40, seed=7, delivery_id="correction000000", disposition_code="'1'"))
    verdicts = workshop.judge(feed, new)
    assert held(verdicts) == []
    assert len(verdicts) == 16 and len({v.n_expectations for v in verdicts}) == 1


def test_files_of_one_facility_each_are_compared_with_their_own(workshop):
    feed = survey_feed()
    sizes = {"'BIG'": 900, "'SMALL'": 90}
    new = [workshop.delivery(feed, month, n_rows=n, delivery_id=f"{facility[1:4]}{month:013d}", facility_code=facility, seed=100 * month + n)
           for month in range(6) for facility, n in sizes.items()]
    assert held(workshop.judge(feed, new)) == []


def test_few_rows_are_no_ground_to_hold(workshop):
    feed = survey_feed(cadence="weekly")
    sizes = [6, 3, 9, 1, 5, 7, 2, 14]
    new = [workshop.delivery(feed, week, n_rows=n, faulty="i = 0" if n > 1 else "false") for week, n in enumerate(sizes)]
    assert held(workshop.judge(feed, new)) == []


def test_a_workbook_that_grows_over_the_year_and_starts_again(workshop):
    feed = count_feed()
    months = [2, 4, 6, 8, 10, 12, 1, 2]
    new = [workshop.delivery(feed, 11 + number, n_rows=10 * n, shape=COUNTS, is_partial="false") for number, n in enumerate(months)]
    assert held(workshop.judge(feed, new)) == []


def test_an_empty_file_passes_where_the_format_allows_it(workshop):
    feed = survey_feed(expectations={"allow_empty": True})
    history = workshop.months(feed, 5)
    verdict, = workshop.judge(feed, [workshop.delivery(feed, 5, n_rows=0)], history)
    assert verdict.is_ok


def test_an_empty_file_is_held_where_one_with_rows_stood_that_it_cannot_replace(workshop):
    feed = survey_feed(expectations={"allow_empty": True}, replaces=["facility_code", "discharge_on"])
    history = [workshop.delivery(feed, number, place=f"month {number}") for number in range(5)]
    again = workshop.delivery(feed, 6, n_rows=0, place="month 3")
    verdict, = workshop.judge(feed, [again], history)
    assert [(one.expectation, one.observed) for one in verdict.failures] == [("emptied", 600)]
    assert "the earlier file of this name holds 600" in verdict.failures[0].message and "released, it changes no number" in verdict.failures[0].message
    assert held(workshop.judge(feed, [again], [d for d in history if d.place != "month 3"])) == []
    assert held(workshop.judge(survey_feed(expectations={"allow_empty": True}), [again], history)) == []
