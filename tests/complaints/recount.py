"""Complaints counted again from the delivered CSV files in plain Python: nothing here knows the SQL.

Belongs here: reading the exports, the rules of reference/complaints.md written out once more.
Does not belong here: comparing (test_recount.py).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SERVER = ZoneInfo("America/Chicago")
WRITTEN, SPOKEN = {"Letter", "E-mail", "Web form"}, {"Phone", "In person"}
NOTICE = ("Notice Contact", "Notice Steps", "Notice Results", "Notice Completion Date")


@dataclass
class Case:
    """A valid case as it stands: local dates, who it belongs to, what happened."""

    case_id: str
    received: date
    unit: tuple[str, str, str]  # facility, unit, service line
    is_grievance: bool
    computed: bool | None
    is_closed: bool
    first_closed: date | None
    reopen_count: int
    acknowledged: date | None
    interim: date | None
    responded: date | None
    notice: list[bool | None]
    outcome: str
    complainant: str
    n_issues: int
    handling: float | None
    severity: int | None
    recovery: tuple[str, bool, bool] | None  # kind, offered, accepted
    done: dict[str, date | None] = field(default_factory=dict)
    is_escalated: bool = False
    reopened: list[date] = field(default_factory=list)
    closed_last: date | None = None


def versions(folder: Path) -> dict[str, list[tuple[date, list[dict[str, str]]]]]:
    """Case -> its exports in order, each the rows of the case; rows that cannot be read left out."""
    found: dict[str, list] = defaultdict(list)
    for path in sorted(folder.glob("rl6_feedback_*.csv"), key=lambda one: one.stem[-8:]):
        sent, seen, rows = datetime.strptime(path.stem[-8:], "%Y%m%d").date(), set(), defaultdict(list)
        with path.open(encoding="utf-8-sig", newline="") as text:
            for row in csv.DictReader(text):
                key = (row["File ID"], row["Issue No"])
                if not row["File ID"] or None in row.values() or key in seen or moment(row["Date Received"]) is None:
                    continue
                seen.add(key)
                rows[row["File ID"]].append(row)
        for case_id, lines in rows.items():
            found[case_id].append((sent, sorted(lines, key=lambda row: int(row["Issue No"]))))
    return found


def moment(text: str) -> datetime | None:
    """A time of the export's server."""
    try:
        return datetime.strptime(text, "%m/%d/%Y %H:%M").replace(tzinfo=SERVER) if text else None
    except ValueError:
        return None


def local(text: str, zone: ZoneInfo | None) -> date | None:
    """The date at the facility; a time of exactly midnight is a date without a time and keeps its date."""
    at = moment(text)
    if at is None or zone is None or (at.hour, at.minute) == (0, 0):
        return at and at.date()
    return at.astimezone(zone).date()


class Units:
    """The newest org_units file."""

    def __init__(self, folder: Path) -> None:
        newest = max(folder.glob("org_units_*.csv"))
        with newest.open(encoding="utf-8", newline="") as text:
            self.rows = [row for row in csv.DictReader(text) if row["SourceSystem"] in ("rl6_feedback", "*")]
        self.zones = {row["FacilityId"]: ZoneInfo(row["TimeZone"]) for row in self.rows}

    def of(self, site: str, department: str, on: date) -> tuple[str, str, str]:
        """(facility, unit, service line) of a department on a day."""
        facility = None
        for row in self.rows:
            if row["FacilityCode"].strip().upper() != site.strip().upper():
                continue
            facility = row["FacilityId"]
            until = row["ValidTo"] or "9999-12-31"
            if department.strip() and row["UnitCode"].strip().upper() == department.strip().upper() and row["ValidFrom"] <= on.isoformat() <= until:
                return facility, row["UnitId"], row["ServiceLine"]
        return facility or "unassigned", "unassigned", "unassigned"


def is_closed(row: dict[str, str]) -> bool:
    """Closed by its state, or where the state does not say by its date."""
    state = row["File State"]
    return state == "Closed" if state in ("Closed", "New", "In-Progress", "Reopened") else bool(row["Closed"])


def decided(rows: list[dict[str, str]]) -> bool | None:
    """Complaint or grievance by the decision table."""
    first = rows[0]
    if any("Yes" in (row["Safety Concern"], row["Response Requested"]) for row in rows):
        return True
    named = [(row["Category"] + " " + row["Subcategory"]).strip().lower() for row in rows]
    if any(named) and all("billing" in words for words in named if words) or first["Received Via"] == "Survey comment":
        return False
    if first["Received Via"] in WRITTEN:
        return True
    if first["Received Via"] not in SPOKEN or not first["Resolved on Spot"]:
        return None
    if first["Resolved on Spot"] == "Yes" or "No" in (first["Raised After Stay"], first["Routine Matter"]):
        return first["Resolved on Spot"] == "No"
    return False if first["Raised After Stay"] and first["Routine Matter"] else None


def valid_cases(folder: Path) -> list[Case]:
    """Every case that counts, newest export, with what earlier exports say of closures."""
    units, cases = Units(folder), []
    for case_id, exports in versions(folder).items():
        rows = exports[-1][1]
        first = rows[0]
        if (any(row["Test Record"] == "Yes" for row in rows) or first["File State"] in ("Deleted", "Withdrawn") or first["Merged Into"]
                or first["Feedback Type"] not in ("Complaint", "Grievance")):
            continue
        on = moment(first["Date Received"]).date()
        unit = units.of(first["Site"], first["Department"], on)
        zone = units.zones.get(unit[0])
        closed_text, n_reopened = first_spell(exports)
        reopened = max(n_reopened, int(bool(first["Reopened"]) or first["File State"] == "Reopened"))
        case = Case(
            case_id, local(first["Date Received"], zone), unit, any(row["Is Grievance"] == "Yes" for row in rows), decided(rows),
            is_closed(first), local(closed_text or first["Closed"], zone), reopened, local(first["Acknowledged"], zone),
            local(first["Interim Letter Sent"], zone), local(first["Responded"], zone),
            [None if not first[name] else first[name] == "Yes" for name in NOTICE], first["Outcome"], complainant(first),
            len({(row["Category"].strip(), row["Subcategory"].strip()) for row in rows}),
            float(first["Handling Satisfaction"]) if first["Handling Satisfaction"] else None,
            max((int(row["Severity"].strip()[0]) for row in rows if row["Severity"].strip()), default=None), recovery(first),
        )
        case.done = {"acknowledge": case.acknowledged, "resolve": case.first_closed if case.is_closed or case.reopen_count else None}
        if case.is_grievance:
            case.done["respond"] = case.responded
        case.is_escalated = any(row["Escalated"] == "Yes" for _, lines in exports[:-1] for row in lines[:1]) or any(row["Escalated"] == "Yes" for row in rows)
        case.reopened, case.closed_last = reopenings(exports, zone), local(first["Closed"], zone)
        cases.append(case)
    return cases


def reopenings(exports: list[tuple[date, list[dict[str, str]]]], zone: ZoneInfo | None) -> list[date]:
    """Days on which a closed case was opened again: the one the newest export tells, and those that exports show beside it."""
    states = [(sent, is_closed(rows[0])) for sent, rows in exports]
    seen = [sent for (sent, now), (_, before) in zip(states[1:], states, strict=False) if before and not now]
    told = exports[-1][1][0]["Reopened"]
    if not told:
        return seen
    at = moment(told)
    shown = [sent for sent in seen if datetime(sent.year, sent.month, sent.day, tzinfo=UTC) >= at][:1]
    return sorted([local(told, zone), *(sent for sent in seen if sent not in shown)])


def open_spells(case: Case) -> list[tuple[date, date]]:
    """The spells in which a case is open, ends not included."""
    first = case.first_closed if case.is_closed or case.reopen_count else None
    spells = [(case.received, first or (case.received if case.is_closed else date.max))]
    if first is None:
        return spells
    again = case.reopened or ([case.closed_last or case.received] if case.reopen_count and not case.is_closed else [])
    for start in again:
        end = date.max if not case.is_closed else case.closed_last if case.closed_last and case.closed_last > first and case.closed_last >= start else start
        spells.append((max(start, first), end))
    return spells


def complainant(row: dict[str, str]) -> str:
    """Who wrote, as far as two cases are compared: addresses without their casing."""
    return row["Complainant Email"].strip().lower()


def recovery(row: dict[str, str]) -> tuple[str, bool, bool] | None:
    """Kind, offered, accepted; None where the export says nothing."""
    if not row["Recovery Offered"]:
        return None
    offered = row["Recovery Offered"] == "Yes"
    return (row["Recovery Kind"] or "(not said)") if offered else "(none)", offered, row["Recovery Accepted"] == "Yes"


def compliments(folder: Path) -> list[Case]:
    """Praise that is neither a test nor taken back, as cases of which only place and day matter."""
    units, found = Units(folder), []
    for case_id, exports in versions(folder).items():
        rows = exports[-1][1]
        first = rows[0]
        if (first["Feedback Type"] == "Compliment" and first["File State"] not in ("Deleted", "Withdrawn") and not first["Merged Into"]
                and not any(row["Test Record"] == "Yes" for row in rows)):
            unit = units.of(first["Site"], first["Department"], moment(first["Date Received"]).date())
            received = local(first["Date Received"], units.zones.get(unit[0]))
            found.append(Case(case_id, received, unit, False, None, False, None, 0, None, None, None, [], "", "", 0, None, None, None))
    return found


def first_spell(exports: list[tuple[date, list[dict[str, str]]]]) -> tuple[str, int]:
    """The closing date of the first run of closed exports as its last export tells it, and how often a closed case was open again."""
    text, n_reopened, spells, was = "", 0, 0, False
    for _, rows in exports:
        now = is_closed(rows[0])
        spells += now and not was
        n_reopened += was and not now
        if now and spells == 1:
            text = rows[0]["Closed"]
        was = now
    return text, n_reopened


def windows(case: Case, as_of: date) -> Iterator[tuple]:
    """(level, entity, period grain, end month as year x 12 + month - 1) of everything the case counts in."""
    facility, unit, line = case.unit
    month, last = case.received.year * 12 + case.received.month - 1, as_of.year * 12 + as_of.month - 1
    ends = [("month", month), ("quarter", month // 3 * 3 + 2)]
    ends += [("rolling_12_months", end) for end in range(month, min(month + 11, last) + 1)]
    entities = [("enterprise", "all"), ("facility", facility), ("service_line", f"{facility}/{line}"), ("unit", f"{facility}/{unit}")]
    for level, entity in entities:
        for grain, end in ends:
            yield level, entity, grain, end


def start_of(grain: str, end: int) -> date:
    """First day of a window that ends in month `end`."""
    first = end - {"month": 0, "quarter": 2, "rolling_12_months": 11}[grain]
    return date(first // 12, first % 12 + 1, 1)


def over(case: Case, as_of: date) -> bool:
    """A grievance whose answer took, or takes, longer than seven days."""
    if case.received > as_of:
        return False
    answered = case.responded if case.responded and case.received <= case.responded <= as_of else None
    return (answered or as_of) > case.received + timedelta(days=7)
