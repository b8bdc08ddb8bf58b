"""Columns of survey feeds and of feeds of counted answers; answers of surveys are columns of the instrument family (dbt_project/seeds).

Belongs here: names, types and meanings of canonical columns.
Does not belong here: anything about a single vendor (feeds/).
"""

from __future__ import annotations

from ingestion.kinds.column import BOOLEAN, DATE, INTEGER, TEXT, Column, Columns

SURVEY: Columns = {
    "survey_id": Column(TEXT, "Vendor's number of the sampled survey", True),
    "patient_id": Column(TEXT, "Keyed hash of the patient's record number"),
    "facility_code": Column(TEXT, "Facility as the vendor writes it", True),
    "unit_code": Column(TEXT, "Unit as the vendor writes it"),
    "discharge_on": Column(DATE, "Discharge or visit date; first of the month where only a month is delivered", True),
    "received_on": Column(DATE, "Date on which the answered survey came back"),
    "disposition_code": Column(TEXT, "Final result of the attempt to survey the patient, vendor code", True),
    "mode_code": Column(TEXT, "Survey mode code"),
    "language_code": Column(TEXT, "Survey language code"),
    "sex_code": Column(TEXT, "Sex code"),
    "age_code": Column(TEXT, "Age band code"),
    "payer_code": Column(TEXT, "Payer code"),
    "provider_id": Column(TEXT, "Keyed hash of the clinician the survey is about"),
    "service_line_code": Column(TEXT, "Principal reason of admission code"),
    "admission_source_code": Column(TEXT, "Point of origin code"),
    "discharge_status_code": Column(TEXT, "UB-04 discharge status code, text with leading zero"),
    "lag_days": Column(INTEGER, "Days from discharge to the return of the survey"),
    "n_eligible_discharges": Column(INTEGER, "Eligible discharges of the facility and month as the file's header says, on every record"),
    "sample_type_code": Column(TEXT, "How the month was sampled: simple_random, proportionate_stratified or disproportionate_stratified"),
    "is_in_official_sample": Column(BOOLEAN, "False for answers collected outside the official sample"),
    "program_code": Column(TEXT, "Programme whose disposition codes the feed uses"),
    "comment_length": Column(INTEGER, "Characters of the patient's comment; null when there is none"),
    "comment_language_code": Column(TEXT, "Language of the comment, where the vendor says it"),
    "comment_label_code": Column(TEXT, "Label of the comment as delivered, such as negative; never made by us"),
    "comment_label_model": Column(TEXT, "Model and version that gave the label, as delivered"),
}

ANSWER_COUNT: Columns = {
    "facility_code": Column(TEXT, "Facility as the publisher writes it", True),
    "unit_code": Column(TEXT, "Unit as the publisher writes it"),
    "organisation_code": Column(TEXT, "Organisation the facility belongs to; of counts of the organisation as a whole the facility itself"),
    "service_code": Column(TEXT, "Service that is counted, where a place has several: their counts stand side by side"),
    "period_grain": Column(TEXT, "month or quarter"),
    "period_start_on": Column(DATE, "First day of the counted period", True),
    "instrument_family": Column(TEXT, "Instrument family whose item is counted", True),
    "item_code": Column(TEXT, "Our item", True),
    "answer": Column(INTEGER, "Answer code of the item's scale", True),
    "n_answers": Column(INTEGER, "How often the answer was given; null where suppressed"),
    "n_answers_reason": Column(TEXT, "Why there is no count"),
    "n_eligible": Column(INTEGER, "People who could have answered, where the publisher says it"),
}
