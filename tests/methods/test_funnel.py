"""Funnels: the R oracle, exact limits recomputed from probabilities, poor data, properties, the table."""

import csv
import math
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import methods
from methods import funnel

NAN = float("nan")
QUICK = settings(deadline=None, derandomize=True, max_examples=60)
ARRAYS = ("rate", "expected", "z", "z_winsorised", "z_adjusted", "band")


def columns(path):
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert found
    return {key: np.array([float(row[key]) for row in found]) for key in found[0] if key not in ("facility", "method")}


def close(found, wanted, **tolerance):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-9, "atol": 0, **tolerance})


# --- agreement with R ---------------------------------------------------------------------------------------


def test_natural_scale_agrees_with_r(shared):
    rows = columns(shared / "oracles/funnel/funnel_expected_natural_scale.csv")
    found = funnel.funnel(rows["complaints"], rows["encounters"], adjust=True)
    for key, column in (("lcl95", "lo95"), ("ucl95", "hi95"), ("lcl998", "lo998"), ("ucl998", "hi998")):
        close(found.exact[key] * 1000, rows[f"spiegel_{column}"])
        close(found.adjusted[key] * 1000, rows[f"od_add_{column}"])
        close(found.used[key] * 1000, rows[f"od_add_{column}"])
    for values, column in ((found.rate * 1000, "rate"), (found.expected, "expected"), (found.z, "z_unadj"),
                           (found.z_winsorised, "z_wins"), (found.z_adjusted, "z_od_additive")):
        close(values, rows[column])
    assert found.centre * 1000 == pytest.approx(rows["theta0_per_1000"][0], rel=1e-12)
    multiplied = funnel.funnel(rows["complaints"], rows["encounters"], model="multiplicative")
    close(multiplied.z_adjusted, rows["z_od_multiplicative"])


def test_overdispersion_agrees_with_r(shared):
    with (shared / "oracles/funnel/funnel_summary.csv").open(newline="") as file:
        ours = next(row for row in csv.DictReader(file) if row["method"] == "natural_scale_rate")
    rows = columns(shared / "oracles/funnel/funnel_input.csv")
    found = funnel.funnel(rows["complaints"], rows["encounters"])
    assert found.phi == pytest.approx(float(ours["phi"]), rel=1e-9)
    assert found.tau2 == pytest.approx(float(ours["tau2"]), rel=1e-9)
    assert found.n_units == int(ours["n"]) and found.centre == pytest.approx(float(ours["theta0"]), rel=1e-12)


# --- exact limits by hand -----------------------------------------------------------------------------------


def probability(kind, i, centre, n):
    if kind == "rate":
        return math.exp(-centre * n + i * math.log(centre * n) - math.lgamma(i + 1))
    return math.comb(n, i) * centre**i * (1 - centre) ** (n - i)


@QUICK
@given(st.sampled_from(["rate", "proportion"]), st.floats(0.02, 0.9), st.integers(1, 120), st.sampled_from(sorted(funnel.TAILS)))
def test_limits_interpolate_between_counts(kind, centre, n, key):
    p, r, below, at = funnel.TAILS[key], 0, 0.0, probability(kind, 0, centre, n)
    while at < p:
        r += 1
        below, at = at, at + probability(kind, r, centre, n)
    wanted = (r - (at - p) / (at - below)) / n
    assert funnel.exact_limits(centre, n, kind)[key] == pytest.approx(wanted, rel=1e-7, abs=1e-9)


def test_a_limit_of_a_small_unit_is_negative_until_it_is_shown():
    found = funnel.funnel([1.0, 20.0], [10.0, 1000.0])
    assert found.exact["lcl998"][0] < 0 and found.used["lcl998"][0] == 0


def test_a_unit_with_all_of_few_cases_is_not_beyond_the_limit_of_a_good_group():
    """The line is the interpolated one, as for rates; the verdict knows that nothing lies beyond all."""
    c, n = np.array([10.0, 10, 960, 8]), np.array([10.0, 10, 980, 10])
    found = funnel.funnel(c, n, kind="proportion")
    assert found.used["ucl95"][0] == found.exact["ucl95"][0] < found.rate[0] == 1
    assert [funnel.BANDS[i] for i in found.band] == ["within", "within", "within", "below_95"]


def test_a_lower_limit_is_never_raised_to_all():
    """Weighted shares have fractions of events: 9.95 of 10 is not too few where 9 of 10 would not be."""
    found = funnel.funnel([9.95, 9990, 9990, 10000, 1], [10, 1e4, 1e4, 1e4, 1], kind="proportion")
    assert found.exact["lcl95"][0] < 0.95 and found.used["lcl95"][0] == found.exact["lcl95"][0]
    assert (found.used["lcl998"][4], funnel.BANDS[found.band[0]]) == (found.exact["lcl998"][4], "within") and found.exact["lcl998"][4] < 1


# --- poor data ----------------------------------------------------------------------------------------------


def test_units_without_data_take_no_part():
    full = funnel.funnel([5.0, 9, 30], [1000.0, 1500, 2000])
    holes = funnel.funnel([5.0, NAN, 9, 7, 30], [1000.0, 900, 1500, 0, 2000])
    keep = [0, 2, 4]
    for key in ARRAYS[:-1]:
        np.testing.assert_array_equal(getattr(holes, key)[keep], getattr(full, key))
        assert np.isnan(getattr(holes, key)[[1, 3]]).all()
    assert (holes.n_units, holes.phi, holes.tau2) == (3, full.phi, full.tau2) and holes.band[[1, 3]].tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["rate", "proportion"])
def test_poor_groups(kind):
    c = np.array([[0.0, 0, 0], [4, NAN, NAN], [NAN, NAN, NAN], [5, 5, 5], [10, 10, 10]])
    n = np.array([[10.0, 20, 30], [10, 10, 0], [10, 0, 10], [10, 10, 10], [10, 10, 10]])
    found = funnel.funnel(c, n, kind=kind)
    assert (found.band == 0).all() and not any(np.isinf(getattr(found, key)).any() for key in (*ARRAYS, "phi", "tau2"))
    assert found.rate[0].tolist() == [0, 0, 0] and found.z[0].tolist() == found.z_adjusted[0].tolist() == [0, 0, 0]
    assert (found.phi[0], found.tau2[0]) == (0, 0)      # nobody differs: no scatter, and phi and tau2 are still reported
    assert (found.phi[1], found.tau2[1], found.n_units[1]) == (0, 0, 1)
    assert np.isnan(found.centre[2]) and found.n_units[2] == 0
    assert (found.phi[3], found.tau2[3]) == (0, 0)


def test_nothing_at_all():
    assert funnel.funnel(np.empty((0, 0)), np.empty((0, 0))).rate.shape == (0, 0)
    assert funnel.funnel(np.empty((2, 0)), np.empty((2, 0))).n_units.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: funnel.funnel([-1.0], [10.0]), "negative"),
        (lambda: funnel.funnel([11.0], [10.0], kind="proportion"), "exceed"),
        (lambda: funnel.funnel([1.0], [10.0], kind="score"), "unknown kind"),
        (lambda: funnel.funnel([1.0], [10.0], model="shmi"), "overdispersion"),
    ],
)
def test_impossible_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


# --- properties ---------------------------------------------------------------------------------------------

UNITS = st.lists(st.tuples(st.integers(0, 80), st.integers(80, 9000)), min_size=1, max_size=12)


@QUICK
@given(st.data(), UNITS, st.sampled_from(["rate", "proportion"]))
def test_the_order_of_the_units_changes_nothing(data, units, kind):
    c, n = np.array(units, float).T
    order = data.draw(st.permutations(range(len(units))))
    found, shuffled = funnel.funnel(c, n, kind=kind), funnel.funnel(c[order], n[order], kind=kind)
    for key in ARRAYS:
        np.testing.assert_array_equal(getattr(found, key)[order], getattr(shuffled, key))
    np.testing.assert_array_equal([found.phi, found.tau2, found.centre], [shuffled.phi, shuffled.tau2, shuffled.centre])


@QUICK
@given(st.lists(UNITS, min_size=1, max_size=4))
def test_many_funnels_at_once_give_what_one_gives(groups):
    width = max(len(units) for units in groups)
    padded = np.full((2, len(groups), width), NAN)
    for g, units in enumerate(groups):
        padded[:, g, : len(units)] = np.array(units, float).T
    found = funnel.funnel(*padded)
    for g, units in enumerate(groups):
        alone = funnel.funnel(*np.array(units, float).T)
        for key in ARRAYS:
            close(getattr(found, key)[g, : len(units)], getattr(alone, key), rtol=1e-12, atol=1e-12)
        close([found.phi[g], found.tau2[g]], [alone.phi, alone.tau2], rtol=1e-9, atol=1e-15)


@QUICK
@given(UNITS)
def test_a_longer_period_at_the_same_rates_narrows_the_funnel(units):
    c, n = np.array(units, float).T
    found, longer = funnel.funnel(c, n), funnel.funnel(4 * c, 4 * n)
    close(longer.rate, found.rate)
    close(longer.z, 2 * found.z, atol=1e-9)
    close(longer.phi, 4 * found.phi, atol=1e-12)
    width = [values["ucl998"] - values["lcl998"] for values in (longer.exact, found.exact)]
    assert (width[0][found.centre * n > 1] < width[1][found.centre * n > 1]).all()


def test_bands_and_flags():
    n = np.full(40, 2000.0)
    c = np.full(40, 20.0)
    c[:4] = [50, 33, 8, 2]
    found = funnel.funnel(c, n)
    assert [funnel.BANDS[i] for i in found.band[:5]] == ["above_998", "above_95", "below_95", "below_998", "within"]
    assert [funnel.FLAGS[funnel.FLAG_OF_BAND[i]] for i in found.band[:5]] == ["alarm", "alert", "alert", "alarm", "none"]
    assert (found.band[4:] == 0).all()


def test_overdispersion_widens_the_limits_and_takes_flags_away():
    random = np.random.default_rng(5)
    n = random.integers(2000, 20_000, 60).astype(float)
    c = random.poisson(n * 0.01 * random.gamma(12, 1 / 12, 60)).astype(float)
    exact, adjusted = funnel.funnel(c, n), funnel.funnel(c, n, adjust=True)
    assert exact.phi > 2 and exact.tau2 > 0 and exact.phi == adjusted.phi
    assert np.count_nonzero(adjusted.band) < np.count_nonzero(exact.band)


# --- the table ----------------------------------------------------------------------------------------------


def units_table():
    random = np.random.default_rng(3)
    rows = [(f"U{u:02}", date(2026, m, 1), int(random.poisson(12)), int(random.integers(900, 3000))) for m in (1, 2) for u in range(20)]
    return pd.DataFrame(rows, columns=["unit_key", "period", "n_cases", "n_encounters"])


def test_table_holds_one_funnel_per_group():
    frame = units_table()
    named = {"unit": "unit_key", "group": "period", "numerator": "n_cases", "denominator": "n_encounters", "scale": 1000}
    found = methods.funnel_chart(frame, **named).to_pandas()
    assert found.columns[:2].tolist() == ["period", "unit_key"] and len(found) == 40
    for period, rows in found.groupby("period"):
        part = frame[frame.period == period].sort_values("unit_key")
        alone = funnel.funnel(part.n_cases, part.n_encounters)
        close(rows.rate, alone.rate * 1000)
        close(rows.ucl998, alone.used["ucl998"] * 1000)
        close(rows.phi, alone.phi)
        assert rows.unit_key.tolist() == part.unit_key.tolist()
    shuffled = methods.funnel_chart(frame.sample(frac=1, random_state=1), **named)
    assert shuffled.to_pylist() == methods.funnel_chart(duckdb.sql("select * from frame"), **named).to_pylist()


def test_table_of_units_alone_and_empty_table():
    frame = units_table()
    one = methods.funnel_chart(frame.head(20), unit="unit_key", numerator="n_cases", denominator="n_encounters")
    assert one.column_names[0] == "unit_key" and set(one.column("n_units").to_pylist()) == {20}
    nothing = methods.funnel_chart(frame.head(0), unit="unit_key", numerator="n_cases", denominator="n_encounters")
    assert nothing.num_rows == 0 and nothing.column_names == one.column_names
