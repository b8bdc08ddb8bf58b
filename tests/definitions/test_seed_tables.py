"""The code tables: described, typed, free of contradictions, and computed values computed again.

Belongs here: what can be said of the seeds alone.
Does not belong here: agreement with the reference tables (test_seeds_against_reference.py).
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml
from scipy.stats import chi2

SEEDS = sorted(path.stem for path in (Path(__file__).parents[2] / "dbt_project" / "seeds").glob("*.csv"))
KEYS = {
    "cleaning_rule_set": ("rule_set",),
    "complaint_scheme": ("scheme_id", "scheme_version", "category_code", "subcategory"),
    "complaint_scheme_level": ("scheme_id", "scheme_version", "dimension", "label"),
    "complaint_word": ("dimension", "source_feed", "source_text", "source_subtext", "scheme_id"),
    "disposition": ("program_code", "disposition_code"),
    "encounter_class_map": ("source_system", "source_code"),
    "encounter_class_option": ("source_system", "source_code"),
    "hl7_event": ("event_code",),
    "severity_band": ("severity_scheme_id", "severity_level"),
    "footnote": ("file_family", "footnote_code"),
    "garwood_limit": ("confidence", "n_events"),
    "grievance_rule": ("rule_number",),
    "holiday": ("calendar_code", "holiday_on"),
    "instrument": ("instrument_id",),
    "instrument_item": ("instrument_id", "item_code"),
    "item_extra_code": ("item_code", "code"),
    "hvbp_standard": ("fiscal_year", "dimension"),
    "minimum_n_policy": ("family", "below_n"),
    "segment": ("segment_type",),
    "segment_value": ("family", "segment_type", "column_name", "codes"),
    "public_measure_map": ("public_measure_id",),
    "scale_answer": ("scale_id", "answer"),
    "adjustment_variable": ("family", "variable"),
    "summary_star_part": ("instrument_family", "measure_name"),
    "survey_exclusion": ("discharge_status_code",),
    "timeliness_rule": ("jurisdiction_code", "step_code", "applies_to", "complexity_code", "handling_level_code"),
}
STANDINGS = {"verified", "corroborated", "unverified", "product-defined"}
CLASSES = {
    "inpatient", "observation", "emergency", "urgent_care", "outpatient", "office", "surgery_short_stay", "virtual",
    "home", "post_acute", "other", "unassigned", "exclude",
}  # fmt: skip


def test_the_seeds_are_those_of_the_plan() -> None:
    assert set(KEYS) == set(SEEDS)


@pytest.mark.parametrize("name", SEEDS)
def test_seed_is_described_typed_and_has_unique_keys(name: str, project: Path) -> None:
    path = project / "seeds" / f"{name}.csv"
    (node,) = yaml.safe_load(path.with_suffix(".yml").read_text())["seeds"]
    types = {column["name"]: column["data_type"] for column in node["columns"]}
    assert node["name"] == name
    assert len(node["description"]) > 40
    assert all(len(column["description"]) > 10 for column in node["columns"])
    assert node["config"]["column_types"] == types
    with duckdb.connect() as con:
        # All values must fit the declared types: the cast raises otherwise.
        con.execute(f"CREATE TABLE t AS FROM read_csv('{path}', columns = {types}, header = true, auto_detect = false)")
        con.execute(f"SELECT count(*), count(DISTINCT row({', '.join(f'lower(trim({key}::varchar))' for key in KEYS[name])})) FROM t")
        n_rows, n_keys = con.fetchone()
    assert path.read_text().splitlines()[0].split(",") == list(types)
    assert n_rows == n_keys == len(path.read_text().splitlines()) - 1 > 0


@pytest.mark.parametrize("name", [name for name in SEEDS if name != "garwood_limit"])
def test_every_row_has_a_standing(name: str, seed) -> None:
    columns = [column for column in seed(name)[0] if column.endswith("standing") and column not in ("linear_standing", "meaning_standing")]
    assert columns
    assert {row[column] for row in seed(name) for column in columns} <= STANDINGS


def test_dbt_test_watches_the_same_keys(project: Path) -> None:
    text = (project / "tests" / "seed_keys_are_unique.sql").read_text()
    for name, columns in KEYS.items():
        assert f"'{name}': {list(columns)}," in text


def test_thirds_are_exact(seed) -> None:
    thirds = [row for row in seed("scale_answer") if row["linear"].startswith(("33", "66"))]
    assert len(thirds) == 6
    assert {float(row["linear"]) for row in thirds} == {100 / 3, 200 / 3}


@pytest.mark.parametrize("scale", ["never_always_4", "recommend_4", "agree_4", "yes_no", "yes_definitely_3", "rating_0_10", "star_5"])
def test_boxes_follow_the_points(scale: str, seed) -> None:
    answers = [row for row in seed("scale_answer") if row["scale_id"] == scale]
    points = [float(row["linear"]) for row in answers]
    assert min(points) == 0
    assert max(points) == 100
    by_box = {box: [float(row["linear"]) for row in answers if row["box"] == box] for box in ("bottom", "middle", "top")}
    assert max(by_box["bottom"]) < min(by_box["top"])
    assert all(max(by_box["bottom"]) < value < min(by_box["top"]) for value in by_box["middle"])
    assert sum(map(len, by_box.values())) == len(answers)


def test_garwood_limits_are_chi_square_quantiles(seed) -> None:
    rows = seed("garwood_limit")
    assert {(float(row["confidence"]), int(row["n_events"])) for row in rows} == {(c, n) for c in (0.95, 0.998) for n in range(10)}
    for row in rows:
        tail, n = (1 - float(row["confidence"])) / 2, int(row["n_events"])
        assert float(row["upper"]) == pytest.approx(chi2.isf(tail, 2 * n + 2) / 2, rel=1e-12)
        assert float(row["lower"]) == pytest.approx(chi2.ppf(tail, 2 * n) / 2 if n else 0, rel=1e-12)


def test_completeness_minimum_is_half_of_the_counted_items(seed) -> None:
    counted = {row["instrument_id"]: 0 for row in seed("instrument")}
    for row in seed("instrument_item"):
        counted[row["instrument_id"]] += row["is_counted_for_completeness"] == "true"
    assert counted | {"HCAHPS-29": 17, "HCAHPS-32": 19, "CG-CAHPS-3.0-adult": 13, "OAS-CAHPS-24core": 22} == counted
    for row in seed("instrument"):
        half = -(-counted[row["instrument_id"]] // 2)
        assert int(row["n_items_for_complete"]) == (1 if row["completeness_rule"] == "any_answer" else half)


def test_instruments_of_a_family_follow_each_other_without_gap(seed) -> None:
    older, newer = [row for row in seed("instrument") if row["family"] == "hcahps"]
    assert (older["valid_to_on"], newer["valid_from_on"]) == ("2024-12-31", "2025-01-01")
    families = [row["family"] for row in seed("instrument") if not row["valid_to_on"]]
    assert sorted(families) == ["cgcahps", "fft", "hcahps", "nps", "oas", "pg", "review"]


def test_every_instrument_names_rules_and_a_programme_that_exist(seed) -> None:
    rules = {row["rule_set"] for row in seed("cleaning_rule_set")}
    programs = {row["program_code"] for row in seed("disposition") if row["disposition_group"] == "complete"}
    for row in seed("instrument"):
        assert row["cleaning_rule_set"] in rules
        assert row["program_code"] in programs
        assert row["completeness_rule"] in ("half_of_counted", "key_items", "any_answer")


def test_reportable_items_are_those_of_the_measures(seed, measures) -> None:
    scored = {item for measure in measures.values() for item in measure.weights}
    assert {row["item_code"] for row in seed("instrument_item") if row["is_reportable"] == "true"} == scored


def test_sections_are_those_of_the_vendor_questionnaire(seed) -> None:
    sections: dict[str, list[str]] = {}
    for row in seed("instrument_item"):
        if row["section_code"]:
            assert row["instrument_id"] == "PG-5"
            sections.setdefault(row["section_code"], []).append(row["item_code"])
    assert {name: len(items) for name, items in sections.items()} == {"A": 3, "B": 4, "C": 2}


def test_screeners_stand_before_what_they_screen(seed) -> None:
    items = {(row["instrument_id"], row["item_code"]): row for row in seed("instrument_item")}
    answers = {(row["scale_id"], row["answer"]) for row in seed("scale_answer")}
    dependants = [row for row in items.values() if row["screener_item_code"]]
    assert sum(row["instrument_id"].startswith("HCAHPS") for row in dependants) == 10
    for row in dependants:
        screener = items[row["instrument_id"], row["screener_item_code"]]
        assert int(screener["question_number"]) < int(row["question_number"])
        assert row["is_counted_for_completeness"] == "false" or row["instrument_id"] == "CG-CAHPS-3.0-adult"  # key items, not items for all
        assert all((screener["scale_id"], answer) in answers for answer in row["screener_skip_answers"].split(";"))


def test_copyrighted_items_have_neutral_labels_only(seed) -> None:
    labels = {row["item_code"]: row["label"] for row in seed("instrument_item") if row["item_code"].startswith("ct_")}
    assert labels == {
        "ct_preferences": "Care transition item PREFER",
        "ct_understanding": "Care transition item UNDER",
        "ct_purpose_med": "Care transition item MED",
    }


def test_extra_codes_are_no_answers_of_their_items(seed) -> None:
    answers = {(row["scale_id"], row["answer"]) for row in seed("scale_answer")}
    scales = {(row["item_code"], row["scale_id"]) for row in seed("instrument_item")}
    for row in seed("item_extra_code"):
        of_item = [scale for item, scale in scales if item == row["item_code"]]
        assert of_item
        assert all((scale, row["code"]) not in answers for scale in of_item)


def test_our_class_names_map_to_themselves_and_nothing_contradicts_them(seed) -> None:
    rows = seed("encounter_class_map")
    everywhere = {row["source_code"].lower(): row["encounter_class"] for row in rows if row["source_system"] == "*"}
    assert {row["encounter_class"] for row in rows} == CLASSES
    assert {name: everywhere.get(name) for name in CLASSES} == {name: name for name in CLASSES}
    for row in rows:
        assert everywhere.get(row["source_code"].lower(), row["encounter_class"]) == row["encounter_class"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [("Inpatient discharges", "inpatient"), ("ED visits", "emergency"), ("ER visits", "emergency"),
     ("Observation stays", "observation"), ("Clinic visits", "outpatient"), ("Same day surgery", "surgery_short_stay"),
     ("No show", "exclude"), ("Patient days", "exclude")],
)  # fmt: skip
def test_words_of_hospitals_are_known(words: str, expected: str, seed) -> None:
    found = [row["encounter_class"] for row in seed("encounter_class_map") if row["source_code"] == words]
    assert found == [expected]


def test_public_ids_name_measures_that_exist(seed, measures) -> None:
    rows = seed("public_measure_map")
    mapped = [row for row in rows if row["measure_id"]]
    assert len(rows) == 93 + 19 + 3 + 12  # HCAHPS, OAS, what only our own feeds name, CAHPS for MIPS
    assert len(mapped) == 29 + 10 + 4 * 4  # boxes of ten measures (discharge information has two), their linear means, four measures of OAS
    for row in mapped:
        measure = measures[row["measure_id"]]
        assert measure.statistic == ("linear_mean" if row["statistic_kind"] == "linear" else f"{row['box']}_box")
    items = {row["item_code"] for row in seed("instrument_item")}
    assert {row["item_code"] for row in rows if row["item_code"]} <= items
    assert all(bool(row["measure_id"]) + bool(row["item_code"]) + (row["statistic_kind"] in ("star", "sampling", "vendor_score") or row["public_measure_id"].endswith("_MIDDLE") and row["standing"] == "product-defined") == 1 for row in rows)


def test_grievance_rules_are_in_order_and_end_undecided(seed) -> None:
    rows = seed("grievance_rule")
    assert [int(row["rule_number"]) for row in rows] == list(range(1, 12))
    assert rows[-1]["result"] == "undetermined"
    assert {row["result"] for row in rows} == {"grievance", "not_grievance", "complaint", "undetermined"}
