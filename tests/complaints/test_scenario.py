"""Complaints of five jurisdictions, three systems and two coders: what each rule makes of a case written by hand.

Belongs here: history, links, joined files, limits, codings, problems; each expected value is worked out beside its case.
Does not belong here: the counts of a whole hospital (test_recount.py).
"""

from __future__ import annotations

import math
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ingestion.kinds import KINDS
from orchestration.unmapped import reading_build, unmapped_word_lines
from tests.complaints.agreement import gwet_ac1
from tests.dbt.warehouse import Input, Warehouse, day, feed

AS_OF = "2026-06-30"
UNTOLD = ("acknowledged_at", "interim_sent_at", "responded_at")


def _feeds() -> list:
    complaint = [name for name in KINDS["complaint"] if not (name.endswith("_on") and f"{name[:-3]}_at" in KINDS["complaint"])
                 and name != "narrative_length"]

    def of(kind: str, *left_out: str) -> list[str]:
        return [name for name in KINDS[kind] if not (name.endswith("_on") and f"{name[:-3]}_at" in KINDS[kind]) and name not in left_out]

    return [
        feed("main", "complaint", complaint, business_key=["case_id", "issue_number"], time_zone="Europe/London", priority=1),
        feed("other", "complaint", complaint, business_key=["case_id", "issue_number"], time_zone="Europe/London"),
        # Feeds that do not tell of answers: the one never, the other in its file of persons alone.
        feed("silent", "complaint", [name for name in complaint if name not in UNTOLD], business_key=["case_id", "issue_number"], time_zone="Europe/London"),
        feed("split", "complaint", [name for name in complaint if name not in UNTOLD], business_key=["case_id", "issue_number"], time_zone="Europe/London"),
        feed("split_subjects", "complaint_issue", of("complaint_issue", "case_feed"), business_key=["case_id", "issue_number"],
             constants={"case_feed": "split"}),
        feed("split_people", "complaint_person", of("complaint_person", "case_feed"), business_key=["case_id", "person_number"],
             constants={"case_feed": "split"}),
        feed("subjects", "complaint_issue", of("complaint_issue", "case_feed"), business_key=["case_id", "issue_number"],
             constants={"case_feed": "main"}),
        feed("people", "complaint_person", of("complaint_person", "case_feed"), business_key=["case_id", "person_number"],
             constants={"case_feed": "main"}),
        feed("codings", "complaint_coding", of("complaint_coding"), business_key=["case_id", "coder_id", "category_text"]),
        feed("words", "complaint_word", of("complaint_word"), business_key=["source_feed", "dimension", "source_text"]),
        feed("links", "complaint_link", of("complaint_link"), business_key=["feed_a", "case_a", "feed_b", "case_b"]),
        # Writes moments in UTC: midnight is a moment like any other.
        feed("zulu", "complaint", complaint, ("%Y-%m-%dT%H:%M:%SZ",), business_key=["case_id", "issue_number"], time_zone="Europe/London"),
        feed("schemes", "complaint_scheme", of("complaint_scheme"), business_key=["scheme_id", "scheme_version", "dimension", "category_code", "subcategory"]),
        feed("limits", "timeliness_rule", of("timeliness_rule"), business_key=["jurisdiction_code", "step_code", "complexity_code"]),
        feed("org", "org_unit", list(KINDS["org_unit"])),
    ]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def coding(case_id: str, category: str, level: int, **more: Any) -> dict[str, Any]:
    """What one coder says of one category of a case, by HCAT in the version it is shipped with."""
    return {"case_feed": "main", "case_id": case_id, "coder_id": "anna", "coded_at": at("2026-06-01 10:00"), "coded_on": day("2026-06-01"),
            "scheme_id": "hcat", "category_text": category, "severity_level": level} | more


def case(case_id: str, received: str, site: str = "ENG", **more: Any) -> dict[str, Any]:
    """A letter of a hospital; moments are given as dates and stand at local midnight of London (UTC in winter)."""
    row = {"case_id": case_id, "issue_number": 1, "facility_code": site, "unit_code": "W1", "received_at": at(received),
           "feedback_type_code": "complaint", "channel_code": "letter", "status_code": "in_progress", "category_text": "Quality"}
    row |= {name: at(value) if name.endswith("_at") else value for name, value in more.items()}
    return row | {f"{name[:-3]}_on": value.date() for name, value in row.items() if name.endswith("_at")}


def _write(given: Input) -> None:
    jurisdictions = {"ENG": "england", "SCO": "Scotland ", "IRL": "ireland", "ONT": "ontario", "USA": None, "OWN": "harbour", "NEW": "atlantis",
                     "MUT": None, "SPL": None, "HOT": None, "BCK": None, "BIL": None}
    given.delivery("org", "2025-01-01", [
        {"source_feed": "*", "source_facility_code": name, "source_unit_code": unit, "facility_id": name, "facility_name": name, "unit_id": unit,
         "unit_name": "Ward 1", "service_line": "medicine", "time_zone": "Europe/London", "jurisdiction_code": code}
        for name, code in jurisdictions.items() for unit in (("W1", "W2", "W3") if name == "HOT" else ("W1",))]
        + [{"source_feed": "*", "source_facility_code": "CHI", "source_unit_code": "W1", "facility_id": "CHI", "facility_name": "CHI", "unit_id": "W1",
            "unit_name": "Ward 1", "service_line": "medicine", "time_zone": "America/Chicago"}])
    given.delivery("schemes", "2025-01-01", [
        {"scheme_id": "own", "scheme_version": "1", "category_code": "kitchen", "category_label": "Kitchen"},
        {"scheme_id": "own", "scheme_version": "1", "category_code": "red", "category_label": "Red", "dimension": "severity", "level": 4, "band_code": "high"}])
    given.delivery("limits", "2025-01-01", [
        {"jurisdiction_code": "harbour", "step_code": "respond", "complexity_code": code, "limit_n": n, "limit_unit": "business_day",
         "calendar_code": "GB-ENG"} for code, n in (("simple", 25), ("complex", 65), (None, 40))])
    given.delivery("words", "2025-01-01", [
        {"source_feed": "main", "dimension": "category", "source_text": "Food & drink", "scheme_id": "hcat", "scheme_version": "2016",
         "category_code": "environment"},
        {"source_feed": "*", "dimension": "category", "source_text": "food  DRINK", "scheme_id": "own", "scheme_version": "1", "category_code": "kitchen"},
        {"source_feed": "main", "dimension": "severity", "source_text": "Rot", "scheme_id": "own", "scheme_version": "1", "level": 4},
        {"source_feed": "main", "dimension": "billing", "source_text": "Rechnung", "scheme_id": "billing", "level": 1},
        {"source_feed": "main", "dimension": "billing", "source_text": "Billing office was rude", "scheme_id": "billing", "level": 0}])
    # 2026: Good Friday 3 April, Easter Monday 6 April, early May holiday 4 May (England); 2 January is a holiday in Scotland.
    limits = [
        case("eng_in_time", "2026-03-31", acknowledged_at="2026-04-07"),  # Wed 1, Thu 2, Tue 7: the third business day
        case("eng_late", "2026-03-31", acknowledged_at="2026-04-08"),
        case("eng_weekend", "2026-03-02", acknowledged_at="2026-03-07"),  # due Thu 5; Saturday 7 is late, 4 business days
        case("eng_same_day", "2026-03-07", acknowledged_at="2026-03-07"),  # a Saturday
        case("eng_open", "2026-06-26"),  # Fri; due Wed 1 July: open, in time
        case("eng_overdue", "2026-06-01"),
        case("sco_stage_1", "2025-12-31", "SCO", handling_level_code="early_resolution", closed_at="2026-01-09", status_code="closed"),
        case("sco_consent", "2026-01-05", "SCO", is_consent_required=True, consent_at="2026-01-12", closed_at="2026-02-09", status_code="closed"),
        case("sco_no_consent", "2026-01-05", "SCO", is_consent_required=True),
        case("irl_resolved", "2026-03-02", "IRL", closed_at="2026-04-15", acknowledged_at="2026-03-09", status_code="closed"),
        case("ont_settled", "2026-03-02", "ONT", channel_code="in_person", is_resolved_on_spot=True),
        case("ont_late", "2026-03-02", "ONT", acknowledged_at="2026-03-10"),
        case("own_simple", "2026-03-02", "OWN", complexity_code="simple", responded_at="2026-04-09"),  # 25th business day: 8 April
        case("own_other", "2026-03-02", "OWN", complexity_code="odd", responded_at="2026-04-09", response_due_on=day("2026-04-01")),
        case("new_place", "2026-03-02", "NEW", responded_at="2026-03-04"),
        # Answered within seven days: no letter in between is needed. The other took longer, and none was sent.
        case("us_prompt", "2026-06-01", "USA", channel_code="email", responded_at="2026-06-05", is_escalated=True),
        case("us_letter", "2026-06-01", "USA", responded_at="2026-06-12", interim_sent_at="2026-06-08", has_notice_contact=True,
             has_notice_steps=True, has_notice_results=True, has_notice_completion_date=False, closed_at="2026-06-12", status_code="closed"),
    ]
    faults = [
        case("closed_before", "2026-05-05", closed_at="2026-05-01", status_code="closed"),
        case("answered_before", "2026-05-05", acknowledged_at="2026-05-01"),
        case("from_the_future", "2026-07-15"),
        case("no_unit", "2026-05-05", unit_code=None),
        case("odd_severity", "2026-05-05", severity_text="Rather bad"),
        case("plain_severity", "2026-05-05", severity_text=" MODERATE- "),
    ]
    twins = [
        case("twin", "2026-05-05", patient_id="p1", complainant_id="c1"),
        case("told", "2026-05-05", linked_feed="other", linked_case_id="told_too"),
        case("listed", "2026-05-05"),
        case("letter_1", "2026-05-05", patient_id="p3", complainant_id="c3", category_text="Delay - access"),
        case("letter_2", "2026-06-05", patient_id="p3", complainant_id="c3", category_text="Delay -Access"),
    ]
    history = [
        case("reopened", "2026-01-05", closed_at="2026-01-20", status_code="closed"),
        case("corrected", "2026-01-05", closed_at="2026-01-20", status_code="closed"),
        case("raised", "2026-01-05", status_code="escalated"),
        case("withdrawn_later", "2026-01-05"),
    ]
    dated = {"closed_at": "2026-01-20"}
    history += [
        case("twice", "2026-01-05", "BCK", closed_at="2026-01-10", status_code="closed"), case("said_so", "2026-01-05", "BCK", status_code="reopened", **dated),
        case("counted_twice", "2026-01-05", "BCK", reopen_count=2, **dated), case("open_and_dated", "2026-01-05", "BCK", **dated),
        case("taken_back", "2026-01-05", "BCK", status_code="closed", outcome_code="withdrawn", **dated),
        case("orphan", "2026-01-05", "BCK", merged_into_case_id="never_came")]
    bills = {"bill_only": "Billing", "bill_and_food": "Food|Billing", "bill_denied": "Billing", "bill_abroad": "Die Rechnung", "bill_medicare": "Medicare billing",
             "bill_manners": "Billing office was rude", "bill_two": "Billing|Die Rechnung"}
    billing = [case(name, "2026-05-01", "BIL", category_text=text, is_billing=False if name == "bill_denied" else None) for name, text in bills.items()]
    billing += [case("own_severity", "2026-05-01", "BIL", severity_text="Rot"), case("dated_only", "2026-01-15", "CHI")]
    given.delivery("zulu", AS_OF, [case("timed", "2026-01-15", "CHI")])
    joined = [case("graded", "2026-03-02", category_text=None, severity_text="Major"), case("joined", "2026-03-02", category_text=None), case("in_one_cell", "2026-03-02", category_text="Safety|Food & Drink|Odd")]
    given.delivery("main", "2026-02-01", history)
    given.delivery("main", "2026-03-01", [
        case("reopened", "2026-01-05", status_code="in_progress"),
        case("raised", "2026-01-05", status_code="closed", closed_at="2026-02-20"),
        case("corrected", "2026-01-05", closed_at="2026-01-22", status_code="closed"),
        case("withdrawn_later", "2026-01-05", status_code="withdrawn")])
    given.delivery("main", "2026-03-02", [case("twice", "2026-01-05", "BCK")])
    given.delivery("main", "2026-04-01", [case("twice", "2026-01-05", "BCK", closed_at="2026-03-20", status_code="closed")])
    given.delivery("main", "2026-05-01", [case("twice", "2026-01-05", "BCK")])
    given.delivery("main", AS_OF, [case("reopened", "2026-01-05", closed_at="2026-05-20", status_code="closed"), *limits, *faults, *twins, *joined, *billing])
    given.delivery("other", "2026-06-20", [
        case("twin_too", "2026-05-09", patient_id="p1", complainant_id="c2"), case("told_too", "2026-05-05"), case("listed_too", "2026-05-06")])
    closed = {"closed_at": "2026-06-05", "status_code": "closed"}
    given.delivery("silent", AS_OF, [case("mute_closed", "2026-06-01", "MUT", **closed), case("mute_open", "2026-06-01", "MUT"),
                                     case("mute_spoken", "2026-06-01", "MUT", channel_code="phone", is_resolved_on_spot=True, is_billing=False)])
    without = {"category_text": None}
    given.delivery("split", AS_OF, [
        case("written", "2026-04-01", "SPL", severity_text="Only on the case", **without), case("again", "2026-05-20", "SPL", **without), case("long_after", "2026-06-25", "SPL", **without),
        case("bill", "2026-05-25", "SPL", channel_code="phone", is_resolved_on_spot=True, **without), case("no_person", "2026-05-25", "SPL", **without)])
    given.delivery("split_subjects", AS_OF, [
        {"case_id": case_id, "issue_number": number, "category_text": text}
        for case_id, texts in {"written": ["Delay - access", "Food"], "again": ["Delay -Access"], "long_after": ["Food", "Delay - access"], "bill": ["Food", "Billing"]}.items()
        for number, text in enumerate(texts, 1)])
    answered = {"written": "2026-04-06", "again": None, "long_after": None, "bill": None}
    given.delivery("split_people", AS_OF, [
        {"case_id": case_id, "person_number": 1, "complainant_id": "c20", "patient_id": None if case_id == "bill" else "p20",
         "responded_at": on and at(on), "responded_on": on and day(on)} for case_id, on in answered.items()])
    given.delivery("main", AS_OF, [
        *(case(f"{unit}_{n}", "2026-05-01", "HOT", unit_code=unit, channel_code="phone") for unit in SPOTS for n in range(12)),
        *(case(f"short_{n}", "2026-05-01", "HOT", unit_code="W3", channel_code="phone") for n in range(9))], sequence=1)
    given.delivery("links", "2026-06-20", [{"feed_a": "other", "case_a": "listed_too", "feed_b": "main", "case_b": "listed"}])
    given.delivery("subjects", AS_OF, [
        {"case_id": "joined", "issue_number": 1, "category_text": "Communication", "subcategory_text": "Absent communication"},
        {"case_id": "joined", "issue_number": 2, "category_text": "Safety", "severity_text": "High  severe"},
        {"case_id": "graded", "issue_number": 1, "category_text": "Safety"},
        {"case_id": "nobody_has_it", "issue_number": 1, "category_text": "Safety"}])
    given.delivery("people", AS_OF, [
        {"case_id": "joined", "person_number": 2, "complainant_id": "c9", "acknowledged_at": at("2026-03-03"), "acknowledged_on": day("2026-03-03")},
        {"case_id": "joined", "person_number": 1, "complainant_id": "c8", "acknowledged_at": at("2026-03-05"), "acknowledged_on": day("2026-03-05")}])
    given.delivery("codings", AS_OF, list(_codings()))


# Case -> what the two coders say of category safety (0 absent) and of harm.
CODED = {"eng_in_time": (3, 3), "eng_late": (2, 3), "eng_weekend": (0, 0), "eng_overdue": (1, 0), "ont_late": (0, 0), "irl_resolved": (2, 2)}


# Unit -> stage, category and subcategory coded in its twelve cases, and how many of them are of severity 3, the others 1.
SPOTS = {"W1": ("Discharge", "Communication", None, 9), "W2": ("Care on the ward", "Communication", None, 1),
         "W3": ("Care on the ward", "Quality", "Neglect - general", 0)}


def _codings():
    for unit, (stage, category, subcategory, n_severe) in SPOTS.items():
        for n in range(12):
            yield coding(f"{unit}_{n}", category, 3 if n < n_severe else 1, stage_text=stage, subcategory_text=subcategory)
    for n in range(9):
        yield coding(f"short_{n}", "Communication", 3, stage_text="Operation")  # nine are too few for a spot
    yield coding("graded", "Listening", 2)
    yield coding("graded", "Strange word", 0)
    yield coding("plain_severity", "Listening", 0)
    for case_id, levels in CODED.items():
        for coder, level in zip(("anna", "ben"), levels, strict=True):
            yield {"case_feed": "main", "case_id": case_id, "coder_id": coder, "coded_at": at("2026-06-01 10:00" if coder == "anna" else "2026-06-02 10:00"),
                   "coded_on": day("2026-06-01"), "scheme_id": "hcat", "scheme_version": "2016", "category_text": "Safety",
                   "severity_level": level, "stage_text": "Admissions"}
    # One coder alone: it counts in the mean share of "present" and in no pair.
    yield {"case_feed": "main", "case_id": "sco_consent", "coder_id": "anna", "coded_at": at("2026-06-01 10:00"), "coded_on": day("2026-06-01"),
           "scheme_id": "hcat", "scheme_version": "2016", "category_text": "safety", "severity_level": 1}
    # Coded again by the same coder: the newer one counts.
    yield {"case_feed": "main", "case_id": "eng_in_time", "coder_id": "anna", "coded_at": at("2026-05-01 10:00"), "coded_on": day("2026-05-01"),
           "scheme_id": "hcat", "scheme_version": "2016", "category_text": "SAFETY", "severity_level": 0}
    yield {"case_feed": "main", "case_id": "no_such_case", "coder_id": "anna", "coded_at": at("2026-05-01 10:00"), "coded_on": day("2026-05-01"),
           "scheme_id": "hcat", "scheme_version": "2016", "category_text": "Safety", "severity_level": 0}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("scenario"), _feeds())
    given = Input(warehouse.input, _feeds())
    _write(given)
    given.write()
    warehouse.dbt("build")
    return warehouse


@pytest.fixture(scope="module")
def clock(build: Warehouse) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["case_id"], row["step_code"]): row for row in build.rows("select * from core.complaint_clock where feed in ('main', 'silent', 'split')")}


@pytest.fixture(scope="module")
def cases(build: Warehouse) -> dict[str, dict[str, Any]]:
    return {row["case_id"]: row for row in build.rows("select * from core.fct_complaint")}


@pytest.mark.parametrize(("case_id", "step", "due", "state", "n_days", "n_business_days"), [
    ("eng_in_time", "acknowledge", "2026-04-07", "in_target", 7, 3),
    ("eng_late", "acknowledge", "2026-04-07", "late", 8, 4),
    ("eng_weekend", "acknowledge", "2026-03-05", "late", 5, 4),
    ("eng_same_day", "acknowledge", "2026-03-11", "in_target", 0, 0),
    ("eng_open", "acknowledge", "2026-07-01", "open", 4, 2),
    ("eng_overdue", "acknowledge", "2026-06-04", "open_past_target", 29, 21),
    ("eng_in_time", "respond", "2026-09-30", "open", 91, 61),
    ("sco_stage_1", "resolve", "2026-01-09", "in_target", 9, 5),  # 1 and 2 January are no business days
    ("sco_stage_1", "acknowledge", None, "done", 9, 5),  # completed counts as acknowledged
    ("sco_consent", "resolve", "2026-02-09", "in_target", 28, 20),  # the clock starts with the consent
    ("irl_resolved", "resolve", "2026-04-15", "in_target", 44, 30),  # St Patrick's Day and Easter Monday in between
    ("irl_resolved", "acknowledge", "2026-03-09", "in_target", 7, 5),
    ("ont_late", "acknowledge", "2026-03-09", "late", 8, 6),
    ("own_simple", "respond", "2026-04-08", "late", 38, 26),
    ("own_other", "respond", "2026-04-29", "in_target", 38, 26),
    ("new_place", "respond", None, "done", 2, 2),
    ("us_letter", "respond", "2026-06-08", "late", 11, 9),
    ("us_letter", "interim", "2026-06-08", "in_target", 7, 5),
    ("us_prompt", "respond", "2026-06-08", "in_target", 4, 4),
    ("us_prompt", "interim", "2026-06-08", "not_needed", None, None),
    ("mute_closed", "acknowledge", None, "not_reported", None, None),
    ("mute_closed", "respond", "2026-06-08", "not_reported", None, None),
    ("mute_closed", "interim", "2026-06-08", "not_reported", None, None),
    ("mute_closed", "resolve", None, "done", 4, 4),
    ("mute_open", "resolve", None, "open", 29, 20),
    ("written", "respond", "2026-04-08", "in_target", 5, 3),  # 6 April: a working day in the US
    ("long_after", "respond", "2026-07-02", "open", 5, 3),
    ("no_person", "respond", "2026-06-01", "not_reported", None, None),
])
def test_clock(clock, case_id: str, step: str, due: str | None, state: str, n_days: int | None, n_business_days: int | None) -> None:
    row = clock[case_id, step]
    assert (row["due_on"], row["state"], row["n_days"], row["n_business_days"]) == (due and day(due), state, n_days, n_business_days)


def test_cases_to_which_a_rule_does_not_apply(clock) -> None:
    assert ("ont_settled", "acknowledge") not in clock  # settled at once
    assert (clock["sco_no_consent", "resolve"]["state"], clock["sco_no_consent", "resolve"]["fault"]) == ("fault", "NOT_STARTED")
    assert clock["own_other", "respond"]["is_in_site_target"] is False  # the system's own day was 1 April
    assert ("eng_in_time", "interim") not in clock


def test_what_no_export_tells_is_neither_late_nor_open(build: Warehouse, clock) -> None:
    assert clock["mute_open", "respond"]["fault"] == "NOT_REPORTED"
    steps = {row["step_code"]: row for row in build.rows(
        "select * from marts.complaint_timeliness where level = 'facility' and entity_code = 'MUT' and period_grain = 'month'")}
    # Two letters are grievances; the complaint settled on the spot is acknowledged and resolved, never answered in writing.
    told = {step: (row["n_cases"], row["n_not_reported"], row["n_open"], row["n_open_past_target"], row["in_target_pct"], row["reason"]) for step, row in steps.items()}
    assert told == {"acknowledge": (3, 3, 0, 0, None, "NO_TARGET"), "respond": (2, 2, 0, 0, None, "NOT_REPORTED"), "resolve": (3, 0, 2, 0, None, "NO_TARGET")}
    assert steps["respond"]["kaplan_meier_median_days"] is None
    row = build.row("select * from marts.grievance_compliance where level = 'facility' and entity_code = 'MUT' and period_grain = 'month'")
    assert (row["n_grievances"], row["n_closed"], row["n_answer_not_reported"], row["n_unanswered_past_target"], row["n_over_limit"]) == (2, 1, 2, 0, 0)
    assert (row["closed_answered_in_target_pct"], row["answered_in_target_pct"], row["interim_pct"], row["reason"]) == (None, None, None, "NOT_REPORTED")
    kpi = build.row("select * from marts.kpi_value where kpi_id = 'complaints_answered_in_time' and level = 'facility' and facility_id = 'MUT' "
                    "and period_grain = 'month' and period_start_on = '2026-06-01'")
    assert (kpi["numerator"], kpi["denominator"], kpi["value"]) == (0, 0, None)
    before = build.row("select reason from marts.kpi_value where kpi_id = 'complaints_answered_in_time' and level = 'facility' and facility_id = 'SPL' "
                       "and period_grain = 'month' and period_start_on = '2026-05-01'")
    assert before["reason"] == "NOTHING_DECIDED"  # the only grievance of the month has no person who could tell
    evidence = build.rows("select case_rule from (select rule as case_rule from marts.kpi_evidence where kpi_id = 'complaints_answered_in_time' and feed = 'silent')")
    assert [one["case_rule"] for one in evidence] == ["NOT_REPORTED", "NOT_REPORTED"]


def test_escalated_once_is_escalated(build: Warehouse, cases) -> None:
    assert (cases["raised"]["status_code"], cases["raised"]["is_escalated"]) == ("closed", True)  # by an earlier status alone
    assert (cases["us_prompt"]["is_escalated"], cases["us_letter"]["is_escalated"]) == (True, False)
    events = build.rows("select case_id, occurred_on, basis from core.fct_complaint_event where event_code = 'ESCALATED' order by case_id")
    assert [tuple(row.values()) for row in events] == [("raised", day("2026-02-01"), "snapshot"), ("us_prompt", day(AS_OF), "snapshot")]


@pytest.mark.parametrize(("case_id", "step", "fault"), [
    ("closed_before", "resolve", "DONE_BEFORE_START"), ("answered_before", "acknowledge", "DONE_BEFORE_START"),
    ("from_the_future", "acknowledge", "START_IN_FUTURE"),
])
def test_contradicting_dates_have_no_duration(clock, cases, case_id: str, step: str, fault: str) -> None:
    row = clock[case_id, step]
    assert (row["state"], row["fault"], row["n_days"], row["done_on"]) == ("fault", fault, None, None)
    assert cases[case_id]["is_valid_case"]


def test_history_keeps_the_first_closure_and_corrections_are_no_reopenings(build: Warehouse, cases) -> None:
    again, corrected = cases["reopened"], cases["corrected"]
    assert (again["first_closed_on"], again["closed_on"], again["reopen_count"], again["n_versions"]) == (day("2026-01-20"), day("2026-05-20"), 1, 3)
    assert again["reopened_on"] == day("2026-03-01")  # first seen open again
    assert (corrected["first_closed_on"], corrected["reopen_count"]) == (day("2026-01-22"), 0)
    assert cases["withdrawn_later"]["exclusion_reason"] == "WITHDRAWN"
    versions = build.rows("select version_number, status_code, is_newest, is_reopening from core.complaint_version where case_id = 'reopened' order by 1")
    assert [tuple(row.values()) for row in versions] == [(1, "closed", False, False), (2, "in_progress", False, True), (3, "closed", True, False)]
    events = build.rows("select event_code, status_code, occurred_on, basis from core.fct_complaint_event where case_id = 'reopened' order by event_number")
    assert [tuple(row.values()) for row in events] == [
        ("RECEIVED", None, day("2026-01-05"), "column"), ("FIRST_CLOSED", None, day("2026-01-20"), "column"),
        ("STATUS", "closed", day("2026-02-01"), "snapshot"), ("REOPENED", None, day("2026-03-01"), "column"),
        ("STATUS", "in_progress", day("2026-03-01"), "snapshot"), ("CLOSED_AGAIN", None, day("2026-05-20"), "column"),
        ("STATUS", "closed", day("2026-06-30"), "snapshot"),
    ]


def test_two_systems_are_linked_when_declared_and_suspected_otherwise(build: Warehouse, cases) -> None:
    assert (cases["told"]["is_valid_case"], cases["told_too"]["exclusion_reason"]) == (True, "LINKED_CASE")
    assert (cases["listed"]["is_valid_case"], cases["listed_too"]["counted_as"]) == (True, "main/listed")
    assert cases["twin"]["is_valid_case"] and cases["twin_too"]["is_valid_case"]
    pairs = build.rows("select basis, is_declared, days_apart from marts.suspect_pair where feed_a <> feed_b order by basis")
    assert [tuple(row.values()) for row in pairs] == [
        ("DECLARED_BY_EXPORT", True, 0), ("DECLARED_BY_LIST", True, 1), ("SAME_PATIENT_TWO_SYSTEMS", False, 4)]


def test_the_same_person_about_the_same_matter_is_one_complaint(cases) -> None:
    assert cases["letter_1"]["is_valid_case"]
    assert (cases["letter_2"]["exclusion_reason"], cases["letter_2"]["counted_as"]) == ("SAME_MATTER", "letter_1")


def test_the_matter_may_come_in_a_file_of_subjects(build: Warehouse, cases) -> None:
    assert (cases["again"]["exclusion_reason"], cases["again"]["counted_as"]) == ("SAME_MATTER", "written")
    assert cases["long_after"]["is_valid_case"]  # its first subject is another one
    # The person wrote about the food of a patient whom the export does not name: suspect, not merged.
    assert cases["bill"]["is_valid_case"]
    pairs = build.rows("select case_a, case_b, is_declared from core.complaint_pair where basis = 'SAME_PERSON_SAME_MATTER'")
    assert [tuple(row.values()) for row in pairs] == [("bill", "long_after", False)]
    assert (cases["bill"]["grievance_rule"], cases["bill"]["is_grievance"]) == ("RESOLVED_ON_SPOT", False)  # food beside the bill: no mere billing matter


def test_a_billing_matter_is_told_by_words_that_a_site_may_set_and_by_its_flag(cases) -> None:
    found = {name: cases[name]["grievance_rule"] for name in cases if name.startswith("bill_")}
    assert found == {"bill_only": "BILLING_OTHER", "bill_and_food": "WRITTEN", "bill_denied": "WRITTEN", "bill_abroad": "BILLING_OTHER",
                     "bill_medicare": "MEDICARE_RIGHTS", "bill_manners": "WRITTEN", "bill_two": "BILLING_OTHER"}


def test_midnight_is_a_date_only_where_a_feed_writes_local_times(cases) -> None:
    assert (cases["dated_only"]["received_on"], cases["timed"]["received_on"]) == (day("2026-01-15"), day("2026-01-14"))


def test_files_that_join_and_cells_that_hold_several(build: Warehouse, cases) -> None:
    assert (cases["joined"]["acknowledged_on"], cases["joined"]["complainant_id"]) == (day("2026-03-05"), "c8")  # the first person
    assert (cases["joined"]["severity_level"], cases["joined"]["severity_scheme_id"]) == (5, "generic5")
    issues = build.rows("select case_id, issue_number, category_code, nullif(subcategory, '') as subcategory, severity_level "
                        "from core.fct_complaint_issue where case_id in ('joined', 'in_one_cell') order by all")
    assert [tuple(row.values()) for row in issues] == [
        ("in_one_cell", 1, "environment", None, None), ("in_one_cell", 2, None, None, None), ("in_one_cell", 3, "safety", None, None),
        ("joined", 1, "communication", "Absent communication", None), ("joined", 2, "safety", None, 5)]
    schemes = build.rows("select distinct scheme_id, category_code from core.complaint_word_map where source_text = 'Food & Drink' order by all")
    assert [tuple(row.values()) for row in schemes] == [("hcat", "environment"), ("own", "kitchen")]


def test_what_is_wrong_is_listed_with_its_row(build: Warehouse) -> None:
    problems = {(row["feed"], row["row_number"], row["rule"]) for row in build.rows("select * from marts.complaint_problem")}
    rules = {rule for _, _, rule in problems}
    assert {"CLOSED_BEFORE_RECEIVED", "ACKNOWLEDGED_BEFORE_RECEIVED", "RECEIVED_IN_FUTURE", "MISSING_UNIT", "UNKNOWN_SEVERITY",
            "ISSUE_WITHOUT_CASE", "CODING_WITHOUT_CASE", "EXCLUDED_LINKED_CASE", "EXCLUDED_SAME_MATTER", "EXCLUDED_WITHDRAWN"} <= rules
    assert ("subjects", 4, "ISSUE_WITHOUT_CASE") in problems
    words = build.rows("select dimension, source_text from marts.unmapped_words order by all")
    used = build.rows("select source_text, n_issues, first_used_on, last_used_on from marts.unmapped_words where source_text in ('Only on the case', 'Strange word') order by 1")
    assert [tuple(row.values()) for row in used] == [("Only on the case", 1, day("2026-04-01"), day("2026-04-01")), ("Strange word", 1, day("2026-03-02"), day("2026-03-02"))]
    assert ("severity", "Rather bad") in [tuple(row.values()) for row in words]
    assert ("category", "Odd") in [tuple(row.values()) for row in words]
    with reading_build(SimpleNamespace(build_file=build.file)) as rows:
        headline, *told, way_out = unmapped_word_lines(rows)
    assert headline.startswith(f"{len(words)} words of complaint systems") and "docs/add_a_feed.md" in way_out
    assert sum(int(line.split(": ")[1].split()[0]) for line in told) == len(words) and any(" severity word" in line for line in told)
    assert "  split: 1 severity word in 1 subject or case: Only on the case" in told
    severity = build.row("select severity_level from core.fct_complaint where case_id = 'plain_severity'")
    assert severity == {"severity_level": 3}  # casing, blanks and dashes do not count


def test_agreement_of_coders(build: Warehouse) -> None:
    row = build.row("select * from marts.coding_agreement where scheme_id = 'hcat' and category_code = 'safety'")
    present = [[int(level > 0) for level in levels] for levels in CODED.values()]
    # Anna alone coded 47 other cases and named no safety there: it is absent in them, not left out.
    alone = [[1], *([[0]] * (36 + 9 + 2))]
    assert (row["n_double_coded"], row["n_codings"], row["reason"]) == (6, 12 + 48, "FEW_CASES")
    assert row["agreement_pct"] == pytest.approx(100 * 5 / 6)
    assert row["gwet_ac1"] == pytest.approx(gwet_ac1([*present, *alone], 2), abs=1e-12)
    # Cohen's definition: 1 - weighted observed / weighted expected, with the two margins.
    pairs = list(CODED.values())
    observed = sum((a - b) ** 2 for a, b in pairs) / 6
    expected = sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / 36
    assert row["quadratic_weighted_kappa"] == pytest.approx(1 - observed / expected, abs=1e-12)
    # Of the six other categories neither coder named one in the six cases: 36 decisions in which both found it absent.
    every, pairs = build.row("select * from marts.coding_agreement where category_code = '(all)'"), [*pairs, *([(0, 0)] * 36)]
    observed, expected = sum((a - b) ** 2 for a, b in pairs) / 42, sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / 42 ** 2
    assert (every["n_double_coded"], every["agreement_pct"]) == (42, pytest.approx(100 * 41 / 42))
    assert every["quadratic_weighted_kappa"] == pytest.approx(1 - observed / expected, abs=1e-12)
    both_absent = build.row("select * from marts.coding_agreement where scheme_id = 'hcat' and category_code = 'listening'")
    assert (both_absent["n_double_coded"], both_absent["agreement_pct"], both_absent["quadratic_weighted_kappa"]) == (6, 100, None)


def test_severity_of_a_case_is_its_highest_and_of_the_newest_coding(build: Warehouse) -> None:
    rows = build.rows("select basis, scheme_id, severity_level, n_cases from marts.case_severity where level = 'enterprise' "
                      "and period_grain = 'rolling_12_months' and period_end_on = '2026-06-30' order by all")
    # Ben coded last: 3, 3, 0, 0, 0, 2; Anna alone coded sco_consent 1, graded 2, plain_severity 0; the spots: 9 + 1 + 9 of 3, 3 + 11 + 12 of 1.
    assert [tuple(row.values()) for row in rows] == [
        ("coding", "hcat", 0, 4), ("coding", "hcat", 1, 27), ("coding", "hcat", 2, 2), ("coding", "hcat", 3, 21),
        ("words", "generic5", 3, 1), ("words", "generic5", 4, 1), ("words", "generic5", 5, 1), ("words", "own", 4, 1)]
    own = build.row("select severity_label from marts.case_severity where level = 'facility' and entity_code = 'BIL' and period_grain = 'month' and scheme_id = 'own'")
    assert own == {"severity_label": "Red"}


def test_a_coding_goes_over_the_word_and_a_coding_of_nothing_does_not(build: Warehouse, cases) -> None:
    found = {name: (cases[name]["severity_basis"], cases[name]["severity_scheme_id"], cases[name]["severity_level"], cases[name]["worded_severity_level"])
             for name in ("graded", "joined", "plain_severity", "eng_late", "eng_weekend", "odd_severity")}
    assert found == {"graded": ("coding", "hcat", 2, 4), "joined": ("words", "generic5", 5, 5), "plain_severity": ("words", "generic5", 3, 3),
                     "eng_late": ("coding", "hcat", 3, None), "eng_weekend": ("coding", "hcat", 0, None), "odd_severity": (None, None, None, None)}
    band = {row["case_id"]: row["tag_value"] for row in build.rows("select case_id, tag_value from core.case_tag where tag_type = 'severity' and feed = 'main'")}
    assert [band[name] for name in ("graded", "eng_late", "eng_weekend", "odd_severity")] == ["medium", "high", "none", "unmapped"]
    assert band["own_severity"] == "high"  # by the site's own scheme
    versions = build.rows("select distinct scheme_version from core.fct_complaint_coding where scheme_id = 'hcat'")
    assert [row["scheme_version"] for row in versions] == ["2016"]  # also where the coder left it blank


def test_spots_need_enough_cases(build: Warehouse) -> None:
    rows = build.rows("select unit_key, stage_level, stage_label, n_coded_cases, n_severe, n_admission_or_discharge, n_omission, n_blind, is_hot_spot, is_blind_spot, "
                      "reason from marts.complaint_hot_spot order by all")
    assert [tuple(row.values()) for row in rows] == [
        ("ENG/W1", 1, "Admissions", 3, 2, 3, 0, 3, False, False, "BELOW_MINIMUM"),
        ("HOT/W1", 5, "Discharge & transfers", 12, 9, 12, 0, 12, True, True, None),
        ("HOT/W2", 3, "Care on the ward", 12, 1, 0, 0, 0, False, False, None),
        ("HOT/W3", 3, "Care on the ward", 12, 0, 0, 12, 12, False, True, None),
        ("HOT/W3", 4, "Operation & procedures", 9, 9, 0, 0, 0, False, False, "BELOW_MINIMUM"),  # all are severe, and too few
        ("IRL/W1", 1, "Admissions", 1, 0, 1, 0, 1, False, False, "BELOW_MINIMUM")]
    hot = build.row("select severe_pct, severe_pct_low, severe_pct_of_others from marts.complaint_hot_spot where unit_key = 'HOT/W1'")
    # Wilson, 9 of 12, z = 1.959964; the others: 2 + 1 + 0 + 9 + 0 severe of 3 + 12 + 12 + 9 + 1.
    z = 1.959963984540054
    low = (0.75 + z * z / 24 - z * math.sqrt(0.75 * 0.25 / 12 + z * z / 576)) / (1 + z * z / 12)
    assert [hot["severe_pct"], hot["severe_pct_low"], hot["severe_pct_of_others"]] == pytest.approx([75, 100 * low, 100 * 12 / 37], rel=1e-9)


def test_backlog_on_the_last_day(build: Warehouse) -> None:
    row = build.row("select * from marts.complaint_backlog where level = 'facility' and entity_code = 'ENG' and is_newest")
    bands = [row[name] for name in ("n_open_0_7", "n_open_8_30", "n_open_31_60", "n_open_61_90", "n_open_over_90")]
    assert sum(bands) == row["n_open"]
    # eng_open 4 days; eng_overdue 29; answered_before, no_unit (unit unknown, facility known), two severities, twin, told, listed,
    # letter_1: 56; eng_in_time and eng_late: 91; graded, joined, in_one_cell, eng_weekend, eng_same_day: more. The other system's twin too.
    assert bands == [1, 1, 9, 0, 7]


def test_backlog_clock_and_timeliness_agree_on_cases_that_are_open_again(build: Warehouse, clock, cases) -> None:
    rows = build.rows("select * from marts.complaint_backlog where level = 'facility' and entity_code = 'BCK' order by day_on")
    # said_so, counted_twice and open_and_dated are open throughout; `twice` from 2 to 20 March and again since 1 May.
    assert [(f"{row['day_on']:%m-%d}", row["n_open"], row["n_overdue"]) for row in rows] == [
        ("01-31", 3, 3), ("02-28", 3, 3), ("03-31", 3, 3), ("04-30", 3, 3), ("05-31", 4, 4), ("06-30", 4, 4)]
    first = rows[0]
    # Closed first on 10 January, opened again 51 days later: within 60 and not within 30. Two others nobody dates.
    assert (first["n_received"], first["n_closed"], first["n_reopened_within_30"], first["n_reopened"], first["reopened_within_days"]) == (4, 3, 0, 1, 60)
    assert first["reopened_pct"] == pytest.approx(100 / 3)
    resolved = {name: (clock[name, "resolve"]["state"], clock[name, "resolve"]["done_on"]) for name in ("twice", "said_so", "counted_twice", "open_and_dated")}
    assert resolved == {"twice": ("done", day("2026-01-10")), "said_so": ("done", day("2026-01-20")), "counted_twice": ("done", day("2026-01-20")),
                        "open_and_dated": ("open", None)}
    timely = build.row("select n_done, n_open from marts.complaint_timeliness where level = 'facility' and entity_code = 'BCK' "
                       "and period_grain = 'month' and step_code = 'resolve'")
    assert tuple(timely.values()) == (3, 1)
    events = build.rows("select event_code, occurred_on, basis from core.fct_complaint_event where case_id = 'twice' and event_code in "
                        "('FIRST_CLOSED', 'REOPENED', 'CLOSED_AGAIN') order by event_number")
    assert [tuple(row.values()) for row in events] == [
        ("FIRST_CLOSED", day("2026-01-10"), "column"), ("REOPENED", day("2026-03-02"), "column"),
        ("CLOSED_AGAIN", day("2026-03-20"), "column"), ("REOPENED", day("2026-05-01"), "snapshot")]
    assert cases["taken_back"]["exclusion_reason"] == "WITHDRAWN"
    problems = build.rows("select c.case_id, p.rule from marts.complaint_problem as p inner join core.fct_complaint as c using (feed, delivery_id, row_number) "
                          "where c.facility_id = 'BCK' and p.rule not like 'EXCLUDED_%' order by all")
    assert [tuple(row.values()) for row in problems] == [
        ("counted_twice", "REOPENED_WITHOUT_DATE"), ("open_and_dated", "OPEN_WITH_CLOSING_DATE"), ("orphan", "MERGED_INTO_UNKNOWN_CASE"),
        ("said_so", "REOPENED_WITHOUT_DATE")]


def test_percentages_of_notices(build: Warehouse) -> None:
    row = build.row("select * from marts.grievance_compliance where level = 'facility' and entity_code = 'USA' and period_grain = 'month'")
    assert (row["n_over_limit"], row["n_over_limit_with_interim"], row["interim_pct"]) == (1, 1, 100.0)
    assert (row["n_notice_contact"], row["n_notice_completion_date"], row["n_notice_complete"], row["notice_complete_pct"]) == (1, 0, 0, 0.0)
    assert (row["mean_response_days"], row["is_average_in_target"]) == (7.5, False)  # 11 and 4 days against twice 7
