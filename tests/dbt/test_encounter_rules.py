"""The ten denominator rules: visits rebuilt from messages, admitted emergency visits, patient days, expected feeds."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.kinds import KINDS
from orchestration.encounter_settings import EncounterSettings
from tests.dbt.warehouse import Input, Warehouse, feed

EVENT_COLUMNS = [name for name in KINDS["encounter_event"] if not name.endswith("_on")]
VISIT_COLUMNS = [name for name in KINDS["encounter"] if not name.endswith("_on")]
FEEDS = [
    feed("adt", "encounter_event", EVENT_COLUMNS, business_key=["sender_code", "message_id", "group_number"], priority=10),
    feed("extract", "encounter", VISIT_COLUMNS, business_key=["encounter_id"], priority=20),
    feed("sheet", "encounter_count", list(KINDS["encounter_count"]), priority=5,
         business_key=["facility_code", "unit_code", "class_code", "period_start_on"]),
    feed("org", "org_unit", list(KINDS["org_unit"])),
]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def message(number: int, event: str, at: str, visit: str | None, class_code: str | None = None, unit: str = "4W", patient: str = "p",
            **more: Any) -> dict[str, Any]:
    """A message recorded at `at`; its number is its place in the order of sending."""
    return {"message_id": f"m{number}", "sender_code": "S", "group_number": 1, "event_code": event, "event_at": moment(at),
            "event_on": moment(at).date(), "message_at": moment(at), "encounter_id": visit, "patient_id": patient, "facility_code": "A",
            "unit_code": unit, "class_code": class_code} | more


def ended(at: str) -> dict[str, Any]:
    return {"end_at": moment(at), "end_on": moment(at).date()}


def stay(visit: str, class_code: str, start: str, end: str | None, unit: str = "4W", patient: str | None = None, **more: Any) -> dict[str, Any]:
    times = {"start_at": moment(start), "start_on": moment(start).date()} | (ended(end) if end else {})
    return {"encounter_id": visit, "patient_id": patient, "facility_code": "B", "unit_code": unit, "class_code": class_code,
            "status_code": "finished"} | times | more


MESSAGES = [
    # A stay with a transfer that holds; it ends in the next month.
    message(1, "A01", "2025-03-03 10:00", "stay", "I"), message(2, "A02", "2025-03-04 10:00", "stay", "I", "ICU"),
    message(3, "A03", "2025-04-01 12:00", "stay", "I", "ICU", **ended("2025-04-01 11:00")),
    # A transfer that was undone, with an update in between.
    message(4, "A01", "2025-03-05 10:00", "undone", "I"), message(5, "A02", "2025-03-05 12:00", "undone", "I", "ICU"),
    message(6, "A08", "2025-03-05 12:30", "undone", "I", "ICU"), message(7, "A12", "2025-03-05 13:00", "undone", "I", "ICU"),
    message(8, "A03", "2025-03-06 10:00", "undone", None, None),
    # Cancelled, and an update afterwards that must revive nothing; cancelled and admitted again.
    message(9, "A01", "2025-03-07 10:00", "cancelled", "I"), message(10, "A11", "2025-03-07 11:00", "cancelled", "I"),
    message(11, "A08", "2025-03-07 12:00", "cancelled", "I"),
    message(12, "A01", "2025-03-07 10:00", "again", "I"), message(13, "A11", "2025-03-07 11:00", "again", "I"),
    message(14, "A01", "2025-03-07 12:00", "again", "I"), message(15, "A03", "2025-03-08 12:00", "again", "I"),
    # Discharge undone: still in the house; discharged a second time: the second date counts.
    message(16, "A01", "2025-03-08 10:00", "open", "I"), message(17, "A03", "2025-03-09 10:00", "open", "I", **ended("2025-03-09 10:00")),
    message(18, "A13", "2025-03-09 11:00", "open", "I"),
    message(19, "A01", "2025-03-08 10:00", "twice", "I"), message(20, "A03", "2025-03-31 10:00", "twice", "I", **ended("2025-03-31 10:00")),
    message(21, "A13", "2025-03-31 11:00", "twice", "I"), message(22, "A03", "2025-04-02 09:00", "twice", "I"),
    # Emergency that became a stay under one number; registered only; pre-admission only; outpatient turned inpatient and back.
    message(23, "A04", "2025-03-10 01:00", "admitted", "E", "ED"), message(24, "A06", "2025-03-10 05:00", "admitted", "I"),
    message(25, "A03", "2025-03-12 10:00", "admitted", "I"),
    message(26, "A04", "2025-03-11 10:00", "registered", "E", "ED"),
    message(27, "A05", "2025-03-12 10:00", "planned", "P"), message(28, "A08", "2025-03-12 11:00", "planned", "I"),
    message(29, "A05", "2025-03-01 10:00", "came", "P"), message(30, "A01", "2025-03-13 10:00", "came", "I"),
    message(31, "A03", "2025-03-14 10:00", "came", "I"),
    message(32, "A04", "2025-03-14 10:00", "back", "O", "CL"), message(33, "A06", "2025-03-14 11:00", "back", "I", "CL"),
    message(34, "A07", "2025-03-14 12:00", "back", "O", "CL"),
    # Two emergency visits and a stay of one person under three record numbers, merged twice.
    message(35, "A04", "2025-03-20 01:00", "e1", "E", "ED", "old"), message(36, "A03", "2025-03-20 03:00", "e1", "E", "ED", "old"),
    message(37, "A01", "2025-03-20 04:00", "s1", "I", "4W", "new"), message(38, "A03", "2025-03-22 04:00", "s1", "I", "4W", "new"),
    message(39, "A40", "2025-03-25 10:00", None, None, None, "mid", merged_patient_id="old"),
    message(40, "A40", "2025-03-26 10:00", None, None, None, "new", merged_patient_id="mid"),
    message(41, "A04", "2025-03-26 10:00", None, "O", "CL"),
]
EXTRACT = [
    stay("x1", "Inpatient", "2025-03-30 10:00", "2025-04-02 10:00"),
    stay("x2", "Inpatient", "2025-03-02 10:00", "2025-03-02 18:00"),
    stay("x3", "Emergency", "2025-03-05 01:00", "2025-03-05 04:00", "ED", "a"),
    stay("x4", "Inpatient", "2025-03-05 09:59", "2025-03-07 10:00", patient="a"),
    stay("x5", "Emergency", "2025-03-08 01:00", "2025-03-08 04:00", "ED", "b"),
    stay("x6", "Inpatient", "2025-03-08 10:01", "2025-03-09 10:00", patient="b"),
    stay("x7", "Lab", "2025-03-08 10:01", None, "CL"),
    stay("x8", "Newborn", "2025-03-08 10:01", "2025-03-10 10:00"),
    stay("x9", "Emergency", "2025-03-09 01:00", None, "ED", status_code="left_without_being_seen"),
    stay("x10", "Outpatient", "2025-03-09 01:00", None, "CL", status_code="no_show"),
    # Arrived at a clinic or in the emergency department is a visit; a stay that only arrived is none yet.
    stay("x11", "Outpatient", "2025-03-10 01:00", None, "CL", status_code="arrived"),
    stay("x12", "Inpatient", "2025-03-10 01:00", None, status_code="arrived"),
    # Over without an end, and without a word on its state: it may go on.
    stay("x13", "Inpatient", "2025-03-10 01:00", None, status_code="finished"),
    stay("x14", "Inpatient", "2025-03-10 01:00", None, status_code=None),
]


def build(root: Path, **settings: Any) -> Warehouse:
    given, warehouse = Input(root / "input", FEEDS), Warehouse(root, FEEDS)
    given.encounters = EncounterSettings.model_validate(settings)
    given.delivery("org", "2025-01-01", [
        {"source_feed": "*", "source_facility_code": code, "source_unit_code": unit, "facility_id": f"F{code}", "unit_id": unit,
         "unit_name": unit, "service_line": "line", "time_zone": "UTC", "facility_name": code}
        for code in "AB" for unit in ("4W", "ICU", "ED", "CL")])
    # The later part of the messages is delivered first, and some of it twice: order of files means nothing.
    given.delivery("adt", "2025-04-03", MESSAGES[1::2])
    given.delivery("adt", "2025-04-04", [*MESSAGES[0::2], MESSAGES[1]])
    given.delivery("extract", "2025-04-05", EXTRACT)
    given.delivery("sheet", "2025-04-05", [
        {"facility_code": "B", "unit_code": "CL", "class_code": word, "period_grain": "month", "period_start_on": date(2025, 3, 1), "n_encounters": n}
        for word, n in (("Office visits", 50), ("Patient days", 900))])
    given.write()
    warehouse.dbt("build", "--select", "+encounter_completeness", "+fct_encounter_count", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
    return warehouse


@pytest.fixture(scope="module")
def default(tmp_path_factory) -> Warehouse:
    return build(tmp_path_factory.mktemp("default"), expected=[
        {"feed": "sheet", "facility": "FB", "encounter_class": "office", "from": "2025-03-01"},
        {"feed": "extract", "facility": "FB", "encounter_class": "office", "from": "2025-04-01"},
        {"feed": "sheet", "facility": "FA", "encounter_class": "virtual", "from": "2025-03-01", "to": "2025-03-31"},
    ])


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Warehouse:
    return build(tmp_path_factory.mktemp("other"), admitted_ed="emergency", include_newborn=True, include_ancillary=True, include_lwbs=False,
                 unit_rule="admitting", inpatient_basis="patient_days", missing_feed="rate_of_what_came")


def counts(warehouse: Warehouse, facility: str) -> dict[tuple[str, str, str], int]:
    return {(row["unit_id"], row["encounter_class"], f"{row['month_start_on']:%m}"): row["n_encounters"]
            for row in warehouse.rows(f"select * from core.fct_encounter_count where facility_id = '{facility}'")}


def test_visits_of_messages(default):
    # stay: ICU in April; twice: 4W in April; undone, again, admitted, came, s1: 4W in March. registered: ED. back: clinic.
    # e1 was admitted (s1 is the same person after two merges).
    assert counts(default, "FA") == {("ICU", "inpatient", "04"): 1, ("4W", "inpatient", "04"): 1, ("4W", "inpatient", "03"): 5,
                                     ("ED", "emergency", "03"): 1, ("CL", "outpatient", "03"): 1}


def test_every_message_says_what_became_of_it(default):
    rules = {row["rule"]: row["n"] for row in default.rows("select rule, count(*) as n from core.fct_encounter where feed = 'adt' group by 1")}
    n_visits = len({one["encounter_id"] for one in MESSAGES} - {None})
    assert rules.pop("PART_OF_A_VISIT") == len(MESSAGES) - 3 - n_visits
    assert rules == {"COUNTED": 9, "PATIENT_MERGE": 2, "NO_VISIT_NUMBER": 1, "ADMITTED": 1, "NOT_FINISHED": 3}
    assert sum(rules.values()) == n_visits + 3


def test_no_visit_and_no_person_in_facts(default):
    columns = {row["column_name"] for row in default.rows("select column_name from information_schema.columns where table_name in ('fct_encounter', 'fct_encounter_count')")}
    assert columns and not columns & {"patient_id", "encounter_id"}


def test_visits_of_an_extract(default):
    # x4 ended the wait of x3 within six hours; x6 came a minute too late, so x5 stays an emergency visit of its own.
    assert counts(default, "FB") == {("4W", "inpatient", "03"): 3, ("4W", "inpatient", "04"): 1, ("ED", "emergency", "03"): 2, ("CL", "office", "03"): 50,
                                     ("CL", "outpatient", "03"): 1}
    rules = {(row["row_number"], row["rule"]) for row in default.rows("select row_number, rule from core.fct_encounter where feed = 'extract' and not is_counted")}
    assert rules == {(3, "ADMITTED"), (7, "CLASS_NOT_COUNTED"), (8, "CLASS_NOT_COUNTED"), (10, "NOT_FINISHED"), (12, "NOT_FINISHED"), (13, "END_NOT_TOLD"), (14, "NOT_FINISHED")}


def test_expected_feeds_are_named_when_they_are_missing(default):
    states = {(row["facility_id"], row["encounter_class"], f"{row['month_start_on']:%m}"): (row["state"], row["missing_feeds"])
              for row in default.rows("select * from core.encounter_completeness where encounter_class in ('office', 'virtual')")}
    assert states == {("FB", "office", "03"): ("COMPLETE", None), ("FB", "office", "04"): ("EXPECTED_FEED_MISSING", "extract, sheet"),
                      ("FA", "virtual", "03"): ("EXPECTED_FEED_MISSING", "sheet")}


def test_other_choices(other):
    # Patient days: nights of each stay in the month they were in, those of newborns too; the sheet's 900 count for nobody
    # else, because the extract of higher priority has the class. The stay x4 counts as the emergency visit x3.
    nights = counts(other, "FB")
    assert nights == {("4W", "inpatient", "03"): 2 + 1 + 2, ("4W", "inpatient", "04"): 1, ("ED", "emergency", "03"): 2, ("CL", "outpatient", "03"): 2,
                      ("CL", "office", "03"): 50}
    of_messages = counts(other, "FA")
    # stay 28 + 0 nights until 1 April, by the admitting unit; `admitted` counts as an emergency visit of the unit it came to.
    assert of_messages[("4W", "inpatient", "03")] == 29 + 1 + 1 + 1 + 24
    assert of_messages[("ED", "emergency", "03")] == 3
    assert ("ICU", "inpatient", "04") not in of_messages
    assert {row["is_complete"] for row in other.rows("select is_complete from core.encounter_completeness")} == {True}


@pytest.mark.parametrize(("wrong", "words"), [
    ({"drop_alert": 1.5}, "drop_alert"), ({"admitted_ed": "both"}, "admitted_ed"), ({"admitted_ed_hours": {"adt": -1}}, "must not be negative"),
    ({"standard_weights": {"inpatient": 1}, "standard_year": 2025}, "either standard_weights"), ({"standard_weights": {"ward": 1}}, "standard_weights"),
    ({"expected": [{"feed": "f", "facility": "F", "encounter_class": "office", "from": "2025-02-01", "to": "2025-01-01"}]}, "ends before"),
    ({"include_ghosts": True}, "include_ghosts"),
])
def test_a_wrong_setting_is_refused_by_name(wrong, words):
    with pytest.raises(ValueError, match=words):
        EncounterSettings.model_validate(wrong)


def test_a_setting_is_part_of_the_fingerprint():
    assert EncounterSettings().fingerprint() == EncounterSettings.model_validate({}).fingerprint()
    assert EncounterSettings(include_newborn=True).fingerprint() != EncounterSettings().fingerprint()
