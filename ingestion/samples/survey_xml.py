"""HCAHPS submission files: XML, one per hospital and month of discharge, written as a stream.

Belongs here: the elements of the file and the facilities that send it.
Does not belong here: who was sampled (survey_rows.py), answers (answers.py).

Names and nesting are a compatible subset of the 4.x file (29 items). The 2025 file was not available: the
elements of the 32-item form are our item codes with hyphens, and are to be replaced when it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.samples.answers import FORM_29, FORM_32, Marks, answer_sql
from ingestion.samples.delivery import Inbox
from ingestion.samples.scale import INSTRUMENT_CHANGE, Scale, delivered
from ingestion.samples.survey_rows import rows_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FEED = "hcahps_xml"
_DAY_SENT, _DAY_SENT_AGAIN = 14, 27
_RESUBMITTED, _REPEATED = 1, 2  # running numbers of the months of the first facility
_NAMESPACE = ' xmlns="https://hcahps.example.org/ns/4.2"'
_LEFT_OUT_PCT = 3  # of the patients, missing from the resubmitted file
_BATCH = 5_000

# facility_no % 3 -> survey mode, and the attempts by telephone and by mail; 8 is "not applicable"
_MODE = "case facility_no % 3 when 0 then '2' when 1 then '1' else '3' end"
_ADMINISTRATION = {
    "patient-id": "'H' || lpad(survey_no::varchar, 11, '0')",
    "admission-source": "admission_source",
    "principal-reason-admission": "reason",
    "discharge-status": "discharge_status",
    "survey-status": "disposition",
    "survey-completion-mode": f"case when {_MODE} = '3' then (1 + a3 % 2)::varchar end",
    "number-survey-attempts-telephone": f"case when {_MODE} = '1' then '8' else (1 + a3 % 5)::varchar end",
    "number-survey-attempts-mail": f"case when {_MODE} = '2' then '8' else (1 + (a3 >> 4) % 2)::varchar end",
    "language": "case when a5 % 100 < 91 then '1' when a5 % 100 < 98 then '2' when a5 % 100 < 99 then '3' else 'M' end",
    "lag-time": "case when has_answers then lag::varchar else '888' end",
    "supplemental-question-count": "'0'",
    "gender": "sex",
    "patient-age": "age",
}


@dataclass(frozen=True)
class Submission:
    """One file: a facility's month; `is_again` marks the corrected version."""

    facility_no: int
    name: str
    ccn: str
    month_no: int
    month_on: date
    is_again: bool = False

    @property
    def sent(self) -> date:
        return delivered(self.month_on, _DAY_SENT_AGAIN if self.is_again else _DAY_SENT)

    @property
    def path(self) -> str:
        return f"hcahps_{self.ccn}_{self.month_on:%Y%m}_{self.sent:%Y%m%d}{'_v2' if self.is_again else ''}.xml"

    @property
    def form(self) -> tuple[tuple[str, ...], ...]:
        return FORM_32 if self.month_on >= INSTRUMENT_CHANGE else FORM_29


def write(inbox: Inbox, con: DuckDBPyConnection, scale: Scale, seed: int) -> None:
    """One file per facility and month; the first facility submits one month again and repeats a patient in another."""
    months = scale.months[: scale.n_xml_months]
    _keep_rows(con, scale, months, seed)
    for facility_no in scale.xml_facilities:
        name, ccn = con.execute("select any_value(facility_name), any_value(ccn) from unit where facility_no = ?", [facility_no]).fetchone()
        is_first = facility_no == scale.xml_facilities[0]
        for number, month_on in enumerate(months):
            one = Submission(facility_no, name, ccn, number, month_on)
            n_repeated = int(is_first and number == _REPEATED)
            inbox.add(FEED, one.path, one.sent, lambda part, s=one, n=n_repeated: _write_file(con, s, part, n),
                      {"duplicate_key": n_repeated})
            if is_first and number == _RESUBMITTED:
                again = replace(one, is_again=True)
                inbox.add(FEED, again.path, again.sent, lambda part, s=again: _write_file(con, s, part), {"correction": 1}, one.path)


def _keep_rows(con: DuckDBPyConnection, scale: Scale, months: list[date], seed: int) -> None:
    """Tables xml_row_29 and xml_row_32, a column per element; the resubmitted month twice."""
    facilities = f"facility_no in ({', '.join(map(str, scale.xml_facilities))}) and n_sampled > 0"
    again = f"facility_no = {scale.xml_facilities[0]} and month_no = {_RESUBMITTED} and n_sampled > 0"
    for form, is_new in ((FORM_29, False), (FORM_32, True)):
        answers = [answer_sql(code, number, "q", Marks()) for number, codes in enumerate(form, start=1) for code in codes]
        names = [code for codes in form for code in codes]
        columns = ", ".join(f'{sql} as "{name}"' for name, sql in [*_ADMINISTRATION.items(), *zip(names, answers, strict=True)])
        of_form = f"is_form_32 = {is_new} and month_no < {len(months)}"
        con.execute(f"""
            create or replace temp table {_table(form)} as
            select facility_no, month_no, false as is_again, has_answers, {columns} from {rows_sql(f"{of_form} and {facilities}", seed)}
            union all
            select facility_no, month_no, true, has_answers, {columns} from {rows_sql(f"{of_form} and {again}", seed, is_correction=True)}
            where survey_no % 100 >= {_LEFT_OUT_PCT}""")


def _table(form: tuple) -> str:
    return "xml_row_32" if form is FORM_32 else "xml_row_29"


def _write_file(con: DuckDBPyConnection, one: Submission, part: Path, n_repeated: int = 0) -> int:
    """Header, then one element per patient; the first `n_repeated` patients stand in the file twice."""
    questions = [code.replace("_", "-") for codes in one.form for code in codes]
    chosen = f"from {_table(one.form)} where facility_no = {one.facility_no} and month_no = {one.month_no} and is_again = {one.is_again}"
    n_sampled = con.execute(f"select count(*) {chosen}").fetchone()[0]
    place = _elements({"provider-id": one.ccn, "discharge-yr": f"{one.month_on:%Y}", "discharge-month": f"{one.month_on:%m}"}.items())
    rows = f'select * exclude (facility_no, month_no, is_again) {chosen} order by "patient-id"'
    with part.open("w", encoding="utf-8", newline="\n") as out:
        out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<monthlydata{_NAMESPACE if one.is_again else ""}>\n')
        out.write(_header(con, one, place, n_sampled))
        for number, record in enumerate(_records(con, rows)):
            out.write(_patient(record, place, questions) * (2 if number < n_repeated else 1))
        out.write("</monthlydata>\n")
    return n_sampled + n_repeated


def _header(con: DuckDBPyConnection, one: Submission, place: str, n_sampled: int) -> str:
    mode, n_discharges = con.execute(
        f"select any_value({_MODE}), sum(n_encounters) from unit_month where encounter = 'inpatient' and facility_no = ? and month_no = ?",
        [one.facility_no, one.month_no]).fetchone()
    facts = {"survey-mode": mode, "determination-of-service-line": "1", "number-eligible-discharge": n_discharges,
             "sample-size": n_sampled, "sample-type": "1"}
    return f"<header><provider-name>{one.name}</provider-name>{place}{_elements(facts.items())}</header>\n"


def _patient(record: tuple, place: str, questions: list[str]) -> str:
    has_answers, *values = record
    facts, answers = values[: len(_ADMINISTRATION)], values[len(_ADMINISTRATION):]
    told = _elements(zip(_ADMINISTRATION, facts, strict=True))
    response = f"<patientresponse>{_elements(zip(questions, answers, strict=True))}</patientresponse>" if has_answers else ""
    return f"<patientleveldata><administration>{place}{told}</administration>{response}</patientleveldata>\n"


def _elements(pairs: Iterable[tuple[str, str | int | None]]) -> str:
    """XML of the pairs that have a value; values are codes and need no escaping."""
    return "".join(f"<{name}>{value}</{name}>" for name, value in pairs if value is not None)


def _records(con: DuckDBPyConnection, rows: str) -> Iterator[tuple]:
    result = con.execute(rows)
    while batch := result.fetchmany(_BATCH):
        yield from batch
