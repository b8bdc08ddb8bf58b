"""Properties of control limits: every chart against a plain second computation, batches, padding, scale, poor series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods import charts, signals
from tests.methods import plain_charts
from tests.methods.plain_charts import CHARTS, as_float, batches

NAN = float("nan")
QUICK = settings(deadline=None, derandomize=True, max_examples=60)
NAMES = ("y", "centre", "lcl", "lcl95", "ucl95", "ucl")


def close(found, wanted):
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=1e-9, atol=0)


# --- a plain second computation -----------------------------------------------------------------------------


@QUICK
@given(st.data(), st.sampled_from(CHARTS), batches())
def test_every_chart_equals_the_plain_computation(data, name, batch):
    c, n = batch
    given_options = data.draw(plain_charts.options(len(c[0])))
    found = charts.limits(name, as_float(c), as_float(n), **given_options)
    for s, (counts, sizes) in enumerate(zip(c, n, strict=True)):
        screen = given_options["screen_mr"]
        rows = plain_charts.chart(name, counts, sizes, given_options["parts"], given_options["freeze"], given_options["exclude"], screen)
        for t, (y, centre, lines) in enumerate(rows):
            wanted = {"y": y, "centre": centre, **lines}
            for key, value in wanted.items():
                here = getattr(found, key)[s, t]
                assert np.isnan(here) if value is None else here == pytest.approx(value, rel=1e-9, abs=1e-12), (key, s, t)


# --- properties of batches ----------------------------------------------------------------------------------


def lines(found):
    return [getattr(found, name) for name in NAMES]


def same(a, b):
    for one, other in zip(lines(a), lines(b), strict=True):
        np.testing.assert_array_equal(one, other)


@QUICK
@given(st.data(), st.sampled_from(CHARTS), batches())
def test_a_batch_gives_bit_for_bit_what_one_series_gives_and_order_does_not_matter(data, name, batch):
    c, n = (as_float(values) for values in batch)
    chosen = data.draw(plain_charts.options(c.shape[1]))
    found = charts.limits(name, c, n, **chosen)
    backwards = charts.limits(name, c[::-1], n[::-1], **chosen)
    for whole_batch, reverse in zip(lines(found), lines(backwards), strict=True):
        np.testing.assert_array_equal(whole_batch, reverse[::-1])
    for s in range(len(c)):
        alone = charts.limits(name, c[s], n[s], **chosen)
        for whole_batch, one in zip(lines(found), lines(alone), strict=True):
            np.testing.assert_array_equal(whole_batch[s], one)


@QUICK
@given(st.sampled_from(CHARTS), batches(max_series=3), st.integers(1, 6))
def test_padding_changes_nothing(name, batch, pad):
    c, n = (as_float(values) for values in batch)
    longer = [np.pad(values, ((0, 0), (0, pad)), constant_values=5.0) for values in (c, n)]
    found = charts.limits(name, *longer, length=np.full(len(c), c.shape[1]))
    for padded, short in zip(lines(found), lines(charts.limits(name, c, n)), strict=True):
        np.testing.assert_array_equal(padded[:, : c.shape[1]], short)
    assert all(np.isnan(getattr(found, key)[:, c.shape[1] :]).all() for key in ("y", "lcl", "ucl"))


@QUICK
@given(st.sampled_from([c for c in CHARTS if c != "ip"]), batches(), st.integers(0, 40), st.integers(40, 4000))
def test_a_new_month_never_moves_a_frozen_baseline(name, batch, count, size):
    c, n = (as_float(values) for values in batch)
    freeze = max(c.shape[1] // 2, 1)
    before = charts.limits(name, c, n, freeze=freeze)
    after = charts.limits(name, *(np.column_stack([v, np.full(len(v), float(new))]) for v, new in ((c, count), (n, size))), freeze=freeze)
    for old, new in zip(lines(before), lines(after), strict=True):
        np.testing.assert_array_equal(old, new[:, :-1])


@QUICK
@given(st.sampled_from(["run", "i", "xmr", "mr", "u"]), batches(), st.sampled_from([2, 4, 1024]))
def test_more_opportunities_shrink_every_line(name, batch, factor):
    """Rates and range-based sigmas shrink by the factor; so does sqrt(centre / n)."""
    c, n = (as_float(values) for values in batch)
    found, scaled = charts.limits(name, c, n), charts.limits(name, c, n * factor)
    for line, smaller in zip(lines(found), lines(scaled), strict=True):
        close(smaller * factor, line)


@QUICK
@given(st.sampled_from(["u", "u'", "p", "p'", "c"]), batches())
def test_four_times_the_events_halve_the_relative_width(name, batch):
    """Counts and denominators times 4: the rate stays and sigma halves (c: centre times 4, sigma times 2; primes keep their width)."""
    c, n = (as_float(values) for values in batch)
    found, scaled = charts.limits(name, c, n), charts.limits(name, 4 * c, 4 * n)
    grown = 4 if name == "c" else 1
    close(scaled.centre, grown * found.centre)
    inside = (found.ucl < 1) & (scaled.ucl < 1) if name[0] == "p" else ~np.isnan(found.ucl)      # not where 1 cuts the line
    width = {"c": 2, "u": 0.5, "p": 0.5}.get(name, 1)
    np.testing.assert_allclose((scaled.ucl - scaled.centre)[inside], width * (found.ucl - found.centre)[inside], rtol=1e-9, atol=1e-12)


@QUICK
@given(st.sampled_from(["run", "i", "xmr", "mr", "t"]), batches(), st.sampled_from([2, 4, 1024]))
def test_values_in_another_unit_give_the_same_chart_in_that_unit(name, batch, factor):
    """Hours instead of days: every line follows. A time of 0 becomes half of the unit, so it is given in both."""
    c = as_float(batch[0])
    found, scaled = charts.limits(name, c), charts.limits(name, c * factor, **({"zero_time": 0.5 * factor} if name == "t" else {}))
    for line, larger in zip(lines(found), lines(scaled), strict=True):
        np.testing.assert_allclose(larger, line * factor, rtol=1e-9, atol=1e-9)


@QUICK
@given(batches(), st.sampled_from([2, 4, 1024]))
def test_scaling_of_the_charts_with_their_own_rules(batch, factor):
    """ip weighs by size alone, so k times as many of everybody changes no line; g has a variance of m (m + 1)."""
    c, n = (as_float(values) for values in batch)
    for line, same_line in zip(lines(charts.limits("ip", c, n)), lines(charts.limits("ip", c * factor, n * factor)), strict=True):
        np.testing.assert_allclose(same_line, line, rtol=1e-9, atol=1e-12)
    scaled = charts.limits("g", c * factor)
    close(scaled.centre, factor * charts.limits("g", c).centre)
    mean = np.array([np.mean(row[~np.isnan(row)]) if (~np.isnan(row)).any() else NAN for row in c])[:, None] * factor
    np.testing.assert_allclose(scaled.ucl - np.zeros_like(c), np.broadcast_to(mean + 3 * np.sqrt(mean * (mean + 1)), c.shape), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CHARTS)
def test_poor_series(name):
    """All zero, all equal, one point, nothing but nulls, side by side: no signal, no infinite line, no crash."""
    flat, zero, gone = [7.0] * 24, [0.0] * 24, [NAN] * 24
    one = [NAN] * 11 + [7.0] + [NAN] * 12
    found = charts.limits(name, [flat, zero, one, gone], [[70.0] * 24, [70.0] * 24, [70.0] * 24, [70.0] * 24])
    assert not signals.outside(found.y, found.lcl, found.ucl).any()
    assert not signals.anhoej(found.y, found.centre).runs_signal.any()
    assert not any(np.isinf(values).any() for values in lines(found))
    assert all(np.isnan(values[3]).all() for values in lines(found))
    at = slice(1, None)     # the first moving range is null
    assert np.unique(found.y[0][at]).size == 1
    if name != "t":
        np.testing.assert_array_equal(found.centre[0][at], found.y[0][at])


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_at_all(name):
    for shape in ((0, 0), (0, 12), (3, 0)):
        found = charts.limits(name, np.empty(shape), np.empty(shape))
        assert all(values.shape == shape for values in lines(found))


@pytest.mark.parametrize("width", [np.longdouble, np.float64])
def test_a_flat_series_lies_on_its_own_mean(width, monkeypatch):
    """0.1 has no exact double; a naive mean of 36 of them misses it and would put all 36 points on one side.

    Not every platform has a float wider than a double.
    """
    monkeypatch.setattr(np, "longdouble", width)
    found = charts.limits("i", [0.1] * 36)
    assert (found.centre == 0.1).all() and signals.anhoej(found.y, found.centre).n_useful[0] == 0


def test_screening_a_flat_series_leaves_no_ranges_and_no_limits():
    assert np.isnan(charts.limits("i", [5.0] * 12).ucl).all()
    assert (charts.limits("i", [5.0] * 12, screen_mr=False).ucl == 5.0).all()
