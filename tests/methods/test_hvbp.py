"""Value-based purchasing points: worked example, order of the tests, every scored hospital of FY 2024."""

import csv
import math
import re

import numpy as np
import pytest

from methods import hvbp

NAN = float("nan")
ONE_DIMENSION = {"threshold": 63.11, "benchmark": 74.05}


def test_worked_example():
    achievement = hvbp.achievement_points(65.7507, **ONE_DIMENSION)
    improvement = hvbp.improvement_points(65.7507, 65.2044, 74.05)
    assert (achievement, improvement, hvbp.dimension_points(achievement, improvement)) == (3, 0, 3)


@pytest.mark.parametrize(
    ("performance", "points"), [(74.05, 10), (99, 10), (63.1099, 0), (63.11, 1), (74.0499, 9), (NAN, NAN)]
)
def test_achievement_at_its_limits(performance, points):
    assert np.array_equal(hvbp.achievement_points(performance, **ONE_DIMENSION), points, equal_nan=True)


def test_a_whole_number_of_points_is_not_lost_to_floating_point():
    # (pe - t) / (b - t) = 1/3 exactly: 9/3 + 0.5 = 3.5 -> 4. In binary 0.1-steps it would come out as 3.4999...
    for shift in np.arange(0, 60, 0.1):
        assert hvbp.achievement_points(round(10.1 + shift, 4), round(10 + shift, 4), round(10.3 + shift, 4)) == 4


@pytest.mark.parametrize(
    ("performance", "baseline", "benchmark", "points"),
    [
        (70, 70, 60, 0),  # no improvement is tested before the benchmark
        (70, 65, 60, 9),
        (80, 60, 80, 9),
        (62, 60, 80, 1),
        (61.9, 60, 80, 0),
        (79.9, 60, 80, 9),
        (70, NAN, 80, NAN),
    ],
)
def test_improvement(performance, baseline, benchmark, points):
    assert np.array_equal(hvbp.improvement_points(performance, baseline, benchmark), points, equal_nan=True)


def test_dimension_without_baseline_is_achievement():
    assert hvbp.dimension_points(4, NAN) == 4
    assert math.isnan(hvbp.dimension_points(NAN, NAN))


@pytest.mark.parametrize(
    ("performance", "points"),
    [([50, 70], 20), ([40, 70], 10), ([40.9, 70], 10), ([41, 70], 11), ([29, 70], 0), ([30, 10], 0), ([NAN, 70], NAN)],
)
def test_consistency_follows_the_weakest_dimension(performance, points):
    result = hvbp.consistency_points(performance, [30, 40], [50, 60])
    assert np.array_equal(result, points, equal_nan=True)


def test_a_missing_dimension_leaves_the_hospital_unscored():
    scored = hvbp.score_hospitals([[60, NAN], [60, 60]], [[50, 50], [NAN, NAN]], [20, 20], [40, 40], [80, 80])
    assert math.isnan(scored["base"][0]) and math.isnan(scored["domain"][0])
    assert scored["dimension"][1].tolist() == [5, 5] and scored["domain"][1] == 30


def published_number(text) -> float:
    """The number in a published cell: '53.50%' -> 53.5, '3 out of 10' -> 3; NaN for 'Not Available' and blanks."""
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(?:%|out of \d+)?\s*", "" if text is None else str(text))
    return float(match.group(1)) if match else float("nan")


def test_every_published_point_of_fiscal_year_2024(shared):
    with (shared / "oracles" / "hvbp_fy2024" / "hospitals_even.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    dimensions = [name.removesuffix(" Performance Rate") for name in rows[0] if name.endswith(" Performance Rate")]
    assert len(dimensions) == 8

    def matrix(suffix: str) -> np.ndarray:
        return np.array([[published_number(row[f"{d} {suffix}"]) for d in dimensions] for row in rows])

    scored = hvbp.score_hospitals(
        *(matrix(s) for s in ("Performance Rate", "Baseline Rate", "Floor", "Achievement Threshold", "Benchmark"))
    )
    published = {
        "achievement": matrix("Achievement Points"), "improvement": matrix("Improvement Points"),
        "dimension": matrix("Dimension Score"),
        "base": np.array([published_number(row["Hcahps Base Score"]) for row in rows]),
        "consistency": np.array([published_number(row["Hcahps Consistency Score"]) for row in rows]),
        "domain": np.array(
            [published_number(row["Unweighted Person And Community Engagement Domain Score"]) for row in rows]
        ),
    }  # fmt: skip
    assert np.count_nonzero(~np.isnan(published["domain"])) == 1233
    for name, expected in published.items():
        assert np.array_equal(scored[name], expected, equal_nan=True), name
