"""Making Data Count: NHSRplotthedots' numbers, every window tried, special shapes, types and icons."""

import csv
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def number(text):
    return float(text) if text not in ("", "NA") else None


def codes(found):
    return [signals.CODES[i] for i in found]


def labels(found, **points):
    return [mdc.labels(**points)[i] for i in found]


def xmr(y, **options):
    return charts.limits("xmr", np.asarray(y, float), **options)


def test_making_data_count_agrees_with_nhsrplotthedots(shared):
    series = {}
    for row in table(shared / "oracles/spc/monthly_input.csv"):
        series.setdefault(row["series"], []).append((row["month"], number(row["complaints"]), number(row["encounters"])))
    keys = ("series", "improvement_direction", "target", "fix_after_n_points", "rebase", "screen_outliers")
    checked = 0
    for key, group in groupby(table(shared / "oracles/spc/monthly_expected_plotthedots.csv"), lambda r: [r[k] for k in keys]):
        rows, (name, direction, target, fix, rebase, screen) = list(group), key
        month, c, n = zip(*series[name], strict=True)
        found = charts.limits("xmr", as_float([c])[0], as_float([n])[0], freeze=number(fix), screen_mr=screen == "TRUE",
                              phase=[rebase not in ("", "NA") and m >= rebase for m in month])
        for line, column in (("y", "y"), ("centre", "mean"), ("lcl", "lpl"), ("ucl", "upl")):
            np.testing.assert_allclose(getattr(found, line) * 1000, [float(row[column]) for row in rows], rtol=1e-9)
        point = mdc.rules(found)
        assert labels(point) == [row["special_cause_type"] for row in rows]
        assert [mdc.TYPES[i] for i in mdc.point_types(point, direction)] == [row["point_type"] for row in rows]
        outside = signals.outside(found.y, found.lcl, found.ucl) != 0
        assert outside.tolist() == [row["outside_limits"] == "TRUE" for row in rows]
        assert signals.runs.side(found.y, found.centre).tolist() == [int(row["relative_to_mean"]) for row in rows]
        goal = number(target) / 1000 if number(target) else None
        assurance = mdc.assurance_icons(found.lcl[-1:], found.ucl[-1:], goal, direction)
        assert mdc.ASSURANCE[assurance[0]] == (rows[0]["assurance"] if rows[0]["assurance"] not in ("", "NA") else "none")
        checked += len(rows)
    assert checked == 864


@settings(QUICK, max_examples=150)
@given(st.data(), batches(), st.sampled_from([(7, 7), (7, 6), (4, 3)]))
def test_making_data_count_equals_every_window_tried(data, batch, points):
    c, n = batch
    options = data.draw(plain_charts.options(len(c[0])))
    options["exclude"] = []
    shift, trend = points
    found = charts.limits("xmr", as_float(c), as_float(n), **options)
    point = mdc.rules(found, shift=shift, trend=trend)
    for s, (counts, sizes) in enumerate(zip(c, n, strict=True)):
        rows = plain_charts.chart("xmr", counts, sizes, options["parts"], options["freeze"], (), options["screen_mr"])
        wanted = []
        for first, end in plain_charts.parts_of(len(counts), options["parts"]):
            wanted += plain_charts.making_data_count(rows[first:end], shift, trend)
        # a rounding of the last digit may put a point on either side of its line; such series say nothing about the rules
        doubtful = [any(abs(r[0] - v) < 1e-12 for v in (r[1], *r[2].values()) if v is not None) for r in rows if r[0] is not None]
        assert any(doubtful) or labels(point[s], shift=shift, trend=trend) == wanted


def test_trend_flags_all_its_points_and_outranks_the_shift():
    y = [5, 1, 5, 1, 5, 1, 2, 3, 4, 5, 6, 7, 1, 5, 1, 5]
    found = labels(mdc.rules(xmr(y)))
    assert found[5:12] == ["7 Point Trend (Increasing)"] * 7
    assert set(found[:5] + found[12:]) == {"Common Cause"}
    assert labels(mdc.rules(xmr(y), trend=8), trend=8) == ["Common Cause"] * 16
    assert labels(mdc.rules(xmr(y[:11]), trend=6), trend=6)[5:] == ["6 Point Trend (Increasing)"] * 6


def test_turning_point_of_two_trends_takes_the_direction_it_leaves_in():
    y = [9, 0, 9, 1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1, 9, 0, 9]
    found = codes(mdc.rules(xmr(y, screen_mr=False)))
    assert found[3:9] == ["trend_up"] * 6 and found[9:16] == ["trend_down"] * 7


def test_equal_neighbours_and_nulls_break_a_trend_but_an_outlying_point_does_not():
    wave = [9, 1, 9, 1, 9]
    assert "trend_up" in codes(mdc.rules(xmr([*wave, 1, 2, 3, 4, 5, 6, 7])))
    assert "trend_up" not in codes(mdc.rules(xmr([*wave, 1, 2, 3, 4, 4, 5, 6])))
    assert "trend_up" not in codes(mdc.rules(xmr([*wave, 1, 2, 3, NAN, 5, 6, 7, 8])))
    steep = codes(mdc.rules(xmr([9, 1, 9, 1, 9, 1, 9, 1, 2, 3, 4, 5, 6, 40], freeze=8)))
    assert steep[-1] == "astronomical_high" and steep[7:13] == ["trend_up"] * 6


def test_shift_needs_seven_on_one_side_and_a_point_on_the_mean_breaks_it():
    y = [0, 8, 0, 8, 0, 8, 0, 8, 3, 3, 3, 3, 3, 3, 3, 6]
    found = xmr(y, centre=4)
    assert codes(mdc.rules(found))[8:15] == ["shift_low"] * 7
    y[11] = 4
    assert "shift_low" not in codes(mdc.rules(xmr(y, centre=4)))


def test_two_in_three_flags_only_near_points_on_one_side():
    limits = charts.limits("xmr", [0.0, 2.5, 0.5, 2.5, 0.0, -2.5, 2.5, 0.0, 3.5, 2.5, 1.0], centre=0.0)
    fixed = {"lcl": -3.0, "lcl95": -2.0, "ucl95": 2.0, "ucl": 3.0}
    limits = charts.Limits(**{**vars(limits), **{key: np.full(11, value) for key, value in fixed.items()}})
    found = codes(mdc.rules(limits))
    assert found[1:4] == ["two_in_three_high", "none", "two_in_three_high"]
    assert found[5:7] == ["none", "none"] and found[8:10] == ["astronomical_high", "none"]      # outside is not near


def test_parts_are_judged_apart():
    y = [1, 2, 3, 4, 5, 6, 7, 8]
    assert codes(mdc.rules(xmr(y)))[3] == "trend_up"
    assert set(codes(mdc.rules(xmr(y, parts=[4])))) == {"none"}


@pytest.mark.parametrize(
    ("direction", "high", "low"),
    [
        ("increase", ("special_cause_improvement", "improvement_high"), ("special_cause_concern", "concern_low")),
        ("decrease", ("special_cause_concern", "concern_high"), ("special_cause_improvement", "improvement_low")),
        ("neutral", ("special_cause_neutral_high", "neutral_high"), ("special_cause_neutral_low", "neutral_low")),
    ],
)
def test_types_and_variation_icons(direction, high, low):
    for i, name in enumerate(signals.CODES):
        kind, icon = mdc.TYPES[mdc.point_types(np.array([i]), direction)[0]], mdc.VARIATION[mdc.variation_icons(np.array([i]), direction)[0]]
        wanted = ("common_cause", "common_cause") if name == "none" else high if name.endswith(("high", "up")) else low
        assert (kind, icon) == wanted


def test_assurance_icons_and_equality():
    lcl, ucl = np.array([2.0] * 5), np.array([4.0] * 5)
    target = np.array([4.1, 4.0, 3.0, 1.9, NAN])
    names = [[mdc.ASSURANCE[i] for i in mdc.assurance_icons(lcl, ucl, target, d)] for d in ("decrease", "increase", "neutral")]
    assert names[0] == ["consistent_pass", "inconsistent", "inconsistent", "consistent_fail", "none"]
    assert names[1] == ["consistent_fail", "inconsistent", "inconsistent", "consistent_pass", "none"]
    assert names[2] == ["none"] * 5


def test_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="unknown direction"):
        mdc.point_types(np.array([1]), "up")
