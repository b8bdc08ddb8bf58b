"""The kinds of feed and the columns each has after conforming: one shape per kind, whoever the vendor.

Belongs here: names, types and meanings of canonical columns.
Does not belong here: anything about a single vendor (feeds/) or about instruments (dbt_project/seeds).
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One canonical column: its DuckDB type, its meaning, and whether every row must have it."""

    type: str
    description: str
    is_required: bool = False


_T, _D, _TS, _I, _B, _F = "VARCHAR", "DATE", "TIMESTAMP", "INTEGER", "BOOLEAN", "DOUBLE"


def _moment(name: str, what: str, is_required: bool = False) -> dict[str, Column]:
    """A moment is kept twice: in UTC, and as the local date of the facility the feed speaks of."""
    return {
        f"{name}_at": Column(_TS, f"When {what}, UTC", is_required),
        f"{name}_on": Column(_D, f"Local date on which {what}"),
    }


_PLACE = {
    "facility_code": Column(_T, "Facility as the vendor writes it"),
    "unit_code": Column(_T, "Unit as the vendor writes it"),
}

KINDS: dict[str, dict[str, Column]] = {
    "survey": {
        "survey_id": Column(_T, "Vendor's number of the sampled survey", True),
        "patient_id": Column(_T, "Keyed hash of the patient's record number"),
        "facility_code": Column(_T, "Facility as the vendor writes it", True),
        "unit_code": Column(_T, "Unit as the vendor writes it"),
        "discharge_on": Column(_D, "Discharge or visit date; first of the month where only a month is delivered", True),
        "received_on": Column(_D, "Date on which the answered survey came back"),
        "disposition_code": Column(_T, "Final result of the attempt to survey the patient, vendor code", True),
        "mode_code": Column(_T, "Survey mode code"),
        "language_code": Column(_T, "Survey language code"),
        "sex_code": Column(_T, "Sex code"),
        "age_code": Column(_T, "Age band code"),
        "service_line_code": Column(_T, "Principal reason of admission code"),
        "admission_source_code": Column(_T, "Point of origin code"),
        "discharge_status_code": Column(_T, "UB-04 discharge status code, text with leading zero"),
        "lag_days": Column(_I, "Days from discharge to the return of the survey"),
        "is_in_official_sample": Column(_B, "False for answers collected outside the official sample"),
        "program_code": Column(_T, "Programme whose disposition codes the feed uses"),
        "comment_length": Column(_I, "Characters of the patient's comment; null when there is none"),
    },
    "complaint": {
        "case_id": Column(_T, "Number of the case in the source system", True),
        "issue_number": Column(_I, "Running number of the subject inside the case"),
        **_PLACE,
        **_moment("received", "the case was received", True),
        "event_on": Column(_D, "Local date of what is complained about"),
        **_moment("acknowledged", "receipt was acknowledged"),
        **_moment("responded", "the written answer was sent"),
        **_moment("closed", "the case was closed"),
        "feedback_type_code": Column(_T, "complaint, grievance, compliment, suggestion, query"),
        "status_code": Column(_T, "Status in the source system, our words"),
        "channel_code": Column(_T, "How the case came in, our words"),
        "category_text": Column(_T, "Vendor's word for the subject"),
        "subcategory_text": Column(_T, "Vendor's word for the finer subject"),
        "severity_text": Column(_T, "Vendor's word for the severity"),
        "is_grievance": Column(_B, "The site's own grievance flag"),
        "is_test": Column(_B, "Row was entered as a test"),
        "is_resolved_on_spot": Column(_B, "Settled at the time by staff present"),
        "is_response_requested": Column(_B, "Formal handling or an answer was asked for"),
        "is_safety_alleged": Column(_B, "Abuse, neglect, harm or non-compliance is alleged"),
        "merged_into_case_id": Column(_T, "Case into which this one was merged"),
        "patient_id": Column(_T, "Keyed hash of the patient's record number"),
        "complainant_id": Column(_T, "Keyed hash of the complainant"),
        "staff_id": Column(_T, "Keyed hash of the employee involved"),
        "narrative_length": Column(_I, "Characters of the narrative; null when there is none"),
        "outcome_code": Column(_T, "upheld, partly_upheld, not_upheld or the vendor's word"),
    },
    "encounter_count": {
        "facility_code": Column(_T, "Facility as the vendor writes it", True),
        "unit_code": Column(_T, "Unit as the vendor writes it"),
        "class_code": Column(_T, "Encounter class as the vendor writes it", True),
        "period_grain": Column(_T, "day or month"),
        "period_start_on": Column(_D, "First day of the counted period, local", True),
        "n_encounters": Column(_I, "Encounters in the period", True),
        "is_partial": Column(_B, "The period was not over when the file was made"),
    },
    "encounter": {
        "encounter_id": Column(_T, "Keyed hash of the visit number", True),
        "patient_id": Column(_T, "Keyed hash of the patient's record number"),
        **_PLACE,
        "class_code": Column(_T, "Encounter class as the vendor writes it", True),
        "status_code": Column(_T, "Encounter status as the vendor writes it"),
        **_moment("start", "the encounter began", True),
        **_moment("end", "the encounter ended"),
        "part_of_id": Column(_T, "Keyed hash of the visit this one is a part of"),
    },
    "org_unit": {
        "source_feed": Column(_T, "Feed whose codes are mapped; * for any"),
        "source_facility_code": Column(_T, "Facility as the vendor writes it", True),
        "source_unit_code": Column(_T, "Unit as the vendor writes it; blank maps the facility only"),
        "facility_id": Column(_T, "Our facility", True),
        "facility_name": Column(_T, "Name of our facility"),
        "unit_id": Column(_T, "Our unit, unique in the facility"),
        "unit_name": Column(_T, "Name of our unit"),
        "service_line": Column(_T, "Service line of our unit"),
        "time_zone": Column(_T, "IANA time zone of the facility"),
        "valid_from_on": Column(_D, "First date on which the mapping holds"),
        "valid_to_on": Column(_D, "Last date on which the mapping holds; null while it lasts"),
    },
    "benchmark": {
        "benchmark_source": Column(_T, "Who publishes the benchmark"),
        "geography_level": Column(_T, "national or state"),
        "geography_code": Column(_T, "Nation or state"),
        "public_measure_id": Column(_T, "Publisher's measure id", True),
        "value": Column(_F, "Published value in the publisher's unit"),
        "value_reason": Column(_T, "Why there is no value"),
        "footnote": Column(_T, "Footnote codes as published"),
        "period_start_on": Column(_D, "First date of the reporting period"),
        "period_end_on": Column(_D, "Last date of the reporting period"),
    },
}

PROVENANCE: dict[str, Column] = {
    "feed": Column(_T, "Feed of the delivery"),
    "delivery_id": Column(_T, "Delivery: first 16 hex characters of the SHA-256 of its bytes"),
    "delivered_at": Column(_TS, "When the delivery was received by the file's own account, UTC"),
    "delivery_sequence": Column(_I, "Version number inside the same delivery moment"),
    "row_number": Column("BIGINT", "1-based data record of the delivered file"),
}
