"""Daily encounter counts: one CSV a month with a row per clinic, class and day.

Belongs here: the encounter_counts_daily files.
Does not belong here: the workbook (workbook.py), single visits (visits.py).

Clinics are counted here, wards and emergency departments in the workbook, so nothing counts twice. One month
also lists emergency visits, slightly too many, to show that the feed of higher priority wins.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.samples.delivery import Inbox
from ingestion.samples.scale import Scale, delivered
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FEED = "encounter_counts_daily"
_DAY_SENT = 2
_WEEKEND = {6: 0.25, 0: 0.1}  # share of a weekday's visits, by dayofweek (Sunday 0)
_TOO_MANY = 1.02
_FAULTS = {"bad_date": 1, "missing_key": 1, "bad_number": 1}


def write(inbox: Inbox, con: DuckDBPyConnection, scale: Scale) -> None:
    """One file per month; one with faulty records, one that overlaps with the workbook."""
    months = scale.months
    overlapping, faulty = len(months) - 2, len(months) - 5
    for number, month_on in enumerate(months):
        sent = delivered(month_on, _DAY_SENT)
        words = {"overlapping_rows": _n_overlapping(con, month_on) if number == overlapping else 0} | (_FAULTS if number == faulty else {})
        inbox.add(FEED, f"encounters_daily_{month_on:%Y%m}_{sent:%Y%m%d}.csv", sent,
                  lambda part, n=number: _write_file(con, part, n, n == overlapping, n == faulty), words)


def _n_overlapping(con: DuckDBPyConnection, month_on: date) -> int:
    days = con.execute("select day(last_day(?::date))", [month_on]).fetchone()[0]
    return days * con.execute("select count(distinct facility_no) from unit where facility_no % 10 = 1").fetchone()[0]


def _write_file(con: DuckDBPyConnection, part: Path, month_no: int, is_overlapping: bool, is_faulty: bool) -> int:
    """Days share a month's count so that they add up to it exactly: differences of rounded running shares."""
    weight = "case dayofweek(day_on) " + " ".join(f"when {day} then {share}" for day, share in _WEEKEND.items()) + " else 1.0 end"
    emergency = f"""union all select unit_no, facility_id, daily_code, month_on, 'ED visits', (n_encounters * {_TOO_MANY})::integer, 3
        from unit_month where month_no = {month_no} and encounter = 'emergency' and facility_no % 10 = 1""" if is_overlapping else ""
    statement = f"""
        with monthly as (
            select unit_no, facility_id, daily_code, month_on, 'OP visits' as word, n_encounters as n, 1 as nth from unit_month
            where month_no = {month_no} and encounter = 'clinic' and n_encounters > 0
            union all
            select unit_no, facility_id, daily_code, month_on, 'Office visits', n_office, 2 from unit_month
            where month_no = {month_no} and encounter = 'clinic' and n_office > 0 {emergency}
        ),
        daily as (
            select *, sum(weight) over (partition by unit_no, nth order by day_on) / sum(weight) over (partition by unit_no, nth) as share
            from (select *, {weight} as weight from (
                select *, unnest(generate_series(month_on, last_day(month_on), interval 1 day))::date as day_on from monthly))
        )
        select day_on as "Date", facility_id as "Facility", daily_code as "Department", word as "Class",
            round(n * share)::integer
                - coalesce(lag(round(n * share)::integer) over (partition by unit_no, nth order by day_on), 0) as "Count"
        from daily order by day_on, unit_no, nth"""
    n_rows = con.execute(f"copy ({statement}) to {literal(str(part))} (format csv, header true)").fetchone()[0]
    return n_rows + (_append_faults(part) if is_faulty else 0)


def _append_faults(part: Path) -> int:
    lines = ("2026-02-30,F1,CLIN,OP visits,12", ",F1,CLIN,OP visits,12", "2026-05-01,F1,CLIN,Office visits,about 40")
    with part.open("a", encoding="utf-8", newline="") as out:
        out.writelines(line + "\n" for line in lines)
    return sum(_FAULTS.values())
