"""Codes of vendors to units of ours.

Belongs here: the dated mapping, looking codes up in it. Does not belong here: counting.
"""

from __future__ import annotations

from bench.plain.script import Script

FOREVER = "date '9999-12-31'"


def mapping(script: Script) -> None:
    """Table mapping, table unit: the newest file that names a system speaks for it, a later start ends an earlier row."""
    script.run(f"""
        create temp table mapping as
        select * replace (least(ends_on, lead(starts_on, 1, {FOREVER} + 1) over code - 1) as ends_on)
        from (
            select SourceSystem as feed, upper(trim(FacilityCode)) as facility_code, upper(trim(coalesce(UnitCode, ''))) as unit_code,
                FacilityId as facility_id, coalesce(UnitId, 'unassigned') as unit_id, ServiceLine as line, TimeZone as zone,
                coalesce(ValidFrom, date '1900-01-01') as starts_on, coalesce(ValidTo, {FOREVER}) as ends_on
            from (select *, file_index as version from {script.csv('org_units', {'ValidFrom': 'DATE', 'ValidTo': 'DATE'})})
            qualify version = max(version) over (partition by SourceSystem)
        )
        window code as (partition by feed, facility_code, unit_code order by starts_on)""")
    script.run("""
        create temp table unit as select facility_id, unit_id, line from mapping where unit_id <> 'unassigned'
        qualify row_number() over (partition by facility_id, unit_id order by starts_on desc) = 1""")


def stretch(script: Script, day: str) -> str:
    """SQL: first day of the time around `day`, at most a month, in which every code keeps its meaning."""
    days = script.rows(f"select distinct unnest([starts_on, ends_on + 1]) as d from mapping where ends_on < {FOREVER}")
    changes = sorted((day for (day,) in days if day.day > 1), reverse=True)  # inside a month
    month = f"({day} - (day({day}) - 1)::integer)"
    whens = " ".join(f"when {day} >= date '{change}' then date '{change}'" for change in changes)
    return f"greatest({month}, case {whens} else {month} end)" if whens else month


def place(script: Script, table: str) -> None:
    """Table <table>_place: what its codes mean. Unit before facility, the feed's own code before anybody's, else unassigned."""
    script.run(f"""
        create temp table {table}_place as
        select c.*, coalesce(m.facility_id, 'unassigned') as facility_id, coalesce(m.unit_id, 'unassigned') as unit_id, m.zone
        from (select distinct feed, facility_code, unit_code, stretch_on from {table}) as c
        left join mapping as m
            on m.facility_code = upper(trim(c.facility_code)) and m.unit_code in (upper(trim(c.unit_code)), '')
            and m.feed in (c.feed, '*') and c.stretch_on between m.starts_on and m.ends_on
        qualify row_number() over (
            partition by c.feed, c.facility_code, c.unit_code, c.stretch_on order by m.unit_code = '', m.feed = '*') = 1""")


def at_place(table: str) -> str:
    """SQL: `table` joined to what its codes mean."""
    return f"{table} join {table}_place using (feed, facility_code, unit_code, stretch_on)"
