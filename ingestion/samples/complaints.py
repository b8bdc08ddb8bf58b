"""Complaint exports in the layout of the rl6_feedback feed: one CSV a month, one row per case and subject.

Belongs here: the columns of a case, the monthly exports with changed older cases, their faulty records.
Does not belong here: which cases there are and what happens to them (complaint_cases.py), the texts (narratives.py).
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.samples import names, narratives
from ingestion.samples.complaint_cases import SUBJECTS, build_cases
from ingestion.samples.delivery import Inbox
from ingestion.samples.organisation import UNMAPPED_UNIT
from ingestion.samples.scale import Scale, delivered
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FEED = "rl6_feedback"
_DAY_SENT = 3
_CHANGES_FOLLOWED_MONTHS = 12  # older cases to which something happened since the last export are exported again

_SEVERITIES = ("1 - Low", "2 - Minor", "2 - Minor", "3 - Moderate", "3 - Moderate", "3 - moderate ", "4 - High", "5 - Severe")

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
    build_cases(con, scale, seed)
    _build_rows(con)
    planted = _planted(con)
    months = scale.months
    for number, month_on in enumerate(months):
        sent = delivered(month_on, _DAY_SENT)
        is_faulty = number == len(months) - 6
        words = planted.get(number, {}) | (_FAULTS if is_faulty else {})
        inbox.add(FEED, f"rl6_feedback_{month_on:%Y%m}_{sent:%Y%m%d}.csv", sent,
                  lambda part, n=number, s=sent, f=is_faulty: _write_file(con, part, n, s, f), words)


def _build_rows(con: DuckDBPyConnection) -> None:
    """Table `complaint_row`: a row per case and subject, with every column that no export changes."""
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in _fixed_columns().items())
    con.execute(f"""
        create or replace temp table complaint_row as
        select case_no, issue, month_no, exclusion, is_grievance, {", ".join(_MOMENTS)}, {columns}
        from (select *, unnest(range(n_issues::bigint)) as issue from complaint_case) order by case_no, issue""")


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
