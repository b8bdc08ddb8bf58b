"""Columns of feeds about encounters: counted, one by one, or as the messages that make them.

Belongs here: names, types and meanings of canonical columns.
Does not belong here: anything about a single vendor (feeds/).
"""

from __future__ import annotations

from ingestion.kinds.column import BOOLEAN, DATE, INTEGER, PLACE, TEXT, Column, Columns, moment

ENCOUNTER_COUNT: Columns = {
    "facility_code": Column(TEXT, "Facility as the vendor writes it", True),
    "unit_code": Column(TEXT, "Unit as the vendor writes it"),
    "class_code": Column(TEXT, "Encounter class as the vendor writes it", True),
    "period_grain": Column(TEXT, "day or month"),
    "period_start_on": Column(DATE, "First day of the counted period, local", True),
    "n_encounters": Column(INTEGER, "Encounters in the period", True),
    "is_partial": Column(BOOLEAN, "The period was not over when the file was made"),
}

ENCOUNTER: Columns = {
    "encounter_id": Column(TEXT, "Keyed hash of the visit number", True),
    "patient_id": Column(TEXT, "Keyed hash of the patient's record number"),
    **PLACE,
    "class_code": Column(TEXT, "Encounter class as the vendor writes it", True),
    "status_code": Column(TEXT, "Encounter status as the vendor writes it"),
    **moment("start", "the encounter began", True),
    **moment("end", "the encounter ended"),
    "part_of_id": Column(TEXT, "Keyed hash of the visit this one is a part of"),
}

ENCOUNTER_EVENT: Columns = {
    "message_id": Column(TEXT, "Number of the message in the sending system", True),
    "sender_code": Column(TEXT, "Sending system"),
    "group_number": Column(INTEGER, "Running number of the patient in a message about several"),
    "event_code": Column(TEXT, "Trigger event as HL7 writes it (A01 admit, A03 discharge ...)", True),
    **moment("event", "the event was recorded", True),
    **moment("message", "the message was made"),
    "encounter_id": Column(TEXT, "Keyed hash of the visit number"),
    "patient_id": Column(TEXT, "Keyed hash of the patient's record number"),
    "merged_patient_id": Column(TEXT, "Keyed hash of the record number that a merge gives up"),
    **PLACE,
    "class_code": Column(TEXT, "Patient class as the vendor writes it"),
    **moment("start", "the visit began"),
    **moment("end", "the visit ended"),
}
