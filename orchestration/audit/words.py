"""Codes of rules and reasons, places and studies in words.

Belongs here: one sentence per code that a reader of a trace meets.
Does not belong here: deciding which code applies (dbt_project/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.audit.trace import Trace

RULES = {
    "ANSWERED": "a valid answer of a scored survey",
    "ANSWERS_COUNTED": "answers of the item's scale, as counted by others",
    "FINER_LEVEL_COUNTED": "another file counts the same place, service and period by unit or facility",
    "PARTLY_WITHHELD": "another count of this place and item is withheld",
    "SUPPRESSED": "withheld by the publisher",
    "LONGER_THAN_A_MONTH": "counted for a period longer than a month, so it belongs to no month",
    "NOT_AN_ANSWER": "the item was not answered with a code of its scale",
    "NOT_IN_OFFICIAL_SAMPLE": "collected outside the official sample",
    "INELIGIBLE": "the disposition or discharge status makes the survey ineligible",
    "UNKNOWN_DISPOSITION": "the disposition code is in no code table",
    "BREAK_OFF": "too few answered items: the survey counts as broken off",
    "NOT_ANSWERED": "sampled, but no completed survey",
    "NO_INSTRUMENT": "discharged before the first form of the instrument",
    "COMPLETED": "an eligible patient who completed the survey",
    "NOT_COMPLETED": "an eligible patient who did not complete the survey",
    "VALID_CASE": "a valid case",
    "TEST": "marked as a test case",
    "OPENED_IN_ERROR": "the case was opened in error or deleted",
    "WITHDRAWN": "the case was withdrawn",
    "MERGED": "merged into another case, which counts",
    "LINKED_CASE": "declared one with another case, which counts",
    "SAME_MATTER": "the same matter of the same patient within 60 days of the letter before; the first counts",
    "CONDITION_NOT_MET": "a valid case of another category, severity or class than the measure counts",
    "NOT_A_COMPLAINT": "feedback of another kind (compliment, question, suggestion)",
    "GRIEVANCE_UNDETERMINED": "nothing says whether it is a grievance",
    "NOT_A_GRIEVANCE": "a complaint that is no grievance",
    "IN_TARGET": "done by its due day", "LATE": "done after its due day",
    "OPEN": "not done and not yet due", "OPEN_PAST_TARGET": "not done and past its due day", "DONE": "done; the rule sets no due day",
    "NOT_STARTED": "the clock has not started: it waits for consent",
    "NO_CALENDAR": "outside the years of the calendar of business days",
    "START_IN_FUTURE": "the clock starts after the newest delivery", "DONE_IN_FUTURE": "done after the newest delivery",
    "DONE_BEFORE_START": "done before the clock started", "CLOSED_WITHOUT_DATE": "closed, but no date of closing was delivered",
    "NEGATIVE": "a negative number", "NOT_A_COUNT": "no whole number", "ABOVE_100": "a percentage above 100",
    "NUMERATOR_ABOVE_DENOMINATOR": "the numerator is above the denominator", "DENOMINATOR_MISSING": "no denominator was delivered",
    "COUNTED": "a delivered count that the measure takes",
    "CLASS_NOT_IN_DENOMINATOR": "the measure does not count this class of encounter",
    "CLASS_NOT_COUNTED": "a contact that is no encounter",
    "PART_OF_A_VISIT": "part of another visit, which counts",
    "LEFT_WITHOUT_BEING_SEEN": "left without being seen, which the settings do not count",
    "CONVERTED_TO_INPATIENT": "became an inpatient stay, which counts", "PATIENT_DAYS_COUNTED": "the facility counts patient days instead",
    "NOT_FINISHED": "the encounter was not finished",
    "END_NOT_TOLD": "a finished stay whose end nobody tells, so it belongs to no month of discharge",
    "END_BEFORE_START": "the encounter ends before it starts",
    "NOT_REPORTED": "the count was not reported",
    "OTHER_FEED_PREFERRED": "another feed with a higher priority has the same place, class and month",
    "NEWER_VERSION": "the same business key came again in a newer delivery or a later row",
    "SAME_PATIENT": "another feed delivered the survey of this patient, facility and day too; that one counts",
    "SAME_NUMBER": "another feed delivered the survey of this number, facility and day too; that one counts",
    "DUPLICATE_RETURN": "the patient's questionnaire received first counts, or a later one with at least 5 more answers",
    "SCOPE_REPLACED": "a newer delivery holds everything of its scope",
}

REASONS = {
    "UNASSIGNED_UNIT": "stands for codes that nobody has mapped to a unit: counted, never a value",
    "DEFINITION_CHANGED": "the period is not wholly inside the validity of the measure",
    "PERIOD_OPEN": "no delivery that speaks for the place has come after the end of the period yet",
    "NUMERATOR_INCOMPLETE": "the complaints of the place, or of a facility in it, are not known that far back",
    "WINDOW_INCOMPLETE": "a month of the window is missing or incomplete",
    "DENOMINATOR_MISSING": "there are no encounters or eligible surveys",
    "DENOMINATOR_INCOMPLETE": "expected encounters have not come",
    "NO_ANSWERS": "nobody answered",
    "NOTHING_DECIDED": "every case is open and in time, or its feed does not tell when the step was done",
    "BELOW_MINIMUM": "fewer than the minimum this KPI may be published with",
    "DSRS_UNWEIGHTED": "a month was sampled with unequal shares per stratum, and answers are not weighted: the score is biased",
}


def rule_words(code: str) -> str:
    """What a rule says."""
    return RULES.get(code, code.lower().replace("_", " "))


def reason_words(code: str | None) -> str:
    """Why a row has no publishable value; empty when it has."""
    return REASONS.get(code, code.lower().replace("_", " ")) if code else ""


def study_words(traced: Trace) -> str:
    """Where an adjusted value comes from and what it was compared with."""
    study = traced.study
    again = ""
    if traced.is_equal and study.again and study.again.value is not None:
        again = (f" Computed again from {study.again.n_usable:,} usable surveys here, the means of {study.again.n_entities:,} places and the coefficients: "
                 f"{study.again.value:.12g}, equal to the published value.")
    elif traced.is_equal:
        again = " There is no adjusted value, here as there."
    return (f"The value comes from study {study.case_mix_id} ({study.label}), a regression over all places compared: the rows of one of them do not add up to it.{again}"
            + (f" The denominator is the number of the {traced.n_rows:,} evidence rows that count." if traced.is_equal else ""))


def place_words(row: dict[str, Any]) -> str:
    """Where a KPI row is about."""
    if row["level"] == "enterprise":
        return "all facilities"
    return " ".join(str(row[name]) for name in ("facility_id", "unit_id") if row[name]) or str(row["service_line"])


def restated_words(one: dict[str, Any]) -> str:
    """What a publication changed in the row, when and why; of a row of marts.restatement."""
    sides = [("none" if one[f"value_{when}"] is None else f"{one[f'value_{when}']:.6g}") + (f" ({one[f'reason_{when}']})" if one[f"reason_{when}"] else "")
             + f", n {one[f'n_{when}']:,}" * (one[f"n_{when}"] is not None) for when in ("before", "after")]
    return (f"{one['change_kind']} on {one['restated_at']:%Y-%m-%d %H:%M} UTC by publication {one['publication_number']}: from {sides[0]} to {sides[1]}; "
            f"{one['cause']}: {one['cause_detail']}")
