"""Invented complaints and what happens to them, as one table.

Belongs here: when and how a case came, its subject, flag and department, the dates of its handling, why it does not count.
Does not belong here: how many cases there are (volumes.py), how they are exported (complaints.py).

Cases follow the decision table for grievances, except that the site's own flag is wrong now and then.
Times are local to the export's server (America/Chicago).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.samples import names
from ingestion.samples.draws import salt_of, with_draws
from ingestion.samples.organisation import MOVED_DEPARTMENT, UNMAPPED_UNIT
from ingestion.samples.scale import MOVED_ON, Scale
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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
_WRITTEN, _SPOKEN = ("Letter", "E-mail", "Web form"), ("Phone", "In person", "In person", "Phone", "In person")


def build_cases(con: DuckDBPyConnection, scale: Scale, seed: int) -> None:
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
