"""Where scores stand: gaps between groups, benchmarks, vendor scores, Value-Based Purchasing."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import duckdb
import pytest

from methods.hvbp import score_hospitals
from orchestration.dbt_render import PROJECT_DIR
from orchestration.small_cells import declared, suppress
from tests.dbt.warehouse import Warehouse


def _wilson(p: float, n: int) -> tuple[float, float]:
    z2 = 1.959963984540054**2
    a, b, c = 1 + z2 / n, -(2 * p + z2 / n), p * p
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def test_gaps_and_their_intervals(scores: Warehouse) -> None:
    rows = scores.rows("select * from marts.equity_gap where level = 'facility' and instrument_family = 'hcahps'")
    seen = set()
    for row in rows:
        if row["gap"] is None:
            assert row["reason"] and row["gap_ci_low"] is None
            continue
        p1, p2 = row["score"] / 100, row["reference_score"] / 100
        (l1, u1), (l2, u2) = _wilson(p1, row["n"]), _wilson(p2, row["reference_n"])
        assert row["gap"] == pytest.approx(100 * (p1 - p2), abs=1e-9)
        assert row["gap_ci_low"] == pytest.approx(100 * (p1 - p2 - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)), abs=1e-7)
        assert row["gap_ci_high"] == pytest.approx(100 * (p1 - p2 + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)), abs=1e-7)
        assert row["linear_gap_ci_low"] < row["linear_gap"] < row["linear_gap_ci_high"]
        assert min(row["n"], row["reference_n"]) >= 25
        seen.add(row["segment_type"])
    assert seen == {"sex", "language", "payer", "service_line", "age_band", "race_ethnicity"}
    assert {"REFERENCE_GROUP", "BELOW_MINIMUM"} <= {row["reason"] for row in rows}


def test_newcombe_of_a_published_example(scores: Warehouse) -> None:
    """56/70 against 48/80: Newcombe 1998, method 10, gives 0.0524 to 0.3339."""
    (l1, u1), (l2, u2) = _wilson(56 / 70, 70), _wilson(48 / 80, 80)
    low = 0.2 - math.sqrt((0.8 - l1) ** 2 + (u2 - 0.6) ** 2)
    high = 0.2 + math.sqrt((u1 - 0.8) ** 2 + (0.6 - l2) ** 2)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_vendor_scores_take_the_decile_of_their_own_year(scores: Warehouse) -> None:
    rows = scores.rows("select * from marts.ssm_position")
    found = {(row["entity_code"], row["benchmark_source"]): (row["decile"], row["percentile_band"], row["reason"]) for row in rows}
    assert len(found) == len(rows)
    assert found == {
        ("P1", "QPP"): (7, "60 to under 70", None),  # exactly p60: ties go up
        ("P1", "vendor norm"): (7, "60 to under 70", None),  # 80 is its p60; the points of two publishers are never mixed
        ("P2", "QPP"): (1, "under 10", None),
        ("P2", "vendor norm"): (6, "50 to under 60", None),
        ("P3", "QPP"): (10, "90 or over", None),  # the placeholder 99 is no percentile
        ("P3", "vendor norm"): (9, "80 to under 90", None),
        ("P4", "QPP"): (5, "40 to under 50", None),  # an edition that begins with decile 3
        ("P5", None): (None, None, "NO_BENCHMARK_OF_EDITION"),  # another year's benchmark is not used
        ("P6", "QPP"): (None, None, "TOO_FEW"),
        ("P6", "vendor norm"): (None, None, "TOO_FEW"),
        ("P7", "QPP"): (None, "under 20", "BELOW_LOWEST_POINT"),  # decile 1 or 2: the edition does not tell
    }


def test_positions_by_interpolation_only_when_there_are_enough(scores: Warehouse) -> None:
    rows = scores.rows("select * from marts.benchmark_position where benchmark_source = 'own' and statistic = 'linear_mean'")
    for row in rows:
        if row["facility_id"] == "F3":
            assert row["percentile"] is None and row["reason"] in ("BELOW_MINIMUM", "WINDOW_INCOMPLETE", "DEFINITION_CHANGED", "NO_EDITION_OF_PERIOD")
            continue
        score, base = row["score"], 5 if row["edition"] == "2025" else 10
        if row["reason"] is None:
            assert row["percentile"] == pytest.approx(min(score - base, 90), abs=1e-9)  # the points lie on a line
        elif row["reason"] == "BELOW_LOWEST_POINT":
            assert score < base + 10 and row["percentile"] is None
    assert {row["reason"] for row in rows} >= {None, "BELOW_MINIMUM", "BELOW_LOWEST_POINT"}


def test_a_later_edition_moves_no_earlier_position(scores: Warehouse) -> None:
    def editions(where: str) -> dict[str, tuple]:
        rows = scores.rows(f"select period_end_on::varchar as day, edition, benchmark_value, difference, score, reason from marts.benchmark_position where facility_id = 'F1' and {where}")
        assert rows and all(row["difference"] is None or row["difference"] == pytest.approx(row["score"] - row["benchmark_value"]) for row in rows)
        found = {row["day"]: (row["edition"], row["benchmark_value"], row["reason"]) for row in rows}
        assert len(found) == len(rows)
        return {day: found[day] for day in ("2024-12-31", "2025-03-31", "2025-06-30", "2025-09-30", "2025-12-31")}

    own = editions("public_measure_id = 'hcahps_overall_rating_linear_mean'")
    assert {day: edition for day, (edition, *_) in own.items()} == {"2024-12-31": "2024", "2025-03-31": "2024", "2025-06-30": "2024", "2025-09-30": "2025", "2025-12-31": "2025"}
    average = editions("public_measure_id = 'H_HSP_RATING_9_10'")
    assert [value for _, value, _ in average.values()] == [70, 76, 76, 76, 76] and {reason for *_, reason in average.values()} == {None}
    assert average["2024-12-31"][0] == "2023-07-01 to 2024-06-30"
    assert set(editions("public_measure_id = 'hcahps_recommend_top_box'").values()) == {(None, None, "NO_EDITION_OF_PERIOD")}


def test_outpatient_surgery_stands_beside_the_nation(scores: Warehouse) -> None:
    (row,) = scores.rows("select * from marts.benchmark_position where facility_id = 'F2' and measure_name like 'oas%' and period_start_on = '2025-01-01'")
    assert (row["public_measure_id"], row["geography_level"], row["n"], row["reason"]) == ("OAS_RATING_TOP", "national", 120, None)
    assert (row["score"], row["benchmark_value"], row["difference"]) == pytest.approx((80, 86, -6))


def _points(scores: Warehouse, year: int, facility: str, start: str, adjustment: str = "raw") -> list[dict]:
    return scores.rows(f"select * from marts.hvbp_points where fiscal_year = {year} and facility_id = '{facility}' and period_start_on = '{start}' "
                       f"and adjustment = '{adjustment}' order by dimension")  # fmt: skip


@pytest.mark.parametrize(("year", "facility", "start", "n"), [(2024, "F1", "2024-01-01", 8), (2024, "F2", "2024-01-01", 8), (2027, "F1", "2024-01-01", 2),
                                                              (2027, "F1", "2025-01-01", 2), (2027, "F2", "2025-01-01", 2)])  # fmt: skip
def test_purchasing_points_follow_the_function(scores: Warehouse, year: int, facility: str, start: str, n: int) -> None:
    """Years differ in how many dimensions they have; each is scored by its own."""
    rows = _points(scores, year, facility, start)
    assert len(rows) == n and {row["reason"] for row in rows} == {None}
    given = {name: [[row[name] if row[name] is not None else math.nan for row in rows]] for name in ("performance", "baseline", "floor", "threshold", "benchmark")}
    points = score_hospitals(**given)
    for position, row in enumerate(rows):
        assert (row["achievement_points"], row["dimension_points"]) == (points["achievement"][0, position], points["dimension"][0, position])
        assert row["improvement_points"] == (points["improvement"][0, position] if start == "2025-01-01" else None)  # nothing lies before 2024
        assert (row["base_points"], row["consistency_points"], row["domain_points"]) == tuple(points[name][0] for name in ("base", "consistency", "domain"))
    assert rows[0]["base_points"] == sum(row["dimension_points"] for row in rows)


def test_purchasing_points_rest_on_the_rates_and_the_standards(scores: Warehouse, shared: Path) -> None:
    rows = _points(scores, 2024, "F1", "2024-01-01")
    clean, quiet = (scores.row(f"select top_box_pct as p from marts.survey_score where score_key = 'hcahps_{name}:raw:discharge:rolling_4_quarters:2024-01-01:facility:F1:all'")["p"]
                    for name in ("cleanliness", "quietness"))
    (row,) = [row for row in rows if row["dimension"].startswith("Cleanliness")]
    assert row["performance"] == pytest.approx((clean + quiet) / 2)
    with (shared / "reference" / "codes" / "hvbp_fy2024_standards.csv").open(newline="") as handle:
        theirs = {r["dimension"].lower(): (float(r["floor"]), float(r["achievement_threshold"]), float(r["benchmark"])) for r in csv.DictReader(handle)}
    assert {row["dimension"].lower(): (row["floor"], row["threshold"], row["benchmark"]) for row in rows} == theirs
    later = _points(scores, 2024, "F1", "2025-01-01")
    assert {row["reason"] for row in later} == {"DIMENSION_MISSING", "OTHER_DIMENSION_MISSING"} and {row["domain_points"] for row in later} == {None}
    small = _points(scores, 2024, "F3", "2024-01-01")
    assert {(row["reason"], row["n_complete"], row["domain_points"]) for row in small} == {("BELOW_MINIMUM", 12, None)}


def test_adjusted_and_raw_rates_are_never_mixed_in_purchasing_points(scores: Warehouse) -> None:
    adjusted = {row["dimension"]: row for row in _points(scores, 2024, "F1", "2024-01-01", "adjusted_published")}
    score = scores.row("select top_box_pct as p from marts.survey_score where score_key = 'hcahps_overall_rating:adjusted_published:discharge:rolling_4_quarters:2024-01-01:facility:F1:all'")
    assert len(adjusted) == 8 and adjusted["Overall rating of hospital"]["performance"] == score["p"]
    assert adjusted["Overall rating of hospital"]["reason"] == "OTHER_DIMENSION_MISSING" and adjusted["Care transition"]["reason"] == "DIMENSION_MISSING"
    assert {row["domain_points"] for row in adjusted.values()} == {None}


def test_a_misspelt_name_in_a_reference_file_is_told_with_the_way_out(scores: Warehouse) -> None:
    found = {(row["kind"], row["column_name"], row["source_text"]): (row["fault"], row["n_rows"], row["way_out"]) for row in scores.rows("select * from marts.reference_fault")}
    assert {key: (fault, n) for key, (fault, n, _) in found.items()} == {
        ("star_cut_point", "measure_name", "hcahps_clenliness"): ("UNKNOWN_MEASURE", 4),
        ("adjustment_coefficient", "measure_name", "hcahps_medicine"): ("UNKNOWN_MEASURE", 1),
        ("adjustment_coefficient", "variable", "educaton"): ("UNKNOWN_VARIABLE", 1),
        ("benchmark", "public_measure_id", "hcahps_overall_rating_lineer_mean"): ("UNKNOWN_MEASURE", 1),
    }
    nearest = {key[2]: way_out.split(";")[0].split(": ")[1] for key, (_, _, way_out) in found.items()}
    assert nearest == {"hcahps_clenliness": "hcahps_cleanliness", "hcahps_medicine": "hcahps_medicines", "educaton": "education",
                       "hcahps_overall_rating_lineer_mean": "hcahps_overall_rating_linear_mean"}


def test_a_vendor_score_of_few_people_is_hidden_where_small_cells_are(scores: Warehouse) -> None:
    with duckdb.connect() as con:
        con.execute(f"attach '{scores.file}' as build (read_only)")
        told = suppress(con, ["ssm_position"], declared(PROJECT_DIR), 11)
        shown = con.execute(f"select entity_code, score, n, decile, reason from {told.select('ssm_position')} where benchmark_source is distinct from 'vendor norm' order by 1").fetchall()
    assert told.left_out == [] and shown[1] == ("P2", None, None, None, "SUPPRESSED")
    assert shown[0] == ("P1", 84.75, 120, 7, None) and [row[4] for row in shown[2:]] == [None, None, "NO_BENCHMARK_OF_EDITION", "TOO_FEW", "BELOW_LOWEST_POINT"]
