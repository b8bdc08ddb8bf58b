"""Intervals of rates and proportions: the R oracle, textbook values, edges, properties."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from methods import intervals

NAN = float("nan")


def columns(path):
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert found
    return {key: np.array([float(row[key]) for row in found]) for key in found[0]}


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=0)


# --- agreement with R ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "column"), [("garwood", "garwood"), ("byar", "byar_PHE"), ("phe", "phe_rate")])
def test_rates_agree_with_r(shared, method, column):
    rows = columns(shared / "oracles/rates/poisson_rate_ci.csv")
    low, high = intervals.interval(method, rows["count"], rows["encounters"], rows["conf"], per=1000)
    close(low, rows[f"{column}_lo"])
    close(high, rows[f"{column}_hi"])
    close(intervals.rate(rows["count"], rows["encounters"], per=1000), rows["rate_per_1000"])


@pytest.mark.parametrize(("method", "column"), [("wilson", "wilson"), ("clopper_pearson", "cp")])
def test_proportions_agree_with_r(shared, method, column):
    rows = columns(shared / "oracles/rates/proportion_ci.csv")
    low, high = intervals.interval(method, rows["x"], rows["n"], rows["conf"])
    close(low, rows[f"{column}_lo"])
    close(high, rows[f"{column}_hi"])


def test_rate_ratio_agrees_with_r(shared):
    rows = columns(shared / "oracles/rates/rate_ratio_exact.csv")
    found = intervals.rate_ratio(rows["c1"], rows["n1"], rows["c2"], rows["n2"])
    for values, column in zip(found, ("rate_ratio", "lo", "hi", "p_value"), strict=True):
        close(values, rows[column])


# --- published values ---------------------------------------------------------------------------------------


def test_garwood_1936_table():
    low, high = intervals.garwood([0, 1, 5, 10])
    assert np.round(low, 4).tolist() == [0, 0.0253, 1.6235, 4.7954]
    assert np.round(high, 4).tolist() == [3.6889, 5.5716, 11.6683, 18.3904]


def test_wilson_of_newcombe_1998():
    low, high = intervals.wilson([81, 15, 0, 1], [263, 148, 20, 29])
    assert np.round(low, 4).tolist() == [0.2553, 0.0624, 0.0, 0.0061]
    assert np.round(high, 4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]


# --- nulls, zeros, refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", sorted(intervals.METHODS))
def test_nulls_and_empty_denominators_give_null(method):
    low, high = intervals.interval(method, [NAN, 0, 3, NAN], [10, 0, NAN, 0])
    assert np.isnan(low).all() and np.isnan(high).all()


@pytest.mark.parametrize("method", sorted(intervals.METHODS))
def test_nothing_happened(method):
    low, high = intervals.interval(method, 0, 200)
    assert low == 0 and 0 < high < 0.05


def test_rate_of_nothing_is_null_and_of_no_event_is_zero():
    assert np.isnan(intervals.rate([4, NAN, 0], [0, 10, NAN])).all()
    assert intervals.rate(0, 10) == 0


def test_everything_happened():
    for method in (intervals.wilson, intervals.clopper_pearson):
        low, high = method(25, 25)
        assert high == 1 and 0.8 < low < 1


def test_phe_changes_at_ten_events():
    assert intervals.phe([9.0, 10.0])[0].tolist() == [intervals.garwood(9)[0], intervals.byar(10)[0]]


def test_ratio_when_a_period_has_no_event():
    ratio, low, high, p = intervals.rate_ratio([5, 0, 0, 5], [100, 100, 100, 100], [0, 5, 0, NAN], [100, 100, 100, 100])
    assert ratio[0] == math.inf and high[0] == math.inf and low[0] > 0
    assert ratio[1] == 0 and low[1] == 0 and 0 < high[1] < math.inf
    assert np.isnan(ratio[2]) and (low[2], high[2], p[2]) == (0, math.inf, 1)
    assert all(np.isnan(values[3]) for values in (ratio, low, high, p))
    assert p[0] == p[1] == pytest.approx(2 * 0.5**5, rel=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: intervals.garwood(-1, 10), "negative"),
        (lambda: intervals.wilson(11, 10), "exceed"),
        (lambda: intervals.byar(1, 10, confidence=95), "between 0 and 1"),
        (lambda: intervals.interval("wald", 1, 10), "clopper_pearson"),
    ],
)
def test_impossible_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


# --- properties ---------------------------------------------------------------------------------------------


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 300), st.integers(1, 5000), st.sampled_from([0.9, 0.95, 0.998]))
def test_exact_intervals_solve_their_tail_equations(x, extra, confidence):
    n, tail = x + extra, (1 - confidence) / 2
    low, high = intervals.garwood(x, confidence=confidence)
    assert stats.poisson.cdf(x, high) == pytest.approx(tail, rel=1e-9)
    assert x == 0 or stats.poisson.sf(x - 1, low) == pytest.approx(tail, rel=1e-9)
    low, high = intervals.clopper_pearson(x, n, confidence)
    assert stats.binom.cdf(x, n, high) == pytest.approx(tail, rel=1e-8)
    assert x == 0 or stats.binom.sf(x - 1, n, low) == pytest.approx(tail, rel=1e-8)


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.25, 0.1, 1 / 3, 0.97]))
def test_p_value_is_the_sum_over_all_outcomes_not_more_probable(x, other, p0):
    m = x + other
    probabilities = [stats.binom.pmf(i, m, p0) for i in range(m + 1)]
    wanted = math.fsum(v for v in probabilities if v <= probabilities[x] * (1 + 1e-7))
    assert intervals.binomial_p(x, m, p0) == pytest.approx(min(wanted, 1), rel=1e-9)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(90, 9000)), min_size=1, max_size=20))
def test_arrays_give_what_single_numbers_give_and_hold_the_estimate(pairs):
    c, n = np.array(pairs, float).T
    for method in intervals.METHODS:
        low, high = intervals.interval(method, c, n)
        assert (low <= c / n).all() and (c / n <= high).all()
        alone = np.array([intervals.interval(method, *pair) for pair in pairs])
        np.testing.assert_allclose(np.array([low, high]).T, alone, rtol=1e-13)


def test_swapping_the_periods_inverts_the_ratio():
    ratio, low, high, p = intervals.rate_ratio(42, 10_000, 30, 10_500)
    back = intervals.rate_ratio(30, 10_500, 42, 10_000)
    close(back, [1 / ratio, 1 / high, 1 / low, p])


@pytest.mark.parametrize(("counts", "wanted"), [
    ((56, 70, 48, 80), (0.2000, 0.0524, 0.3339)), ((9, 10, 3, 10), (0.6000, 0.1705, 0.8090)), ((6, 7, 2, 7), (0.5714, 0.0582, 0.8062)),
    ((5, 56, 0, 29), (0.0893, -0.0381, 0.1926)), ((0, 10, 0, 20), (0.0, -0.1611, 0.2775)), ((10, 10, 0, 10), (1.0, 0.6075, 1.0)),
])
def test_difference_of_proportions_as_newcombe_published(counts, wanted):
    """Newcombe 1998, table II, method 10."""
    assert [float(value) for value in intervals.share_difference(*counts)] == pytest.approx(wanted, abs=5e-5)


def test_difference_of_means_agrees_with_welch():
    from scipy import stats
    first, second = [71.2, 70.4, 69.9, 72.8, 70.1], [66.0, 69.5, 64.2, 67.7]
    found = intervals.mean_difference(np.mean(first), np.var(first, ddof=1), 5, np.mean(second), np.var(second, ddof=1), 4)
    theirs = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert [float(value) for value in found] == pytest.approx([np.mean(first) - np.mean(second), theirs.low, theirs.high], rel=1e-12)
    assert np.isnan(intervals.mean_difference(1, 0, 5, 1, 0, 5)[1]) and np.isnan(intervals.mean_difference(1, 1, 1, 2, 1, 5)[1])
