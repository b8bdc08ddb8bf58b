"""Columns of feeds about complaints and grievances.

Belongs here: names, types and meanings of canonical columns.
Does not belong here: anything about a single vendor (feeds/).
"""

from __future__ import annotations

from ingestion.kinds.column import BOOLEAN, DATE, INTEGER, PLACE, TEXT, Column, Columns, moment

COMPLAINT: Columns = {
    "case_id": Column(TEXT, "Number of the case in the source system", True),
    "issue_number": Column(INTEGER, "Running number of the subject inside the case"),
    **PLACE,
    **moment("received", "the case was received", True),
    "event_on": Column(DATE, "Local date of what is complained about"),
    **moment("acknowledged", "receipt was acknowledged"),
    **moment("responded", "the written answer was sent"),
    **moment("closed", "the case was closed"),
    "feedback_type_code": Column(TEXT, "complaint, grievance, compliment, suggestion, query"),
    "status_code": Column(TEXT, "Status in the source system, our words"),
    "channel_code": Column(TEXT, "How the case came in, our words"),
    "category_text": Column(TEXT, "Vendor's word for the subject"),
    "subcategory_text": Column(TEXT, "Vendor's word for the finer subject"),
    "severity_text": Column(TEXT, "Vendor's word for the severity"),
    "is_grievance": Column(BOOLEAN, "The site's own grievance flag"),
    "is_test": Column(BOOLEAN, "Row was entered as a test"),
    "is_resolved_on_spot": Column(BOOLEAN, "Settled at the time by staff present"),
    "is_response_requested": Column(BOOLEAN, "Formal handling or an answer was asked for"),
    "is_safety_alleged": Column(BOOLEAN, "Abuse, neglect, harm or non-compliance is alleged"),
    "merged_into_case_id": Column(TEXT, "Case into which this one was merged"),
    "patient_id": Column(TEXT, "Keyed hash of the patient's record number"),
    "complainant_id": Column(TEXT, "Keyed hash of the complainant"),
    "staff_id": Column(TEXT, "Keyed hash of the employee involved"),
    "narrative_length": Column(INTEGER, "Characters of the narrative; null when there is none"),
    "outcome_code": Column(TEXT, "upheld, partly_upheld, not_upheld or the vendor's word"),
}
