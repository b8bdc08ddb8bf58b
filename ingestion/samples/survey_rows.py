"""Who was sampled, and everything about a survey but its answers and its layout, as SQL.

Belongs here: dispositions, dates, patient facts, whether a survey is final when its file is made.
Does not belong here: answers (answers.py), file columns (surveys.py, survey_xml.py).
"""

from __future__ import annotations

from ingestion.samples import answers
from ingestion.samples.draws import salt_of, with_draws

DAY_SENT = 12  # survey files are made on this day of the following month
N_RESERVED = 8  # first surveys of a unit and month: never late, without comment, carriers of planted cases
CORRECTED_ONE_IN = 10
_MOST_PER_UNIT_MONTH = 4_096
_CORRECTION_OFFSET = 1_500_000_000  # gives a corrected survey another key, hence other answers

# Final disposition and its share in per mille; the rest is 8, maximum attempts. About a quarter complete the survey.
_DISPOSITIONS = (("1", 245), ("6", 15), ("2", 5), ("3", 12), ("4", 8), ("5", 7), ("7", 70), ("9", 50), ("10", 30), ("M", 1))
_THIN_ONE_IN = 400  # completed according to the vendor, but with four answers


def rows_sql(where: str, seed: int, is_correction: bool = False) -> str:
    """SQL: one row per sampled survey of the unit-months chosen by `where`.

    Columns: those of unit_month, seq, survey_no, draws a0..a5 and q*, discharge_on, lag, final_on, is_late,
    disposition, has_answers, stop_after, sex, age, reason, admission_source, discharge_status, s_* screeners.
    """
    asked = f"""(select *, unit_month_no::ubigint * {_MOST_PER_UNIT_MONTH} + seq as survey_no from (
        select *, unnest(range(1, n_sampled + 1))::ubigint as seq from unit_month where {where}))"""
    key = f"survey_no + case when seq % {CORRECTED_ONE_IN} = 0 then {_CORRECTION_OFFSET} else 0 end" if is_correction else "survey_no"
    drawn = with_draws(with_draws(asked, "survey_no", salt_of(seed, "survey"), "a", 6), key, salt_of(seed, "answers"), "q", answers.N_DRAWS)
    facts = f"""(select *, month_on + (a2 % day(last_day(month_on)))::integer as discharge_on, ({_lag()})::integer as lag,
        {_disposition()} as disposition, {_reason()} as reason from {drawn})"""
    return f"""(select *, discharge_on + lag as final_on, disposition in ('1', '6') as has_answers,
        discharge_on + lag >= (month_on + interval 1 month)::date + {DAY_SENT - 1} as is_late,
        case when disposition = '6' then 3 + (a3 % 14) when (a3 >> 3) % {_THIN_ONE_IN} = 7 then 4 else 99 end::integer as stop_after,
        {_person()}, {answers.screeners_sql('q')} from {facts})"""


def _lag() -> str:
    """Days from discharge to the end of the attempt: 3-21, for a quarter of the patients up to 40."""
    return f"case when seq <= {N_RESERVED} then 5 else 3 + a1 % 19 + case when (a1 >> 8) % 4 = 0 then (a1 >> 12) % 20 else 0 end end"


def _disposition() -> str:
    total, whens = 0, []
    for code, share in _DISPOSITIONS:
        total += share
        whens.append(f"when (a0 >> 8) % 1000 < {total} then '{code}'")
    return f"case {' '.join(whens)} else '8' end"


def _reason() -> str:
    """Principal reason of admission: 1 maternity, 2 medical, 3 surgical."""
    return "case service_line when 'maternity' then '1' when 'surgery' then '3' else '2' end"


def _person() -> str:
    """Sex, age band (0-15), point of origin, discharge status; M for missing now and then."""
    sex = "case when a5 % 97 = 0 then 'M' when reason = '1' or (a5 >> 7) % 100 < 54 then '2' else '1' end"
    age = ("case when (a5 >> 3) % 83 = 0 then 'M' when reason = '1' then (1 + (a5 >> 9) % 5)::varchar "
           "else greatest(1, least(15, 4 + (a5 >> 9) % 7 + (a5 >> 15) % 6))::varchar end")
    source = "case when (a5 >> 5) % 10 < 7 then '1' when (a5 >> 5) % 10 < 9 then '2' else '4' end"
    status = ("case disposition when '2' then '20' when '3' then case when a2 % 2 = 0 then '03' else '50' end "
              "else case when (a2 >> 7) % 10 < 8 then '01' when (a2 >> 7) % 10 < 9 then '06' else '62' end end")
    return f"{sex} as sex, {age} as age, {source} as admission_source, {status} as discharge_status"
