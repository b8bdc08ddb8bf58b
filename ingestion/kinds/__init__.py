"""The kinds of feed and the columns each has after conforming: one shape per kind, whoever the vendor.

Belongs here: the list of kinds, and the columns that say where a row came from.
Does not belong here: anything about a single vendor (feeds/) or about instruments (dbt_project/seeds).
"""

from __future__ import annotations

from ingestion.kinds.column import INTEGER, TEXT, TIMESTAMP, Column, Columns
from ingestion.kinds.complaint import (
    COMPLAINT,
    COMPLAINT_CODING,
    COMPLAINT_ISSUE,
    COMPLAINT_LINK,
    COMPLAINT_PERSON,
    COMPLAINT_SCHEME,
    COMPLAINT_WORD,
    TIMELINESS_RULE,
)
from ingestion.kinds.encounter import ENCOUNTER, ENCOUNTER_COUNT, ENCOUNTER_EVENT
from ingestion.kinds.improvement import INITIATIVE, METRIC
from ingestion.kinds.reference import ADJUSTMENT_COEFFICIENT, BENCHMARK, ORG_UNIT, SCORE, STAR_CUT_POINT
from ingestion.kinds.survey import ANSWER_COUNT, SURVEY

__all__ = ["EVENT_DATE", "KINDS", "PROVENANCE", "Column", "Columns"]

KINDS: dict[str, Columns] = {
    "survey": SURVEY,
    "complaint": COMPLAINT,
    "complaint_issue": COMPLAINT_ISSUE,
    "complaint_person": COMPLAINT_PERSON,
    "complaint_coding": COMPLAINT_CODING,
    "complaint_word": COMPLAINT_WORD,
    "complaint_scheme": COMPLAINT_SCHEME,
    "complaint_link": COMPLAINT_LINK,
    "timeliness_rule": TIMELINESS_RULE,
    "encounter_count": ENCOUNTER_COUNT,
    "encounter": ENCOUNTER,
    "encounter_event": ENCOUNTER_EVENT,
    "org_unit": ORG_UNIT,
    "benchmark": BENCHMARK,
    "answer_count": ANSWER_COUNT,
    "score": SCORE,
    "star_cut_point": STAR_CUT_POINT,
    "adjustment_coefficient": ADJUSTMENT_COEFFICIENT,
    "metric": METRIC,
    "initiative": INITIATIVE,
}

# The date on which what a row tells of happened; by it a dated code list is chosen where a feed names no other date.
EVENT_DATE = {
    "survey": "discharge_on", "complaint": "event_on", "encounter_count": "period_start_on", "benchmark": "period_start_on",
    "answer_count": "period_start_on", "score": "period_start_on", "metric": "period_start_on", "initiative": "start_on",
}

PROVENANCE: Columns = {
    "feed": Column(TEXT, "Feed of the delivery"),
    "delivery_id": Column(TEXT, "Delivery: first 16 hex characters of the SHA-256 of its bytes"),
    "delivered_at": Column(TIMESTAMP, "When the delivery was received by the file's own account, UTC"),
    "delivery_sequence": Column(INTEGER, "Version number inside the same delivery moment"),
    "row_number": Column("BIGINT", "1-based data record of the delivered file"),
}
