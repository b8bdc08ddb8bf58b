"""Every number of complaint_timeliness, grievance_compliance, complaint_outcomes and service_recovery, counted again from the hospital sample's CSV files.

Belongs here: the comparison, window by window and column by column.
Does not belong here: single rules (test_scenario.py), the recount itself (recount.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy import stats

from ingestion.feed import load_feeds
from tests.complaints import recount
from tests.complaints.conformed import Delivered, write_complaint_sample
from tests.dbt.small_cell_search import Marts, lines_give_nothing_back, rows_give_no_small_rest, shares_go_with_their_counts, shows_no_small_count
from tests.dbt.warehouse import Warehouse

AS_OF = date(2026, 10, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hospital")
    write_complaint_sample(folder, "hospital", 11)
    return folder


@pytest.fixture(scope="module")
def build(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    feeds = {name: feed for name, feed in load_feeds().items() if name in ("rl6_feedback", "org_units")}
    warehouse = Warehouse(tmp_path_factory.mktemp("build"), list(feeds.values()))
    given = Delivered(warehouse.input, feeds)
    given.take(folder)
    given.write()
    warehouse.dbt("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test", "--select",
                  "+complaint_timeliness", "+grievance_compliance", "+complaint_backlog", "+complaint_problem", "+complaint_outcomes", "+service_recovery",
                  "+complaint_pareto", "+case_severity", "+complaint_issue_counts")
    return warehouse


@pytest.fixture(scope="module")
def cases(folder: Path) -> list[recount.Case]:
    return recount.valid_cases(folder)


def share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def survival_median(days: list[int], waits: list[int]) -> int | None:
    """The first day on which the curve of scipy is at or below one half."""
    sample = stats.CensoredData(uncensored=np.array(days, dtype=float), right=np.array(waits, dtype=float))
    curve = stats.ecdf(sample).sf
    reached = np.flatnonzero(curve.probabilities <= 0.5 + 1e-12)
    return int(curve.quantiles[reached[0]]) if len(reached) else None


def timeliness(cases: list[recount.Case]) -> dict[tuple, dict]:
    groups: dict[tuple, list[tuple[recount.Case, str]]] = defaultdict(list)
    for case in cases:
        for key in recount.windows(case, AS_OF):
            for step in case.done:
                groups[*key, step].append((case, step))
    return {(level, entity, grain, recount.start_of(grain, end), step): _timely(found) for (level, entity, grain, end, step), found in groups.items()}


def _timely(found: list[tuple[recount.Case, str]]) -> dict:
    days, waits, counts = [], [], dict.fromkeys(("n_in_target", "n_late", "n_open_past_target", "n_fault", "n_not_reported"), 0)
    for case, step in found:
        done, limit = case.done[step], 7 if step == "respond" else None
        is_unknown = step == "resolve" and done is None and case.is_closed
        if case.received > AS_OF or is_unknown or (done and not case.received <= done <= AS_OF):
            counts["n_fault"] += 1
        elif done is None:
            waits.append((AS_OF - case.received).days)
            counts["n_open_past_target"] += limit is not None and waits[-1] > limit
        else:
            days.append((done - case.received).days)
            if limit is not None:
                counts["n_in_target" if days[-1] <= limit else "n_late"] += 1
    has_target = found[0][1] == "respond"
    decided = counts["n_in_target"] + counts["n_late"] + counts["n_open_past_target"]
    return counts | {
        "n_cases": len(found), "n_done": len(days), "n_open": len(waits), "n_with_target": len(found) if has_target else 0,
        "in_target_pct": share(counts["n_in_target"], decided),
        "done_in_target_pct": share(counts["n_in_target"], counts["n_in_target"] + counts["n_late"]),
        "open_past_target_pct": share(counts["n_open_past_target"], len(waits) if has_target else 0),
        "mean_days": float(np.mean(days)) if days else None,
        "median_days": float(np.quantile(days, 0.5)) if days else None,
        "p90_days": float(np.quantile(days, 0.9)) if days else None,
        "kaplan_meier_median_days": survival_median(days, waits) if days else None,
        **{f"{name}_business_days": value for name, value in _business(found).items()},
        "reason": "NO_TARGET" if not has_target else None if decided else "NOTHING_DECIDED",
        "standing": "unverified" if has_target else "product-defined",
        "as_of_on": AS_OF,
    }


def _business(found: list[tuple[recount.Case, str]]) -> dict[str, float | None]:
    from methods.holiday_calendar import read

    holidays = np.array([row[1] for row in read() if row[0] == "US"], dtype="datetime64[D]")
    ends = [(case.received, case.done[step]) for case, step in found
            if case.done[step] and case.received <= case.done[step] <= AS_OF and case.received <= AS_OF]
    # numpy counts the start and not the end; a business day is counted when it lies after the start, up to the end.
    days = [int(np.busday_count(start + timedelta(days=1), end + timedelta(days=1), holidays=holidays)) for start, end in ends]
    if not days:
        return dict.fromkeys(("mean", "median", "p90"))
    return {"mean": float(np.mean(days)), "median": float(np.quantile(days, 0.5)), "p90": float(np.quantile(days, 0.9))}


def compliance(cases: list[recount.Case]) -> dict[tuple, dict]:
    groups: dict[tuple, list[recount.Case]] = defaultdict(list)
    for case in cases:
        for key in recount.windows(case, AS_OF):
            groups[key].append(case)
    return {(level, entity, grain, recount.start_of(grain, end)): _compliant(found) for (level, entity, grain, end), found in groups.items()}


def _compliant(found: list[recount.Case]) -> dict:
    grievances = [case for case in found if case.is_grievance]
    closed = [case for case in grievances if case.is_closed]
    days = {case.case_id: (case.responded - case.received).days for case in grievances
            if case.responded and case.received <= case.responded <= AS_OF and case.received <= AS_OF}
    waiting = [case for case in grievances if case.responded is None and case.received <= AS_OF]
    in_time = {case_id for case_id, n in days.items() if n <= 7}
    past = sum((AS_OF - case.received).days > 7 for case in waiting)
    longer = [case for case in grievances if recount.over(case, AS_OF)]
    known = sum(any(one is not None for one in case.notice) for case in closed)
    elements = [sum(case.notice[place] is True for case in closed) for place in range(4)]
    complete = sum(all(one is True for one in case.notice) for case in closed)
    decided = len(days) + past
    return {
        "n_cases": len(found), "n_grievances": len(grievances), "n_complaints": len(found) - len(grievances), "n_undetermined": 0,
        "grievance_pct": share(len(grievances), len(found)),
        "n_flag_differs": sum(case.computed is not None and case.computed != case.is_grievance for case in found),
        "n_closed": len(closed), "n_answered": len(days), "n_answered_in_target": len(in_time), "n_answered_late": len(days) - len(in_time),
        "n_unanswered_past_target": past, "n_answer_not_reported": 0, "answered_in_target_pct": share(len(in_time), decided),
        "closed_answered_in_target_pct": share(sum(case.case_id in in_time for case in closed), len(closed)),
        "mean_response_days": sum(days.values()) / len(days) if days else None,
        "is_average_in_target": sum(days.values()) <= 7 * len(days) if days else None,
        "n_over_limit": len(longer), "n_over_limit_with_interim": sum(case.interim is not None for case in longer),
        "n_interim_not_reported": 0,
        "interim_pct": share(sum(case.interim is not None for case in longer), len(longer)),
        "n_notice_known": known, "n_notice_contact": elements[0], "n_notice_steps": elements[1], "n_notice_results": elements[2],
        "n_notice_completion_date": elements[3], "n_notice_complete": complete,
        "notice_complete_pct": share(complete, len(closed)) if known else None,
        "reason": "NO_GRIEVANCES" if not grievances else "NOTHING_DECIDED" if not decided
        else "NOTICE_NOT_REPORTED" if closed and not known else None,
        "as_of_on": AS_OF,
    }


def compare(rows: list[dict], keys: tuple[str, ...], expected: dict[tuple, dict]) -> int:
    """Fail with the first differences; the number of values compared."""
    described = {"facility_id", "unit_id", "service_line", "period_end_on", "is_period_open", "is_window_whole"}
    found = {tuple(row[key] for key in keys): row for row in rows}
    assert set(found) == set(expected)
    wrong, n = [], 0
    for key, row in found.items():
        assert set(row) - described - set(keys) == set(expected[key]), set(row) ^ set(expected[key])
        for name, value in expected[key].items():
            n += 1
            same = row[name] == value if value is None or not isinstance(value, float) else row[name] == pytest.approx(value, abs=1e-9)
            if not same:
                wrong.append((key, name, value, row[name]))
    assert wrong == [], (len(wrong), wrong[:8])
    return n


def test_the_sample_has_what_makes_it_hard(build: Warehouse, cases: list[recount.Case]) -> None:
    assert len(cases) > 1000
    assert sum(case.reopen_count > 0 for case in cases) > 20
    assert sum(not case.is_closed for case in cases) > 50
    rules = {row["rule"]: row["n"] for row in build.rows("select rule, count(*) as n from marts.complaint_problem group by rule")}
    for rule in ("CLOSED_BEFORE_RECEIVED", "ACKNOWLEDGED_BEFORE_RECEIVED", "MISSING_UNIT", "UNKNOWN_UNIT", "GRIEVANCE_FLAG_DIFFERS",
                 "EXCLUDED_TEST", "EXCLUDED_WITHDRAWN", "EXCLUDED_MERGED", "EXCLUDED_OPENED_IN_ERROR", "EXCLUDED_NOT_A_COMPLAINT"):
        assert rules.get(rule, 0) > 0, rule
    assert "EXCLUDED_SAME_MATTER" not in rules
    decided_by = {row["grievance_rule"] for row in build.rows("select distinct grievance_rule from core.fct_complaint where is_valid_case")}
    assert {"RESOLVED_ON_SPOT", "ROUTINE_POST_STAY", "NOT_RESOLVED_BY_STAFF_PRESENT", "INSUFFICIENT_DATA"} <= decided_by
    assert rules["GRIEVANCE_FLAG_DIFFERS"] == sum(case.computed is not None and case.computed != case.is_grievance for case in cases)
    total = build.row("select count(*) as n, count(*) filter (is_valid_case) as n_valid from core.fct_complaint")
    assert total["n_valid"] == len(cases)
    assert total["n"] - total["n_valid"] == sum(n for rule, n in rules.items() if rule.startswith("EXCLUDED_"))


def test_timeliness(build: Warehouse, cases: list[recount.Case]) -> None:
    rows = build.rows("select * from marts.complaint_timeliness")
    n = compare(rows, ("level", "entity_code", "period_grain", "period_start_on", "step_code"), timeliness(cases))
    assert n > 50_000


def test_grievance_compliance(build: Warehouse, cases: list[recount.Case]) -> None:
    rows = build.rows("select * from marts.grievance_compliance")
    n = compare(rows, ("level", "entity_code", "period_grain", "period_start_on"), compliance(cases))
    assert n > 20_000


def backlog(cases: list[recount.Case]) -> dict[tuple, dict]:
    """The backlog of every entity at the end of each month and on the as-of day."""
    known = [case for case in cases if case.received <= AS_OF]
    first, expected = min(case.received for case in known), {}
    days = [date(n // 12, n % 12 + 1, 1) - timedelta(days=1) for n in range(first.year * 12 + first.month, AS_OF.year * 12 + AS_OF.month)]
    groups: dict[tuple, list[recount.Case]] = defaultdict(list)
    for case in known:
        facility, unit, line = case.unit
        for entity in (("enterprise", "all"), ("facility", facility), ("service_line", f"{facility}/{line}"), ("unit", f"{facility}/{unit}")):
            groups[entity].append(case)
    for (level, entity), found in groups.items():
        begun = min(case.received for case in found)
        for on in (*days, AS_OF):
            if on >= begun:
                expected[level, entity, on] = _standing(found, on)
    return expected


def _standing(found: list[recount.Case], on: date) -> dict:
    ages, overdue = [], 0
    for case in found:
        if any(start <= on < end for start, end in recount.open_spells(case)):
            ages.append((on - case.received).days)
            due, answered = case.received + timedelta(days=7), case.responded
            is_sound = answered is None or case.received <= answered <= AS_OF
            overdue += case.is_grievance and is_sound and due < on and (answered or date.max) > on
    month = on.replace(day=1)
    received = [case for case in found if month <= case.received <= on]
    closed = [(case, case.first_closed) for case in found if (case.is_closed or case.reopen_count) and case.first_closed and month <= case.first_closed <= on]
    after = [min(((again - day).days for again in case.reopened if again >= day), default=10**6) for case, day in closed]
    escalated = sum(case.is_escalated for case in received)
    return {
        "is_newest": on == AS_OF, "n_open": len(ages), "n_open_0_7": sum(age <= 7 for age in ages), "n_open_8_30": sum(8 <= age <= 30 for age in ages),
        "n_open_31_60": sum(31 <= age <= 60 for age in ages), "n_open_61_90": sum(61 <= age <= 90 for age in ages),
        "n_open_over_90": sum(age > 90 for age in ages), "n_overdue": overdue, "n_received": len(received), "n_closed": len(closed),
        "n_reopened_within_30": sum(n <= 30 for n in after), "reopened_within_30_pct": share(sum(n <= 30 for n in after), len(closed)),
        "reopened_within_days": 60, "n_reopened": sum(n <= 60 for n in after), "reopened_pct": share(sum(n <= 60 for n in after), len(closed)),
        "n_escalated": escalated, "escalated_pct": share(escalated, len(received)),
        "reason": "NOTHING_RECEIVED_OR_CLOSED" if not received and not closed else "NOTHING_CLOSED" if not closed else None if received else "NOTHING_RECEIVED",
    }


def test_backlog(build: Warehouse, cases: list[recount.Case]) -> None:
    rows = build.rows("select * from marts.complaint_backlog")
    assert sum(row["n_reopened_within_30"] for row in rows) > 20 and sum(row["n_overdue"] for row in rows) > 100
    assert compare(rows, ("level", "entity_code", "day_on"), backlog(cases)) > 10_000


KINDS = {"Apology": "apology", "Parking or meal voucher": "voucher", "Bill adjusted": "bill_adjustment"}


def outcomes(cases: list[recount.Case], praise: list[recount.Case]) -> dict[tuple, dict]:
    groups: dict[tuple, list[recount.Case]] = defaultdict(list)
    thanks: dict[tuple, int] = defaultdict(int)
    for case in cases:
        for key in recount.windows(case, AS_OF):
            groups[key].append(case)
    for case in praise:
        for key in recount.windows(case, AS_OF):
            thanks[key] += 1
    return {(level, entity, grain, recount.start_of(grain, end)): _became(groups.get(key, []), thanks.get(key, 0), grain)
            for key in {*groups, *thanks} for level, entity, grain, end in [key]}


def _became(found: list[recount.Case], n_compliments: int, grain: str) -> dict:
    closed = [case for case in found if case.is_closed]
    upheld, partly, rejected = (sum(case.outcome == word for case in closed) for word in ("Upheld", "Partly upheld", "Not upheld"))
    told = upheld + partly + rejected
    writers = Counter(case.complainant for case in found if case.complainant)
    again = sum(n > 1 for n in writers.values())
    is_year = grain == "rolling_12_months" and bool(writers)
    handling = [case.handling for case in found if case.handling is not None]
    return {
        "n_cases": len(found), "n_closed": len(closed), "n_upheld": upheld, "n_partly_upheld": partly, "n_not_upheld": rejected,
        "upheld_pct": share(upheld, told), "partly_upheld_pct": share(partly, told), "not_upheld_pct": share(rejected, told),
        "n_cases_with_issues": len(found), "n_issues": sum(case.n_issues for case in found),
        "issues_per_case": sum(case.n_issues for case in found) / len(found) if found else None,
        "n_complainants": len(writers) if is_year else None, "n_repeat_complainants": again if is_year else None,
        "repeat_complainants_pct": share(again, len(writers)) if is_year else None,
        "n_compliments": n_compliments, "compliments_per_complaint": n_compliments / len(found) if found else None,
        "n_handling_satisfaction": len(handling), "mean_handling_satisfaction": float(np.mean(handling)) if handling else None,
        **_came_back(found),
        "reason": "NO_CASES" if not found else None if told else "NO_OUTCOMES",
    }


def _came_back(found: list[recount.Case]) -> dict:
    closed = [case for case in found if (case.is_closed or case.reopen_count) and case.first_closed]
    after = [min(((again - case.first_closed).days for again in case.reopened if again >= case.first_closed), default=10**6) for case in closed]
    within = {days: sum(n <= days for n in after) for days in (30, 60)}
    escalated = sum(case.is_escalated for case in found)
    return {"n_escalated": escalated, "escalated_pct": share(escalated, len(found)), "n_ever_closed": len(closed),
            "n_reopened_within_30": within[30], "reopened_within_30_pct": share(within[30], len(closed)),
            "n_reopened": within[60], "reopened_pct": share(within[60], len(closed))}


def test_outcomes_repeat_complainants_and_compliments(build: Warehouse, cases: list[recount.Case], folder: Path) -> None:
    praise = recount.compliments(folder)
    assert len(praise) > 50
    rows = build.rows("select * from marts.complaint_outcomes")
    assert sum((row["n_repeat_complainants"] or 0) > 0 for row in rows) > 10
    assert compare(rows, ("level", "entity_code", "period_grain", "period_start_on"), outcomes(cases, praise)) > 20_000


def test_service_recovery(build: Warehouse, cases: list[recount.Case]) -> None:
    groups: dict[tuple, list[recount.Case]] = defaultdict(list)
    for case in cases:
        if case.recovery:
            kind = KINDS.get(case.recovery[0], case.recovery[0])
            for level, entity, grain, end in recount.windows(case, AS_OF):
                groups[level, entity, grain, recount.start_of(grain, end), kind].append(case)
    expected = {}
    for key, found in groups.items():
        offered, accepted = (sum(case.recovery[place] for case in found) for place in (1, 2))
        handling = [case.handling for case in found if case.handling is not None]
        expected[key] = {
            "n_cases": len(found), "n_offered": offered, "n_accepted": accepted, "accepted_pct": share(accepted, offered),
            "n_handling_satisfaction": len(handling), "mean_handling_satisfaction": float(np.mean(handling)) if handling else None,
            "reason": None if offered else "NOTHING_OFFERED"}
    rows = build.rows("select * from marts.service_recovery")
    assert {row["recovery_kind_code"] for row in rows} == {*KINDS.values(), "(none)"}
    assert compare(rows, ("level", "entity_code", "period_grain", "period_start_on", "recovery_kind_code"), expected) > 10_000


def test_with_small_cells_hidden_none_is_found_again(build: Warehouse):
    with duckdb.connect() as con:
        con.execute(f"attach '{build.file}' as build (read_only)")
        every = Marts(con)
        for mart in ("complaint_timeliness", "complaint_outcomes", "grievance_compliance", "service_recovery", "case_severity", "complaint_pareto"):
            shows_no_small_count(every, mart)
            shares_go_with_their_counts(every, mart)
            rows_give_no_small_rest(every, mart)
            lines_give_nothing_back(every, mart)
        for mart in ("complaint_backlog", "complaint_issue_counts"):
            shows_no_small_count(every, mart)
        assert any(row["n_done"] is not None for row, _ in every.pairs("complaint_timeliness"))
