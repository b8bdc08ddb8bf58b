"""Encounters, the denominators of rates.

Belongs here: counts and visits of every feed, which feed counts, what is whole. Does not belong here: cases.
"""

from __future__ import annotations

import csv
import re
from datetime import datetime

from bench.plain.pieces import ZONE, csv_relation, first_day_of, in_, listed, local, month_of, order, utc
from bench.plain.script import Script
from bench.plain.units import at_place, place, stretch

# Which feed counts where several speak of a facility, class and month: the highest.
PRIORITY = {"encounter_counts": 3, "encounter_counts_daily": 2, "fhir_encounters": 1, "synthea_encounters": 1}
FHIR = ("{id: 'VARCHAR', status: 'VARCHAR', class: 'STRUCT(code VARCHAR)', period: 'STRUCT(\"start\" VARCHAR, \"end\" VARCHAR)', "
        "partOf: 'STRUCT(reference VARCHAR)', location: 'STRUCT(location STRUCT(display VARCHAR))[]', "
        "serviceProvider: 'STRUCT(display VARCHAR)'}")
FHIR_TIMES = "['%Y-%m-%dT%H:%M:%S%z', '%Y-%m-%dT%H:%M:%S.%f%z']"


def encounters(script: Script) -> None:
    """Table encounter: what a feed says of a unit, class and month; `n` is null where another feed counts, or nothing does.

    Table encounter_month: per unit and month the sum of every denominator.
    """
    script.run(f"""
        create temp table class as
        select feed, lower(source_code) as class_code, encounter_class
        from encounter_class_map join (select unnest({list(PRIORITY)}) as feed) on source_system = '*' or feed like source_system || '%'
        qualify row_number() over (partition by feed, lower(source_code) order by source_system = '*') = 1""")
    script.run(f"""
        create temp table record as
        with cell as (
            select 'encounter_counts' as feed, facility_code, unit_code, class_code, start_on, n, is_partial, file_number
            from {_workbook(script)}
            union all
            select 'encounter_counts_daily', Facility, Department, Class, Date, Count, false, file_index
            from {script.csv("encounter_counts_daily", {"Date": "DATE", "Count": "INTEGER"})}
            where Facility is not null and Class is not null and Date is not null and Count >= 0
        ),
        visit as (
            select 'fhir_encounters' as feed, id, serviceProvider.display as facility_code,
                location[-1].location.display as unit_code, class.code as class_code, status, partOf is not null as is_part,
                try_strptime(period.start, {FHIR_TIMES}) as start_at, try_strptime(period.end, {FHIR_TIMES}) as end_at,
                file_index as file_number
            from read_ndjson({listed(script.files["fhir_encounters"])}, columns = {FHIR}, ignore_errors = true)
            where status is not null
            union all
            select 'synthea_encounters', Id, ORGANIZATION, null, ENCOUNTERCLASS, 'finished', false, {utc("START")}, {utc("STOP")},
                file_index
            from {script.csv("synthea_encounters")}
        )
        select feed, facility_code, unit_code, class_code, start_on, null as start_at, null as end_at, unnest(newest), file_number
        from (
            select feed, facility_code, unit_code, class_code, start_on, max(file_number) as file_number,
                arg_max({{n: n, is_partial: is_partial}}, file_number) as newest
            from cell group by all
        )
        union all
        select feed, facility_code, unit_code, class_code, null, start_at, end_at,
            case when status in ('finished', 'completed', 'discharged') and not is_part and coalesce(end_at >= start_at, true)
                then 1 end, false, file_number
        from visit where id is not null and class_code is not null and start_at is not null
        qualify row_number() over (partition by feed, id order by file_number desc) = 1""")
    days = ", ".join(f"('{feed}', {number}, date '{order(path)[0]}')"
                     for feed in PRIORITY for number, path in enumerate(script.files[feed]))
    script.run(f"""
        create temp table dated_record as
        select r.feed, coalesce(facility_code, '') as facility_code, coalesce(unit_code, '') as unit_code, delivered_on, n, is_partial,
            coalesce(encounter_class, 'unassigned') as encounter_class,
            case when encounter_class in ('inpatient', 'observation', 'post_acute') then end_at else start_at end as counted_at,
            coalesce(start_on, (counted_at at time zone '{ZONE}')::date) as counted_on, {stretch(script, "counted_on")} as stretch_on
        from record as r
        join (values {days}) as f (feed, file_number, delivered_on) using (feed, file_number)
        left join class as c on c.feed = r.feed and c.class_code = lower(trim(r.class_code))
        where counted_on is not null""")
    place(script, "dated_record")
    priority = "case feed " + " ".join(f"when '{feed}' then {rank}" for feed, rank in PRIORITY.items()) + " end"
    script.run(f"""
        create temp table encounter as
        select *, bool_or(is_unknown_here) over (partition by facility_id, encounter_class, month) as is_unknown,
            case when feed = arg_max(feed, {priority}) filter (n_told is not null) over (partition by place, encounter_class, month)
                then n_told end as n
        from (
            select feed, facility_id, unit_id, encounter_class, {month_of(local("counted_at", "counted_on"))} as month,
                case when facility_id = 'unassigned' then feed || '/' || facility_code else facility_id end as place,
                sum(n) filter (encounter_class <> 'exclude') as n_told, bool_or(n is null and counted_at is null) as is_unknown_here,
                bool_or(is_partial) as is_partial, max(delivered_on) filter (n is not null) as counts_delivered_on,
                max(delivered_on) as delivered_on
            from {at_place("dated_record")} group by all
        )""")
    sums = ", ".join(
        "sum(n) filter (encounter_class in (select encounter_class from measure_encounter_class "
        f"where measure_id = '{measure}')) as encounters__{measure}" for measure in sorted(set(script.denominators.values())))
    script.run(f"""
        create temp table encounter_month as
        select facility_id, unit_id, month, {sums}, count(*) as n_records from encounter where n is not null group by all""")


def _workbook(script: Script) -> str:
    """The workbooks as one file of cells; returns the relation. A dash or n/a is a count that nobody knows."""
    from python_calamine import load_workbook

    with (path := script.folder / "workbook.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        for number, file in enumerate(script.files["encounter_counts"]):
            lines = iter(load_workbook(str(file)).get_sheet_by_index(0).to_python())
            header = next(line for line in lines if "Hospital" in line)
            site, unit, word = (header.index(name) for name in ("Hospital", "Unit", "Patient class"))
            months = [(column, datetime.strptime(found[1], "%b-%y").date(), bool(found[2])) for column, name in enumerate(header)
                      if (found := re.fullmatch(r"(\w{3}-\d\d)( \(partial\))?", str(name)))]
            hospital = ""
            for line in lines:
                hospital = line[site] or hospital
                if line[word] and not re.search(r"(?i)\btotal\b", f"{hospital} {line[unit]}"):
                    writer.writerows([number, hospital, line[unit], line[word], month, str(line[column]).replace(",", ""), is_partial]
                                     for column, month, is_partial in months if line[column] != "")
    types = {"file_number": "SMALLINT", "facility_code": "VARCHAR", "unit_code": "VARCHAR", "class_code": "VARCHAR",
             "start_on": "DATE", "text": "VARCHAR", "is_partial": "BOOLEAN"}
    return (f"(select *, try_cast(text as double)::integer as n from {csv_relation([path], types, types, has_header=False)} "
            "where lower(text) in ('-', 'n/a') or try_cast(text as double) >= 0)")


def whole_months(script: Script) -> None:
    """Table whole_rate: months in which a facility, or the enterprise (null), lacks nothing of a denominator.

    Expected is every class of a facility from its first month to the newest delivery. A month of the workbook is whole when the
    newest file that holds it came after its end and says no dash; one of other feeds when any file of the facility came after it.
    """
    script.run(f"""
        create temp table whole_rate as
        with own as (
            select facility_id, encounter_class, month, max(counts_delivered_on) as delivered_on,
                bool_or(is_partial or is_unknown) as is_lacking, bool_or(feed = 'encounter_counts') as is_monthly
            from encounter where n is not null group by all
        ),
        reach as (
            select facility_id, encounter_class, month, max(delivered_on) as delivered_on
            from (
                select distinct facility_id, encounter_class, feed from encounter
                where n is not null and feed <> 'encounter_counts'
            )
            join (
                select facility_id, feed, month, max(max(delivered_on)) over (partition by facility_id, feed) as delivered_on
                from encounter where feed <> 'encounter_counts' group by facility_id, feed, month
            ) using (facility_id, feed)
            group by all
        ),
        expected as (
            select facility_id, encounter_class, m.month
            from (
                select facility_id, encounter_class, min(month) as start from own where facility_id <> 'unassigned' group by all
            )
            join (select distinct month from own) as m on m.month >= start
            union all
            select facility_id, encounter_class, month from own where facility_id = 'unassigned'
        ),
        judged as (
            select facility_id, encounter_class, month, not coalesce(o.is_lacking, false) and coalesce(last_day({first_day_of("month")})
                < case when o.is_monthly then o.delivered_on else r.delivered_on end, false) as is_complete
            from expected
            left join own as o using (facility_id, encounter_class, month)
            left join reach as r using (facility_id, encounter_class, month)
            where month <= (select {month_of("max(delivered_on)")} from encounter)
        )
        select measure_id as kind, facility_id, month from judged join measure_encounter_class using (encounter_class)
        where measure_id in {in_(script.denominators.values())}
        group by grouping sets ((measure_id, facility_id, month), (measure_id, month)) having bool_and(is_complete)""")
