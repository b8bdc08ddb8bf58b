"""Scores from answers: worked examples of the reference and their limits."""

import math
import random

import numpy as np
import pytest

from methods import scoring

NAN = float("nan")

# Five patients, items A1-A3, B1-B4, C1-C2, already 0-100.
FIVE_PATIENTS = [
    [100, 75, 100, 25, 75, 100, 25, 100, 75],
    [75, 50, 50, 50, 50, 75, 25, 100, 75],
    [75, 75, 75, 75, 25, 75, 50, 75, 75],
    [50, 50, 100, 75, 25, 50, 75, 50, 50],
    [50, 75, 100, 75, 50, 25, 50, 75, 50],
]
SECTIONS = [(0, 1, 2), (3, 4, 5, 6), (7, 8)]


def test_mean_score_of_the_five_patient_example():
    sections, overall = scoring.mean_score(FIVE_PATIENTS, SECTIONS)
    assert [scoring.round_half_up(s, 1) for s in sections] == [73.3, 53.8, 72.5]
    assert scoring.round_half_up(overall, 1) == 66.5


def test_mean_score_leaves_out_what_a_patient_did_not_answer():
    points = [[100, NAN, NAN, NAN], [0, 100, 50, 50], [NAN, NAN, NAN, NAN]]
    sections, overall = scoring.mean_score(points, [(0, 1), (2, 3)])
    assert sections == [75.0, 50.0]
    assert overall == 75.0  # patients: 100 (one section) and 50 (sections 50 and 50); nobody else


def test_mean_score_without_answers_is_missing():
    sections, overall = scoring.mean_score([[NAN, NAN]], [(0,), (1,)])
    assert math.isnan(overall) and all(math.isnan(s) for s in sections)


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [(0.5, 0, 1), (1.5, 0, 2), (2.5, 0, 3), (-0.5, 0, 0), (-1.5, 0, -1), (4.4375, 0, 4), (66.45, 1, 66.5),
     (0.49999999999999994, 0, 0)],
)  # fmt: skip
def test_round_half_up(value, digits, rounded):
    assert scoring.round_half_up(value, digits) == rounded


def test_round_half_up_keeps_missing_and_shape():
    assert np.array_equal(scoring.round_half_up([2.5, NAN, 3.49]), [3, NAN, 3], equal_nan=True)


@pytest.mark.parametrize(
    ("shares", "whole"), [([1, 1, 1], [34, 33, 33]), ([66.4, 21.3, 12.3], [67, 21, 12]), ([5, 0, 0], [100, 0, 0])]
)
def test_largest_remainder(shares, whole):
    assert scoring.largest_remainder(shares) == whole


def test_largest_remainder_gives_ties_to_the_earlier_entry_in_spite_of_rounding_errors():
    assert scoring.largest_remainder([0.34, 1.34, 8.32], total=10) == [1, 1, 8]


def test_largest_remainder_adds_up_and_stays_within_one():
    source = random.Random(7)
    for _ in range(300):
        shares = [source.random() for _ in range(source.randint(1, 9))]
        whole = scoring.largest_remainder(shares)
        assert sum(whole) == 100
        assert all(abs(w - 100 * s / sum(shares)) < 1 for w, s in zip(whole, shares))


@pytest.mark.parametrize("shares", [[], [0, 0], [1, -1], [NAN, 1]])
def test_largest_remainder_refuses_what_has_no_answer(shares):
    with pytest.raises(ValueError, match="non-negative"):
        scoring.largest_remainder(shares)


@pytest.mark.parametrize(
    ("items", "expected"),
    [([68, 72, 61], 67), ([20, 21, 23], 21 + 1 / 3), ([65, 55, 75], 65), ([25, 40, 10], 25), ([12, NAN, 16], 14)],
)
def test_composite_is_the_mean_of_item_scores(items, expected):
    assert scoring.composite(items) == pytest.approx(expected)


def test_composite_per_entity():
    assert np.array_equal(scoring.composite([[1, 3], [NAN, 2], [NAN, NAN]]), [2, 2, NAN], equal_nan=True)


def test_ten_answers_mean_and_top_box():
    counts = {4: 4, 3: 2, 2: 2, 1: 2}
    assert scoring.weighted_mean(counts, {v: v for v in (1, 2, 3, 4)}) == pytest.approx(2.8)
    assert scoring.weighted_mean(counts, {1: 0, 2: 0, 3: 0, 4: 100}) == pytest.approx(40)
    assert scoring.box_shares(counts, [(1, 2), (3,), (4,)]) == pytest.approx([0.4, 0.2, 0.4])


def test_codes_outside_the_scale_are_no_answers():
    assert scoring.weighted_mean({1: 1, 98: 5}, {0: 0, 1: 100}) == 100
    assert scoring.weighted_mean({98: 5}, {0: 0, 1: 100}) is None
    assert scoring.box_shares({98: 5}, [(0,), (1,)]) is None


def test_net_promoter_score():
    groups = scoring.promoter_groups([10, 9, 9, 8, 7, 6, 0, 11, -1, 8.5, NAN])
    assert groups == (3, 2, 2)
    assert scoring.net_promoter_score(*groups) == pytest.approx(100 / 7)
    assert scoring.net_promoter_score(0, 0, 5) == -100
    assert scoring.net_promoter_score(0, 0, 0) is None
    with pytest.raises(ValueError, match="negative"):
        scoring.net_promoter_score(-1, 0, 0)


def test_friends_and_family_keeps_neither_and_dont_know_in_the_denominator():
    score = scoring.friends_and_family({1: 50, 2: 30, 3: 8, 4: 5, 5: 3, 6: 4})
    assert score == {"n": 100, "positive_pct": 80.0, "negative_pct": 8.0}
    assert scoring.friends_and_family({})["positive_pct"] is None


def _number(text: str) -> float:
    return float(text) if text.replace(".", "", 1).isdigit() else NAN


def test_oas_published_scores_fit_together(shared):
    """Boxes of a measure add up to 100; a composite's linear mean is top + middle/2; the response rate holds."""
    import csv

    folder = shared / "oracles" / "oas_hopd_2024_07"
    n_scored = 0
    for name in ("hospital.csv", "state.csv", "national.csv"):
        with (folder / name).open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = csv.reader(stream)
        first = next(i for i, column in enumerate(header) if column.startswith("Patients who reported"))
        sampled, completed, rate = (
            next(i for i, column in enumerate(header) if column.startswith(start))
            for start in ("Number of Sampled", "Number of Completed", "Survey Response")
        )
        for row in rows:
            values = np.array([_number(cell) for cell in row[first : first + 16]]).reshape(4, 4)
            if "Footnote" in header and "4" in row[header.index("Footnote")].split(";"):
                assert np.isnan(values).all()
            scored = ~np.isnan(values).any(axis=1)
            n_scored += int(scored.sum())
            assert (values[scored, :3].sum(axis=1) == 100).all()
            linear = scoring.linear_from_three_boxes(values[:2, 0], values[:2, 1])
            assert (np.abs(linear - values[:2, 3])[scored[:2]] <= 1.0).all()
            if scored.any():
                assert _number(row[rate]) >= 100 * _number(row[completed]) / _number(row[sampled]) - 0.5
            for boxes in values[scored, :3]:
                assert scoring.largest_remainder(boxes) == boxes.tolist()
    assert n_scored > 4000  # 1,049 hospitals, the states and the nation, four measures each
