"""Survey files in the layout of the press_ganey_hcahps feed: one pipe-delimited file per month (and region).

Belongs here: which files there are, their columns, corrections, late and held files.
Does not belong here: who was sampled (survey_rows.py), answers (answers.py), faulty records
(survey_problems.py), the XML layout (survey_xml.py).

Written by one COPY per file straight from generated rows, so memory does not grow with the sample. A survey
that is not final when the file is made comes with the next one; the file of 2025-01 is the first in the new
layout and therefore holds late discharges of 2024-12, which answered the old form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.samples import names, narratives, survey_problems
from ingestion.samples.answers import FORM_29, FORM_32, Marks, answer_sql
from ingestion.samples.delivery import Inbox, SampleFile
from ingestion.samples.organisation import UNIT_KINDS, UNMAPPED_UNIT
from ingestion.samples.scale import INSTRUMENT_CHANGE, RENAMED_ON, Scale, delivered
from ingestion.samples.survey_rows import DAY_SENT, N_RESERVED, rows_sql
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FEED = "press_ganey_hcahps"
_HELD_BLANK_PCT = 60
_MARKS = Marks(two_marks="H")
_KEPT_IN_MEMORY = 100_000  # surveys
# Planted in the first unit of every tenth facility, by the running number of the survey in its month.
_CARRIER = "facility_no % 10 = 1 and unit_id = '4W'"
_UNMAPPED_SEQ, _DIRTY_SEQS, _STALE_SEQ = 3, (4, 5), 7
_NEW_ITEMS = {code for question in FORM_32 for code in question} - {code for question in FORM_29 for code in question}


@dataclass(frozen=True)
class Month:
    """One file to write. `version` 0 is the first delivery of the month; `region` None means all regions."""

    month_no: int
    month_on: date
    region: int | None
    sent: date
    version: int = 0

    @property
    def path(self) -> str:
        region = "" if self.region is None else f"r{self.region + 1}_"
        version = f"_v{self.version}" if self.version else ""
        return f"pg_hcahps_{region}{self.month_on:%Y%m}_{self.sent:%Y%m%d}{version}.txt"


def write(inbox: Inbox, con: DuckDBPyConnection, scale: Scale, seed: int) -> None:
    """Every month and region, and in region 1: a late file, one sent twice, one with faults, a correction, a held one."""
    months = scale.months
    late, copied, faulty, corrected, held = (len(months) - back for back in (12, 9, 8, 7, 4))
    if scale.n_surveys <= _KEPT_IN_MEMORY:
        _keep_rows(con, months, seed)
    for number, month_on in enumerate(months):
        for region in range(scale.n_regions):
            special = number if region == 0 else None
            sent = delivered(delivered(month_on, 1), 20) if special == late else delivered(month_on, DAY_SENT)
            month = Month(number, month_on, region if scale.n_regions > 1 else None, sent)
            planted = _planted(con, month) | {"late_file": int(special == late)}
            if special == faulty:
                planted |= survey_problems.COUNTS
            rows = _table(month_on) if scale.n_surveys <= _KEPT_IN_MEMORY else f"({_select([month_on], number, month.region, seed)})"
            written = inbox.add(FEED, month.path, sent, lambda part, m=month, r=rows, f=special == faulty: _write_file(con, m, r, part, f),
                                planted)
            if special == copied:
                again = sent.replace(day=26)
                inbox.copy(written, month.path.replace(f"{sent:%Y%m%d}", f"{again:%Y%m%d}"), again)
            if special in (corrected, held):
                _write_again(inbox, con, month, seed, written, is_held=special == held)


def _write_again(inbox: Inbox, con: DuckDBPyConnection, month: Month, seed: int, original: SampleFile, is_held: bool) -> None:
    """The same month as version 2: a tenth of the surveys with other answers, or 60 % of the overall ratings lost."""
    again = Month(month.month_no, month.month_on, month.region, month.sent.replace(day=23), 2)
    marks = replace(_MARKS, blank_ratings_pct=_HELD_BLANK_PCT) if is_held else _MARKS
    rows = f"({_select([month.month_on], month.month_no, month.region, seed, marks, is_correction=not is_held)})"
    inbox.add(FEED, again.path, again.sent, lambda part: _write_file(con, again, rows, part),
              {"held": 1} if is_held else {"correction": 1}, original.path)


def _write_file(con: DuckDBPyConnection, month: Month, rows: str, part: Path, is_faulty: bool = False) -> int:
    options = "format csv, delimiter '|', quote '\"', escape '\"', header true"
    chosen = f"select * exclude (file_month_no) from {rows} where file_month_no = {month.month_no}"
    n_rows = con.execute(f"copy ({chosen}) to {literal(str(part))} ({options})").fetchone()[0]
    return n_rows + (survey_problems.append(part) if is_faulty else 0)


def _keep_rows(con: DuckDBPyConnection, months: list[date], seed: int) -> None:
    """Tables of all files of a layout: planning one statement per file costs more than a small sample itself."""
    for layout in ({month for month in months if month < INSTRUMENT_CHANGE}, {month for month in months if month >= INSTRUMENT_CHANGE}):
        chosen = sorted(layout)
        con.execute(f"create or replace temp table {_table(chosen[0])} as {_select(chosen, months.index(chosen[0]), None, seed)}")


def _table(month_on: date) -> str:
    return "file_row_2025" if month_on >= INSTRUMENT_CHANGE else "file_row_2018"


def _select(months: list[date], first_no: int, region: int | None, seed: int, marks: Marks = _MARKS,
            is_correction: bool = False) -> str:
    """SQL: file_month_no and the columns of the files of these months, which share a layout; `first_no` numbers the first.

    A survey is in the file of its month of discharge, or in the next one when it was not final by then.
    """
    last_no = first_no + len(months) - 1
    where = f"month_no between {first_no - 1} and {last_no} and not is_xml and n_sampled > 0"
    where += "" if region is None else f" and region = {region}"
    columns = ", ".join(f'{sql} as "{name}"' for name, sql in _columns(months[0] >= INSTRUMENT_CHANGE, marks).items())
    in_file = f"(select *, month_no + is_late::integer as file_month_no from {rows_sql(where, seed, is_correction)})"
    return f"select file_month_no, {columns} from {in_file} where file_month_no between {first_no} and {last_no}"


def _columns(is_layout_2025: bool, marks: Marks) -> dict[str, str]:
    """Header -> SQL, in file order. The facility column is called CCN in the old layout."""
    return {
        "SURVEY_ID": "'PG' || lpad(survey_no::varchar, 10, '0')",
        "FACILITY" if is_layout_2025 else "CCN": "ccn",
        "UNIT": _unit_sql(),
        "MRN": names.record_number("a4"),
        "PATIENT_NAME": f"{names.family('(a4 >> 4)')} || ', ' || {names.given('(a4 >> 11)')}",
        "SERVICE": "'IN'",
        "DISDATE": "strftime(discharge_on, '%m/%d/%Y')",
        "RECDATE": "case when has_answers then strftime(final_on, '%m/%d/%Y') end",
        "DISPOSITION": "disposition",
        "MODE": _mode_sql(),
        "LANGUAGE": "case when a5 % 100 < 91 then 'English' when a5 % 100 < 98 then 'Spanish' "
                    "when a5 % 100 < 99 then 'Chinese' else 'M' end",
        "SEX": "sex", "AGE": "age", "SERVICE_LINE": "reason", "ADMIT_SOURCE": "admission_source", "DISCH_STATUS": "discharge_status",
        "LAG": "case when has_answers then lag end",
        "ADJSAMP": "case when (a5 >> 20) % 50 = 0 then 'NOT INCLUDED' else 'INCLUDED' end",
        **_answer_columns(is_layout_2025, marks),
        "COMMENT": f"case when has_answers and seq > {N_RESERVED} and (a3 >> 6) % 16 = 0 then {narratives.comment('(a3 >> 10)', 'a4')} end",
    }


def _answer_columns(is_layout_2025: bool, marks: Marks) -> dict[str, str]:
    """Q1, Q2, ... of the layout; the five boxes of the race question are Q28A-Q28E or Q32A-Q32E."""
    columns = {}
    for number, codes in enumerate(FORM_32 if is_layout_2025 else FORM_29, start=1):
        for letter, code in zip("ABCDE" if len(codes) > 1 else ("",), codes, strict=True):
            sql = answer_sql(code, number, "q", marks)
            columns[f"Q{number}{letter}"] = f"case when is_form_32 then {sql} end" if code in _NEW_ITEMS else sql
    return columns


def _unit_sql() -> str:
    """The vendor's unit code, with the planted ones: unknown, untidy, and no longer valid after the renaming."""
    old_code = UNIT_KINDS["4W"].survey_code
    return (f"case when {_CARRIER} and seq = {_UNMAPPED_SEQ} then '{UNMAPPED_UNIT}' "
            f"when {_CARRIER} and seq in {_DIRTY_SEQS} then lower(survey_code_now) || ' ' "
            f"when {_CARRIER} and seq = {_STALE_SEQ} and month_on = date '{RENAMED_ON}' then '{old_code}' else survey_code_now end")


def _mode_sql() -> str:
    """Fixed for a facility and quarter; the web modes exist from 2025."""
    return "case facility_no % 3 when 0 then 'Phone' when 1 then case when is_form_32 then 'Web-Mail' else 'Mail' end else 'Mixed' end"


def _planted(con: DuckDBPyConnection, month: Month) -> dict[str, int]:
    region = "true" if month.region is None else f"region = {month.region}"
    where = f"month_no = {month.month_no} and {region} and not is_xml and {_CARRIER}"
    carriers = con.execute(f"select count(*) from unit_month where {where}").fetchone()[0]
    return {"unmapped_unit_rows": carriers, "dirty_unit_rows": len(_DIRTY_SEQS) * carriers,
            "stale_unit_rows": carriers if month.month_on == RENAMED_ON else 0}

