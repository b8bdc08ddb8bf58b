"""Run rules: Anhoej against R, exact arithmetic and a plain count; Western Electric; IHI."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from methods import charts, signals
from methods import making_data_count as mdc
from tests.methods import plain_charts
from tests.methods.plain_charts import as_float, batches

NAN = float("nan")
QUICK = settings(deadline=None, derandomize=True, max_examples=60)


def table(path):
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert found
    return found


def codes(found):
    return [signals.CODES[i] for i in found]


# --- Anhoej -------------------------------------------------------------------------------------------------


def test_anhoej_thresholds_agree_with_r(shared):
    rows = table(shared / "oracles/spc/anhoej_thresholds.csv")
    n = np.array([int(row["n_useful"]) for row in rows])
    assert n.tolist() == list(range(10, 121))
    longest, crossings = signals.anhoej_thresholds(n)
    assert longest.tolist() == [int(row["longest_run_max"]) for row in rows]
    assert crossings.tolist() == [int(row["crossings_min"]) for row in rows]


def test_anhoej_thresholds_of_any_length_solve_the_definition():
    n = np.arange(0, 1500)
    longest, crossings = signals.anhoej_thresholds(n)
    tosses = np.maximum(n - 1, 0)
    assert (stats.binom.cdf(crossings, tosses, 0.5) >= 0.05).all()
    assert (stats.binom.cdf(crossings - 1, tosses, 0.5) < 0.05).all()
    assert longest[0] == 0 and (4 ** (longest[1:] - 3) < 2.0 * n[1:] ** 2).all() and (2.0 * 4 ** (longest[1:] - 3) > n[1:] ** 2).all()


@QUICK
@given(st.data(), batches(max_points=40))
def test_anhoej_equals_a_plain_count(data, batch):
    c, n = batch
    options = data.draw(plain_charts.options(len(c[0])))
    found = charts.limits("run", as_float(c), as_float(n), **options)
    runs = signals.anhoej(found.y, found.centre, phase=found.phase, included=found.included)
    for s, (counts, sizes) in enumerate(zip(c, n, strict=True)):
        rows = plain_charts.chart("run", counts, sizes, options["parts"], options["freeze"], options["exclude"])
        for first, end in plain_charts.parts_of(len(counts), options["parts"]):
            excluded = [i - first for i in options["exclude"]]
            wanted = plain_charts.anhoej([r[0] for r in rows[first:end]], rows[first][1], excluded)
            here = [getattr(runs, key)[s, first:end] for key in (
                "runs_signal", "n_useful", "longest_run", "longest_run_max", "n_crossings", "n_crossings_min")]
            assert all((values == value).all() for values, value in zip(here, wanted, strict=True))


def test_anhoej_drops_nulls_points_on_the_line_and_excluded_points():
    y = np.array([1, 1, NAN, 1, 0, 1, -1, 1, 1.0])
    runs = signals.anhoej(y, np.zeros(9))
    assert (runs.n_obs[0], runs.n_useful[0], runs.longest_run[0], runs.n_crossings[0]) == (9, 7, 4, 2)
    without = signals.anhoej(y, np.zeros(9), included=np.arange(9) != 6)
    assert (without.n_obs[0], without.n_useful[0], without.longest_run[0], without.n_crossings[0]) == (8, 6, 6, 0)


def test_points_of_a_run_that_is_too_long_carry_its_side():
    y = np.array([1, -1, 1, -1, 1, -1, -1, -1, -1, 0, -1, -1, -1, -1, 1, 1.0])
    runs = signals.anhoej(y, np.zeros(16))
    assert runs.longest_run_max[0] == 7 and runs.longest_run[0] == 8 and runs.runs_signal.all()
    assert np.flatnonzero(runs.in_long_run).tolist() == [5, 6, 7, 8, 10, 11, 12, 13]


# --- Western Electric and IHI -------------------------------------------------------------------------------


def zones(y, **options):
    """Limits with centre 0 and sigma 1."""
    found = charts.limits("i", np.asarray(y, float), centre=0.0, **options)
    lines = {"lcl": -3, "lcl95": -2, "lcl68": -1, "ucl68": 1, "ucl95": 2, "ucl": 3}
    return charts.Limits(**{**vars(found), **{key: np.full(len(y), float(value)) for key, value in lines.items()}})


@pytest.mark.parametrize(
    ("y", "wanted"),
    [
        ([0, 3.1, 0, -3.1], {1: "astronomical_high", 3: "astronomical_low"}),
        ([0, 3.0, 0, 2.0, 2.0, 0], {}),
        ([0, 2.1, -0.5, 2.1, 0], {1: "two_in_three_high", 3: "two_in_three_high"}),
        ([0, 2.1, -2.1, 0, 2.1, 0], {}),
        ([-1.1, -1.2, 0.5, -1.3, -1.4], {i: "four_in_five_low" for i in (0, 1, 3, 4)}),
        ([-1.1, -1.2, NAN, -1.3, -1.4], {}),
        ([0.1] * 8, {i: "shift_high" for i in range(8)}),
        ([0.1] * 7 + [-0.1], {}),
        ([0.1] * 4 + [0.0] + [0.1] * 4, {}),
    ],
)
def test_western_electric(y, wanted):
    assert {i: code for i, code in enumerate(codes(signals.western_electric(zones(y)))) if code != "none"} == wanted


def test_western_electric_judges_excluded_points_by_the_limits_alone():
    y = [0.1, 0.1, 0.1, 0.1, 5.0, 0.1, 0.1, 0.1, 0.1]
    assert codes(signals.western_electric(zones(y, exclude=[5]))) == ["none"] * 4 + ["astronomical_high"] + ["none"] * 4
    assert codes(signals.western_electric(zones(y)))[0] == "shift_high"


@pytest.mark.parametrize(
    ("y", "options", "wanted"),
    [
        ([-1, 1, 1, 0, 1, 1, 1, 1, -1], {}, [1, 2, 4, 5, 6, 7]),            # a point on the median neither counts nor breaks
        ([-1, 1, 1, 1, 1, 1, -1, 1, 1], {}, []),
        ([-1, 1, 1, NAN, 1, 1, 1, 1, -1], {}, []),
        ([1, -1, 1, 1, 1, 1, 1, 1, -1], {"shift": 8}, []),
    ],
)
def test_ihi_shift(y, options, wanted):
    found = codes(signals.ihi_run_chart(zones(y), **options))
    assert [i for i, code in enumerate(found) if code == "shift_high"] == wanted


@pytest.mark.parametrize(
    ("y", "options", "wanted"),
    [
        ([3, -2, -1, 0.5, 1, 2, -3], {}, [1, 2, 3, 4, 5]),
        ([3, -2, -1, -1, 0.5, 1, 2, -3], {}, [1, 2, 3, 4, 5, 6]),           # a repeated value counts once
        ([3, -2, -1, -1, 0.5, 1, -3], {}, []),
        ([3, -2, -1, 0.5, 1, 2, -3], {"trend": 6}, []),
        ([3, -2, -1, NAN, 1, 2, 3], {}, []),
    ],
)
def test_ihi_trend(y, options, wanted):
    found = codes(signals.ihi_run_chart(zones(y), **options))
    assert [i for i, code in enumerate(found) if code == "trend_up"] == wanted


@QUICK
@given(st.sampled_from([signals.western_electric, signals.ihi_run_chart, mdc.rules]), batches())
def test_a_batch_gives_what_one_series_gives_and_nulls_never_signal(rule, batch):
    c, n = (as_float(values) for values in batch)
    found = rule(charts.limits("i", c, n))
    assert (found[np.isnan(c / np.where(n > 0, n, NAN))] == 0).all()
    for s in range(len(c)):
        assert found[s].tolist() == rule(charts.limits("i", c[s], n[s])).tolist()
