"""Case-mix adjustment: the AHRQ runs, the hand fixture, the steps of the algorithm, reliability, strata."""

import csv

import numpy as np
import pytest

from methods.case_mix import (
    RATING,
    THREE_POINT,
    Adjuster,
    CaseMixError,
    case_mix,
    combine_strata,
    program,
    reliability_at,
    significance,
)
from methods.case_mix import boxes as box_steps
from methods.case_mix import compose as compose_steps
from tests.methods.case_mix_data import NAN, adjusted_of, codes, hand, surveys

RUNS = {"q38": (["Q38"], RATING), "need": (["Q06", "Q10", "Q22", "Q23"], THREE_POINT)}

# --- the program's own output -------------------------------------------------------------------------------


def ahrq(shared, run: str, **options):
    folder = shared / "oracles" / "case_mix_ahrq"
    names = {float(row["PLANID"]): row["entity"] for row in rows(folder / "entity_map.csv")}
    given = rows(folder / "test_input.csv")
    table = {name: np.array([number(row[name]) for row in given]) for name in given[0]}
    table["plan"] = np.array([names.get(value) for value in table["PLANID"]], dtype=object)
    items, scale = RUNS[run]
    adjusters = [Adjuster("GHR", "Q39", 1, 5), Adjuster("AGE", "Q40", 1, 7)]
    return case_mix(table, items=items, entity="plan", scale=scale, adjusters=adjusters, **options)


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def number(text: str) -> float:
    return float(text) if text else NAN


KEYS = {"coefficients": "_NAME_", "rsquared": "_DEPVAR_", "overall": None}
NOT_COMPUTED = {"SPLIT", "_LABEL_", "SUBCODE", "PLAN", "OPLAN_ID"}  # constants and row numbers of the program


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    "table", ["entities", "coefficients", "rsquared", "overall", "response_distribution", "percent_missing"]
)
def test_ahrq_program_output(shared, run, table):
    ours = program.tables(ahrq(shared, run, adjust_boxes=True))[table]
    expected = rows(shared / "oracles" / "case_mix_ahrq" / f"expected_{run}_{table}.csv")
    key = KEYS.get(table, "PLANNAME")
    order = [list(ours[key]).index(row[key]) if key else 0 for row in expected]
    assert len(expected) == len(next(iter(ours.values())))
    compared = set(expected[0]) - NOT_COMPUTED - {key}
    assert compared
    for name in compared:
        wanted = np.array([float(row[name]) for row in expected])
        assert np.abs(np.asarray(ours[name], dtype=float)[order] - wanted).max() < 1e-9, name


def test_ahrq_leaves_out_what_it_must(shared):
    q38, need = ahrq(shared, "q38"), ahrq(shared, "need")
    assert q38["dropped"]["entity"].tolist() == ["HMO_BE_1"] == need["dropped"]["entity"].tolist()
    assert q38["dropped"]["reason_code"] == ["NO_ANSWERS"] and need["dropped"]["reason_code"] == ["ONE_USABLE_ROW"]
    assert "ROWS_WITHOUT_ENTITY" in codes(q38)
    assert [note.text.split()[1] for note in q38.notes if note.code == "FEW_ROWS"] == ["HMO_B_RURAL", "HMO_C_RURAL"]


def test_ahrq_without_imputation(shared):
    result = ahrq(shared, "q38", impute=False)
    assert result["entities"]["n_usable"].tolist() == [238, 95, 393, 68, 613]
    assert result["entities"]["adjusted"] == pytest.approx([7.9189, 7.7120, 8.1434, 8.0093, 8.0519], abs=5e-5)
    assert result["overall"]["overall"][0] == pytest.approx(7.9671, abs=5e-5)
    assert result["overall"]["df2"][0] == 1400
    assert result["coefficients"]["Q38"] == pytest.approx([-0.4191, 0.3113], abs=5e-5)


# --- the hand fixture ---------------------------------------------------------------------------------------


def test_hand_fixture_without_adjusters():
    result = hand(keep_contributions=True)
    table, overall = result["entities"], {name: v[0] for name, v in result["overall"].items()}
    assert table["n_usable"].tolist() == [5, 4]
    assert table["unadjusted"] == pytest.approx([3.1, 2.583333], abs=5e-7)
    assert table["adjusted"] == pytest.approx(table["unadjusted"], abs=1e-14)
    assert table["variance"] == pytest.approx([0.009250, 0.048032], abs=5e-7)
    assert table["delta"] == pytest.approx([0.258333, -0.258333], abs=5e-7)
    assert table["se"] == pytest.approx([0.119669] * 2, abs=5e-7)
    assert table["star"].tolist() == [2, 2]
    assert (overall["df1"], overall["df2"]) == (1, 7)
    assert [overall[n] for n in ("f", "p_value", "grand_mean")] == pytest.approx(
        [4.660147, 0.067734, 3.016568], abs=5e-7
    )
    assert result["contributions"]["row"].tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9]
    expected = [0.005, -0.02, -0.045, 0.08, -0.02, 0.118056, -0.173611, -0.006944, 0.0625]
    assert result["contributions"]["contribution"] == pytest.approx(expected, abs=5e-7)


def test_hand_fixture_with_adjusters():
    result = hand(adjusters=["A1", "A2"], impute=False, keep_contributions=True)
    table, overall = result["entities"], {name: v[0] for name, v in result["overall"].items()}
    assert table["n_usable"].tolist() == [3, 4]
    assert table["unadjusted"] == pytest.approx([3.083333, 2.583333], abs=5e-7)
    assert table["adjusted"] == pytest.approx([2.837102, 2.829564], abs=5e-7)
    assert table["variance"] == pytest.approx([0.011641, 0.020285], abs=5e-7)
    assert table["delta"] == pytest.approx([0.003769, -0.003769], abs=5e-7)
    assert table["se"] == pytest.approx([0.089340] * 2, abs=5e-7)
    assert table["star"].tolist() == [2, 2]
    assert (overall["df1"], overall["df2"]) == (1, 3)
    assert [overall[n] for n in ("f", "p_value", "grand_mean")] == pytest.approx(
        [0.001780, 0.969002, 2.834354], abs=5e-7
    )
    assert result["coefficients"]["Q1"] == pytest.approx([-0.025126, 0.140704], abs=5e-7)
    assert result["coefficients"]["Q2"] == pytest.approx([-0.266332, -0.351759], abs=5e-7)
    assert result["contributions"]["row"].tolist() == [0, 1, 4, 5, 7, 8, 9]
    expected = [-0.086683, 0.056951, 0.029732, 0.038526, -0.120184, 0.063442, 0.018216]
    assert result["contributions"]["contribution"] == pytest.approx(expected, abs=5e-7)


def test_contributions_of_an_entity_add_up_to_zero():
    result = adjusted_of(surveys(), keep_contributions=True)
    total = np.bincount(result["contributions"]["entity"].astype(int), weights=result["contributions"]["contribution"])
    assert np.abs(total).max() < 1e-14


# --- steps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "k", "weights"),
    [
        ([60, 70, 80], 20, [1 / 3, 1 / 3, 1 / 3]),
        ([0, 22, 24], 20, [0, 1 / 2, 1 / 2]),
        ([10, 22, 34], 20, [1 / 5, 2 / 5, 2 / 5]),
        ([2, 3, 5], 20, [0.2, 0.3, 0.5]),
        ([2, 300, 0], 1, [1 / 2, 1 / 2, 0]),
        ([1, 300, 0], 0, [1 / 2, 1 / 2, 0]),
    ],
)
def test_item_weights(n, k, weights):
    assert compose_steps.item_weights(np.array([n]), k)[0] == pytest.approx(weights)


def test_composite_is_combined_as_differences_from_the_item_means():
    means = np.array([[3.55, 2.80, 2.75], [3.35, 2.70, 2.55]])  # item means over entities 3.45, 2.75, 2.65
    weights = np.array([[0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]])
    assert compose_steps.compose(means, weights) == pytest.approx([3.03, means[1].mean()])


def test_k_takes_weight_from_an_item_with_few_answers():
    table = surveys()
    table["Q2"][np.flatnonzero(table["entity"] == 0)[3:]] = NAN
    equal, weighted = adjusted_of(table, k=1), adjusted_of(table, k=50)
    assert equal["items"]["weight"][[0, 7]].tolist() == [0.5, 0.5]
    n = weighted["items"]["n"]
    assert weighted["items"]["weight"][7] == pytest.approx(min(n[7], 50) / (50 + min(n[7], 50)))
    means = weighted["items"]["unadjusted"].reshape(2, 7)
    expected = weighted["items"]["weight"].reshape(2, 7)[:, 0] @ (means[:, 0] - means.mean(axis=1)) + means.mean()
    assert weighted["entities"]["unadjusted"][0] == pytest.approx(expected)
    assert equal["entities"]["unadjusted"][0] == pytest.approx(means[:, 0].mean())


def test_stars_need_every_condition_and_count_equality():
    delta, p = np.array([0.5, -0.5, 0.5, 0.2]), np.array([0.01, 0.01, 0.2, 0.01])
    assert significance.stars(delta, p, 3.0, 1, 4).tolist() == [3, 1, 2, 3]
    assert significance.stars(delta, p, 3.0, 1, 4, mean_difference=0.5).tolist() == [3, 1, 2, 2]
    # The nearer end of the scale is 1 point away: change 0.5 asks for 0.5 points.
    assert significance.stars(delta, p, 3.0, 1, 4, change=0.5).tolist() == [3, 1, 2, 2]
    assert significance.stars(delta, p, 3.0, 1, 4, change=0.51).tolist() == [2, 2, 2, 2]


def test_overall_p_value_has_a_floor():
    test = significance.overall_test(np.array([1.0, 5.0]), np.array([0.001, 0.001]), 1000, 2)
    assert test["p_value"] == 0.0001


def test_adjusted_boxes_add_up_and_are_clipped_in_reports_only():
    result = adjusted_of(surveys(), adjust_boxes=True)
    table = result["response_distribution"]
    assert table["adjusted_1"] + table["adjusted_2"] + table["adjusted_3"] == pytest.approx(np.ones(7))
    assert len(result["box_entities"]["box"]) == 21
    assert box_steps.within_bounds([[-0.02, 0.42, 0.60], [0.3, -0.1, 0.8]]).tolist() == [
        pytest.approx([0, 0.40, 0.60]), pytest.approx([0.3, 0, 0.7])]  # fmt: skip


def test_boxes_of_an_entity_without_an_item_come_from_its_other_items():
    table = {"entity": ["A", "A", "B", "B"], "Q1": [4, 4, NAN, NAN], "Q2": [1, 4, 1, 4]}
    shares = adjusted_of(table, adjusters=())["response_distribution"]
    assert shares["box_1"].tolist() == [0.25, 0.5] and shares["box_3"].tolist() == [0.75, 0.5]


def test_box_shares_are_means_of_item_shares_not_pooled_answers():
    table = {"entity": ["A"] * 4 + ["B"] * 4, "Q1": [4, NAN, NAN, NAN] * 2, "Q2": [1, 1, 1, 4] * 2}
    shares = adjusted_of(table, adjusters=())["response_distribution"]
    assert shares["box_3"].tolist() == [0.625, 0.625]  # (1 + 1/4) / 2, pooled it would be 2/5


# --- reliability and strata ---------------------------------------------------------------------------------


def test_reliability_by_hand():
    # Three entities of 50, 100, 150 rows; m = 0.5667, v = sum n^2 s2 / N, b after subtracting v / 100.
    score, variance, n = np.array([0.4, 0.5, 0.6667]), np.array([0.004, 0.002, 0.001]), np.array([50, 100, 150])
    mean = (50 * 0.4 + 100 * 0.5 + 150 * 0.6667) / 300
    v = (2500 * 0.004 + 10000 * 0.002 + 22500 * 0.001) / 300
    observed = (50 * (0.4 - mean) ** 2 + 100 * (0.5 - mean) ** 2 + 150 * (0.6667 - mean) ** 2) / 200
    b = observed - v / 100
    assert reliability_at(80, score, variance, n) == pytest.approx(b / (b + v / 80))
    result = hand()
    assert result.settings["reliability_standing"] == {"overall": "verified", "entity": "product-defined"}
    assert result["overall"]["reliability"][0] == pytest.approx(1 - 1 / 4.660147, abs=1e-6)


def test_reliability_is_zero_when_entities_differ_less_than_their_noise():
    assert reliability_at(100, [0.5, 0.5, 0.5], [0.01, 0.01, 0.01], [50, 50, 50]) == 0


def test_strata_are_combined_with_population_shares():
    result = adjusted_of(surveys(n_entities=4))
    table = result["entities"]
    combined = combine_strata(result, {0: ("north", 300), 1: ("north", 100), 2: ("south", 1), 3: ("south", 1)})
    units = combined["entities"]
    assert units["entity"].tolist() == ["north", "south"]
    assert units["adjusted"] == pytest.approx(
        [0.75 * table["adjusted"][0] + 0.25 * table["adjusted"][1], table["adjusted"][2:].mean()])  # fmt: skip
    assert units["variance"][0] == pytest.approx(0.75**2 * table["variance"][0] + 0.25**2 * table["variance"][1])
    assert combined["overall"]["df2"][0] == table["n_usable"].sum() - 2 - 2


def test_strata_of_a_single_unit_are_not_adjusted():
    result = adjusted_of(surveys(n_entities=3))
    alone = combine_strata(result, {0: ("north", 2), 1: ("north", 1), 2: ("north", 1)})
    unit, table = alone.entity("north"), result["entities"]
    assert unit["unadjusted"] == pytest.approx(table["unadjusted"] @ [0.5, 0.25, 0.25])
    assert all(np.isnan(unit[name]) for name in ("adjusted", "delta", "se", "ci95", "t", "p_value", "star"))
    assert not alone.is_adjusted and "ONE_UNIT" in codes(alone) and np.isnan(alone["overall"]["f"][0])


def test_strata_that_cannot_be_combined():
    result = adjusted_of(surveys(n_entities=2))
    with pytest.raises(CaseMixError, match="no unit and share are given for stratum 1"):
        combine_strata(result, {0: ("u", 1)})
    with pytest.raises(CaseMixError, match="add up to 0"):
        combine_strata(result, {0: ("u", 0), 1: ("v", 1)})
    absent = combine_strata(result, {0: ("u", 1), 1: ("v", 1), 9: ("u", 3)})
    assert "STRATUM_ABSENT" in codes(absent) and absent["strata"]["share"].tolist() == [1, 1]
