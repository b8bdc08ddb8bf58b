"""Case-mix adjustment: what must not change, what must shift, what an independent regression says."""

import numpy as np
import pytest

from methods.case_mix import case_mix, scale_of
from tests.methods.case_mix_data import adjusted_of, surveys


@pytest.mark.parametrize("impute", [True, False])
def test_the_order_of_rows_changes_nothing(impute):
    table = surveys()
    order = np.random.default_rng(1).permutation(len(table["entity"]))
    shuffled = {name: values[order] for name, values in table.items()}
    one, other = adjusted_of(table, impute=impute)["entities"], adjusted_of(shuffled, impute=impute)["entities"]
    for name in one:
        assert np.allclose(one[name].astype(float), other[name].astype(float), rtol=0, atol=1e-12), name


def test_the_names_of_entities_change_nothing():
    table = surveys()
    renamed = table | {"entity": np.array([f"unit {9 - e}" for e in table["entity"]], dtype=object)}
    one, other = adjusted_of(table)["entities"], adjusted_of(renamed)["entities"]
    for name in ("adjusted", "variance", "star", "p_value"):
        assert one[name] == pytest.approx(other[name][::-1], abs=1e-12)


def test_adding_a_constant_to_an_item_shifts_every_score():
    table = surveys()
    wide = scale_of("1-9")
    shifted = table | {"Q1": table["Q1"] + 3}
    options = {"items": ["Q1", "Q2"], "entity": "entity", "scale": wide, "adjusters": ["A1", "A2"]}
    one, other = case_mix(table, **options)["entities"], case_mix(shifted, **options)["entities"]
    for name in ("unadjusted", "adjusted"):
        assert other[name] - one[name] == pytest.approx(np.full(7, 1.5))
    for name in ("delta", "variance", "se", "p_value"):
        assert other[name] == pytest.approx(one[name], abs=1e-12)


def test_scaling_an_adjuster_scales_its_slope_only():
    table = surveys()
    scaled = table | {"A2": table["A2"] * 1000}
    one, other = adjusted_of(table), adjusted_of(scaled)
    assert other["coefficients"]["Q1"][1] * 1000 == pytest.approx(one["coefficients"]["Q1"][1])
    assert other["entities"]["adjusted"] == pytest.approx(one["entities"]["adjusted"], abs=1e-12)


def test_without_adjusters_adjusted_equals_unadjusted():
    for k in (1, 40):
        table = adjusted_of(surveys(), adjusters=(), k=k)["entities"]
        assert table["adjusted"] == pytest.approx(table["unadjusted"], abs=1e-14)


@pytest.mark.parametrize("n", [600, 5_000])  # one block of rows to decompose, and several with a rest
def test_slopes_equal_a_regression_with_entity_dummies(n):
    table = {name: values for name, values in surveys(n).items()}
    complete = ~np.isnan(table["A1"]) & ~np.isnan(table["Q1"])
    dummies = np.eye(7)[table["entity"][complete]]
    design = np.column_stack([table["A1"][complete], table["A2"][complete], dummies])
    expected = np.linalg.lstsq(design, table["Q1"][complete], rcond=None)[0][:2]
    assert adjusted_of(table, items=["Q1"], impute=False)["coefficients"]["Q1"] == pytest.approx(expected)


def test_means_of_adjusted_and_unadjusted_scores_agree():
    table = surveys()
    table["Q2"][np.flatnonzero(table["entity"] == 0)[3:]] = np.nan  # unequal weights over the entities
    result = adjusted_of(table, k=50)
    scores, items = result["entities"], result["items"]
    assert scores["adjusted"].mean() == pytest.approx(scores["unadjusted"].mean(), abs=1e-12)
    assert np.abs(scores["adjusted"] - scores["unadjusted"]).max() > 0.001
    assert items["adjusted"].reshape(2, 7).mean(axis=1) == pytest.approx(items["unadjusted"].reshape(2, 7).mean(axis=1))
