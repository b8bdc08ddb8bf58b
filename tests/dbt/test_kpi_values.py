"""KPI values against a recount in plain Python, and the reasons where there is none."""

from __future__ import annotations

import math
from datetime import date

import pytest

from orchestration import definitions_data
from orchestration.dbt_render import PROJECT_DIR
from tests.dbt.conftest import MONTHS, Truth
from tests.dbt.warehouse import Warehouse

UNITS = {"F1/4W": "Medicine", "F1/ICU": "Critical care", "F2/A1": "Surgery"}


@pytest.fixture(scope="module")
def values(warehouse: Warehouse) -> dict[str, dict]:
    return {row["kpi_key"]: row for row in warehouse.rows("select * from marts.kpi_value")}


def _months(row: dict) -> list[str]:
    start, end = row["period_start_on"], row["period_end_on"]
    return [f"{n // 12}-{n % 12 + 1:02d}" for n in range(start.year * 12 + start.month - 1, end.year * 12 + end.month)]


def _in_entity(row: dict, unit: str) -> bool:
    facility, unit_id = unit.split("/")
    return (row["facility_id"] in (None, facility) and row["unit_id"] in (None, unit_id)
            and row["service_line"] in (None, UNITS[unit]))


def _wilson(p: float, n: int) -> tuple[float, float]:
    """Roots of (p - x)^2 = z^2 x (1 - x) / n: the definition, not the formula in the macro."""
    z2 = 1.959963984540054**2
    a, b, c = 1 + z2 / n, -(2 * p + z2 / n), p * p
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def test_every_survey_kpi_equals_a_recount_over_the_surveys(values: dict[str, dict], truth: Truth) -> None:
    measures = definitions_data.load_measures(PROJECT_DIR / "measures", PROJECT_DIR / "seeds")
    n_compared = n_values = 0
    for row in values.values():
        if row["measure_id"] not in measures:  # adjusted within the group: tests/scores
            continue
        measure = measures[row["measure_id"]]
        # The hand-made surveys sit in unassigned units and in 2025-02 to 2025-05 and 2025-08; the recount leaves those out.
        touched = row["level"] in ("enterprise", "facility") and row["facility_id"] in (None, "F2")
        if measure.source != "answers" or row["unit_id"] == "unassigned" or row["facility_id"] == "unassigned" or row["service_line"] == "unassigned":
            continue
        months = _months(row)
        if (touched and any(month in months for month in ("2024-12", "2025-02", "2025-04", "2025-05", "2025-08"))) or {"2025-03", "2025-04"} & {*months}:
            continue
        months = [m for m in months if (measure.valid_from_on is None or f"{m}-01" >= str(measure.valid_from_on))
                  and (measure.valid_to_on is None or f"{m}-01" <= str(measure.valid_to_on))]
        surveys = [s for s in truth.surveys if s["disposition_code"] == "1" and s["month"] in months and _in_entity(row, s["unit"])]
        parts = [[weights[s[item]] for s in surveys if s.get(item) in weights] for item, weights in measure.weights.items()]
        parts = [part for part in parts if part]
        assert row["numerator"] == pytest.approx(sum(map(sum, parts)), rel=1e-9, abs=1e-9), row
        assert row["denominator"] == sum(map(len, parts)), row
        assert row["n"] == max(map(len, parts), default=0), row
        n_compared += 1
        if row["value"] is not None:
            mean = sum(sum(part) / len(part) for part in parts) / len(parts)
            assert row["value"] == pytest.approx(measure.scale_factor * mean, rel=1e-9), row
            if measure.interval_method == "wilson":
                assert (row["ci_low"], row["ci_high"]) == pytest.approx([100 * x for x in _wilson(mean, row["n"])], rel=1e-9, abs=1e-9)
            else:
                assert row["ci_low"] is None and row["ci_high"] is None
            n_values += 1
    assert n_compared > 1000 and n_values > 500


def test_a_composite_is_the_mean_of_its_items_not_the_pooled_share(values: dict[str, dict], warehouse: Warehouse) -> None:
    row = values["hcahps_responsiveness_top_box:quarter:2024-07-01:facility:F1:all"]
    by_item = warehouse.rows(
        "select item_code, sum(n) filter (answer = 4) as top, sum(n) as n from core.answer_counts "
        "where unit_key = 'F1/4W' and month_start_on between '2024-07-01' and '2024-09-30' and item_code in ('call_button', 'bathroom_help') group by 1"
    )
    assert len(by_item) == 2
    assert row["value"] == pytest.approx(100 * sum(item["top"] / item["n"] for item in by_item) / 2)
    assert (row["numerator"], row["denominator"]) == (sum(i["top"] for i in by_item), sum(i["n"] for i in by_item))


def test_complaint_rates_equal_a_recount(values: dict[str, dict], truth: Truth) -> None:
    from scipy.stats import chi2

    n_compared = 0
    for row in values.values():
        if row["kpi_id"] not in ("complaint_rate", "grievance_rate") or "unassigned" in (row["facility_id"], row["unit_id"], row["service_line"]):
            continue
        months = _months(row)
        def inside(unit: str, level: str = row["level"], row: dict = row) -> bool:
            return level == "enterprise" or (level == "facility" and unit.startswith(f"{row['facility_id']}/")) or (unit in UNITS and _in_entity(row, unit))
        cases = [c for c in truth.cases if c["month"] in months and inside(c["unit"]) and (row["kpi_id"] == "complaint_rate" or c["is_grievance"])]
        n = sum(count for (unit, _, month), count in truth.encounters.items() if month in months and inside(unit))
        n += 20 if "2025-08" in months and inside("F1/4W") else 0
        assert (row["numerator"], row["denominator"]) == (len(cases), n), row
        if row["value"] is not None:
            c = len(cases)
            assert c < 10  # Garwood by definition; Byar is tested with the macros
            assert row["value"] == pytest.approx(1000 * c / n)
            assert row["ci_low"] == pytest.approx(1000 / n * (chi2.ppf(0.025, 2 * c) / 2 if c else 0), rel=1e-9)
            assert row["ci_high"] == pytest.approx(1000 / n * chi2.ppf(0.975, 2 * c + 2) / 2, rel=1e-9)
            n_compared += 1
    assert n_compared > 80


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("complaint_rate:month:2025-03-01:unit:F1/4W:all", None),
        ("complaint_rate:month:2025-03-01:unit:F1/unassigned:all", "UNASSIGNED_UNIT"),
        ("complaint_rate:month:2025-03-01:facility:unassigned:all", "UNASSIGNED_UNIT"),
        ("complaint_rate:month:2025-03-01:service_line:F1/unassigned:all", "UNASSIGNED_UNIT"),
        ("complaint_rate:month:2025-02-01:facility:F2:all", "DENOMINATOR_MISSING"),
        ("complaint_rate:month:2025-02-01:enterprise:all:all", "DENOMINATOR_INCOMPLETE"),
        ("complaint_rate:month:2025-02-01:facility:F1:all", None),
        ("complaint_rate:month:2025-08-01:unit:F1/4W:all", "PERIOD_OPEN"),
        ("complaint_rate:quarter:2025-07-01:facility:F1:all", "PERIOD_OPEN"),
        ("complaint_rate:quarter:2025-01-01:facility:F2:all", "WINDOW_INCOMPLETE"),
        ("complaint_rate:quarter:2025-01-01:facility:F1:all", None),
        ("complaint_rate:quarter:2024-04-01:facility:F1:all", "WINDOW_INCOMPLETE"),
        ("complaint_rate:rolling_12_months:2024-06-01:facility:F1:all", None),
        ("complaint_rate:rolling_12_months:2024-06-01:unit:F1/4W:all", None),
        ("complaint_rate:rolling_12_months:2024-06-01:unit:F1/ICU:all", "WINDOW_INCOMPLETE"),
        ("complaint_rate:rolling_12_months:2024-05-01:facility:F1:all", "WINDOW_INCOMPLETE"),
        ("complaint_rate:rolling_12_months:2024-06-01:facility:F2:all", "WINDOW_INCOMPLETE"),
        ("hcahps_overall_rating_top_box:month:2024-07-01:unit:F1/4W:all", "BELOW_MINIMUM"),
        ("hcahps_overall_rating_top_box:rolling_12_months:2024-08-01:unit:F1/4W:all", None),
        ("hcahps_overall_rating_top_box:month:2025-08-01:enterprise:all:all", "PERIOD_OPEN"),
        ("hcahps_overall_rating_top_box:month:2025-08-01:unit:F1/4W:all", "PERIOD_OPEN"),
        ("hcahps_quietness_top_box:month:2024-12-01:enterprise:all:all", "BELOW_MINIMUM"),
        ("hcahps_quietness_top_box:month:2025-01-01:enterprise:all:all", "DEFINITION_CHANGED"),
        ("hcahps_quietness_top_box:rolling_12_months:2024-08-01:enterprise:all:all", "DEFINITION_CHANGED"),
        ("hcahps_restfulness_top_box:quarter:2025-01-01:facility:F1:all", None),
        ("hcahps_restfulness_top_box:rolling_12_months:2024-08-01:facility:F1:all", "DEFINITION_CHANGED"),
    ],
)
def test_why_there_is_no_value(values: dict[str, dict], key: str, reason: str | None) -> None:
    row = values[key]
    assert row["reason"] == reason
    assert (row["value"] is None) == (reason not in (None, "BELOW_MINIMUM"))
    assert row["is_publishable"] == (reason is None)


def test_no_cases_and_encounters_make_a_zero_with_an_upper_limit(values: dict[str, dict]) -> None:
    row = values["complaint_rate:month:2024-07-01:facility:F2:all"]
    assert (row["numerator"], row["value"], row["ci_low"]) == (0, 0, 0)
    assert row["ci_high"] == pytest.approx(1000 * 3.6888794541139363 / row["denominator"])


def test_targets_hold_from_their_date_on(values: dict[str, dict]) -> None:
    assert values["complaint_rate:month:2024-12-01:facility:F1:all"]["target"] is None
    assert values["complaint_rate:month:2025-01-01:facility:F1:all"]["target"] == 2.0


def test_series_have_no_gaps_and_keys_spell_the_row(values: dict[str, dict]) -> None:
    months = sorted(str(r["period_start_on"])[:7] for r in values.values() if r["kpi_key"].startswith("complaint_rate:month:") and r["unit_id"] == "A1")
    assert months == [*MONTHS, "2025-08"]  # 2025-02 is there although nothing came
    row = values["complaint_rate:month:2025-03-01:unit:F1/4W:all"]
    assert {name: row[name] for name in ("kpi_id", "measure_id", "level", "facility_id", "unit_id", "service_line", "segment_type", "segment_value", "run_id")} == {
        "kpi_id": "complaint_rate", "measure_id": "complaints_per_1000_encounters", "level": "unit", "facility_id": "F1", "unit_id": "4W",
        "service_line": "Medicine", "segment_type": "all", "segment_value": "all", "run_id": "run-1"}
    assert (row["period_end_on"], row["direction"], row["measure_version"]) == (date(2025, 3, 31), "decrease", 1)


def test_a_retired_measure_ends_twelve_months_after_its_last_day(values: dict[str, dict]) -> None:
    starts = [row["period_start_on"] for row in values.values() if row["kpi_id"] == "hcahps_quietness_top_box" and row["period_grain"] == "month" and row["unit_id"] == "4W"]
    assert min(starts) == date(2024, 6, 1) and max(starts) <= date(2025, 12, 1)
    assert not [key for key in values if key.startswith("hcahps_restfulness_top_box:month:2024")]
