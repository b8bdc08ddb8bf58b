"""Control limits: qicharts2's numbers, textbook charts, gaps, parts, the choice of a chart."""

import csv
from itertools import groupby

import numpy as np
import pytest

from methods import charts, choice, signals

NAN = float("nan")
NAMES = ("y", "centre", "lcl", "lcl95", "ucl95", "ucl")
ANHOEJ = ("n_obs", "n_useful", "longest_run", "longest_run_max", "n_crossings", "n_crossings_min")


def number(text):
    return float(text) if text not in ("", "NA") else NAN


def table(path):
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert found
    return found


def close(found, wanted):
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=1e-9, atol=0)


# --- agreement with qicharts2 -------------------------------------------------------------------------------


def oracle_runs(shared):
    """(key, input columns, expected rows) of each chart of the monthly oracle."""
    counts = {}
    for row in table(shared / "oracles/spc/monthly_input.csv"):
        counts.setdefault(row["series"], []).append((number(row["complaints"]), number(row["encounters"])))
    keys = ("series", "chart", "screenedmr", "freeze", "part", "exclude")
    for key, rows in groupby(table(shared / "oracles/spc/monthly_expected_qicharts2.csv"), lambda r: [r[k] for k in keys]):
        yield dict(zip(keys, key, strict=True)), np.array(counts[key[0]]).T, list(rows)


def whole(text):
    return [int(v) for v in text.replace(",", " ").replace(";", " ").split()] if text not in ("", "NA") else []


def test_monthly_series_agree_with_qicharts2(shared):
    checked = 0
    for key, (c, n), rows in oracle_runs(shared):
        found = charts.limits(
            key["chart"], c, n, screen_mr=key["screenedmr"] == "TRUE", exclude=whole(key["exclude"]),
            freeze=(whole(key["freeze"]) or [None])[0], parts=whole(key["part"]),
        )
        scale = 1000   # the oracle multiplies everything, counts too
        for name, column in zip(NAMES, ("y", "cl", "lcl", "lcl95", "ucl95", "ucl"), strict=True):
            close(getattr(found, name) * scale, [number(row[column]) for row in rows])
        flags = signals.outside(found.y, found.lcl, found.ucl) != 0
        assert flags.tolist() == [row["sigma_signal"] == "TRUE" for row in rows]
        runs = signals.anhoej(found.y, found.centre, phase=found.phase, included=found.included)
        assert runs.runs_signal.tolist() == [row["runs_signal"] == "TRUE" for row in rows]
        for name in ANHOEJ:
            assert getattr(runs, name).tolist() == [int(row[name]) for row in rows]
        checked += len(rows)
    assert checked == 2736


@pytest.mark.parametrize("chart", ["g", "t"])
def test_rare_events_agree_with_qicharts2(shared, chart):
    y = [number(row[{"g": "encounters_between", "t": "days_between"}[chart]]) for row in table(shared / f"oracles/spc/{chart}_input.csv")]
    rows = [row for row in table(shared / "oracles/spc/g_t_expected_qicharts2.csv") if row["chart"] == chart]
    assert len(rows) == 48
    for screened in ("TRUE", "FALSE"):
        expected = [row for row in rows if row["screenedmr"] == screened]
        found = charts.limits(chart, y, screen_mr=screened == "TRUE")
        for name, column in zip(NAMES, ("y", "cl", "lcl", "lcl95", "ucl95", "ucl"), strict=True):
            close(getattr(found, name), [number(row[column]) for row in expected])


# --- Montgomery's textbook, printed numbers -----------------------------------------------------------------

JUICE_CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
CIRCUIT_BOARDS = [21, 24, 16, 12, 15, 5, 28, 20, 31, 25, 20, 24, 16, 19, 10, 17, 13, 22, 18, 39, 30, 24, 16, 19, 17, 15]
LOAN_COSTS = [310, 288, 297, 298, 307, 303, 294, 297, 308, 306, 294, 299, 297, 299, 314, 295, 293, 306, 301, 304]


def test_fraction_nonconforming():
    whole_series = charts.limits("p", JUICE_CANS, [50] * 30)
    assert np.round([whole_series.centre[0], whole_series.lcl[0], whole_series.ucl[0]], 4).tolist() == [0.2313, 0.0524, 0.4102]
    without = charts.limits("p", JUICE_CANS, [50] * 30, exclude=[15, 23])
    assert np.round([without.centre[0], without.lcl[0], without.ucl[0]], 4).tolist() == [0.2150, 0.0407, 0.3893]
    assert np.flatnonzero(signals.outside(without.y, without.lcl, without.ucl)).tolist() == [14, 20, 22]


def test_nonconformities():
    found = charts.limits("c", CIRCUIT_BOARDS)
    assert np.round([found.centre[0], found.lcl[0], found.ucl[0]], 2).tolist() == [19.85, 6.48, 33.21]
    assert signals.outside(found.y, found.lcl, found.ucl).nonzero()[0].tolist() == [5, 19]
    without = charts.limits("c", CIRCUIT_BOARDS, exclude=[6, 20])
    assert np.round([without.centre[0], without.lcl[0], without.ucl[0]], 2).tolist() == [19.67, 6.36, 32.97]


def test_individuals_and_moving_ranges_of_a_frozen_baseline():
    costs = LOAN_COSTS + [305, 282, 305, 296, 314, 295, 287, 301, 298, 311]
    found = charts.limits("i", costs, freeze=20, screen_mr=False)
    assert np.round([found.centre[0], found.lcl[0], found.ucl[0]], 1).tolist() == [300.5, 279.8, 321.2]
    moving = charts.limits("mr", costs, freeze=20)
    assert np.isnan(moving.y[0]) and moving.y[1] == 22
    assert round(float(moving.centre[-1]), 2) == 7.79 and round(float(moving.ucl[-1]), 2) == 25.45 and moving.lcl[-1] == 0


# --- gaps, parts, options -----------------------------------------------------------------------------------


def test_a_missing_month_voids_both_ranges_and_an_excluded_one_is_bridged():
    y = [1.0, 2.0, 9.0, 4.0, 5.0]
    assert charts.limits("i", [1.0, 2.0, NAN, 4.0, 5.0], screen_mr=False).ucl[0] == pytest.approx(3 + 3 * 1 / 1.128)
    assert charts.limits("i", y, exclude=[3], screen_mr=False).ucl[0] == pytest.approx(3 + 3 * (4 / 3) / 1.128)


def test_lines_of_a_missing_month():
    c, n = [5.0, NAN, 7.0, 6.0], [100.0, NAN, 120.0, 90.0]
    rates = charts.limits("u", c, n)
    assert np.isnan([rates.y[1], rates.lcl[1], rates.ucl[1]]).all() and rates.centre[1] == rates.centre[0]
    individuals = charts.limits("i", c, n)
    assert np.isnan(individuals.y[1]) and individuals.ucl[1] == individuals.ucl[0]


def test_a_month_without_denominator_leaves_both_sums():
    found = charts.limits("u", [5.0, 50.0, NAN, 7.0], [100.0, 0.0, 400.0, 100.0])
    assert found.centre[0] == 12 / 200 and np.isnan(found.y[1:3]).all()


def test_parts_ignore_freeze_except_in_making_data_count():
    y = [1.0, 3.0, 2.0, 9.0, 11.0, 10.0, 40.0]
    assert charts.limits("i", y, parts=[3], freeze=2).centre.tolist() == [2] * 3 + [17.5] * 4
    assert charts.limits("xmr", y, parts=[3], freeze=2).centre.tolist() == [2] * 3 + [10] * 4
    assert charts.limits("i", y, freeze=2).centre.tolist() == [2] * 7


def test_each_series_may_have_its_own_parts_and_freeze():
    y = np.array([[1.0, 1, 1, 5, 5, 5], [2.0, 2, 2, 2, 8, 8], [3.0, 6, 9, 9, 9, 9]])
    phase = [[0, 0, 0, 1, 1, 1], [0] * 6, [0] * 6]
    found = charts.limits("c", y, phase=phase, freeze=[0, 4, 2])
    assert found.centre[:, 0].tolist() == [1, 2, 4.5] and found.centre[:, -1].tolist() == [5, 2, 4.5]
    assert found.phase[0].tolist() == [1, 1, 1, 2, 2, 2] and found.n_base[:, -1].tolist() == [3, 4, 2]


def test_the_ip_chart_screens_at_its_own_constant():
    """One range of 3.2667 times the mean range: below 3.267, kept by i; above 3.2665, dropped by ip."""
    y = [0.0, 1.0] * 5 + [0.0, 4.2242]
    kept, dropped = (charts.limits(name, y, [1.0] * 12) for name in ("i", "ip"))
    assert kept.ucl[0] - kept.centre[0] == pytest.approx(3 * (14.2242 / 11) / 1.128)
    assert dropped.ucl[0] - dropped.centre[0] == pytest.approx(3 * np.sqrt(np.pi / 2) / np.sqrt(2))


def test_given_centre():
    assert charts.limits("g", [10.0, 20, 30], centre=100).centre[0] == pytest.approx(69.3)
    assert charts.limits("t", [10.0, 20, 30], centre=15).centre[0] == pytest.approx(15)
    found = charts.limits("u", [5.0, 6.0], [100.0, 100.0], centre=0.04)
    assert found.centre[0] == 0.04 and found.ucl[0] == pytest.approx(0.04 + 3 * (0.04 / 100) ** 0.5)


def test_laney_floor_never_narrows():
    c, n = np.array([50.0, 51, 49, 50, 52, 50, 49, 51, 50, 50]), np.full(10, 1000.0)
    narrow, plain, floored = (charts.limits(name, c, n, laney_floor=floor) for name, floor in (("u'", False), ("u", False), ("u'", True)))
    assert narrow.ucl[0] < plain.ucl[0]
    np.testing.assert_array_equal(floored.ucl, plain.ucl)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: charts.limits("ewma", [1.0]), "unknown chart"),
        (lambda: charts.limits("u", [1.0]), "needs a denominator"),
        (lambda: charts.limits("p", [[1.0, 3.0]], [[5.0, 2.0]]), "above its denominator.*point 2"),
        (lambda: charts.limits("c", [1.0, -1.0]), "negative"),
        (lambda: charts.limits("i", [1.0, float("inf")]), "infinite"),
        (lambda: charts.limits("u", [[1.0, 2.0]], [[1.0]]), "same shape"),
    ],
)
def test_impossible_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


# --- which chart, and how far it can be trusted -------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "size", "rate", "proportion"),
    [(0.5, 5000, "g", "g"), (1, 5000, "u", "p"), (9, 5000, "u", "p"), (10, 2001, "u'", "p'"), (10, 2000, "u", "p"), (300, 90_000, "u'", "p'")],
)
def test_chart_by_expected_count_and_size(expected, size, rate, proportion):
    c, n = np.full((1, 12), float(expected)), np.full((1, 12), float(size))
    assert choice.choose(c, n, np.ones((1, 12), bool)).tolist() == [rate]
    assert choice.choose(c, n, np.ones((1, 12), bool), "proportion").tolist() == [proportion]


def test_choice_looks_at_the_base_set_alone():
    c = np.array([[12.0] * 6 + [0.0] * 30])
    base = np.arange(36)[None, :] < 6
    assert choice.choose(c, np.full((1, 36), 3000.0), base).tolist() == ["u'"]


def test_status_by_base_points():
    assert [choice.STATUS[i] for i in choice.status([0, 1, 7, 8, 11, 12, 40])] == [
        "no_data", "run_only", "run_only", "trial", "trial", "full", "full"]
