"""Correlations from sums: against numpy and against regression residuals, added up over groups, and where they say nothing."""

import numpy as np
import pytest

from methods import key_drivers

RANDOM = np.random.default_rng(5)


def answers(n=400):
    """Four scores and an outcome (last), a tenth missing."""
    common = RANDOM.normal(size=(n, 1))
    values = 60 + 10 * (common + RANDOM.normal(size=(n, 5)))
    values[:, 4] += 0.8 * values[:, 0]
    values[RANDOM.random(values.shape) < 0.1] = np.nan
    return values


ALL = np.ones(5, bool)


def test_pearson_uses_the_respondents_who_gave_both():
    values = answers()
    found = key_drivers.pearson(key_drivers.sums(values, ALL))
    for i in range(5):
        for j in range(5):
            both = ~np.isnan(values[:, i]) & ~np.isnan(values[:, j])
            assert found[i, j] == pytest.approx(np.corrcoef(values[both, i], values[both, j])[0, 1], rel=1e-9)


def test_partial_is_the_correlation_of_what_the_others_do_not_explain():
    values = answers()
    found = key_drivers.partial(key_drivers.sums(values, ALL), ALL, 4)
    whole = values[~np.isnan(values).any(axis=1)]
    for driver in range(4):
        others = np.column_stack([np.ones(len(whole)), whole[:, [i for i in range(4) if i != driver]]])
        left = [column - others @ np.linalg.lstsq(others, column, rcond=None)[0] for column in (whole[:, driver], whole[:, 4])]
        assert found[driver] == pytest.approx(np.corrcoef(*left)[0, 1], rel=1e-9)
    assert np.isnan(found[4])


def test_groups_add_up():
    first, second = answers(150), answers(90)
    together = key_drivers.sums(np.vstack([first, second]), ALL)
    added = key_drivers.sums(first, ALL) + key_drivers.sums(second, ALL)
    assert key_drivers.pearson(added) == pytest.approx(key_drivers.pearson(together), rel=1e-12, nan_ok=True)
    assert key_drivers.partial(added, ALL, 4) == pytest.approx(key_drivers.partial(together, ALL, 4), rel=1e-9, nan_ok=True)


def test_interval_and_priority():
    low, high = key_drivers.interval(0.5, 103)      # z = 0.5493, standard error 0.1
    assert (float(low), float(high)) == pytest.approx((np.tanh(0.549306144 - 0.1959963985), np.tanh(0.549306144 + 0.1959963985)), rel=1e-8)
    assert np.isnan(key_drivers.interval(0.5, 3)[0]) and np.isnan(key_drivers.interval(1.0, 50)[0])
    assert key_drivers.interval(0.5, 13, n_given=10) == (pytest.approx(np.nan, nan_ok=True), pytest.approx(np.nan, nan_ok=True))
    assert key_drivers.priority([0.6, -0.4, 0.2], [70.0, 10.0, 100.0]).tolist() == pytest.approx([18.0, 0.0, 0.0])


def test_scores_that_say_nothing_are_null():
    values = answers(60)
    values[:, 0] = 70.0                     # does not vary
    values[:, 2] = values[:, 1]             # the same score twice
    total = key_drivers.sums(values, ALL)
    assert np.isnan(key_drivers.pearson(total)[0]).all() and key_drivers.pearson(total)[1, 2] == pytest.approx(1.0)
    assert np.isnan(key_drivers.partial(total, ALL, 4)).all()
    nobody = key_drivers.sums(np.full((0, 5), np.nan), ALL)
    assert np.isnan(key_drivers.pearson(nobody)).all() and np.isnan(key_drivers.partial(nobody, ALL, 4)).all()
