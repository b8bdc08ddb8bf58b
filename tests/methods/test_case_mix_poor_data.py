"""Case-mix adjustment: every kind of poor data has one defined outcome with a reason a person can read."""

import math

import numpy as np
import pytest

from methods.case_mix import (
    NEVER_ALWAYS,
    RATING,
    THREE_POINT,
    YES_NO,
    Adjuster,
    CaseMixError,
    case_mix,
    report,
    scale_of,
)  # fmt: skip
from tests.methods.case_mix_data import HAND, NAN, adjusted_of, codes, hand, surveys


def test_an_entity_with_one_usable_row_is_left_out():
    table = surveys() | {}
    table["entity"] = np.append(table["entity"], 99)
    for name in ("Q1", "Q2", "A1", "A2"):
        table[name] = np.append(table[name], 3.0)
    result, without = adjusted_of(table), adjusted_of(surveys())
    assert result["dropped"]["entity"].tolist() == [99] and result["dropped"]["reason_code"] == ["ONE_USABLE_ROW"]
    assert result["entities"]["adjusted"] == pytest.approx(without["entities"]["adjusted"])


def test_an_adjuster_missing_for_a_whole_entity():
    table = surveys()
    table["A1"][table["entity"] == 3] = NAN
    for impute in (True, False):
        result = adjusted_of(table, impute=impute)
        assert result["dropped"]["entity"].tolist() == [3]
        assert result["dropped"]["reason_code"] == ["ADJUSTER_MISSING"]
        assert "no row with an answer has every adjuster" in next(n.text for n in result.notes if "left out" in n.text)


def test_an_adjuster_constant_in_an_entity_is_used_and_named():
    table = surveys()
    table["A1"][table["entity"] == 3] = 5.0
    result = adjusted_of(table)
    assert "ADJUSTER_CONSTANT_IN_ENTITY" in codes(result) and "RANK_DEFICIENT" not in codes(result)
    assert len(result["entities"]["entity"]) == 7


@pytest.mark.parametrize("value", [0.1, 1950.1, 1e9 + 1 / 3])
def test_an_adjuster_constant_everywhere_adjusts_nothing(value):
    table = surveys()
    with_constant = adjusted_of(table | {"A3": np.full(len(table["A1"]), value)}, adjusters=("A1", "A2", "A3"))
    plain = adjusted_of(table)
    assert {"ADJUSTER_CONSTANT", "RANK_DEFICIENT"} <= codes(with_constant)
    assert with_constant["r_squared"]["rank"].tolist() == [2, 2]
    assert with_constant["coefficients"]["Q1"][2] == 0
    assert with_constant["entities"]["adjusted"] == pytest.approx(plain["entities"]["adjusted"], abs=1e-12)


@pytest.mark.parametrize("copy", [lambda x: x, lambda x: 1e7 - x, lambda x: 3 * x + 7])
def test_collinear_adjusters_give_the_same_scores_and_are_reported(copy):
    table = surveys()
    result = adjusted_of(table | {"A3": copy(table["A2"])}, adjusters=("A1", "A2", "A3"))
    assert "RANK_DEFICIENT" in codes(result) and result["r_squared"]["rank"].tolist() == [2, 2]
    assert result["entities"]["adjusted"] == pytest.approx(adjusted_of(table)["entities"]["adjusted"], abs=1e-9)


def test_minimum_norm_splits_the_slope_of_a_doubled_adjuster():
    table = surveys()
    plain = adjusted_of(table, adjusters=["A2"])["coefficients"]["Q1"][0]
    doubled = adjusted_of(table | {"A3": table["A2"]}, adjusters=["A2", "A3"])["coefficients"]["Q1"]
    assert doubled == pytest.approx([plain / 2, plain / 2])


def test_an_item_nobody_answered_is_left_out_of_the_measure():
    table = surveys()
    table["Q3"] = np.full(len(table["Q1"]), NAN)
    result = adjusted_of(table, items=["Q1", "Q2", "Q3"])
    assert "ITEM_WITHOUT_ANSWERS" in codes(result)
    assert result["entities"]["adjusted"] == pytest.approx(adjusted_of(table)["entities"]["adjusted"])
    assert np.isnan(result["coefficients"]["Q3"]).all() and (result["percent_missing"]["Q3"] == 1).all()


def test_an_item_missing_in_one_entity_keeps_the_entity_comparable():
    table = surveys()
    table["Q1"] += 4  # a much easier item
    table["Q1"][table["entity"] == 2] = NAN
    result = case_mix(table, items=["Q1", "Q2"], entity="entity", scale=scale_of("1-8"), adjusters=["A1", "A2"])
    assert "ITEM_MISSING_IN_ENTITY" in codes(result)
    assert abs(result.entity(2)["unadjusted"] - result["entities"]["unadjusted"].mean()) < 0.5


def test_one_entity_is_published_raw():
    result = case_mix({"e": ["A"] * 3, "Q": [1, 2, 4], "x": [1, 2, 2]}, items=["Q"], entity="e", scale=NEVER_ALWAYS,
                      adjusters=["x"])  # fmt: skip
    assert not result.is_adjusted and "ONE_ENTITY" in codes(result)
    assert result["entities"]["unadjusted"] == pytest.approx([7 / 3])
    for name in ("adjusted", "delta", "se", "p_value", "star"):
        assert math.isnan(result["entities"][name][0]), name


def test_no_entity_left_is_an_empty_result_with_reasons():
    result = case_mix({"e": ["A", "B", None], "Q": [1, NAN, 2]}, items=["Q"], entity="e", scale=NEVER_ALWAYS)
    assert len(result["entities"]["entity"]) == 0 and "NO_ENTITY" in codes(result)
    assert result["dropped"]["reason_code"].tolist() == ["ONE_USABLE_ROW", "NO_ANSWERS"]
    assert "no result" in report.text(result)


def test_entities_without_any_variance():
    result = case_mix(
        {"e": ["A"] * 3 + ["B"] * 3, "Q": [1, 1, 1, 2, 2, 2]}, items=["Q"], entity="e", scale=NEVER_ALWAYS
    )
    assert result["entities"]["variance"].tolist() == [0, 0] and result["entities"]["t"].tolist() == [0, 0]
    assert result["entities"]["star"].tolist() == [2, 2] and math.isnan(result["overall"]["f"][0])


def test_an_entity_without_variance_is_left_out_of_the_grand_mean():
    table = {"e": ["A"] * 3 + ["B"] * 4, "Q": [1, 1, 1, 2, 3, 4, 3]}
    result = case_mix(table, items=["Q"], entity="e", scale=NEVER_ALWAYS)
    assert result["overall"]["grand_mean"][0] == pytest.approx(3.0) and result["overall"]["df1"][0] == 1


def test_answers_and_adjusters_out_of_range_become_missing():
    table = surveys()
    dirty = {name: values.copy() for name, values in table.items()}
    blank = np.isnan(dirty["Q1"])
    dirty["Q1"][blank] = 98
    dirty["A1"][np.isnan(dirty["A1"])] = 99
    one = adjusted_of(table)["entities"]["adjusted"]
    other = adjusted_of(dirty, adjusters=[Adjuster("A1", "A1", 1, 5), "A2"])["entities"]["adjusted"]
    assert one == pytest.approx(other, abs=1e-14)


def test_an_adjuster_without_a_range_is_named_with_its_values():
    assert any(
        n.code == "ADJUSTER_UNCHECKED" and "A1" in n.text and "1 to 5" in n.text for n in adjusted_of(surveys()).notes
    )
    ranged = adjusted_of(surveys(), adjusters=[Adjuster("A1", "A1", 1, 5)])
    assert "ADJUSTER_UNCHECKED" not in codes(ranged)


def test_a_reversed_item_is_turned_over():
    table = surveys()
    turned = table | {"Q1": 5 - table["Q1"]}
    assert adjusted_of(turned, reverse=["Q1"])["entities"]["adjusted"] == pytest.approx(
        adjusted_of(table)["entities"]["adjusted"])  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": []}, "at least one item"),
        ({"items": ["Q1", "Q1"]}, "given twice"),
        ({"items": ["Q9"]}, "no column 'Q9'"),
        ({"adjusters": ["Q1"], "items": ["Q1"]}, "given twice"),
        ({"adjusters": [Adjuster("x", "Q1")], "items": ["Q1"]}, "cannot adjust"),
        ({"alpha": 0}, "alpha"),
        ({"k": -1}, "not negative"),
        ({"reverse": ["A1"]}, "not an item"),
    ],
)
def test_requests_that_cannot_be_computed(options, message):
    with pytest.raises(CaseMixError, match=message):
        adjusted_of(surveys(), **options)


def test_text_is_refused_without_repeating_it():
    table = {"e": ["A"] * 3, "Q": [1, "a secret sentence", "more"]}
    with pytest.raises(CaseMixError, match="'Q' holds 2 values that are not numbers, the first in data row 2") as error:
        case_mix(table, items=["Q"], entity="e", scale=YES_NO)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("text", ["", "a-b", "5-1", "3", "1,,2"])
def test_scales_that_are_none(text):
    with pytest.raises(CaseMixError):
        scale_of(text)


def test_scales_and_boxes_from_text():
    assert scale_of("0-10") is RATING and scale_of("1,2,3") is THREE_POINT and scale_of("0-1") is YES_NO
    assert scale_of("1-5").box_labels == ("1", "2", "3", "4", "5")
    assert scale_of("0-10", "0-7/8-9/10").box_labels == ("0-7", "8-9", "10")
    with pytest.raises(CaseMixError, match="every valid value exactly once"):
        scale_of("0-10", "0-6/7-8/9")


def test_tables_from_pandas_arrow_and_duckdb_give_the_same_result():
    import duckdb
    import pandas as pd
    import pyarrow as pa

    frame = pd.DataFrame(HAND)
    frame.loc[len(frame)] = [None, 1, 1, 1, 1]
    nullable = frame.convert_dtypes()
    con = duckdb.connect()
    tables = [frame, nullable, pa.Table.from_pandas(frame), con.execute("SELECT * FROM frame").fetchnumpy()]
    for table in tables:
        result = case_mix(table, items=["Q1", "Q2"], entity="entity", scale=NEVER_ALWAYS, adjusters=["A1", "A2"])
        assert result["entities"]["entity"].tolist() == ["A", "B"]
        assert result["entities"]["adjusted"] == pytest.approx(hand(adjusters=["A1", "A2"])["entities"]["adjusted"])
    assert len(result.frame("entities")) == 2


def test_the_report_prints_every_table_and_limits_repeated_notes():
    result = adjusted_of(surveys(n=300, n_entities=40), adjust_boxes=True)
    n_few = sum(note.code == "FEW_ROWS" for note in result.notes)
    text = report.text(result, "Two items")
    for heading in (
        "PERCENT MISSING",
        "ANSWERS PER BOX",
        "COEFFICIENTS",
        "R SQUARED",
        "OVERALL",
        "ENTITIES",
        "product-defined",
    ):
        assert heading in text
    assert n_few > 30 and f"and {n_few - 20} more of this kind" in text and text.startswith("Two items\n")
