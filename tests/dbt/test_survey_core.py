"""Which version of a survey counts, where it belongs, and what cleaning does to its answers."""

from __future__ import annotations

import pytest

from tests.dbt.conftest import Truth
from tests.dbt.warehouse import Warehouse, day


def _survey(warehouse: Warehouse, survey_id: str) -> dict:
    return warehouse.row(
        "select f.*, s.exclusion_reason from core.fct_survey_hcahps as f "
        f"join core.fct_survey as s using (delivery_id, row_number) where f.survey_id = '{survey_id}'"
    )


def test_every_survey_stands_as_the_last_correction_left_it(warehouse: Warehouse, truth: Truth) -> None:
    items = ", ".join(truth.items)
    found = {row["survey_id"]: row for row in warehouse.rows(f"select survey_id, unit_key, {items} from core.fct_survey_hcahps")}
    assert len(truth.surveys) == 14 * 11 + 7 * 4
    for survey in truth.surveys:
        row = found[survey["survey_id"]]
        assert row == {"survey_id": survey["survey_id"], "unit_key": survey["unit"]} | {item: survey.get(item) for item in truth.items}


def test_later_rows_and_later_sequences_win(warehouse: Warehouse) -> None:
    assert _survey(warehouse, "twice")["overall_rate"] == 2
    assert _survey(warehouse, "warned")["overall_rate"] == 9  # sequence 2 of the same moment, not the longer-named file
    replaced = warehouse.rows(
        "select x.rule, x.row_number, x.superseded_by_row_number from core.superseded_row as x "
        "join staging.stg_vendor_survey as s using (delivery_id, row_number) where s.survey_id = 'twice'"
    )
    assert replaced == [{"rule": "NEWER_VERSION", "row_number": 1, "superseded_by_row_number": 2}]


def test_a_resubmitted_month_replaces_all_rows_of_that_month_only(warehouse: Warehouse) -> None:
    found = {row["survey_id"]: row["overall_rate"] for row in warehouse.rows("select * from core.fct_survey_hcahps where feed = 'xml_survey'")}
    assert found == {"x1": 5, "x3": 9}


def test_held_deliveries_do_not_count(warehouse: Warehouse) -> None:
    held = warehouse.row("select delivery_id from marts.data_quality where status = 'held' and outcome = 'delivered'")["delivery_id"]
    assert warehouse.rows(f"select * from core.fct_survey where delivery_id = '{held}'") == []


def test_the_screener_is_believed_over_its_dependants(warehouse: Warehouse) -> None:
    row = _survey(warehouse, "screened")
    assert row["bathroom_help"] is None  # answered although the screener says it does not apply
    assert row["med_for"] == 8  # the code for "does not apply" is no answer; it may stay
    assert row["symptoms"] == 1  # the screener itself is missing: the dependant is kept
    assert (row["n_screened_out"], row["is_scored"]) == (1, True)


def test_answers_to_items_of_the_other_form_become_null(warehouse: Warehouse) -> None:
    new, old = _survey(warehouse, "off_instrument"), _survey(warehouse, "old_form")
    assert (new["instrument_id"], new["call_button"], new["ct_preferences"], new["n_off_instrument"]) == ("HCAHPS-32", None, None, 1)
    assert (old["instrument_id"], old["rest"], old["call_button"]) == ("HCAHPS-29", None, 9)
    # 11 of the twelve 4-point items less rest, informed, together = 9, the rating and three screeners, and call_button 9.
    assert old["n_completeness_answered"] == 14


@pytest.mark.parametrize(
    ("survey_id", "delivered", "counts_as", "reason", "is_complete"),
    [
        ("ten_answered", "1", "1", None, True),
        ("nine_answered", "1", "6", "BREAK_OFF", False),
        ("break_off", "6", "6", "BREAK_OFF", False),
        ("outside_sample", "1", "1", "NOT_IN_OFFICIAL_SAMPLE", True),
        ("died", "1", "1", "INELIGIBLE", False),
        ("ineligible", "3", "3", "INELIGIBLE", False),
        ("unknown_code", "Z", "Z", "UNKNOWN_DISPOSITION", False),
        ("before_any_instrument", "1", "1", "NO_INSTRUMENT", True),
        ("F1/4W-2024-06-refused", "7", "7", "NOT_ANSWERED", False),
    ],
)
def test_what_a_survey_counts_as(warehouse: Warehouse, survey_id: str, delivered: str, counts_as: str, reason: str | None, is_complete: bool) -> None:
    row = _survey(warehouse, survey_id)
    assert (row["delivered_disposition_code"], row["disposition_code"]) == (delivered, counts_as)
    assert (row["exclusion_reason"], row["is_scored"], row["is_complete"]) == (reason, reason is None, is_complete)


def test_response_rate_counts_the_official_sample_only(warehouse: Warehouse) -> None:
    row = warehouse.row("select * from marts.response_rate where facility_id = 'F2' and unit_id = 'unassigned' and month_start_on = '2025-02-01'")
    # screened, off_instrument, ten_answered, twice, warned complete; nine_answered and break_off broken off; unknown_code neither.
    assert {name: row[name] for name in ("n_sampled", "n_ineligible", "n_eligible", "n_complete", "n_break_off", "n_outside_sample")} == {
        "n_sampled": 10, "n_ineligible": 2, "n_eligible": 8, "n_complete": 5, "n_break_off": 2, "n_outside_sample": 1}
    assert (row["response_rate_pct"], row["is_publishable"], row["reason"]) == (None, False, "UNASSIGNED_UNIT")


def test_codes_find_their_unit_by_date_and_keep_their_facility(warehouse: Warehouse) -> None:
    assert _survey(warehouse, "ward_9_march")["unit_key"] == "F1/4W"
    assert _survey(warehouse, "ward_9_april")["unit_key"] == "F1/ICU"
    assert _survey(warehouse, "x3")["unit_key"] == "F2/unassigned"
    assert _survey(warehouse, "no_such_hospital")["unit_key"] == "unassigned/unassigned"


def test_a_newer_mapping_file_replaces_the_older_one_whole(warehouse: Warehouse) -> None:
    assert warehouse.rows("select * from marts.dim_unit where unit_id = 'GHOST'") == []
    assert warehouse.row("select unit_name from marts.dim_unit where unit_key = 'F1/4W'")["unit_name"] == "4 West"
    told = warehouse.row("select kind, column_name, source_text, fault, n_rows, way_out from marts.reference_fault")
    assert tuple(told.values())[:5] == ("org_unit", "time_zone", "No/Such_Zone", "UNKNOWN_TIME_ZONE", 2)
    assert "until then a day there is that of another row of the facility, else of the time zone of each feed" in told["way_out"]
    zones = {row["facility_id"]: row["time_zone"] for row in warehouse.rows("select * from marts.dim_facility")}
    assert zones == {"F1": "America/Chicago", "F2": None, "unassigned": None}  # a zone nobody knows ends no build


def test_every_code_is_resolved_for_every_day_once(warehouse: Warehouse) -> None:
    days = warehouse.rows(
        "select feed, facility_code, unit_code, min(valid_from_on) as first, max(valid_to_on) as last, "
        "sum(valid_to_on - valid_from_on + 1) as n_days from core.unit_lookup group by all"
    )
    assert len(days) >= 10
    for row in days:
        assert row["first"] == day("0001-01-01") and row["last"] == day("9999-12-31")
        assert row["n_days"] == (row["last"] - row["first"]).days + 1


def test_the_cube_counts_answers_of_scored_surveys(warehouse: Warehouse, truth: Truth) -> None:
    expected: dict[tuple, int] = {}
    for survey in truth.surveys:
        for item, spec in truth.items.items():
            if survey["disposition_code"] == "1" and survey.get(item) in spec.answers:
                key = (survey["unit"], f"{survey['month']}-01", item, survey[item])
                expected[key] = expected.get(key, 0) + 1
    found = {
        (row["unit_key"], str(row["month_start_on"]), row["item_code"], row["answer"]): row["n"]
        for row in warehouse.rows("select * from core.answer_counts where unit_key in ('F1/4W', 'F2/A1') and month_start_on < '2025-03-01'")
    }
    assert found == {key: n for key, n in expected.items() if key[0] in ("F1/4W", "F2/A1") and key[1] < "2025-03-01"}
