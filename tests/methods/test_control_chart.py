"""methods.control_chart: from a table of units and periods to limits, signals and icons."""

import csv
import doctest
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import methods
from methods import charts, control, funnel_table, making_data_count, signals

COUNTS = [12, 9, 14, 11, 10, 13, 12, 8, 11, 15, 10, 12]


def months(n, year=2025):
    return [date(year + (m // 12), m % 12 + 1, 1) for m in range(n)]


def one_unit(numerator, denominator=2500, unit="4W", **columns):
    numerator = list(numerator)
    size = [denominator] * len(numerator) if np.isscalar(denominator) else denominator
    return {"unit": [unit] * len(numerator), "period": months(len(numerator)), "numerator": numerator, "denominator": size, **columns}


def chart(table, **options):
    return methods.control_chart(table, **options).to_pylist()


def only(rows, column):
    values = {row[column] for row in rows}
    assert len(values) == 1
    return values.pop()


def test_documented_examples():
    for module in (control, funnel_table):
        result = doctest.testmod(module)
        assert result.attempted > 0 and result.failed == 0


def test_importing_the_methods_imports_nothing_heavy():
    heavy = "import sys, methods; sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'pandas', 'pyarrow', 'duckdb')))"
    root = Path(methods.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", heavy], cwd=root, check=False).returncode == 0


def test_table_agrees_with_qicharts2(shared):
    """The default chart of the monthly series, from the CSV as it is, to the numbers of the R package."""
    source = shared / "oracles/spc/monthly_input.csv"
    table = duckdb.sql(f"select * from read_csv('{source}')")
    found = methods.control_chart(table, unit="series", period="month", numerator="complaints", denominator="encounters",
                                  chart="u'", scale=1000, direction="decrease").to_pylist()
    with (shared / "oracles/spc/monthly_expected_qicharts2.csv").open(newline="") as file:
        wanted = [row for row in csv.DictReader(file)
                  if (row["chart"], row["screenedmr"]) == ("up", "TRUE") and {row["freeze"], row["part"], row["exclude"]} <= {"", "NA"}]
    assert len(wanted) == 144
    by_key = {(row["series"], str(row["period"])): row for row in found}
    for row in wanted:
        here = by_key[row["series"], row["month"]]
        for ours, theirs in (("y", "y"), ("centre", "cl"), ("lcl", "lcl"), ("lcl95", "lcl95"), ("ucl95", "ucl95"), ("ucl", "ucl")):
            assert here[ours] == (None if row[theirs] in ("", "NA") else pytest.approx(float(row[theirs]), rel=1e-9))
        assert (here["is_outside"], here["runs_signal"]) == (row["sigma_signal"] == "TRUE", row["runs_signal"] == "TRUE")
        assert here["longest_run"] == int(row["longest_run"]) and here["n_crossings"] == int(row["n_crossings"])


def many_units(n_units=40, n_months=20):
    random = np.random.default_rng(1)
    rows = [(f"F{u % 3}", f"U{u:02}", m, int(random.poisson(9 + u % 7)), int(random.integers(1500, 4000)))
            for u in range(n_units) for m in months(u % 9 + n_months) if random.random() > 0.1]
    return pd.DataFrame(rows, columns=["facility_id", "unit_id", "period", "numerator", "denominator"])


@pytest.mark.parametrize("rules", sorted(control.RULES))
def test_any_order_any_kind_of_table_and_any_block_give_the_same(rules, monkeypatch):
    frame = many_units()
    named = {"unit": ["facility_id", "unit_id"], "rules": rules, "scale": 1000.0, "direction": "decrease", "target": 4.0}
    found = methods.control_chart(frame, **named)
    rows = found.to_pylist()
    assert len(rows) > 800
    for table in (frame.sample(frac=1, random_state=2), pa.Table.from_pandas(frame, preserve_index=False), duckdb.sql("select * from frame")):
        assert methods.control_chart(table, **named).to_pylist() == rows
    monkeypatch.setattr(control, "BLOCK", 7)
    assert methods.control_chart(frame, **named).to_pylist() == rows


def test_each_unit_gets_what_it_gets_alone():
    frame = many_units()
    found = methods.control_chart(frame, unit=["facility_id", "unit_id"], chart="u'").to_pylist()
    for (facility, unit), rows in frame.groupby(["facility_id", "unit_id"]):
        alone = methods.control_chart(rows, unit=["facility_id", "unit_id"], chart="u'").to_pylist()
        assert [row for row in found if (row["facility_id"], row["unit_id"]) == (facility, unit)] == alone


def test_missing_months_become_null_points():
    table = one_unit(COUNTS)
    table = {key: values[:4] + values[6:] for key, values in table.items()}
    rows = chart(table, chart="u")
    assert [row["period"] for row in rows] == months(12) and [row["point"] for row in rows] == list(range(1, 13))
    gap = rows[4]
    assert gap["y"] is gap["lcl"] is gap["ucl"] is gap["point_type"] is None
    assert gap["centre"] == rows[0]["centre"] == pytest.approx(sum(table["numerator"]) / sum(table["denominator"]), rel=1e-15)
    assert (gap["signal"], gap["is_outside"], only(rows, "n_base")) == ("none", False, 10)
    assert len(chart(table, chart="u", every=None)) == 10


def test_quarters_weeks_and_days_are_filled_on_their_own_calendar():
    for every, periods, filled in (
        ("quarter", [date(2025, 10, 1), date(2026, 4, 1)], date(2026, 1, 1)),
        ("week", [date(2025, 12, 29), date(2026, 1, 12)], date(2026, 1, 5)),
        ("day", [date(2026, 2, 28), date(2026, 3, 2)], date(2026, 3, 1)),
    ):
        table = {"unit": ["a", "a"], "period": periods, "numerator": [1, 2], "denominator": [10, 10]}
        assert [row["period"] for row in chart(table, every=every)] == [periods[0], filled, periods[1]]


def test_weeks_begin_on_monday():
    sunday, monday, next_sunday = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 8)
    assert len(chart({"unit": ["a", "a"], "period": [sunday, monday], "numerator": [1, 2], "denominator": [9, 9]}, every="week")) == 2
    with pytest.raises(ValueError, match="same week"):
        chart({"unit": ["a", "a"], "period": [monday, next_sunday], "numerator": [1, 2], "denominator": [9, 9]}, every="week")


def test_series_begin_and_end_with_their_own_rows():
    short, long = one_unit(COUNTS[:9], unit="short"), one_unit(COUNTS, unit="long")
    rows = chart({key: short[key][2:] + long[key] for key in short})
    assert [sum(row["unit"] == unit for row in rows) for unit in ("short", "long")] == [7, 12]
    assert next(row for row in rows if row["unit"] == "short")["period"] == date(2025, 3, 1)


def test_status_trial_and_run_only():
    assert only(chart(one_unit(COUNTS)), "limits_status") == "full"
    trial = chart(one_unit(COUNTS[:8]))
    assert only(trial, "limits_status") == "trial" and trial[0]["ucl"] is not None
    few = chart(one_unit(COUNTS[:7]), chart="u'")
    assert only(few, "limits_status") == "run_only" and only(few, "ucl") is None
    assert only(few, "centre") == np.median(COUNTS[:7]) / 2500
    assert chart(one_unit(COUNTS[:7]), chart="u'", minimum_points=0)[0]["ucl"] is not None


def test_a_short_new_part_is_a_run_chart_until_it_has_points():
    rows = chart(one_unit(COUNTS + [30] * 5), chart="u", rebase=["2026-01"])
    assert [row["limits_status"] for row in rows] == ["full"] * 12 + ["run_only"] * 5
    assert [row["phase"] for row in rows] == [1] * 12 + [2] * 5
    assert rows[11]["ucl"] is not None and rows[12]["ucl"] is None and rows[12]["centre"] == 30 / 2500


def test_auto_chooses_per_series_and_points_out_rare_events():
    tables = [one_unit([20] * 12, 3000, "busy"), one_unit([20] * 12, 500, "small"), one_unit([0, 1] + [0] * 10, 3000, "rare")]
    table = {key: [value for t in tables for value in t[key]] for key in tables[0]}
    found = {row["unit"]: (row["chart"], row["chart_note"]) for row in chart(table)}
    assert found == {"busy": ("u'", None), "small": ("u", None), "rare": ("run", "RARE_EVENTS")}
    found = {row["unit"]: row["chart"] for row in chart(table, rules="nhs")}
    assert found == {"busy": "xmr", "small": "xmr", "rare": "run"}
    assert {row["chart"] for row in chart(table, kind="proportion")} == {"p'", "p", "run"}
    assert {row["chart"] for row in chart(table, value="numerator")} == {"i"}


def test_freeze_exclude_and_rebase_by_period_and_by_column():
    counts = COUNTS + [40, 12, 13]
    marks = {"is_before": [True] * 12 + [False] * 3, "is_odd": [i == 12 for i in range(15)], "is_new": [i == 8 for i in range(15)]}
    table = one_unit(counts, **marks)
    for by_period, by_column in (
        ({"freeze": "2025-12"}, {"freeze": "is_before"}),
        ({"freeze": 12}, {"freeze": date(2025, 12, 1)}),
        ({"exclude": [date(2026, 1, 1)]}, {"exclude": "is_odd"}),
        ({"rebase": ["2025-09-01"]}, {"rebase": "is_new"}),
    ):
        first, second = (methods.control_chart(table, chart="u", **options) for options in (by_period, by_column))
        assert first.equals(second) and not first.equals(methods.control_chart(table, chart="u"))
    ends = table | {"period": [day.replace(day=28) for day in table["period"]]}     # dates inside the month: the same decisions
    for options in ({"freeze": "2025-12"}, {"freeze": date(2025, 12, 1)}, {"exclude": ["2026-01"]}, {"exclude": [date(2026, 1, 5)]}):
        inside, first = (chart(one, chart="u", **options) for one in (ends, table))
        assert [[row[key] for key in ("centre", "n_base", "is_base", "is_excluded")] for row in inside] == [
            [row[key] for key in ("centre", "n_base", "is_base", "is_excluded")] for row in first], options
    daily = chart(ends, chart="u", every=None, freeze="2025-12")
    assert only(daily, "n_base") == 12 and daily[11]["is_base"]
    frozen = chart(table, chart="u", freeze=12)
    assert frozen[0]["base_to"] == date(2025, 12, 1) and frozen[0]["n_base"] == 12 and frozen[12]["is_outside"]
    without = chart(table, chart="u", exclude=["2026-01"])
    assert without[12]["is_excluded"] and without[12]["is_outside"] and without[12]["y"] == 40 / 2500
    assert (only(without, "n_excluded"), only(without, "n_base"), only(without, "n_obs")) == (1, 14, 14)
    assert without[0]["centre"] == pytest.approx((sum(counts) - 40) / (14 * 2500))


def test_a_month_more_leaves_a_frozen_baseline_alone():
    lines = ("centre", "lcl", "lcl95", "ucl95", "ucl", "n_base", "base_from", "base_to", "limits_status", "chart")
    for rules in ("anhoej", "nhs"):
        before, after = (chart(one_unit(COUNTS + tail), freeze=12, rules=rules) for tail in ([14], [14, 90]))
        assert [[row[key] for key in lines] for row in before] == [[row[key] for key in lines] for row in after[:-1]]


def test_making_data_count_columns_and_icons():
    rows = chart(one_unit([20, 12] * 5 + [15, 14, 13, 12, 11, 10, 9]), rules="nhs", direction="decrease", target=30, scale=1000)
    assert [row["label"] for row in rows[11:]] == ["7 Point Trend (Decreasing)"] * 6
    assert rows[-1]["signal"] == "trend_down" and rows[-1]["point_type"] == "special_cause_improvement"
    assert (only(rows, "variation"), only(rows, "assurance"), only(rows, "icon_reason")) == ("improvement_low", "consistent_pass", None)
    assert only(rows, "runs_signal") is None and only(rows, "target") == 30


def test_icons_of_a_series_that_ends_in_a_missing_month():
    rows = chart(one_unit([*COUNTS, None]), rules="nhs", target=1)
    assert (only(rows, "variation"), only(rows, "assurance"), only(rows, "icon_reason")) == (None, None, "LAST_PERIOD_MISSING")
    rows = chart(one_unit(COUNTS[:7]), rules="nhs", target=1)
    assert (only(rows, "assurance"), only(rows, "icon_reason")) == (None, "NO_LIMITS")


def test_target_may_be_a_column_and_the_last_one_counts():
    table = one_unit(COUNTS, goal=[100.0] * 11 + [0.0])
    rows = chart(table, target="goal", direction="decrease", rules="nhs", scale=1000)
    assert only(rows, "assurance") == "consistent_fail" and [row["target"] for row in rows] == table["goal"]


def test_anhoej_variation_names_the_direction_where_there_is_one():
    counts = [10, 14] * 10 + [13, 15] * 5
    rows = chart(one_unit(counts), direction="increase", chart="u")
    assert rows[-1]["signal"] == "shift_high" and only(rows, "variation") == "improvement_high"
    drifting = chart(one_unit([5] * 6 + [15] * 6 + [5] * 6 + [15] * 6), chart="run")
    assert only(drifting, "runs_signal") and only(drifting, "variation") == "runs_signal"


def test_events_are_points_of_their_own():
    table = {"unit": ["a"] * 9, "period": [date(2026, 1, 5)] * 2 + [date(2026, m, 9) for m in range(1, 8)],
             "numerator": [3.5, 0, 20, 31, 28, 30, 31, 30, 15]}
    rows = chart(table, chart="t", denominator=None, scale=1000)
    assert len(rows) == 9 and [row["y"] for row in rows[:2]] == pytest.approx([3.5, 0.5])
    expected = charts.limits("t", np.array(table["numerator"]))
    assert [row["ucl"] for row in rows] == pytest.approx(expected.ucl.tolist(), rel=1e-12)


def test_counts_are_never_scaled():
    rows = chart(one_unit(COUNTS), chart="c", scale=1000)
    assert [row["y"] for row in rows] == COUNTS and only(rows, "centre") == np.mean(COUNTS)
    assert only(chart(one_unit(COUNTS), chart="u", scale=1000, centre=4.5), "centre") == pytest.approx(4.5)


def test_arrays_and_table_agree_for_every_rule_set():
    frame = many_units(12)
    for rules, code in (("nhs", making_data_count.rules), ("western_electric", signals.western_electric), ("ihi", signals.ihi_run_chart)):
        found = methods.control_chart(frame, unit="unit_id", chart="i", rules=rules).to_pandas()
        for _, rows in found.groupby("unit_id"):
            wanted = code(charts.limits("i", rows.y.to_numpy()))
            assert rows.signal.tolist() == [signals.CODES[i] for i in wanted]


def test_moving_ranges_have_no_test_of_runs():
    """As in qicharts2: neighbouring ranges share a point. The ranges here rise step by step."""
    rows = chart(one_unit(np.cumsum(np.arange(24))), chart="mr", minimum_points=0)
    assert only(rows, "runs_signal") is False and rows[-1]["longest_run"] > rows[-1]["longest_run_max"]
    assert {row["signal"] for row in rows} == {"none"} and only(rows, "variation") == "common_cause"


POOR = {"identical": ([7] * 12, [70] * 12), "zeros": ([0] * 12, [70] * 12), "one point": ([7], [70]), "all missing": ([None] * 12, [None] * 12),
        "no denominators": ([3] * 12, [None] * 12), "nobody": ([0] * 12, [0] * 12)}


@pytest.mark.parametrize("rules", sorted(control.RULES))
@pytest.mark.parametrize("name", ["auto", *charts.CHARTS])
def test_poor_series_signal_nothing_on_any_chart(name, rules):
    for what, (counted, sizes) in POOR.items():
        rows = chart(one_unit(counted, sizes), chart=name, rules=rules, direction="decrease", target=4.0, minimum_points=0,
                     denominator=None if name in ("g", "t") else "denominator")
        assert len(rows) == len(counted), what
        assert not [row for row in rows if row["signal"] != "none" or row["is_outside"] or row["runs_signal"]], what
        assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float)), what
        if what == "all missing":
            told = ("y", "centre", "ucl", "limits_status", "variation", "base_from", "base_to")
            assert {tuple(row[key] for key in told) for row in rows} == {(None, None, None, "no_data", None, None, None)}


def test_empty_table_has_all_columns():
    nothing = {"unit": pa.array([], pa.string()), "period": pa.array([], pa.date32()),
               "numerator": pa.array([], pa.float64()), "denominator": pa.array([], pa.float64())}
    for rules in control.RULES:
        found = methods.control_chart(nothing, rules=rules)
        full = methods.control_chart(one_unit(COUNTS), rules=rules)
        assert found.num_rows == 0 and found.schema.equals(full.schema)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (one_unit(COUNTS), {"rules": "nelson"}, "unknown rules"),
        (one_unit(COUNTS), {"chart": "ewma"}, "unknown chart"),
        (one_unit(COUNTS), {"direction": "down"}, "unknown direction"),
        (one_unit(COUNTS), {"every": "fortnight"}, "unknown calendar step"),
        (one_unit(COUNTS), {"rules": "anhoej", "trend": 6}, "no option trend"),
        (one_unit(COUNTS), {"rules": "nhs", "exclude": ["2025-03"]}, "no exclusion"),
        (one_unit(COUNTS), {"exclude": ["2031-03"]}, "in no series"),
        (one_unit(COUNTS), {"freeze": "2024-12"}, "ends before every series begins"),
        (one_unit(COUNTS, target=["x"] * 12), {"unit": ["unit", "target"]}, "rename the key columns target"),
        (one_unit(COUNTS) | {"period": [date(2025, 1, d + 1) for d in range(12)]}, {}, "more than one row in the same month"),
        (one_unit(COUNTS) | {"period": [1, 1, *range(10)]}, {}, "more than one row"),
        (one_unit(COUNTS) | {"period": ["Jan"] * 12}, {}, "dates, ISO text or integers"),
        (one_unit(COUNTS) | {"period": [None, *months(11)]}, {}, "1 rows have no period"),
    ],
)
def test_impossible_input_is_refused(table, options, message):
    with pytest.raises(ValueError, match=message):
        methods.control_chart(table, **options)
