"""Every row of the code tables agrees with the reference tables, its standing included.

Belongs here: comparisons with reference/codes and the interval oracle.
Does not belong here: what can be checked without the reference (test_seed_tables.py).
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

RACE_ITEMS = ["race_white", "race_african_amer", "race_asian", "race_hi_pacific_islander", "race_amer_indian_ak"]
NEW_ITEMS = {8: "rest", 10: "informed_about_care", 11: "worked_together", 14: "help_right_away", 18: "rest_recovery",
             19: "plans_made", 20: "family_symptom_information", 26: "stay_planned"}  # fmt: skip
YES_NO = {"Y": "true", "N": "false"}


def item_codes(row29: dict[str, str]) -> list[str]:
    """Our item codes of a reference question: XML names with underscores, five for race."""
    return RACE_ITEMS if row29["xml_element"] == "race-*" else [row29["xml_element"].replace("-", "_")]


@pytest.fixture
def asked(reference) -> dict[str, list[tuple[dict[str, str], list[str]]]]:
    """Per form: reference rows with our item codes."""
    rows29 = reference("hcahps_items_29")
    of_29 = {row["item_id"]: item_codes(row) for row in rows29}
    of_32 = [(row, of_29.get(row["same_item_in_29"]) or [NEW_ITEMS[int(row["question_no"])]]) for row in reference("hcahps_items_32")]
    return {"HCAHPS-29": [(row, item_codes(row)) for row in rows29], "HCAHPS-32": of_32}


@pytest.mark.parametrize(("form", "n_questions", "n_items", "n_counted"), [("HCAHPS-29", 29, 33, 17), ("HCAHPS-32", 32, 36, 19)])
def test_items(form: str, n_questions: int, n_items: int, n_counted: int, asked, seed) -> None:
    mine = [row for row in seed("instrument_item") if row["instrument_id"] == form]
    expected = [
        (row["question_no"], code, "box_0_1" if code in RACE_ITEMS else row["scale_id"],
         YES_NO[row["counts_for_completeness"]], row["standing"])
        for row, codes in asked[form]
        for code in codes
    ]  # fmt: skip
    columns = ("question_number", "item_code", "scale_id", "is_counted_for_completeness", "standing")
    assert [tuple(row[column] for column in columns) for row in mine] == expected
    assert len({row["question_number"] for row in mine}) == n_questions
    assert len(mine) == n_items
    assert sum(row["is_counted_for_completeness"] == "true" for row in mine) == n_counted


@pytest.mark.parametrize("form", ["HCAHPS-29", "HCAHPS-32"])
def test_skips(form: str, asked, seed) -> None:
    by_number = {row["question_no"]: codes[0] for row, codes in asked[form]}
    expected = {
        (by_number[dependant], by_number[row["question_no"]], row["skip_rule"].split(" -> ")[0])
        for row, _ in asked[form]
        for dependant in filter(None, row["screens_items"].split(";"))
    }
    mine = {
        (row["item_code"], row["screener_item_code"], row["screener_skip_answers"])
        for row in seed("instrument_item")
        if row["instrument_id"] == form and row["screener_item_code"]
    }
    assert mine == expected
    assert len(mine) == 5


def test_items_shared_by_the_forms_keep_their_scale_and_label(seed) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for row in seed("instrument_item"):
        assert seen.setdefault(row["item_code"], (row["scale_id"], row["label"])) == (row["scale_id"], row["label"])
    assert sum(row["family"] == "hcahps" for row in seed("instrument")) == 2
    hcahps = {row["item_code"] for row in seed("instrument_item") if row["instrument_id"].startswith("HCAHPS")}
    assert len(hcahps) == 33 + 8


def test_scales(reference, seed) -> None:
    theirs = {(row["scale_id"], row["code"]): row for row in reference("response_scales") if row["scale_id"] != "race_multi"}
    mine = {(row["scale_id"], row["answer"]): row for row in seed("scale_answer")}
    ours = {key for key, row in mine.items() if row["box_standing"] == "product-defined"}
    assert {scale for scale, _ in ours} == {"star_5"}
    assert set(mine) - ours == set(theirs)  # race_multi is kept as five items on box_0_1
    for key, row in ((key, row) for key, row in mine.items() if key not in ours):
        other = theirs[key]
        assert (row["label"], row["box"], row["box_standing"], row["linear_standing"]) == (
            other["label"], other["box"], other["standing"], other["linear_standing"])  # fmt: skip
        assert bool(row["linear"]) == bool(other["linear_0_100"])
        if row["linear"]:
            assert float(row["linear"]) == pytest.approx(float(other["linear_0_100"]), abs=5e-5)


def test_permitted_values_of_the_submission_file(reference, seed) -> None:
    scales: dict[str, set[int]] = {}
    for row in seed("scale_answer"):
        scales.setdefault(row["scale_id"], set()).add(int(row["answer"]))
    codes = {row["item_code"]: set(scales[row["scale_id"]]) for row in seed("instrument_item") if row["instrument_id"] == "HCAHPS-29"}
    for row in (row for row in seed("item_extra_code") if row["item_code"] in codes):
        codes[row["item_code"]].add(int(row["code"]))
    elements = [row for row in reference("hcahps_xml_elements")
                if row["record"] == "patientresponse" and "before 2019-10" not in row["required"]]  # fmt: skip
    assert {row["element"].replace("-", "_"): permitted(row["permitted_values"]) for row in elements} == codes


def permitted(text: str) -> set[int]:
    """'1-4 8 M' as the set of its numbers."""
    found: set[int] = set()
    for part in text.split():
        if part != "M":
            low, _, high = part.partition("-")
            found |= set(range(int(low), int(high or low) + 1))
    return found


def test_dispositions(reference, seed) -> None:
    expected = {
        (program, row["code"], row["label"], row["group"], YES_NO[row["response_record_expected"]],
         YES_NO[row["excluded_from_response_rate_denominator"]], row["standing"])
        for row in reference("survey_status_codes")
        for program in ([row["program"]] if row["program"] == "HCAHPS" else ["OAS_CAHPS", "HH_CAHPS", "ICH_CAHPS", "CG_CAHPS"])
    }  # fmt: skip
    assert {tuple(row.values()) for row in seed("disposition") if row["standing"] != "product-defined"} == expected


@pytest.mark.parametrize(("form", "table", "prefix"), [("CG-CAHPS-3.0-adult", "cgcahps30_items", "cg_"), ("OAS-CAHPS-24core", "oas_items", "oas_")])
def test_items_of_other_programmes(form: str, table: str, prefix: str, reference, seed) -> None:
    mine = [row for row in seed("instrument_item") if row["instrument_id"] == form]
    theirs = reference(table)
    standing = "item_standing" if "item_standing" in theirs[0] else "standing"
    assert [(row["question_number"], row["label"], row["scale_id"], row["is_reportable"], row["standing"]) for row in mine] == [
        (row["question_no"].rstrip("abcdef"), row["short_label"], row["scale_id"], "true" if row["measure_id"] else "false", row[standing])
        for row in theirs
    ]
    assert all(row["item_code"].startswith(prefix) for row in mine)
    codes = {row["question_number"]: row["item_code"] for row in mine if row["question_number"] not in ("29", "31")}
    for row in theirs:  # "2 -> 7": the answer 2 rules out the questions up to 6
        if not row["skip_rule"]:
            continue
        answer, target = row["skip_rule"].replace(" (none)", "").split(" -> ")
        last = int(target) if target != "end" else 999
        number = int(row["question_no"])
        ruled_out = [other for other in mine if number < int(other["question_number"]) < last]
        assert ruled_out
        by_code = {other["item_code"]: other for other in mine}
        for other in ruled_out:
            screener = other
            while screener["screener_item_code"] != codes[row["question_no"]]:
                screener = by_code[screener["screener_item_code"]]  # KeyError: no screener leads here
            assert screener["screener_skip_answers"] == answer


def test_encounter_classes(reference, seed) -> None:
    expected = {(row["source"], row["source_code"], row["conformed_class"], row["standing"])
                for row in reference("encounter_class_map") if row["source"] in ("synthea", "tuva_group")}  # fmt: skip
    expected |= {("fhir", row["code"], row["conformed_class"], row["standing"]) for row in reference("fhir_encounter_class")}
    expected |= {("hl7", row["code"], row["conformed_class"], row["standing"]) for row in reference("hl7_0004_patient_class")}
    mine = {tuple(row.values()) for row in seed("encounter_class_map")}
    assert {row for row in mine if row[0] not in ("*", "epic", "tuva")} == expected
    assert {row[3] for row in mine if row[0] == "*"} == {"product-defined"}
    assert {row[3] for row in mine if row[0] == "epic"} == {"unverified"}  # codes of a site, not of the vendor


# Types of the Tuva data model: its terminology of encounter types before there were groups, its pivot by type of that time,
# and the list of its documentation since (github.com/tuva-health/tuva, tuva-health/docs). Which class each is, is our choice.
TUVA_TYPES = """
    acute inpatient; ambulatory surgical center; dialysis center; emergency department; home health; hospice; inpatient psychiatric; inpatient rehabilitation;
    mental health center; office visit; other; outpatient; outpatient rehabilitation; skilled nursing facility; specimen collection at lab;
    substance abuse treatment facility; telehealth; urgent care; professional only acute inpatient; unmapped; inpatient hospice; inpatient psych;
    inpatient skilled nursing; inpatient substance use; ambulatory surgery center; dialysis; outpatient hospital or clinic; outpatient hospice;
    outpatient injections; outpatient psych; outpatient pt/ot/st; outpatient radiology; outpatient substance use; outpatient surgery;
    office visit injections; office visit pt/ot/st; office visit radiology; office visit surgery; office visit - other; ambulance - orphaned;
    dme - orphaned; lab - orphaned; orphaned claim"""


def test_every_tuva_type_has_a_class(shared: Path, seed) -> None:
    mine = {row["source_code"]: row for row in seed("encounter_class_map") if row["source_system"] == "tuva"}
    assert set(mine) == {word.strip() for word in TUVA_TYPES.split(";")}
    assert {row["standing"] for row in mine.values()} == {"product-defined", "unverified"}
    with (shared / "samples" / "encounters" / "tuva_encounter_counts_monthly.csv").open(newline="") as handle:
        assert {row["ENCOUNTER_TYPE"] for row in csv.DictReader(handle)} <= set(mine)
    optional = {row["source_code"] for row in seed("encounter_class_option") if row["source_system"] == "tuva"}
    assert {mine[word]["encounter_class"] for word in optional} == {"exclude"}


def test_hl7_events(reference, seed) -> None:
    mine = {row["event_code"]: row["standing"] for row in seed("hl7_event")}
    assert mine == {row["event"]: row["standing"] for row in reference("hl7_adt_events")} != {}


def test_sample_files_use_known_classes(shared: Path, seed) -> None:
    known = {system: {row["source_code"].lower() for row in seed("encounter_class_map") if row["source_system"] == system}
             for system in ("synthea", "tuva_group")}  # fmt: skip
    for file, column, system in (("synthea_encounters", "ENCOUNTERCLASS", "synthea"),
                                 ("tuva_encounter_counts_monthly", "ENCOUNTER_GROUP", "tuva_group")):  # fmt: skip
        with (shared / "samples" / "encounters" / f"{file}.csv").open(encoding="utf-8-sig", newline="") as handle:
            seen = {row[column].strip().lower() for row in csv.DictReader(handle)}
        assert seen
        assert seen <= known[system]


def test_footnotes(reference, seed) -> None:
    presence = {"Y": "yes", "N": "no", "varies": "varies", "N for the star": "no_star"}
    assert [tuple(row.values()) for row in seed("footnote")] == [
        (row["file_family"], row["footnote"], row["meaning_short"], presence[row["row_has_value"]], row["standing"])
        for row in reference("cms_footnotes")
    ]


def test_public_ids(reference, seed) -> None:
    theirs = reference("hcahps_public_measure_ids")
    mine = [row for row in seed("public_measure_map") if row["public_measure_id"].startswith("H_") and row["standing"] == "verified"]
    assert [(row["public_measure_id"], row["box"], row["standing"]) for row in mine] == [
        (row["public_measure_id"], row["box"], row["standing"]) for row in theirs
    ]
    items = {row["public_item_id"]: item_codes(row)[0] for row in reference("hcahps_items_29") if row["public_item_id"]}
    for one, other in zip(mine, theirs, strict=True):
        if one["item_code"]:
            assert one["item_code"] == items[other["measure_or_item_id"]]
    assert {row["public_measure_id"] for row in seed("public_measure_map") if row["statistic_kind"] == "vendor_score"} == {row["ssm_id"] for row in reference("mips_cahps_ssm")}


def test_survey_exclusions(reference, seed) -> None:
    assert [tuple(row.values()) for row in seed("survey_exclusion")] == [
        (row["discharge_status"], row["label"], "true" if row["rule"] == "exclude from survey" else "false", row["standing"])
        for row in reference("hcahps_discharge_status_exclusions")
    ]


def test_grievance_rules(reference, seed) -> None:
    columns = ("result", "reason_code", "standing")
    theirs = [(row["order"], *(row[column] for column in columns)) for row in reference("complaint_vs_grievance_rules")]
    assert [(row["rule_number"], *(row[column] for column in columns)) for row in seed("grievance_rule")] == theirs


def test_garwood_limits_agree_with_independent_software(shared: Path, seed) -> None:
    limits = {(float(row["confidence"]), int(row["n_events"])): row for row in seed("garwood_limit")}
    n_compared = 0
    with (shared / "oracles" / "rates" / "poisson_rate_ci.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            mine = limits.get((float(row["conf"]), int(float(row["count"]))))
            if mine is None:
                continue
            per_1000 = 1000 / float(row["encounters"])
            assert float(mine["lower"]) * per_1000 == pytest.approx(float(row["chisq_lo"]), rel=1e-9)
            assert float(mine["upper"]) * per_1000 == pytest.approx(float(row["chisq_hi"]), rel=1e-9)
            n_compared += 1
    assert n_compared >= 10
