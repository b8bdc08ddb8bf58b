"""The shipped measures: worked examples counted again, definitions against the reference, test vectors.

Belongs here: expected numbers of shipped measures.
Does not belong here: how faults in a definition are reported (test_definition_faults.py).
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from fractions import Fraction
from math import floor

import pytest

from orchestration.definitions_data import Measure, examples, load_measures, rate_examples, score_example

OUR_NAMES = {
    "H_COMP_1": "nurse_communication", "H_COMP_2": "doctor_communication", "H_COMP_3": "responsiveness", "H_COMP_5": "medicines",
    "H_COMP_6": "discharge_information", "H_COMP_7": "care_transition", "H_CLEAN_HSP": "cleanliness", "H_QUIET_HSP": "quietness",
    "H_HSP_RATING": "overall_rating", "H_RECMND": "recommend", "X_RESTFULNESS": "restfulness", "X_CARE_COORD": "care_coordination",
    "X_RESPONSIVENESS_V2": "responsiveness_2025", "X_INFO_SYMPTOMS": "symptoms_information",
}  # fmt: skip
# surveys.md section 5: which items belong to the new composites is unverified, though the rows say corroborated.
UNSURE_MEMBERS = {"restfulness", "care_coordination", "responsiveness_2025"}
STRENGTH = ["unverified", "corroborated", "verified"]


def of_name(measures: dict[str, Measure], name: str) -> dict[str, Measure]:
    """The measures of one file by score."""
    return {m.score: m for m in measures.values() if m.measure_name == name}


def test_every_measure_has_its_worked_example(measures) -> None:
    assert sum(m.instrument_family in (None, "hcahps") for m in measures.values() if m.source != "metrics") == 13 * 4 + 3 + 2 + 1 + 8 + 1
    assert all(measure.examples for measure in measures.values())


def test_answer_examples_counted_again_with_fractions(measures, seed) -> None:
    """Independent of the code under test: boxes and exact thirds straight from the code tables."""
    scale_of = {row["item_code"]: row["scale_id"] for row in seed("instrument_item")}
    answers = {(row["scale_id"], int(row["answer"])): row for row in seed("scale_answer")}
    per_item: dict[tuple, dict[str, list[tuple[Fraction, int]]]] = {}
    for row in examples(measures.values()):
        answer = answers.get((scale_of[row.item_code], row.answer))
        if answer is None:
            continue
        statistic = measures[row.measure_id].statistic
        if statistic == "weighted_mean":  # own weights: written out in the file and checked by their own test
            continue
        if statistic == "linear_mean":
            points = Fraction(round(float(answer["linear"]) * 3), 3)
        else:
            points = Fraction(100 if answer["box"] == statistic.removesuffix("_box") else 0)
        key = (row.measure_id, row.example_number, row.expected_value)
        per_item.setdefault(key, {}).setdefault(row.item_code, []).append((points, row.n))
    assert {key[0] for key in per_item} == {m.measure_id for m in measures.values() if m.source == "answers" and m.score}
    for (measure_id, _, expected), items in per_item.items():
        scores = [sum(points * n for points, n in counts) / sum(n for _, n in counts) for counts in items.values()]
        assert expected == pytest.approx(float(sum(scores) / len(scores)), abs=5e-5), measure_id


def test_rate_examples_counted_again(measures) -> None:
    sums: dict[tuple, Counter] = {}
    for row in rate_examples(measures.values()):
        measure = measures[row.measure_id]
        groups = measure.denominator_groups if row.side in ("encounter", "survey") else measure.numerator_groups
        counts = sums.setdefault((row.measure_id, row.expected_value), Counter())
        counts["denominator" if row.side != "case" else "numerator"] += row.n if row.group in groups else 0
        if row.side == "survey":
            counts["numerator"] += row.n if row.group == "complete" else 0
    assert len(sums) == 3 + 8
    for (measure_id, expected), counts in sums.items():
        factor = 100 if measures[measure_id].unit == "percent" else 1000
        assert expected == pytest.approx(factor * counts["numerator"] / counts["denominator"], abs=5e-5), measure_id


def test_examples_would_notice_pooled_answers(measures) -> None:
    """An example of several items must not come out the same when all answers are thrown together."""
    composites = [m for m in measures.values() if len(m.weights) > 1 and m.source == "answers"]
    assert sum(m.instrument_family == "hcahps" for m in composites) == 9 * 4 - 1
    for measure in composites:
        for example in measure.examples:
            pooled = [measure.weights[item][a] for item, codes in example.given.items() for a in codes if a in measure.weights[item]]
            value = measure.scale_factor * sum(pooled) / len(pooled)
            assert abs(value - example.value) > 0.01, measure.measure_id
            assert 0 < example.value < 100


def test_examples_show_every_code_that_is_no_answer(measures, seed) -> None:
    shown = {(row.item_code, row.answer) for row in examples(measures.values())}
    scored = {item for measure in measures.values() for item in measure.weights}
    for item in ("call_button", "ct_purpose_med"):
        (code,) = [int(row["code"]) for row in seed("item_extra_code") if row["item_code"] == item]
        assert item in scored
        assert (item, code) in shown


@pytest.mark.parametrize(
    ("statistic", "expected", "published"), [("top_box", 67.0, 67), ("middle_box", 64 / 3, 21), ("bottom_box", 35 / 3, 12)]
)
def test_vector_composite_of_one_scale(statistic: str, expected: float, published: int, measures) -> None:
    shares = {"nurse_courtesy_respect": (68, 20, 12), "nurse_listen": (72, 21, 7), "nurse_explain": (61, 23, 16)}
    answers = {item: [4] * top + [3] * middle + [1] * (bottom // 2) + [2] * (bottom - bottom // 2)
               for item, (top, middle, bottom) in shares.items()}  # fmt: skip
    value = score_example(measures[f"hcahps_nurse_communication_{statistic}"], answers)
    assert value == pytest.approx(expected, abs=1e-12)
    assert floor(value + 0.5) == published


@pytest.mark.parametrize(("statistic", "expected"), [("top_box", 65.0), ("middle_box", 25.0), ("bottom_box", 10.0)])
def test_vector_composite_of_mixed_scales(statistic: str, expected: float, measures) -> None:
    shares = {"rest": (65, 25, 10), "quiet": (55, 40, 5), "rest_recovery": (75, 10, 15)}
    codes = {"rest": (4, 3, 2), "quiet": (4, 3, 1), "rest_recovery": (1, 2, 3)}
    answers = {item: [code for code, n in zip(codes[item], shares[item], strict=True) for _ in range(n)] for item in shares}
    assert score_example(measures[f"hcahps_restfulness_{statistic}"], answers) == pytest.approx(expected, abs=1e-12)


def test_vector_of_ten_answers(bench, measures) -> None:
    answers = {"cleanliness": [4, 4, 4, 4, 3, 3, 2, 2, 1, 1]}
    (bench / "measures" / "mean.yml").write_text(
        "measure: clean_mean\nlabel: Mean code\ninstrument: hcahps\nweights:\n  cleanliness: {1: 1, 2: 2, 3: 3, 4: 4}\n"
        "standing: product-defined\nvalid: {from: 2018-01-01}\n"
        "example: {answers: {cleanliness: [4, 4, 4, 4, 3, 3, 2, 2, 1, 1]}, value: 2.8}\n"
    )
    own = load_measures(bench / "measures", bench / "seeds")["clean_mean"]
    assert score_example(own, answers) == pytest.approx(2.8, abs=1e-12)
    assert score_example(measures["hcahps_cleanliness_top_box"], answers) == pytest.approx(40.0, abs=1e-12)


def test_an_item_nobody_answered_is_left_out(measures) -> None:
    top = measures["hcahps_nurse_communication_top_box"]
    assert score_example(top, {"nurse_listen": [4, 3], "nurse_explain": [4], "nurse_courtesy_respect": [None, -1, -3]}) == 75.0
    assert score_example(top, {"nurse_listen": [], "nurse_explain": [None], "nurse_courtesy_respect": [-2]}) is None


def test_a_rate_without_encounters_is_no_rate_and_without_cases_is_zero(measures) -> None:
    rate = measures["complaints_per_1000_encounters"]
    assert score_example(rate, {"cases": {"complaint": 3}, "encounters": {"unassigned": 900}}) is None
    assert score_example(rate, {"cases": {}, "encounters": {"office": 900}}) == 0
    assert score_example(measures["hcahps_response_rate"], {"ineligible": 12}) is None


def test_boxes_of_a_measure_add_up(measures) -> None:
    for name in OUR_NAMES.values():
        scores = of_name(measures, f"hcahps_{name}")
        values = [scores[score].examples[0].value for score in scores if score != "linear_mean"]
        assert sum(values) == pytest.approx(100, abs=3e-4)


def test_composition_dates_and_standing_follow_the_reference(measures, reference, seed) -> None:
    numbers = {(row["instrument_id"], int(row["question_number"])): row["item_code"] for row in seed("instrument_item")}
    expected: dict[str, dict] = {}
    for row in reference("hcahps_measures"):
        entry = expected.setdefault(OUR_NAMES[row["measure_id"]], {"items": set(), "from": [], "to": [], "standing": []})
        items = {numbers[row["instrument_version"], int(item.split("_")[1])] for item in row["item_ids"].split(";")}
        assert entry["items"] in (set(), items)  # the same items in both forms
        entry["items"] = items
        entry["from"].append(date.fromisoformat(row["valid_from_discharge"]))
        entry["to"].append(date.fromisoformat(row["valid_to_discharge"]) if row["valid_to_discharge"] else date.max)
        entry["standing"].append(row["standing"])
    assert len(expected) == 14
    scales = {row["item_code"]: row["scale_id"] for row in seed("instrument_item")}
    for name, entry in expected.items():
        for score, measure in of_name(measures, f"hcahps_{name}").items():
            assert set(measure.weights) == entry["items"]
            assert measure.valid_from_on == min(entry["from"])
            assert (measure.valid_to_on or date.max) == max(entry["to"])
            column = "linear_standing" if score == "linear_mean" else "box_standing"
            of_scales = [row[column] for row in seed("scale_answer") if row["scale_id"] in {scales[item] for item in entry["items"]}]
            weakest = min(entry["standing"] + of_scales, key=STRENGTH.index)
            assert measure.standing == ("unverified" if name in UNSURE_MEMBERS else weakest), measure.measure_id


def test_measures_that_cross_2025_say_so(measures) -> None:
    crossing = [m for m in measures.values() if m.instrument_family == "hcahps" and m.valid_to_on is None and m.valid_from_on < date(2025, 1, 1)]
    assert len(crossing) == 6 * 4 + 3 + 1
    assert all("Trend break 2025-01-01" in measure.note for measure in crossing)


def test_old_and_new_responsiveness_never_overlap(measures) -> None:
    old, new = measures["hcahps_responsiveness_top_box"], measures["hcahps_responsiveness_2025_top_box"]
    assert (old.valid_to_on, new.valid_from_on) == (date(2024, 12, 31), date(2025, 1, 1))
    assert set(old.weights) != set(new.weights)


def test_units_factors_intervals_and_directions(measures) -> None:
    kinds = {(m.statistic, m.unit, m.scale_factor, m.interval_method, m.denominator_rule) for m in measures.values() if m.source != "metrics"}
    box = ("percent", 100.0, "wilson", "valid_answers")
    assert kinds == {
        ("top_box", *box), ("middle_box", *box), ("bottom_box", *box), ("linear_mean", "points", 1.0, "none", "valid_answers"),
        ("weighted_mean", "net_points", 100.0, "none", "valid_answers"), ("weighted_mean", *box),
        ("mean_score", "points", 1.0, "none", "answering_patients"),
        ("rate", "per_1000", 1000.0, "phe", "encounters"), ("proportion", "percent", 100.0, "wilson", "eligible_surveys"),
        ("proportion", "percent", 100.0, "wilson", "decided_cases"),
    }  # fmt: skip
    directions = {(m.statistic, m.direction) for m in measures.values() if m.score or m.source not in ("answers", "metrics")}
    assert directions == {("top_box", "increase"), ("middle_box", "neutral"), ("bottom_box", "decrease"), ("linear_mean", "increase"),
                          ("rate", "decrease"), ("proportion", "increase"), ("mean_score", "increase")}  # fmt: skip


def test_what_counts_in_rates(measures, seed) -> None:
    all_cases, grievances = measures["complaints_per_1000_encounters"], measures["grievances_per_1000_encounters"]
    assert grievances.numerator_groups == ("grievance",)
    assert set(all_cases.numerator_groups) == {row["result"] for row in seed("grievance_rule")}
    counted = {row["encounter_class"] for row in seed("encounter_class_map")} - {"exclude", "unassigned"}
    assert set(all_cases.denominator_groups) == set(grievances.denominator_groups) == counted
    assert set(measures["hcahps_response_rate"].denominator_groups) == {"complete", "break_off", "non_response", "missing"}


def test_mean_score_of_five_patients(measures) -> None:
    """The published worked example: sections 73.3, 53.8, 72.5, overall 66.5."""
    values = [measures[name].examples[0].value for name in ("pg_section_a", "pg_section_b", "pg_section_c", "pg_mean_score")]
    assert [floor(10 * value + 0.5) / 10 for value in values] == [73.3, 53.8, 72.5, 66.5]


def test_mean_score_leaves_out_what_a_patient_did_not_answer(measures) -> None:
    mean = measures["pg_mean_score"]
    patients = [{"pg_a1": 5, "pg_b1": 1, "pg_b2": 3}, {"pg_a1": None, "pg_a2": -2}, {"pg_c1": 4}]
    assert score_example(mean, {"patients": patients}) == pytest.approx(((100 + 25) / 2 + 75) / 2)
    assert score_example(mean, {"patients": patients[1:2]}) is None


def test_net_promoter_score_and_friends_and_family(measures) -> None:
    from methods.scoring import friends_and_family, net_promoter_score, promoter_groups

    answers = [10, 9, 9, 8, 7, 6, 0, 3, 10]
    nps = score_example(measures["net_promoter_score"], {"nps_recommend": answers})
    assert nps == pytest.approx(net_promoter_score(*promoter_groups(answers)))
    given = {1: 40, 2: 30, 3: 5, 4: 3, 5: 2, 6: 20}
    counted = {"fft_experience": [code for code, n in given.items() for _ in range(n)]}
    expected = friends_and_family(given)
    assert score_example(measures["fft_positive"], counted) == pytest.approx(expected["positive_pct"]) == pytest.approx(70)
    assert score_example(measures["fft_negative"], counted) == pytest.approx(expected["negative_pct"]) == pytest.approx(5)


@pytest.mark.parametrize(("table", "prefix"), [("cgcahps30_measures", "cg_"), ("oas_items", "oas_")])
def test_other_programmes_measure_what_the_reference_says(table: str, prefix: str, measures, reference, seed) -> None:
    form = {"cg_": "CG-CAHPS-3.0-adult", "oas_": "OAS-CAHPS-24core"}[prefix]
    codes = {row["question_number"]: row["item_code"] for row in seed("instrument_item") if row["instrument_id"] == form}
    expected: dict[str, set[str]] = {}
    for row in reference(table):
        if row["measure_id"]:
            questions = row["item_questions"].split(";") if "item_questions" in row else [row["question_no"]]
            expected.setdefault(row["measure_id"], set()).update(codes[question] for question in questions)
    mine = {frozenset(m.weights) for m in measures.values() if m.measure_id.startswith(prefix)}
    assert mine == {frozenset(items) for items in expected.values()}


def test_metrics_are_shares_rates_or_means(measures) -> None:
    found = {(m.measure_id, m.statistic, m.unit, m.scale_factor, m.interval_method) for m in measures.values() if m.source == "metrics"}
    assert found == {("training_completion", "proportion", "percent", 100.0, "wilson"), ("staff_engagement", "mean", "points", 1.0, "none"),
                     ("nursing_hours_per_patient_day", "mean", "hours", 1.0, "none")}  # fmt: skip
