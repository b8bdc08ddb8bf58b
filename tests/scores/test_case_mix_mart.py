"""The mart case_mix: the algorithm of methods.case_mix over the surveys of the build, and its way into other marts."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from methods.case_mix import Adjuster, Scale, case_mix
from methods.case_mix.study import run_study
from tests.dbt.warehouse import Warehouse

ITEMS = ["nurse_courtesy_respect", "nurse_listen", "nurse_explain"]
POINTS = {1: 0.0, 2: 100 / 3, 3: 200 / 3, 4: 100.0}


@pytest.fixture(scope="module")
def surveys(scores: Warehouse) -> list[dict]:
    return scores.rows("select * from core.fct_survey_hcahps where is_scored and discharge_on between '2025-01-01' and '2025-12-31'")


@pytest.mark.parametrize("level", ["facility", "unit"])
def test_the_mart_holds_what_the_function_gives(scores: Warehouse, surveys: list[dict], level: str) -> None:
    table = {item: np.array([POINTS.get(s[item], math.nan) for s in surveys]) for item in ITEMS}
    table |= {name: np.array([float(s[name] or math.nan) for s in surveys]) for name in ("overall_health", "education", "age_code")}
    table["entity"] = np.array([s["unit_key"] if level == "unit" else s["unit_key"].split("/")[0] for s in surveys], dtype=object)
    scale = Scale((0.0, 100 / 3, 200 / 3, 100.0), ((0.0, 100 / 3), (200 / 3,), (100.0,)))
    adjusters = [Adjuster("overall_health", "overall_health", 1, 5), Adjuster("education", "education", 1, 6), Adjuster("age", "age_code", 1, 15)]
    result = case_mix(table, items=ITEMS, entity="entity", scale=scale, adjusters=adjusters, adjust_boxes=True)
    rows = scores.rows(f"select * from marts.case_mix where measure_name = 'hcahps_nurse_communication' and level = '{level}'")
    by_kind = {kind: [row for row in rows if row["row_kind"] == kind] for kind in {row["row_kind"] for row in rows}}
    linear = {(row["facility_id"] if level == "facility" else f"{row['facility_id']}/{row['unit_id']}"): row
              for row in by_kind["entity"] if row["score"] == "linear_mean"}  # fmt: skip
    assert set(linear) == set(result["entities"]["entity"])
    for entity, row in linear.items():
        wanted = result.entity(entity)
        for name in ("unadjusted", "adjusted", "delta", "se", "ci95", "variance", "t", "p_value", "reliability"):
            assert row[name] == pytest.approx(wanted[name], abs=1e-9), (entity, name)
        assert (row["n_all"], row["n_usable"], row["star"]) == (wanted["n_all"], wanted["n_usable"], wanted["star"])
    (overall,) = by_kind["overall"]
    for mine, theirs in (("f", "f"), ("df1", "df1"), ("df2", "df2"), ("grand_mean", "grand_mean"), ("overall_mean", "overall"), ("p_value", "p_value")):
        assert overall[mine] == pytest.approx(result["overall"][theirs][0], abs=1e-9)
    for row in by_kind["coefficient"]:
        if row["score"] == "linear_mean":
            position = list(result["coefficients"]["adjuster"]).index(row["adjuster"])
            assert row["coefficient"] == pytest.approx(result["coefficients"][row["item_code"]][position], abs=1e-9)
    boxes = result["box_coefficients"]
    tops_of = {(boxes["adjuster"][n], item): boxes[item][n] for n in range(len(boxes["box"])) if boxes["box"][n] == scale.box_labels[2] for item in ITEMS}
    found = {(row["adjuster"], row["item_code"]): row["coefficient"] / 100 for row in by_kind["coefficient"] if row["score"] == "top_box"}
    assert len(found) == 9 and found == pytest.approx(tops_of, abs=1e-9)
    tops = {row["facility_id"] + (f"/{row['unit_id']}" if level == "unit" else ""): row["adjusted_share"]
            for row in by_kind["response"] if row["score"] == "top_box"}  # fmt: skip
    shares = result["response_distribution"]
    assert tops == pytest.approx(dict(zip(shares["entity"], shares["adjusted_3"], strict=True)), abs=1e-9)
    assert len(by_kind["missing"]) == len(linear) * 6


def test_a_study_gives_what_the_program_prints(shared) -> None:
    """The function of the mart on the data of the AHRQ program, runs q38 and need, with the answers as they are."""
    given = [row for row in _csv(shared, "test_input") if row["PLANID"].strip()]
    labels = sorted({row["PLANID"] for row in given})
    numbers = {name: np.array([float(row[name] or math.nan) for row in given]) for name in ("Q38", "Q39", "Q40", "Q06", "Q10", "Q22", "Q23")}
    numbers |= {"GHR": numbers["Q39"], "AGE": numbers["Q40"], "entity": np.array([labels.index(row["PLANID"]) for row in given])}
    adjusters = [{"name": "GHR", "lowest": 1, "highest": 5}, {"name": "AGE", "lowest": 1, "highest": 7}]
    for run, items, points, boxes in (("q38", ["Q38"], list(range(11)), [list(range(7)), [7, 8], [9, 10]]),
                                      ("need", ["Q06", "Q10", "Q22", "Q23"], [1, 2, 3], [[1], [2], [3]])):  # fmt: skip
        study = {"measures": [{"name": run, "items": items, "points": points, "boxes": boxes}], "adjust_boxes": run == "q38",
                 "adjusters": adjusters}  # fmt: skip
        found = run_study(numbers, study)
        rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
        entities = [row for row in rows if row["row_kind"] == "entity" and row["score"] == "linear_mean" and row["adjusted"] is not None]
        theirs = _csv(shared, f"expected_{run}_entities")
        assert len(entities) == len(theirs)
        for mine, other in zip(sorted(entities, key=lambda row: row["n_all"]), sorted(theirs, key=lambda row: float(row["ALLN"])), strict=True):
            for name, column in {"unadjusted": "UNA_MEAN", "adjusted": "ADJ_MEAN", "delta": "DELTA", "se": "SE", "ci95": "CL95", "variance": "VP",
                                 "star": "MEANING", "n_usable": "USEN"}.items():  # fmt: skip
                assert mine[name] == pytest.approx(float(other[column]), abs=1e-9), (run, name)
        (overall,) = [row for row in rows if row["row_kind"] == "overall"]
        (other,) = _csv(shared, f"expected_{run}_overall")
        for name, column in {"f": "OVERALLF", "p_value": "OVERALLP", "df1": "DFR", "df2": "DFE", "grand_mean": "GM", "overall_mean": "OV_MEAN"}.items():
            assert overall[name] == pytest.approx(float(other[column]), abs=1e-9), (run, name)
        assert sum(bool(row["reason_code"]) for row in rows if row["row_kind"] == "entity") == 1  # the plan with one row


def test_clinicians_are_adjusted_like_facilities(scores: Warehouse) -> None:
    """Study cgcahps_group: the mart at level provider holds what the function gives, and survey_score has the rows."""
    surveys = scores.rows("select * from core.fct_survey_cgcahps where is_scored and provider_id is not null and discharge_on between '2025-01-01' and '2025-12-31'")
    adjusters = [Adjuster(name, name, 1, highest) for name, highest in (("cg_age", 7), ("cg_education", 6), ("cg_overall_health", 5), ("cg_mental_health", 5))]
    items = ["cg_staff_courteous", "cg_staff_helpful"]
    table = {item: np.array([POINTS.get(s[item], math.nan) for s in surveys]) for item in items} | {"entity": np.array([s["provider_id"] for s in surveys], dtype=object)}
    table |= {a.name: np.array([float(s[a.name] or math.nan) for s in surveys]) for a in adjusters}
    scale = Scale((0.0, 100 / 3, 200 / 3, 100.0), ((0.0, 100 / 3), (200 / 3,), (100.0,)))
    result = case_mix(table, items=items, entity="entity", scale=scale, adjusters=adjusters)
    rows = {row["provider_id"]: row for row in scores.rows("select * from marts.case_mix where measure_name = 'cg_office_staff' and level = 'provider' and row_kind = 'entity' "
                                                           "and score = 'linear_mean'")}  # fmt: skip
    assert set(rows) == {"dr1", "dr2", "dr3", "dr4"} and {row["facility_id"] for row in rows.values()} == {"F1", "F2"}
    for provider, row in rows.items():
        wanted = result.entity(provider)
        assert [row[name] for name in ("adjusted", "delta", "se", "star", "n_usable")] == pytest.approx([wanted[name] for name in ("adjusted", "delta", "se", "star", "n_usable")], abs=1e-9)
        assert abs(row["adjusted"] - row["unadjusted"]) > 1e-6
        score = scores.row("select linear_mean, n from marts.survey_score where adjustment = 'adjusted_internal' and level = 'provider' and measure_name = 'cg_office_staff' "
                           f"and provider_id = '{provider}'")  # fmt: skip
        assert (score["linear_mean"], score["n"]) == (pytest.approx(row["adjusted"]), 24)
    raw = scores.rows("select provider_id, linear_mean from marts.survey_score where adjustment = 'raw' and level = 'provider' and measure_name = 'cg_office_staff' "
                      "and period_grain = 'rolling_4_quarters' and period_start_on = '2025-01-01'")  # fmt: skip
    assert {row["provider_id"] for row in raw} == {*rows, "unknown"}  # surveys that name no clinician


def test_a_study_takes_the_weight_of_items(shared) -> None:
    """K = 20 through a study is K = 20 of the function, and not K = 1; a scale that runs downwards enters through its points."""
    given = [row for row in _csv(shared, "test_input") if row["PLANID"].strip()]
    labels, items = sorted({row["PLANID"] for row in given}), ["Q06", "Q10", "Q22", "Q23"]
    table = {name: np.array([float(row[name] or math.nan) for row in given]) for name in (*items, "Q40")}
    for n, item in enumerate(items):  # so few answers that K matters
        table[item] = np.where(np.arange(len(given)) % (20 * n + 1) == 0, table[item], math.nan)
    table["entity"] = np.array([labels.index(row["PLANID"]) for row in given])
    points = [1, 2, 3]
    found = {}
    for k, turned in ((1, False), (20, False), (20, True)):
        answers = table | ({"Q06": 4 - table["Q06"]} if turned else {})
        study = {"measures": [{"name": "need", "items": items, "points": points, "boxes": [[1], [2], [3]]}], "adjusters": [{"name": "Q40", "lowest": 1, "highest": 7}], "k": k}
        rows = run_study(answers, study)
        mine = {e: a for kind, e, a in zip(rows["row_kind"], rows["entity"], rows["adjusted"], strict=True) if kind == "entity" and a is not None}
        theirs = case_mix(table, items=items, entity="entity", scale=Scale((1, 2, 3), ((1,), (2,), (3,))), adjusters=[Adjuster("Q40", "Q40", 1, 7)], k=k, reverse=["Q06"] if turned else [])
        assert mine == pytest.approx(dict(zip(theirs["entities"]["entity"], theirs["entities"]["adjusted"], strict=True)), abs=1e-9)
        found[k, turned] = mine
    assert max(abs(found[1, False][e] - found[20, False][e]) for e in found[1, False]) > 0.001
    assert max(abs(found[20, True][e] - found[20, False][e]) for e in found[20, True]) > 0.01


def _csv(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "oracles" / "case_mix_ahrq" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def test_poor_data_have_a_readable_outcome() -> None:
    """An adjuster constant in one entity and missing in another, an entity with one usable survey, an item nobody answered."""
    nan = math.nan
    table = {"entity": np.array([1, 1, 1, 2, 2, 2, 3, 4, 4]), "a": np.array([100, 50, 0, 100, 100, 50, 100, 50, 0.0]), "b": np.full(9, nan),
             "x": np.array([1, 2, 3, 2, 2, 2, 1, nan, nan])}  # fmt: skip
    study = {"measures": [{"name": "m", "items": ["a", "b"], "points": [0, 50, 100], "boxes": [[0], [50], [100]]}],
             "adjusters": [{"name": "x", "lowest": 1, "highest": 5}]}  # fmt: skip
    found = run_study(table, study)
    rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    dropped = {row["entity"]: (row["reason_code"], row["note"]) for row in rows if row["row_kind"] == "entity" and row["reason_code"]}
    assert {entity: code for entity, (code, _) in dropped.items()} == {3: "ONE_USABLE_ROW", 4: "ADJUSTER_MISSING"}
    assert "variance" in dropped[3][1] and "adjuster" in dropped[4][1]
    notes = {row["reason_code"]: row["note"] for row in rows if row["row_kind"] == "note"}
    assert "nobody answered b" in notes["ITEM_WITHOUT_ANSWERS"] and "constant in entity 2" in notes["ADJUSTER_CONSTANT_IN_ENTITY"]
    alone = run_study({name: values[:3] for name, values in table.items()}, study)
    assert [(code, value) for kind, code, value in zip(alone["row_kind"], alone["reason_code"], alone["unadjusted"], strict=True) if kind == "entity"] == [("ONE_ENTITY", 50.0)]


def test_notes_name_our_entities(scores: Warehouse) -> None:
    texts = [row["note"] for row in scores.rows("select note from marts.case_mix where row_kind = 'note' and reason_code = 'FEW_ROWS'")]
    assert any("entity F3 has fewer" in text for text in texts) and any("entity F3/P1 has fewer" in text for text in texts)


def test_adjusted_scores_stand_in_survey_score_and_as_kpis(scores: Warehouse) -> None:
    row = scores.row("select * from marts.case_mix where measure_name = 'hcahps_overall_rating' and level = 'facility' and facility_id = 'F1' "
                     "and row_kind = 'entity' and score = 'linear_mean'")  # fmt: skip
    half = 1.959963984540054 * math.sqrt(row["variance"])
    score = scores.row("select * from marts.survey_score where adjustment = 'adjusted_internal' and measure_name = 'hcahps_overall_rating' and level = 'facility' and facility_id = 'F1'")
    assert (score["linear_mean"], score["n"], score["standing"], score["period_grain"]) == (pytest.approx(row["adjusted"]), row["n_usable"], "product-defined", "rolling_4_quarters")
    kpi = scores.row("select * from marts.kpi_value where kpi_key = 'hcahps_overall_rating_adjusted_linear_mean:rolling_12_months:2025-01-01:facility:F1:all'")
    assert (kpi["value"], kpi["ci_low"], kpi["ci_high"]) == pytest.approx((row["adjusted"], row["adjusted"] - half, row["adjusted"] + half))
    assert (kpi["denominator"], kpi["n"], kpi["numerator"], kpi["reason"]) == (row["n_answered"], row["n_usable"], None, None)
    evidence = scores.row("select sum(denominator) as n, count(*) filter (rule = 'ANSWERED') as rows from marts.kpi_evidence "
                          "where kpi_id = 'hcahps_overall_rating_adjusted_linear_mean' and facility_id = 'F1' and month_start_on >= '2025-01-01'")  # fmt: skip
    assert evidence == {"n": row["n_answered"], "rows": row["n_answered"]}
