"""The shipped KPIs: scope per score, and what a KPI file may say per score.

Belongs here: expected scopes, defaults and overrides.
Does not belong here: faults (test_definition_faults.py).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from orchestration.definitions_data import load_kpis

LEVELS = ("enterprise", "facility", "service_line", "unit")
WINDOWS = ("month", "quarter", "rolling_12_months")


def test_every_measure_is_asked_for(kpis, measures) -> None:
    hcahps = {name for name, measure in measures.items() if measure.instrument_family in (None, "hcahps")}
    asked = {kpi.measure_id for kpi in kpis.values()}
    assert hcahps <= asked
    # Of the other instruments the headline of each measure; all their boxes stand in survey_score.
    assert {measures[name].measure_name for name in asked} == {measure.measure_name for measure in measures.values()}
    assert {measures[name].score for name in asked - hcahps} == {"top_box", None}


def test_scope_of_scores(kpis, measures) -> None:
    for kpi in kpis.values():
        if measures[kpi.measure_id].instrument_family not in (None, "hcahps"):
            assert kpi.levels == LEVELS[:2] and set(WINDOWS[1:]) <= set(kpi.windows), kpi.kpi_id  # rows are not free
            continue
        if set(measures[kpi.measure_id].conditions) == {"encounter_class"}:
            assert (kpi.levels, kpi.windows) == (LEVELS[:2], (WINDOWS[0], WINDOWS[2])), kpi.kpi_id  # most units have one class
            continue
        is_wide = measures[kpi.measure_id].score in ("top_box", None)
        assert kpi.levels == (LEVELS if is_wide else LEVELS[:2]), kpi.kpi_id
        assert kpi.windows == (WINDOWS if is_wide else WINDOWS[1:]), kpi.kpi_id


def test_ids_and_minimum(kpis, measures) -> None:
    renamed = {kpi.kpi_id: kpi.measure_id for kpi in kpis.values() if kpi.kpi_id != kpi.measure_id}
    assert renamed == {
        "complaint_rate": "complaints_per_1000_encounters",
        "grievance_rate": "grievances_per_1000_encounters",
        "severe_complaint_rate": "severe_complaints_per_1000_encounters",
    } | {f"{name}_complaint_rate": f"{name}_complaints_per_1000"
         for name in ("inpatient", "emergency", "observation", "ambulatory", "surgery", "virtual", "home")}
    minimum = {None: 100, "hcahps": 25, "cgcahps": 50, "oas": 100, "pg": 30, "nps": 25, "fft": 5, "review": 25}
    for kpi in kpis.values():
        measure = measures[kpi.measure_id]
        if measure.source == "metrics":
            assert 1 <= kpi.minimum_denominator <= 5, kpi.kpi_id
            continue
        wanted = 10 if measure.source == "handled_cases" else minimum[measure.instrument_family]
        assert kpi.minimum_denominator == wanted, kpi.kpi_id


def test_charts_fit_the_measure(kpis, measures) -> None:
    for kpi in kpis.values():
        measure = measures[kpi.measure_id]
        is_share = measure.unit == "percent" and len(measure.weights) < 2
        is_rare = kpi.kpi_id == "severe_complaint_rate"
        assert kpi.chart == ("g" if is_rare else "u_prime" if measure.unit == "per_1000" else "p_prime" if is_share else "i"), kpi.kpi_id


def test_target_of_the_complaint_rate(kpis) -> None:
    (target,) = kpis["complaint_rate"].targets
    assert (target.value, target.start, target.end) == (2.0, date(2025, 1, 1), None)
    assert target.reason


def test_a_score_may_say_otherwise(bench: Path, measures) -> None:
    (bench / "kpis" / "k.yml").write_text(
        "kpi: goal\nmeasure: hcahps_recommend\nlabel: Goal\nscores:\n"
        "  top_box: {levels: [unit], windows: [month], minimum_denominator: 5, chart: run,\n"
        "            target: [{value: 70, from: 2024-01-01, to: 2024-12-31, reason: a}, {value: 72, from: 2025-01-01, reason: b}]}\n"
        "  linear_mean:\nlevels: [enterprise]\nwindows: [quarter]\nminimum_denominator: 25\nchart: i\nowner: me\n"
    )
    kpis = load_kpis(bench / "kpis", measures)
    assert list(kpis) == ["goal_linear_mean", "goal_top_box"]
    top, linear = kpis["goal_top_box"], kpis["goal_linear_mean"]
    assert (top.levels, top.windows, top.minimum_denominator, top.chart) == (("unit",), ("month",), 5, "run")
    assert [target.value for target in top.targets] == [70, 72]
    assert (linear.levels, linear.windows, linear.minimum_denominator, linear.chart) == (("enterprise",), ("quarter",), 25, "i")
    assert linear.targets == ()


def test_an_exact_measure_id_needs_no_scores(bench: Path, measures) -> None:
    (bench / "kpis" / "k.yml").write_text(
        "kpi: goal\nmeasure: hcahps_recommend_top_box\nlabel: Goal\nlevels: [unit]\nwindows: [month]\n"
        "minimum_denominator: 25\nchart: p_prime\nowner: me\n"
    )
    (kpi,) = load_kpis(bench / "kpis", measures).values()
    assert (kpi.kpi_id, kpi.measure_id, kpi.label) == ("goal", "hcahps_recommend_top_box", "Goal")
