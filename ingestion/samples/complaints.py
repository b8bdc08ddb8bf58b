"""Complaint exports in the layout of the rl6_feedback feed: one CSV a month, one row per case and subject.

Belongs here: cases, their subjects and states, the monthly exports with changed older cases.
Does not belong here: how many cases there are (volumes.py), the texts (narratives.py).

Cases follow the decision table for grievances, except that the site's own flag is wrong now and then.
Times are local to the export's server (America/Chicago).
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.samples import names, narratives
from ingestion.samples.delivery import Inbox
from ingestion.samples.draws import salt_of, with_draws
from ingestion.samples.organisation import MOVED_DEPARTMENT, UNMAPPED_UNIT
from ingestion.samples.scale import MOVED_ON, Scale, delivered
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FEED = "rl6_feedback"
_DAY_SENT = 3
_CHANGES_FOLLOWED_MONTHS = 12  # older cases to which something happened since the last export are exported again
_SLOW_MONTHS = 6  # unit F1/4W takes three weeks longer in the last months: its backlog grows
_MOST_PER_UNIT_MONTH = 256

# Vendor category, subcategory, share in percent. The words are ours, of the kind such systems hold.
SUBJECTS = (
    ("Communication", "Absent or late information", 17), ("Communication", "Wrong information", 6),
    ("Staff attitude", "Disrespect", 14), ("Staff attitude", "Not listening", 9),
    ("Care and treatment", "Examination and monitoring", 11), ("Care and treatment", "Personal care", 6),
    ("Safety", "Medication", 5), ("Safety", "Failure to respond", 5),
    ("Waiting", "Delay - access", 10), ("Waiting", "Delay - procedure", 4),
    ("Environment", "Cleanliness", 5), ("Environment", "Noise and food", 3),
    ("Billing", "Charge disputed", 4), ("Privacy and rights", "Confidentiality", 1),
)
_SEVERITIES = ("1 - Low", "2 - Minor", "2 - Minor", "3 - Moderate", "3 - Moderate", "3 - moderate ", "4 - High", "5 - Severe")
_WRITTEN, _SPOKEN = ("Letter", "E-mail", "Web form"), ("Phone", "In person", "In person", "Phone", "In person")

HEADER = (
    "File ID", "File State", "Feedback Type", "Issue No", "Date Received", "Date of Event", "Received Via", "Site", "Department",
    "Category", "Subcategory", "Severity", "Is Grievance", "Acknowledged", "Responded", "Closed", "Outcome", "Resolved on Spot",
    "Response Requested", "Safety Concern", "Merged Into", "Test Record", "Patient MRN", "Patient Name", "Complainant Name",
    "Complainant Phone", "Complainant Email", "Involved Staff", "Description", "Interim Letter Sent", "Reopened", "Escalated",
    "Notice Contact", "Notice Steps", "Notice Results", "Notice Completion Date", "Recovery Offered", "Recovery Accepted",
    "Recovery Kind", "Handling Satisfaction", "Raised After Stay", "Routine Matter",
)
# What happens to a case, as columns of complaint_case: each may be null, or lie after the export that is written.
_MOMENTS = ("acknowledged_at", "interim_at", "responded_at", "closed_at", "reopened_at", "reclosed_at")
_MINUTES = "%m/%d/%Y %H:%M"
_NOTICE = ("Notice Contact", "Notice Steps", "Notice Results", "Notice Completion Date")
_WHEN_CLOSED = ("Outcome", *_NOTICE, "Recovery Offered", "Recovery Accepted", "Recovery Kind", "Handling Satisfaction")
# Faulty records at the end of one export.
_FAULTS = {"bad_date": 1, "missing_key": 1, "duplicate_key": 1, "malformed_line": 1}


def write(inbox: Inbox, con: DuckDBPyConnection, scale: Scale, seed: int) -> None:
    """One export per month: its new cases, and older ones closed since the last export."""
    _build_cases(con, scale, seed)
    planted = _planted(con)
    months = scale.months
    for number, month_on in enumerate(months):
        sent = delivered(month_on, _DAY_SENT)
        is_faulty = number == len(months) - 6
        words = planted.get(number, {}) | (_FAULTS if is_faulty else {})
        inbox.add(FEED, f"rl6_feedback_{month_on:%Y%m}_{sent:%Y%m%d}.csv", sent,
                  lambda part, n=number, s=sent, f=is_faulty: _write_file(con, part, n, s, f), words)


def _build_cases(con: DuckDBPyConnection, scale: Scale, seed: int) -> None:
    """Table `complaint_case`: complaints and grievances (n_cases of each unit and month), then praise and questions."""
    base = f"""(select *, unit_month_no::ubigint * {_MOST_PER_UNIT_MONTH} + seq as case_no, seq <= n_cases as is_complaint,
            row_number() over (order by unit_month_no, seq) as nth from (
        select *, unnest(range(1, n_cases + 1 + (n_cases * 3 + unit_month_no % 10) // 10))::ubigint as seq from unit_month))"""
    drawn = with_draws(base, "case_no", salt_of(seed, "complaints"), "c", 13)
    facts = f"""(select *, {_received()} as received_at, {_channel()} as channel,
        {_cumulative([share for *_, share in SUBJECTS], '(c0 >> 8)')} as subject,
        1 + (c2 % 100 >= 62)::integer + (c2 % 100 >= 90)::integer as n_issues, c4 % 100 < 5 as is_safety, (c4 >> 8) % 100 < 8 as is_asked,
        (c4 >> 16) % 100 < 78 as is_settled, (c5 >> 16) % 10 < 6 as is_after_stay, (c5 >> 20) % 10 < 3 as is_routine, (c4 >> 20) % 50 = 0 as is_unrecorded from {drawn})"""
    con.execute(f"""
        create or replace temp table complaint_case as
        select * replace (case when nth % 400 = 5 then received_at - interval 2 day else closed_at end as closed_at),
            case when is_grievance and responded_at >= received_at + interval 8 day and (c10 >> 20) % 5 < 3
                then received_at + (5 + (c10 >> 24) % 4)::integer * interval 1 day end as interim_at,
            case when closed_at is not null and c11 % 20 = 3 then closed_at + (2 + (c11 >> 8) % 60)::integer * interval 1 day end as reopened_at,
            case when (c11 >> 16) % 4 > 0 then closed_at + (80 + (c11 >> 20) % 30)::integer * interval 1 day end as reclosed_at,
            {_exclusion()} as exclusion, {_department()} as department_text
        from {_handled(facts, len(scale.months))} order by case_no""")
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in _fixed_columns().items())
    con.execute(f"""
        create or replace temp table complaint_row as
        select case_no, issue, month_no, exclusion, is_grievance, {", ".join(_MOMENTS)}, {columns}
        from (select *, unnest(range(n_issues::bigint)) as issue from complaint_case) order by case_no, issue""")


def _handled(facts: str, n_months: int) -> str:
    """`facts` with the flag and the dates of handling: most in time, a tail of late ones, some never.

    Written answers go to grievances; what was settled on the spot is closed within three days.
    """
    slow = f"case when unit_no = 1 and month_no >= {n_months - _SLOW_MONTHS} then 21 else 0 end"
    answer = ("case when c10 % 100 < 62 then 1 + (c10 >> 8) % 6 when c10 % 100 < 84 then 7 + (c10 >> 8) % 9 "
              "when c10 % 100 < 95 then 16 + (c10 >> 8) % 40 end")
    return f"""(select *,
            case when c9 % 100 < 78 then received_at + (1 + (c9 >> 8) % 71)::integer * interval 1 hour
                when c9 % 100 < 94 then received_at + (72 + (c9 >> 8) % 240)::integer * interval 1 hour
                when c9 % 100 < 95 then received_at - interval 1 day end as acknowledged_at,
            case when is_grievance then received_at + (answer_days + {slow})::integer * interval 1 day end as responded_at,
            case when c12 % 100 < 6 then null
                when is_settled and not is_grievance then received_at + (c12 % 4)::integer * interval 1 day
                else received_at + (coalesce(answer_days, 5 + (c12 >> 8) % 50) + (c12 >> 16) % 21 + {slow})::integer * interval 1 day
                end as closed_at
        from (select *, {_grievance()} != (c5 % 25 = 3) as is_grievance, {answer} as answer_days from {facts}))"""


def _exclusion() -> str:
    """Why a case does not count; spread evenly, so that the smallest sample has some of each."""
    return ("case when nth % 120 = 7 then 'Test' when nth % 90 = 11 then 'Deleted' when nth % 70 = 13 then 'Withdrawn' "
            "when seq between 2 and n_cases and nth % 80 in (17, 18, 19) then 'Merged' end")


def _cumulative(shares: list[int], draw: str) -> str:
    """SQL: 0, 1, ... with the given shares in percent."""
    total, whens = 0, []
    for index, share in enumerate(shares):
        total += share
        whens.append(f"when {draw} % 100 < {total} then {index}")
    return f"case {' '.join(whens)} end"


def _received() -> str:
    """Between 7:00 and 21:59; the first case of unit F1/4W each month at 23:30 on the last day, next month in UTC."""
    late = "last_day(month_on)::timestamp + interval 23 hour + interval 30 minute"
    usual = ("month_on::timestamp + (c1 % day(last_day(month_on)))::integer * interval 1 day "
             "+ (420 + (c1 >> 8) % 900)::integer * interval 1 minute")
    return f"case when unit_no = 1 and seq = 1 then {late} else {usual} end"


def _channel() -> str:
    written, spoken = names.pick(_WRITTEN, "(c3 >> 8)"), names.pick(_SPOKEN, "(c3 >> 8)")
    return f"case when c3 % 100 < 7 then 'Survey comment' when c3 % 100 < 21 then {written} else {spoken} end"


def _grievance() -> str:
    """The decision table as far as these cases go: safety, request, billing, survey comment, written, settled on the spot, routine."""
    billing = next(index for index, (category, *_) in enumerate(SUBJECTS) if category == "Billing")
    written = ", ".join(literal(word) for word in _WRITTEN)
    return (f"case when is_safety or is_asked then true when subject = {billing} or channel = 'Survey comment' then false "
            f"when channel in ({written}) then true else not is_settled and not (is_after_stay and is_routine) end")


def _department() -> str:
    """The department as typed: unknown, empty, untidy, or a ward name that moved to another unit."""
    moved = (f"facility_no = 1 and c8 % 4 = 0 and ((unit_id = '5E' and received_at < timestamp '{MOVED_ON}') "
             f"or (unit_id = '4W' and received_at >= timestamp '{MOVED_ON}'))")
    return (f"case when facility_no % 10 = 1 and unit_id = '5E' and seq = 2 then '{UNMAPPED_UNIT}' when {moved} then '{MOVED_DEPARTMENT}' "
            f"when (c8 >> 8) % 90 = 1 then '' when (c8 >> 8) % 30 = 2 then lower(department) || ' ' else department end")


def _planted(con: DuckDBPyConnection) -> dict[int, dict[str, int]]:
    """Month number -> planted words of the cases received in it."""
    result = con.execute(f"""
        select month_no, count(*) as new_cases, count(*) filter (exclusion = 'Test') as test_cases,
            count(*) filter (exclusion = 'Withdrawn') as withdrawn_cases, count(*) filter (exclusion = 'Deleted') as deleted_cases,
            count(*) filter (exclusion = 'Merged') as merged_cases,
            count(*) filter (not is_complaint) as other_feedback, count(*) filter (n_issues > 1) as multi_subject_cases,
            count(*) filter (department_text = '{UNMAPPED_UNIT}') as unmapped_department_cases,
            count(*) filter (unit_no = 1 and seq = 1) as month_end_cases,
            count(*) filter (is_complaint and exclusion is null) as valid_cases
        from complaint_case group by month_no""")
    words = [column[0] for column in result.description][1:]
    return {month_no: dict(zip(words, counts, strict=True)) for month_no, *counts in result.fetchall()}


def _write_file(con: DuckDBPyConnection, part: Path, month_no: int, sent: date, is_faulty: bool) -> int:
    """Byte-order mark, header, body; DuckDB cannot write a mark, so the body comes from a file of its own."""
    body = part.with_name(part.name + ".part")  # still a name that no inbox offers
    now = f"timestamp '{sent}'"
    moving = {
        "File State": f"case when exclusion in ('Deleted', 'Withdrawn') then exclusion when reclosed_at < {now} and reopened_at < {now} then 'Closed' "
                      f"when reopened_at < {now} then 'Reopened' when closed_at < {now} then 'Closed' "
                      f"when acknowledged_at < {now} then 'In-Progress' else 'New' end",
        "Acknowledged": _seen("acknowledged_at", now), "Interim Letter Sent": _seen("interim_at", now),
        "Responded": _seen("responded_at", now), "Reopened": _seen("reopened_at", now),
        "Closed": f"case when reclosed_at < {now} and reopened_at < {now} then strftime(reclosed_at, '{_MINUTES}') when reopened_at < {now} then null "
                  f"else {_seen('closed_at', now)} end",
        **{name: f'case when closed_at < {now} then "{name}" end' for name in _WHEN_CLOSED},
    }
    columns = ", ".join(moving.get(name, f'"{name}"') for name in HEADER)
    touched = " or ".join(f"({moment} < {now} and {moment} >= {now} - interval 1 month)" for moment in _MOMENTS)
    changed = f"month_no between {month_no - _CHANGES_FOLLOWED_MONTHS} and {month_no - 1} and ({touched})"
    rows = f"select {columns} from complaint_row where month_no = {month_no} or ({changed}) order by case_no, issue"
    n_rows = con.execute(f"copy ({rows}) to {literal(str(body))} (format csv, header false)").fetchone()[0]
    with part.open("wb") as out, body.open("rb") as text:
        out.write(b"\xef\xbb\xbf" + (",".join(HEADER) + "\n").encode())
        shutil.copyfileobj(text, out)
    body.unlink()
    return n_rows + (_append_faults(part) if is_faulty else 0)


def _seen(moment: str, now: str) -> str:
    """SQL: the moment as text, once it is over."""
    return f"case when {moment} < {now} then strftime({moment}, '{_MINUTES}') end"


def _fixed_columns() -> dict[str, str]:
    """Header -> SQL of what does not change between exports."""
    subject = f"((subject + case issue when 0 then 0 when 1 then 1 + c2 % 6 else 7 + (c2 >> 8) % 6 end) % {len(SUBJECTS)})::integer"
    yes_no = "case when {} then 'Yes' else 'No' end"
    offered = "is_complaint and (c12 >> 2) % 4 = 0"
    patient = f"{names.given('(c7 >> 6)')} || ' ' || {names.family('(c7 >> 13)')}"
    praise = names.pick(("Compliment", "Compliment", "Suggestion", "Query"), "c6")
    return {
        "File ID": "'FB-' || lpad(case_no::varchar, 9, '0')",
        "Feedback Type": f"case when not is_complaint then {praise} when is_grievance then 'Grievance' else 'Complaint' end",
        "Issue No": "issue + 1",
        "Date Received": "strftime(received_at, '%m/%d/%Y %H:%M')",
        "Date of Event": "case when c5 % 10 > 0 then strftime(received_at - ((c5 >> 8) % 30)::integer * interval 1 day, '%m/%d/%Y') end",
        "Received Via": "channel", "Site": "facility_name", "Department": "department_text",
        "Category": _subject_sql(0, subject), "Subcategory": _subject_sql(1, subject), "Severity": names.pick(_SEVERITIES, "(c6 >> 7)"),
        "Is Grievance": yes_no.format("is_complaint and is_grievance"),
        "Outcome": names.pick(("Upheld", "Partly upheld", "Not upheld"), "(c8 >> 3)"),
        "Resolved on Spot": f"case when not is_unrecorded then {yes_no.format('is_settled')} end",
        "Raised After Stay": f"case when (c5 >> 24) % 20 > 0 then {yes_no.format('is_after_stay')} end",
        "Routine Matter": yes_no.format("is_routine"),
        "Response Requested": yes_no.format("is_asked"), "Safety Concern": yes_no.format("is_safety"),
        "Merged Into": "case when exclusion = 'Merged' then 'FB-' || lpad((case_no - 1)::varchar, 9, '0') end",
        "Test Record": yes_no.format("exclusion = 'Test'"),
        "Patient MRN": f"case when c7 % 5 > 0 then {names.record_number('c7')} end",
        "Patient Name": f"case when c7 % 5 > 0 then {patient} end",
        "Complainant Name": f"case when c8 % 2 = 0 then {patient} else {names.given('c8')} || ' ' || {names.family('(c8 >> 5)')} end",
        "Complainant Phone": names.telephone("(c8 >> 4)"), "Complainant Email": names.email("(c8 >> 9)"),
        "Involved Staff": f"case when c8 % 3 = 0 then {names.pick(names.SYNTHETIC_STAFF, '(c8 >> 2)')} end",
        "Description": narratives.complaint("(c7 >> 3)", "c8"),
        "Escalated": yes_no.format("is_complaint and (c9 >> 18) % 12 = 4"),
        # Each element of the notice is there nine times in ten; the export leaves the answer blank for mere complaints.
        **{name: f"case when is_grievance and is_complaint then {yes_no.format(f'(c11 >> {2 + 4 * place}) % 10 > 0')} end"
           for place, name in enumerate(_NOTICE)},
        "Recovery Offered": yes_no.format(offered),
        "Recovery Accepted": f"case when {offered} then {yes_no.format('(c12 >> 4) % 10 < 7')} end",
        "Recovery Kind": f"case when {offered} then {names.pick(('Apology', 'Parking or meal voucher', 'Bill adjusted'), '(c12 >> 9)')} end",
        "Handling Satisfaction": "case when (c12 >> 12) % 3 = 0 then (1 + (c12 >> 14) % 5)::varchar end",
    }


def _subject_sql(position: int, index: str) -> str:
    """SQL: category (0) or subcategory (1) of the subject with this index."""
    listed = ", ".join(literal(subject[position]) for subject in SUBJECTS)
    return f"[{listed}][1 + {index}]"


def _append_faults(path: Path) -> int:
    """The records of _FAULTS, made from the first record of the export."""
    import csv

    with path.open(encoding="utf-8-sig", newline="") as text:
        first = next(csv.DictReader(text))
    plain = first | {"Description": "The corridor was dark."}
    records = [plain | {"File ID": "FBX-1", "Date Received": "31/12/2025 10:00"}, plain | {"File ID": ""}, first]
    with path.open("a", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([record[name] for name in HEADER] for record in records)
        writer.writerow([plain[name] if name != "File ID" else "FBX-2" for name in HEADER[:5]])
    return sum(_FAULTS.values())
