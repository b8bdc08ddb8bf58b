"""Numbers that others keep as KPIs, and initiatives on the charts with what came after them.

Belongs here: feeds of kind metric and initiative through the whole build. Does not belong here: formulas (tests/methods).
"""

from __future__ import annotations

import hashlib
from calendar import monthrange
from datetime import date, datetime, time

import numpy as np
import pytest
from scipy import stats

from ingestion.kinds import KINDS
from methods import charts, intervals, signals
from tests.dbt import charted
from tests.dbt.warehouse import Input, Warehouse, day, feed

MONTHS = [date(2023 + n // 12, n % 12 + 1, 1) for n in range(24)]
RARE = [day(text) for text in ("2023-02-03", "2023-02-20", "2023-04-01", "2023-04-01", "2023-09-15", "2024-01-05", "2024-02-11", "2024-06-30",
                              "2024-07-02", "2024-08-19", "2024-11-11", "2024-12-30")]      # facility B; its May 2023 has no encounters
HOURS = [800, 810, 790, 805, 795, 800, 820, 780, 800, 815, 785, 800, 850, 845, 870, 830, 860, 855, 840, 850, 865, 835, 850]     # U2, not its last month
CASES = [30] * 12 + [12] * 12      # a change at the first of January 2024
WAVES = ([30] * 6 + [24] * 6) * 2  # facility C: three crossings of the centre and no long run
BROKEN = "2024-02-15"
CHANGED_MEASURE = f"""measure: completion_changed
label: Completion, counted otherwise from the middle of a month
source: metrics
metric: training_completion
statistic: proportion
version: 1
direction: increase
standing: product-defined
breaks: [{{from: {BROKEN}, note: other staff are counted}}]
example: {{numerator: 45, denominator: 60, value: 75.0}}
"""
COACHED = "Coaching of Dr A. Example"


def metric(code: str, unit: str, month: date, **numbers: float) -> dict:
    return {"metric_code": code, "facility_code": "A", "unit_code": unit, "period_start_on": month} | numbers


def initiative(code: str, name: str, start: str, **more: str) -> dict:
    return {"initiative_id": code, "initiative_name": name, "kpi_id": "rate", "start_on": day(start), "owner_role": "nurse manager"} | more


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    feeds = [*charted.feeds(), feed("kept", "metric", list(KINDS["metric"]), business_key=["metric_code", "facility_code", "unit_code", "period_start_on"]),
             feed("kept_too", "metric", list(KINDS["metric"]), business_key=["metric_code", "facility_code", "unit_code", "period_start_on"], priority=-5),
             feed("plan", "initiative", list(KINDS["initiative"]), business_key=["initiative_id", "kpi_id"])]
    warehouse = Warehouse(tmp_path_factory.mktemp("metrics"), feeds)
    given = Input(warehouse.input, feeds)
    given.delivery("org", "2022-01-01", [
        {"source_feed": "*", "source_facility_code": "A", "source_unit_code": unit, "facility_id": "A", "facility_name": "A",
         "unit_id": unit, "unit_name": unit, "service_line": unit and "wards"} for unit in (None, "U1", "U2")
    ] + [{"source_feed": "*", "source_facility_code": name, "facility_id": name, "facility_name": name} for name in "BC"])
    charted.deliver(given, [(name, month, 5000, n) for name, counts in (("A", CASES), ("C", WAVES))
                            for month, n in zip(MONTHS, counts, strict=True)], "2025-01-05")
    given.delivery("sheet", "2025-01-05", [
        {"facility_code": "B", "class_code": "inpatient", "period_grain": "month", "period_start_on": month, "n_encounters": 3000}
        for month in MONTHS if month != date(2023, 5, 1)
    ], sequence=1)
    given.delivery("cases", "2025-01-05", [
        {"case_id": f"B-{n}", "facility_code": "B", "received_at": datetime.combine(on, time(12)), "received_on": on} for n, on in enumerate(RARE)
    ], sequence=1)
    last = MONTHS[-1]
    given.delivery("kept", "2025-01-05", [
        *(metric("Training_Completion", "U1", month, numerator=30 + n, denominator=60) for n, month in enumerate(MONTHS)),
        *(metric("training_completion", "U2", month, numerator=20, denominator=40) for month in MONTHS),
        metric("staff_engagement", "U1", last, value=71.5, denominator=40), metric("staff_engagement", "U2", last, value=60.0, denominator=10),
        metric("nursing_hours", "U1", last, numerator=2150.5, denominator=250),
        *(metric("nursing_hours", "U2", month, numerator=hours, denominator=100) for month, hours in zip(MONTHS, HOURS, strict=False)),
        metric("training_completion", "Testerly, Torvella", last, numerator=1, denominator=2),
        metric("training_completion", "U1", date(2022, 12, 1), numerator=70, denominator=60),
        metric("training_completion", "U2", date(2022, 12, 1), denominator=60),
    ])
    given.delivery("kept_too", "2025-01-05", [metric("training_completion", "U2", last, numerator=40, denominator=40)])
    given.delivery("plan", "2025-01-05", [
        initiative("I1", "Hourly rounding", "2024-01-01", facility_code="A", action_code="annotate"),
        initiative("I2", "New triage", "2024-01-01", kpi_id="rebased"),
        initiative("I3", "Started in the middle", "2023-12-15", action_code="annotate"),
        initiative("I4", "No such KPI", "2024-01-01", kpi_id="no_such"),
        initiative("I5", "No such unit", "2024-01-01", facility_code="A", unit_code="U9"),
        initiative("I6", "Yesterday", "2024-12-31", facility_code="A"),
        initiative("I7", "Whole process", "2024-01-01", kpi_id="rebased", facility_code="A", action_code="rebase"),
        initiative("I10", COACHED, "2023-07-01", kpi_id="restarted", facility_code="A", action_code="rebase"),
        initiative("I11", "New form", "2024-03-01", kpi_id="changed", facility_code="A"),
        initiative("I12", "Old form", "2023-07-01", kpi_id="changed", facility_code="A"),
        initiative("I9", "More nurses", "2024-01-01", kpi_id="nursing_hours_per_patient_day", facility_code="A", unit_code="U2"),
        initiative("I8", "Courses", "2024-01-01", kpi_id="training_completion", facility_code="A", unit_code="U1"),
    ])
    # What the ledger says was open: the signal that lasts, and of another KPI one in the other direction.
    for subject, code in (("rate:month:facility:A:improvement_low", "kept"), ("restarted:month:facility:A:concern_high", "over")):
        given.open_alerts.append({"subject_id": hashlib.md5(f"new_signal|{subject}".encode()).hexdigest(), "alert_id": code, "first_seen_on": day("2024-03-01")})
    given.write()
    charted.define(warehouse.root / "own", warehouse.input / "definitions", {"rate": ("u", "rules: anhoej", 4.0), "rebased": ("u", "rules: anhoej", 4.0), "between": ("g", "rules: anhoej", 9.0),
        "days": ("t", "rules: anhoej", 9.0), "chosen": ("auto", "rules: anhoej", 4.0),
        "restarted": ("u", "rules: anhoej", "[{value: 0.1, from: 2020-01-01, to: 2025-12-31, reason: test}, {value: 0.2, from: 2026-01-01, reason: next year}]")}, {
        "measures/completion_changed.yml": CHANGED_MEASURE, "kpis/changed.yml": charted.KPI.format(
            name="changed", measure="completion_changed", type="i", more="rules: anhoej").replace("[month]", "[month, quarter]")})
    warehouse.dbt("build", "--exclude-resource-type", "unit_test")     # with every data test: evidence, parts, keys
    return warehouse


def value(warehouse: Warehouse, key: str) -> dict:
    return warehouse.row(f"select value, numerator, denominator, n, ci_low, reason from marts.kpi_value where kpi_key = '{key}:all'")


def test_metrics_become_kpis_like_any_other(warehouse: Warehouse) -> None:
    unit = value(warehouse, "training_completion:month:2024-12-01:unit:A/U1")
    assert (unit["value"], unit["numerator"], unit["denominator"], unit["reason"]) == (pytest.approx(100 * 53 / 60), 53, 60, None)
    assert unit["ci_low"] is not None
    assert value(warehouse, "training_completion:month:2024-12-01:facility:A")["value"] == pytest.approx(100 * 74 / 102)      # with a row of an unmapped unit
    assert value(warehouse, "staff_engagement:month:2024-12-01:facility:A")["value"] == pytest.approx((71.5 * 40 + 60 * 10) / 50)
    assert value(warehouse, "nursing_hours_per_patient_day:month:2024-12-01:enterprise:all")["value"] == pytest.approx(8.602)
    chart = warehouse.row("select chart, n_base, limits_status from marts.kpi_trend where kpi_id = 'training_completion' and unit_id = 'U1' "
                          "and period_start_on = '2024-12-01' and period_grain = 'month'")
    assert (chart["chart"], chart["n_base"], chart["limits_status"]) == ("p_prime", 24, "full")


def test_rows_that_do_not_count_say_why(warehouse: Warehouse) -> None:
    found = warehouse.rows("select feed, unit_id, rule, count(*)::int as n from marts.kpi_evidence where kpi_id = 'training_completion' group by all order by all")
    assert [tuple(row.values()) for row in found] == [
        ("kept", "U1", "COUNTED", 24), ("kept", "U1", "NUMERATOR_ABOVE_DENOMINATOR", 1), ("kept", "U2", "COUNTED", 24),
        ("kept", "U2", "NOT_REPORTED", 1), ("kept", "unassigned", "COUNTED", 1), ("kept_too", "U2", "OTHER_FEED_PREFERRED", 1)]
    assert warehouse.rows("select distinct feed, source_kind, source_unit_code from marts.unmapped_codes order by all") == [
        {"feed": "cases", "source_kind": "complaint", "source_unit_code": "(none)"},
        {"feed": "kept", "source_kind": "metric", "source_unit_code": "xxxxxxxx, xxxxxxxx"},
        {"feed": "plan", "source_kind": "initiative", "source_unit_code": "U9"},
        {"feed": "sheet", "source_kind": "encounter_count", "source_unit_code": "(none)"}]


def test_initiatives_are_on_the_charts(warehouse: Warehouse) -> None:
    marked = warehouse.rows("select kpi_id, level, period_start_on, phase, part_reason, annotation from marts.kpi_trend "
                            "where kpi_id in ('rate', 'rebased') and facility_id = 'A' and (part_reason is not null or annotation is not null) order by all")
    assert [tuple(row.values()) for row in marked] == [
        ("rate", "facility", day("2023-12-01"), 1, None, "I3 Started in the middle"),
        ("rate", "facility", day("2024-01-01"), 1, None, "I1 Hourly rounding"),
        ("rate", "facility", day("2024-12-01"), 1, None, "I6 Yesterday"),
        ("rebased", "facility", day("2024-01-01"), 2, "I7 Whole process", "I2 New triage"),
    ]


def encounters_before(on: date) -> float:
    """3,000 a month, spread over its days, none in May 2023."""
    whole = [month for month in MONTHS if month < on.replace(day=1) and month != date(2023, 5, 1)]
    return 3000 * len(whole) + 3000 * (on.day - 0.5) / monthrange(on.year, on.month)[1]


def test_rare_events_are_charted_by_the_distance_between_them(warehouse: Warehouse) -> None:
    rows = {kpi: warehouse.rows(f"select * from marts.kpi_trend where kpi_id = '{kpi}' and facility_id = 'B' and period_grain = 'event' order by point")
            for kpi in ("between", "days", "chosen")}
    between = [round(encounters_before(b) - encounters_before(a)) for a, b in zip(RARE, RARE[1:], strict=False)]
    between[3] = None       # 1 April to 15 September 2023: nobody counted the encounters of May
    days = [(b - a).days for a, b in zip(RARE, RARE[1:], strict=False)]
    for kpi, chart, distances in (("between", "g", between), ("days", "t", days), ("chosen", "g", between)):
        wanted = charts.limits(chart, np.array(distances, float))
        assert [row["period_start_on"] for row in rows[kpi]] == RARE[1:]
        for name in ("centre", "lcl", "ucl", "ucl95"):
            lines = [None if n is None and name != "centre" else line for n, line in zip(distances, getattr(wanted, name).tolist(), strict=True)]
            assert [row[name] for row in rows[kpi]] == [None if line is None else pytest.approx(line, rel=1e-12) for line in lines]
        assert [row["value"] for row in rows[kpi]] == [None if n is None else pytest.approx(n or (0.5 if chart == "t" else 0), rel=1e-12) for n in distances]
        runs = signals.anhoej(wanted.y, wanted.centre)
        assert [row["longest_run"] for row in rows[kpi]] == runs.longest_run.tolist()
        assert {(row["chart"], row["direction"]) for row in rows[kpi]} == {(chart, "increase")}
    assert rows["between"][3]["reason"] == "DENOMINATOR_INCOMPLETE" and rows["between"][2]["kpi_key"] == "between:event:#3:facility:B:all"
    assert warehouse.rows("select distinct kpi_id, facility_id, chart, chart_note from marts.kpi_trend where kpi_id in ('chosen', 'between', 'days') "
                          "and period_grain = 'month' order by all") == [
        {"kpi_id": "chosen", "facility_id": "A", "chart": "u_prime", "chart_note": None},
        {"kpi_id": "chosen", "facility_id": "B", "chart": "run", "chart_note": "RARE_EVENTS"},
        {"kpi_id": "chosen", "facility_id": "C", "chart": "u_prime", "chart_note": None}]
    assert {row["facility_id"] for row in warehouse.rows("select * from marts.kpi_trend where period_grain = 'event' and kpi_id = 'chosen'")} == {"B"}


def effect(warehouse: Warehouse, code: str) -> dict:
    return warehouse.row(f"select * from marts.initiative_effect where initiative_id = '{code}'")


def test_an_initiative_carries_its_result(warehouse: Warehouse) -> None:
    first = effect(warehouse, "I1")
    assert (first["n_before"], first["n_after"], first["numerator_before"], first["numerator_after"]) == (12, 12, 360, 144)
    ratio, low, high, _ = intervals.rate_ratio(144, 60000, 360, 60000)
    assert (first["effect"], first["effect_low"], first["effect_high"]) == pytest.approx((float(ratio), float(low), float(high)), rel=1e-12)
    assert (first["effect_kind"], first["verdict"], first["value_before"], first["reason"]) == ("rate_ratio", "better", pytest.approx(6.0), None)
    assert (first["is_signal_on_chart"], first["chart_point_type"], first["chart_signal_on"]) == (True, "special_cause_improvement", day("2024-01-01"))
    middle = effect(warehouse, "I3")        # no facility: the enterprise, for which this KPI is not defined
    assert (middle["reason"], middle["effect"], middle["is_signal_on_chart"]) == ("NO_SERIES", None, None)
    share = effect(warehouse, "I8")
    p = 100 * (sum(range(42, 54)) - sum(range(30, 42))) / 720
    assert (share["effect_kind"], share["effect"], share["verdict"]) == ("difference", pytest.approx(p), "better")
    assert share["effect_low"] > 0
    mean = effect(warehouse, "I9")
    welch = stats.ttest_ind([h / 100 for h in HOURS[12:]], [h / 100 for h in HOURS[:12]], equal_var=False)
    assert (mean["effect_kind"], mean["n_before"], mean["n_after"], mean["verdict"]) == ("mean_difference", 12, 11, None)      # neutral: no good side
    assert (mean["effect"], mean["effect_low"], mean["effect_high"]) == pytest.approx(
        (np.mean(HOURS[12:]) / 100 - np.mean(HOURS[:12]) / 100, *welch.confidence_interval()), rel=1e-9)
    assert (mean["is_signal_on_chart"], mean["chart_point_type"]) == (True, "special_cause_neutral_high")
    rebased = effect(warehouse, "I7")
    assert (rebased["action_code"], rebased["verdict"], rebased["is_signal_on_chart"]) == ("rebase", "better", True)
    assert {code: effect(warehouse, code)["reason"] for code in ("I4", "I5", "I6")} == {
        "I4": "UNKNOWN_KPI", "I5": "UNMAPPED_PLACE", "I6": "NOTHING_AFTER"}


def completed(first: int, last: int) -> list[float]:
    """Staff of A who completed, month by month: U1, U2 and the row without a unit of the last month."""
    return [50 + n + (n == 23) for n in range(first, last)]


def test_a_definition_that_changes_begins_a_part_and_cuts_its_own_period(warehouse: Warehouse) -> None:
    """The month and the quarter that the change lies in tell of neither definition."""
    for grain, cut, after, n_before, n_after in (("month", "2024-02-01", "2024-03-01", 13, 10), ("quarter", "2024-01-01", "2024-04-01", 4, 3)):
        rows = warehouse.rows(f"select * from marts.kpi_trend where series_key = 'changed:{grain}:facility:A' order by point")
        by_start = {str(row["period_start_on"]): row for row in rows}
        assert (by_start[cut]["value"], by_start[cut]["reason"], by_start[cut]["ucl"]) == (None, "DEFINITION_CHANGED", None)
        assert [row["period_start_on"] for row in rows if row["part_reason"]] == [day(after)]
        assert by_start[after]["part_reason"] == "DEFINITION_CHANGED: other staff are counted"
        for phase, n in ((1, n_before), (2, n_after)):
            part = [row for row in rows if row["phase"] == phase]
            known = [row["value"] for row in part if row["value"] is not None]
            assert len(known) == n and {row["n_base"] for row in part} == {n}
            (centre,) = {row["centre"] for row in part}
            assert centre == pytest.approx(np.mean(known) if n >= 8 else np.median(known), rel=1e-12)
    told = warehouse.row("select explanation from marts.kpi_signal where series_key = 'changed:month:facility:A'")["explanation"]
    assert " began a new part on 2024-03-01, as the definition changed;" in told and "other staff" not in told


def test_an_effect_is_never_taken_over_a_change_of_the_definition(warehouse: Warehouse) -> None:
    after = effect(warehouse, "I11")
    assert (after["reason"], after["n_before"], after["n_after"], after["effect"], after["verdict"]) == ("DEFINITION_CHANGED", 0, 10, None, None)
    before = effect(warehouse, "I12")
    assert (before["n_before"], before["n_after"], before["after_to_on"], before["effect_kind"]) == (6, 7, day("2024-01-31"), "difference")
    assert (before["numerator_before"], before["numerator_after"]) == (sum(completed(0, 6)), sum(completed(6, 13)))


def test_every_part_says_how_far_its_limits_go(warehouse: Warehouse) -> None:
    rows = warehouse.rows("select kpi_key, n_base, limits_status, value, ucl, centre, chart from marts.kpi_trend")
    seen = {row["limits_status"] for row in rows}
    assert seen == {"no_data", "run_only", "trial", "full"}
    for row in rows:
        n = row["n_base"]
        wanted = "no_data" if n == 0 else "run_only" if n < 8 or row["chart"] == "run" else "trial" if n < 12 else "full"
        assert row["limits_status"] == wanted, row
        assert row["ucl"] is None or wanted in ("trial", "full"), row
    told = warehouse.row("select explanation from marts.kpi_signal where series_key = 'changed:month:facility:A'")["explanation"]
    assert told.endswith(" Limits on trial: 10 base points of 12.")


def test_correlations_of_units_and_months_with_the_first_ahead(warehouse: Warehouse) -> None:
    found = {row["lag"]: row for row in warehouse.rows(
        "select * from marts.kpi_correlation where leading_kpi_id = 'training_completion' and kpi_id = 'complaint_rate' and scope = 'facility' "
        "and facility_id = 'A' and level = 'facility' and period_grain = 'month'")}
    assert set(found) == {0, 1, 2, 3}
    training = [(50 + n + (n == 23)) / (100 + 2 * (n == 23)) for n in range(24)]       # U1 and U2, and one row without a unit
    rate = [n / 5000 for n in CASES]
    for lag, row in found.items():
        pairs = list(zip(training[:24 - lag], rate[lag:], strict=True))
        assert (row["n"], row["n_places"], row["reason"]) == (24 - lag, 1, None)
        assert row["spearman"] == pytest.approx(stats.spearmanr(*zip(*pairs, strict=True)).statistic, rel=1e-9) and row["spearman"] < -0.8
    few = warehouse.rows("select n, spearman from marts.kpi_correlation where leading_kpi_id = 'staff_engagement' and kpi_id = 'complaint_rate' and reason = 'TOO_FEW_PAIRS'")
    assert few and all(row["n"] < 8 and row["spearman"] is None for row in few)


def test_targets_tell_distance_and_since_when_they_hold(warehouse: Warehouse) -> None:
    row = warehouse.row("select * from marts.kpi_target_status where target_key = 'rate:month:facility:A:2020-01-01'")
    assert (row["n_periods"], row["n_periods_met"], row["is_met"], row["first_met_on"], row["met_since_on"]) == (
        24, 12, True, day("2024-01-01"), day("2024-01-01"))
    assert (row["last_value"], row["distance"], row["target_reason"], row["n_missed_running"], row["missed_twice_on"]) == (
        pytest.approx(2.4), pytest.approx(1.6), "test", 0, None)


def alerts(warehouse: Warehouse, subject: str) -> list[dict]:
    return warehouse.rows(f"select * from marts.alert where starts_with(subject_key, '{subject}') order by all")


def test_an_alert_keeps_the_id_and_date_that_the_ledger_holds(warehouse: Warehouse) -> None:
    (row,) = alerts(warehouse, "rate:month:facility:A")
    assert (row["alert_id"], row["first_seen_on"], row["alert_kind"], row["is_concern"]) == ("kept", day("2024-03-01"), "new_signal", False)
    assert row["message"].startswith("rate, A: Signal, improvement: low values by rule ")


def test_a_signal_in_the_other_direction_is_another_event(warehouse: Warehouse) -> None:
    signal, missed = alerts(warehouse, "restarted:month:facility:A")
    assert (signal["subject_key"], missed["alert_kind"]) == ("restarted:month:facility:A:improvement_low", "target_missed_twice")
    assert signal["alert_id"] != "over" and signal["first_seen_on"] == day("2024-01-01")


def test_a_target_that_is_announced_does_not_end_the_alert_of_the_one_that_holds(warehouse: Warehouse) -> None:
    (row,) = [row for row in alerts(warehouse, "restarted:month:facility:A") if row["alert_kind"] == "target_missed_twice"]
    assert row["message"] == "restarted, A: target 0.1 missed 24 periods in a row" and row["first_seen_on"] == day("2023-02-01")


def test_a_series_that_is_not_random_is_an_alert_without_a_direction(warehouse: Warehouse) -> None:
    (row,) = [row for row in alerts(warehouse, "rate:month:facility:C:") if row["alert_kind"] == "new_signal"]
    assert (row["subject_key"], row["is_concern"], row["first_seen_on"]) == ("rate:month:facility:C:runs_signal", False, day("2024-12-01"))
    assert "not random around its centre (3 crossings, expected at least " in row["message"]


def test_no_alert_repeats_what_a_person_typed(warehouse: Warehouse) -> None:
    told = warehouse.row("select part_reason, explanation from marts.kpi_signal where series_key = 'restarted:month:facility:A'")
    assert told["part_reason"] == "I10 (withheld: it names a person)" and effect(warehouse, "I10")["initiative_name"] == "(withheld: it names a person)"
    assert "The chart began a new part on 2023-07-01, by decision;" in told["explanation"]
    messages = [row["message"] for row in warehouse.rows("select message from marts.alert where kpi_id in ('restarted', 'rebased', 'rate')")]
    assert len(messages) > 3 and not [text for text in messages if "withheld" in text or "I10" in text or "I7" in text]
