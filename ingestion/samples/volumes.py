"""How much happens in each unit and month: discharges, visits, sampled surveys, complaints, and quality shifts.

Belongs here: the table `unit_month` that every other part of the sample reads.
Does not belong here: single surveys, cases or encounters.

All of it is one small table (60,000 rows at national scale). The planted story: unit F1/4W gets worse in the
last six months (lower nurse and responsiveness answers, 1.8 times the complaints), and winters are busier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.samples.draws import salt_of, unit_interval, with_draws
from ingestion.samples.organisation import RENAMED_SURVEY_CODE, Facility
from ingestion.samples.scale import INSTRUMENT_CHANGE, RENAMED_ON, Scale

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EFFECTS = ("nurse", "doctor", "place", "medicine", "leaving")  # groups of items that move together
# Complaints and grievances per 1,000 encounters of a class, before unit and season effects.
_COMPLAINTS_PER_1000 = {"inpatient": 8.0, "emergency": 3.4, "clinic": 0.7}
_LAST_BAD_MONTHS = 6
_MOST_CASES = 80  # of one unit in one month; the Poisson distribution is cut there


def build(con: DuckDBPyConnection, scale: Scale, places: list[Facility], seed: int) -> None:
    """Create table `unit_month`, ordered by month, facility and unit."""
    _write_units(con, places, seed)
    months = scale.months
    con.execute("create or replace temp table month as select unnest(?::date[]) as month_on", [months])
    con.execute("alter table month add column month_no integer")
    con.execute("update month set month_no = datediff('month', ?::date, month_on)", [months[0]])
    weight = sum(place.size * kind.weight for place in places for kind in place.units if kind.encounter == "inpatient")
    mean = 1.03 * scale.n_surveys / weight / len(months)  # 3 % above the aim: chance, and late surveys of the last month
    base = f"(select *, month_no * {len(places) * 8} + unit_no as unit_month_no from month, unit)"
    drawn = with_draws(base, "unit_month_no", salt_of(seed, "volumes"), "d", 5)
    noise = f"(0.92 + 0.16 * {unit_interval('d0')})"
    sampled = f"greatest(8, round({mean} * size * weight * season * {noise}))"
    share = f"({scale.sampled_share} - 0.02 * {unit_interval('d1')})"
    office = f"{scale.office_mean} * size * (0.9 + 0.2 * {unit_interval('d1')})"
    con.execute(f"""
        create or replace temp table volume as
        select * exclude (d0, d1, d2, d3, d4),
            case when encounter = 'inpatient' then {sampled} else 0 end::integer as n_sampled,
            case encounter
                when 'inpatient' then ceil({sampled} / {share})
                when 'emergency' then round({scale.emergency_mean} * size * season * {noise})
                else round({scale.outpatient_mean} * size * {noise}) end::integer as n_encounters,
            case when encounter = 'clinic' then round({office}) else 0 end::integer as n_office,
            case when unit_id = '4W' then 4 + d3 % 9 else 0 end::integer as n_observation,
            {unit_interval('d2')} as u_cases, d4
        from (select *, 1 + 0.06 * cos(2 * pi() * (month(month_on) - 1) / 12) as season from {drawn})
        order by unit_month_no""")
    _drop_to_fhir(con, scale)
    _add_cases_and_shifts(con, scale)


def _write_units(con: DuckDBPyConnection, places: list[Facility], seed: int) -> None:
    """Table `unit`: one row per unit with its facility's facts and five fixed quality effects."""
    import random

    chance = random.Random(f"{seed}:units")
    rows = []
    for place in places:
        for kind in place.units:
            effects = [place.quality + round(chance.uniform(-2800, 2800)) for _ in EFFECTS]
            rows.append([
                place.number, place.facility_id, place.name, place.ccn, place.zone, place.size, place.region, len(rows) + 1, kind.unit_id,
                kind.encounter, kind.service_line, kind.weight, kind.survey_code, kind.department, kind.workbook_name, kind.daily_code,
                0.6 + 0.9 * chance.random(), *effects,
            ])
    names = ("facility_no integer, facility_id varchar, facility_name varchar, ccn varchar, zone varchar, size double, region integer, "
             "unit_no integer, unit_id varchar, encounter varchar, service_line varchar, weight double, survey_code varchar, "
             "department varchar, workbook_name varchar, daily_code varchar, complaint_factor double, "
             + ", ".join(f"unit_{effect} integer" for effect in EFFECTS))
    con.execute(f"create or replace temp table unit ({names})")
    columns = list(zip(*rows, strict=True))
    unnested = ", ".join("unnest(?)" for _ in columns)
    con.execute(f"insert into unit select {unnested}", [list(column) for column in columns])


def _drop_to_fhir(con: DuckDBPyConnection, scale: Scale) -> None:
    """The clinic of facility 2 sends single encounters (FHIR), far fewer, and no daily counts."""
    con.execute("update volume set n_encounters = 0, n_office = 0 where encounter = 'clinic' and facility_no = 2")
    con.execute("alter table volume add column n_fhir integer default 0")
    con.execute(f"update volume set n_fhir = {scale.fhir_mean} + (d4 % 9)::integer where encounter = 'clinic' and facility_no = 2")


def _add_cases_and_shifts(con: DuckDBPyConnection, scale: Scale) -> None:
    """Poisson numbers of cases by inverting the distribution; answer shifts by unit, season and the planted story."""
    per_1000 = " ".join(f"when '{kind}' then {rate}" for kind, rate in _COMPLAINTS_PER_1000.items())
    bad = f"(unit_no = 1 and month_no >= {len(scale.months) - _LAST_BAD_MONTHS})"
    cases = f"""(select unit_month_no, count(*) filter (u_cases > below) as n_cases from (
            select *, sum(exp(-rate + k * ln(rate) - lgamma(k + 1))) over (partition by unit_month_no order by k) as below from (
                select unit_month_no, u_cases, k, complaint_factor * season * case when {bad} then 1.8 else 1 end
                    * case encounter {per_1000} end / 1000 * greatest(50, n_encounters + n_office + n_fhir) as rate
                from volume, range({_MOST_CASES}) as r(k)))
        group by unit_month_no)"""
    shifts = ", ".join(
        f"unit_{effect} + (700 * (1.06 - season) / 0.06 - 700)::integer"
        + (f" - case when {bad} then 6000 else 0 end" if effect in ("nurse", "place") else "") + f" as shift_{effect}"
        for effect in EFFECTS
    )
    con.execute(f"""
        create or replace temp table unit_month as
        select v.* exclude (u_cases, d4), n_cases::integer as n_cases, {shifts},
            month_on >= date '{INSTRUMENT_CHANGE}' as is_form_32, {_is_xml(scale)} as is_xml,
            case when unit_id = '4W' and month_on >= date '{RENAMED_ON}' then '{RENAMED_SURVEY_CODE}' else survey_code end
                as survey_code_now
        from volume as v join {cases} as c using (unit_month_no) order by unit_month_no""")


def _is_xml(scale: Scale) -> str:
    """SQL: the facility sends its surveys of this month as HCAHPS XML, so the survey vendor has none."""
    listed = ", ".join(str(number) for number in scale.xml_facilities)
    until = "" if scale.n_xml_months is None else f" and month_no < {scale.n_xml_months}"
    return f"(facility_no in ({listed}){until})"
