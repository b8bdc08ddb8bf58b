"""A verdict depends on the accepted deliveries before it, and on nothing else."""

from __future__ import annotations

import random

from tests.expectations.conftest import survey_feed

FEED = survey_feed()


def outcome(verdicts) -> dict:
    return {v.delivery_id: [(f.expectation, f.column, f.observed) for f in v.failures] for v in verdicts}


def test_arrival_order_and_batches_do_not_matter(make_workshop):
    first = make_workshop("a")
    sizes = [600, 620, 580, 610, 100, 90, 640, 2400]
    all_of_them = [first.delivery(FEED, number, n_rows=n) for number, n in enumerate(sizes)]
    at_once = first.judge(FEED, all_of_them)

    shuffled = random.Random(7).sample(all_of_them, len(all_of_them))
    assert outcome(make_workshop("b").judge(FEED, shuffled)) == outcome(at_once)
    assert [v.delivery_id for v in make_workshop("c").judge(FEED, shuffled)] == [d.delivery_id for d in shuffled]

    daily, accepted, one_by_one = make_workshop("d"), [], []
    for delivery in all_of_them:
        verdict, = daily.judge(FEED, [delivery], accepted)
        one_by_one.append(verdict)
        accepted += [delivery] if verdict.is_ok else []
    assert outcome(one_by_one) == outcome(at_once)
    assert [d.delivery_id for d, v in zip(all_of_them, at_once, strict=True) if not v.is_ok] == [
        all_of_them[number].delivery_id for number in (4, 5, 7)]


def test_held_deliveries_do_not_become_the_new_normal(workshop):
    history = workshop.months(FEED, 4)
    cut_off = [workshop.delivery(FEED, 4 + number, n_rows=100) for number in range(6)]
    assert [v.is_ok for v in workshop.judge(FEED, cut_off, history)] == [False] * 6
    # Released ones count: the caller hands them over as history.
    after = workshop.delivery(FEED, 10, n_rows=110)
    assert workshop.judge(FEED, [after], [*history, *cut_off])[0].is_ok


def test_later_deliveries_say_nothing_about_an_earlier_one(workshop):
    later = [workshop.delivery(FEED, number) for number in range(5, 11)]
    assert workshop.failures(FEED, workshop.delivery(FEED, 4, n_rows=100), later) == set()
    assert ("volume_low", None) in workshop.failures(FEED, workshop.delivery(FEED, 11, n_rows=100), later)


def test_version_numbers_order_deliveries_of_one_moment(workshop):
    history = workshop.months(FEED, 5)
    first = workshop.delivery(FEED, 5, n_rows=100)
    second = workshop.delivery(FEED, 5, sequence=2)
    verdicts = {v.delivery_id: v for v in workshop.judge(FEED, [second, first], history)}
    assert not verdicts[first.delivery_id].is_ok and verdicts[second.delivery_id].is_ok


def test_the_cache_changes_nothing_and_is_used(workshop):
    history = workshop.months(FEED, 6)
    new = workshop.delivery(FEED, 6, n_rows=2400)
    cold = workshop.judge(FEED, [new], history)
    kept, = workshop.work.glob("panel-*.parquet")
    for delivery in history[1:]:  # the first one tells the columns
        content = delivery.path.read_bytes()
        delivery.path.write_bytes(b"x" * len(content))  # unreadable now, so whoever read it again would fail
    assert outcome(workshop.judge(FEED, [new], history)) == outcome(cold)
    # Another definition measures other things: what was measured before does not count.
    kept.unlink()
    new_again = workshop.delivery(FEED, 6, n_rows=2400)
    assert outcome(workshop.judge(FEED, [new_again])) == {new.delivery_id: []}


def test_feeds_are_judged_apart(workshop):
    other = survey_feed(feed="quiet", label="Another survey")
    history = [d for feed in (FEED, other) for d in workshop.months(feed, 5, n_rows=600 if feed is FEED else 100)]
    new = [workshop.delivery(FEED, 5, n_rows=100), workshop.delivery(other, 5, n_rows=100)]
    assert [(v.feed, v.is_ok) for v in workshop.judge([FEED, other], new, history)] == [("panel", False), ("quiet", True)]
