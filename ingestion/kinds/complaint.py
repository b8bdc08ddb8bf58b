"""Columns of feeds about complaints and grievances: cases, the files that join to them, and how they are read.

Belongs here: names, types and meanings of canonical columns.
Does not belong here: anything about a single vendor (feeds/).
"""

from __future__ import annotations

from ingestion.kinds.column import BOOLEAN, DATE, INTEGER, NUMBER, PLACE, TEXT, Column, Columns, moment

_ISSUE: Columns = {
    "category_text": Column(TEXT, "Vendor's word for the subject; several are parted by |"),
    "subcategory_text": Column(TEXT, "Vendor's word for the finer subject"),
    "severity_text": Column(TEXT, "Vendor's word for the severity"),
    "stage_text": Column(TEXT, "Vendor's word for the stage of care"),
    "harm_text": Column(TEXT, "Vendor's word for the harm reported by the complainant"),
}
_CASE: Columns = {
    "case_feed": Column(TEXT, "Feed that delivers the case itself", True),
    "case_id": Column(TEXT, "Number of the case in the source system", True),
}
_DUE: Columns = {
    "acknowledgement_due_on": Column(DATE, "Last day for the acknowledgement, as the source system says"),
    "response_due_on": Column(DATE, "Last day for the answer, as the source system says"),
}

COMPLAINT: Columns = {
    "case_id": Column(TEXT, "Number of the case in the source system", True),
    "issue_number": Column(INTEGER, "Running number of the subject inside the case"),
    **PLACE,
    **moment("received", "the case was received", True),
    "event_on": Column(DATE, "Local date of what is complained about"),
    **moment("acknowledged", "receipt was acknowledged"),
    **moment("interim_sent", "a letter said when the answer will come"),
    **moment("responded", "the written answer was sent"),
    **moment("closed", "the case was closed"),
    **moment("reopened", "the case was opened again"),
    **moment("consent", "the patient's consent arrived"),
    **_DUE,
    "feedback_type_code": Column(TEXT, "complaint, grievance, compliment, suggestion, query"),
    "status_code": Column(TEXT, "Status in the source system, our words"),
    "channel_code": Column(TEXT, "How the case came in, our words"),
    **_ISSUE,
    "complexity_code": Column(TEXT, "How complex the handling is: simple, moderate, complex or the site's words"),
    "handling_level_code": Column(TEXT, "early_resolution or investigation"),
    "is_grievance": Column(BOOLEAN, "The site's own grievance flag"),
    "is_test": Column(BOOLEAN, "Row was entered as a test"),
    "is_deleted": Column(BOOLEAN, "Row was opened in error or deleted in the source system"),
    "is_resolved_on_spot": Column(BOOLEAN, "Settled at the time by staff present"),
    "is_response_requested": Column(BOOLEAN, "Formal handling or an answer was asked for"),
    "is_safety_alleged": Column(BOOLEAN, "Abuse, neglect, harm or non-compliance is alleged"),
    "is_billing": Column(BOOLEAN, "A billing matter"),
    "is_medicare_rights": Column(BOOLEAN, "Billing of a Medicare beneficiary about rights and limitations"),
    "has_written_attachment": Column(BOOLEAN, "A survey comment came with a written complaint attached"),
    "is_resolution_requested": Column(BOOLEAN, "The complaint attached to a survey asks for resolution"),
    "is_patient_identified": Column(BOOLEAN, "The patient is known by name or number; where blank, a record number says so"),
    "is_after_stay": Column(BOOLEAN, "Raised after the stay"),
    "is_routine_matter": Column(BOOLEAN, "Of a kind that staff present would routinely settle"),
    "needs_more_work": Column(BOOLEAN, "Postponed, referred to other staff, or in need of investigation"),
    "is_escalated": Column(BOOLEAN, "Raised to a higher level, an ombudsman or a regulator"),
    "is_consent_required": Column(BOOLEAN, "The patient must agree before the case is handled"),
    "reopen_count": Column(INTEGER, "How often the case was opened again, as the source system counts"),
    "merged_into_case_id": Column(TEXT, "Case into which this one was merged"),
    "linked_feed": Column(TEXT, "Feed of the same case in another system"),
    "linked_case_id": Column(TEXT, "Number of the same case in another system"),
    "patient_id": Column(TEXT, "Keyed hash of the patient's record number"),
    "complainant_id": Column(TEXT, "Keyed hash of the complainant"),
    "staff_id": Column(TEXT, "Keyed hash of the employee involved"),
    "narrative_length": Column(INTEGER, "Characters of the narrative; null when there is none"),
    "outcome_code": Column(TEXT, "upheld, partly_upheld, not_upheld or the vendor's word"),
    "has_notice_contact": Column(BOOLEAN, "The written notice names a contact person"),
    "has_notice_steps": Column(BOOLEAN, "The written notice tells the steps taken"),
    "has_notice_results": Column(BOOLEAN, "The written notice tells the results"),
    "has_notice_completion_date": Column(BOOLEAN, "The written notice tells the date of completion"),
    "is_recovery_offered": Column(BOOLEAN, "Service recovery was offered"),
    "is_recovery_accepted": Column(BOOLEAN, "Service recovery was accepted"),
    "recovery_kind_code": Column(TEXT, "Kind of service recovery, the vendor's word"),
    "handling_satisfaction": Column(NUMBER, "Satisfaction of the complainant with the handling, points of the source's scale"),
}

COMPLAINT_ISSUE: Columns = {
    **_CASE,
    "issue_number": Column(INTEGER, "Running number of the subject inside the case"),
    **_ISSUE,
    "outcome_code": Column(TEXT, "Outcome of the subject"),
    "staff_id": Column(TEXT, "Keyed hash of the employee involved"),
}

COMPLAINT_PERSON: Columns = {
    **_CASE,
    "person_number": Column(INTEGER, "Running number of the complainant inside the case; the first one's dates count"),
    "complainant_id": Column(TEXT, "Keyed hash of the complainant"),
    "patient_id": Column(TEXT, "Keyed hash of the patient's record number"),
    "role_code": Column(TEXT, "patient, relative, representative or the vendor's word"),
    **moment("acknowledged", "receipt was acknowledged to this complainant"),
    **moment("interim_sent", "a letter said when the answer will come"),
    **moment("responded", "the written answer was sent to this complainant"),
    **moment("consent", "the patient's consent arrived"),
    **_DUE,
}

COMPLAINT_CODING: Columns = {
    **_CASE,
    "coder_id": Column(TEXT, "Keyed hash of the coder", True),
    **moment("coded", "the coder decided", True),
    "scheme_id": Column(TEXT, "Scheme of the coding, such as hcat", True),
    "scheme_version": Column(TEXT, "Version of the scheme"),
    "category_text": Column(TEXT, "Category coded, the scheme's code or a word of the crosswalk", True),
    "subcategory_text": Column(TEXT, "Subcategory coded"),
    "severity_level": Column(INTEGER, "Severity of the category: 0 is not present, blank is not coded"),
    "stage_text": Column(TEXT, "Stage of care coded"),
    "harm_level": Column(INTEGER, "Harm reported by the complainant, the scheme's level"),
}

COMPLAINT_WORD: Columns = {
    "source_feed": Column(TEXT, "Feed whose words are mapped; * for any"),
    "dimension": Column(TEXT, "category, severity, stage, harm or billing", True),
    "source_text": Column(TEXT, "The vendor's word", True),
    "source_subtext": Column(TEXT, "The vendor's finer word; blank for any"),
    "scheme_id": Column(TEXT, "Scheme the word is mapped to", True),
    "scheme_version": Column(TEXT, "Version of the scheme"),
    "category_code": Column(TEXT, "Category of the scheme"),
    "subcategory": Column(TEXT, "Subcategory of the scheme"),
    "level": Column(INTEGER, "Level of severity, stage or harm; of billing 0 no, 1 billing, 2 rights of Medicare beneficiaries"),
}

COMPLAINT_SCHEME: Columns = {
    "scheme_id": Column(TEXT, "Scheme", True),
    "scheme_version": Column(TEXT, "Version of the scheme"),
    "domain_code": Column(TEXT, "Domain of the category"),
    "category_code": Column(TEXT, "Category, or the site's name of a level", True),
    "category_label": Column(TEXT, "Category or level in words"),
    "subcategory": Column(TEXT, "Subcategory; blank speaks of the category as a whole"),
    "dimension": Column(TEXT, "What the row is of: category (also where blank), severity, stage or harm"),
    "level": Column(INTEGER, "Level of severity, stage or harm"),
    "band_code": Column(TEXT, "Band of a severity level: none, low, medium or high"),
}

COMPLAINT_LINK: Columns = {
    "feed_a": Column(TEXT, "Feed of the one case", True),
    "case_a": Column(TEXT, "Number of the one case", True),
    "feed_b": Column(TEXT, "Feed of the same case elsewhere", True),
    "case_b": Column(TEXT, "Number of the same case elsewhere", True),
}

TIMELINESS_RULE: Columns = {
    "jurisdiction_code": Column(TEXT, "Jurisdiction the rule is of; one of ours is overruled, another is added", True),
    "step_code": Column(TEXT, "acknowledge, respond, interim, resolve or make", True),
    "applies_to": Column(TEXT, "all cases or grievance"),
    "complexity_code": Column(TEXT, "Only cases of this complexity; blank for any"),
    "handling_level_code": Column(TEXT, "Only cases handled at this level; blank for any"),
    "clock_start": Column(TEXT, "received, consent or event"),
    "first_counted_day": Column(TEXT, "next_day or same_day"),
    "limit_n": Column(INTEGER, "Length of the limit; blank measures without a target"),
    "limit_unit": Column(TEXT, "calendar_day, business_day or month"),
    "calendar_code": Column(TEXT, "Calendar of business days, such as US or GB-ENG"),
    "is_settled_on_spot_excluded": Column(BOOLEAN, "Cases settled at once are left out"),
    "is_closure_counted": Column(BOOLEAN, "Closing the case also completes the step"),
    "note": Column(TEXT, "What else to know of the rule"),
    "standing": Column(TEXT, "How well the rule is known"),
}
