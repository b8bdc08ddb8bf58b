"""From what is known of units in months to what is known of every entity in every window.

Belongs here: levels, quarters, rolling years, and for what a window is whole. Does not belong here: KPIs.
"""

from __future__ import annotations

from bench.plain.pieces import first_day_of
from bench.plain.script import Script

PARTS = ("survey_month", "answer_month", "case_month", "encounter_month", "metric_month")  # what the steps before left


def entity_months(script: Script) -> list[str]:
    """Table entity_month: every sum of every unit, service line, facility and the enterprise, by month; returns the names of the sums."""
    named = {name for part in PARTS for name, *_ in script.rows(f"describe {part}")} - {"facility_id", "unit_id", "month"}
    sums = sorted(named)
    script.run(f"""
        create temp table entity_month as
        select case when grouping(facility_id) = 1 then 'enterprise' when grouping(line) = 0 then 'service_line'
                when grouping(unit_id) = 0 then 'unit' else 'facility' end as level,
            concat_ws('/', facility_id, line, unit_id) as code, facility_id, month,
            {", ".join(f"sum({name})::double as {name}" for name in sums)}
        from (
            select part.*, coalesce(line, 'unassigned') as line
            from ({" union all by name ".join(f"from {part}" for part in PARTS)}) as part left join unit using (facility_id, unit_id)
        )
        group by grouping sets ((month), (month, facility_id), (month, facility_id, line), (month, facility_id, unit_id))
        having 'unassigned' not in (coalesce(facility_id, ''), coalesce(line, ''), coalesce(unit_id, ''))""")
    return sums


def spans(script: Script, sums: list[str]) -> None:
    """Table span: the sums of every entity in months, quarters and rolling years, and for which kinds of KPI (is__...) the span is whole.

    A kind begins in the first month with anything of it. Surveys and metrics are whole in months in which the facility, or the
    enterprise, has any, rates when no encounters are wanting, the handling of cases always.
    """
    rates = sorted(set(script.denominators.values()))
    told = {"survey": "n_sampled", **{measure: f"rows__{measure}" for measure in script.metrics}}
    begins = told | {"handled": "n_cases"} | dict.fromkeys(rates, "n_records")
    any_row = " union all ".join(
        f"select '{kind}', facility_id, month from entity_month where level in ('facility', 'enterprise') and {name} > 0"
        for kind, name in told.items())
    whole = ", ".join(f"bool_or(kind = '{kind}') as is__{kind}" for kind in [*told, *rates])
    script.run(f"""
        create temp table entity_series as
        select e.*, m.month, true as is__handled, w.* exclude (facility_id, month), x.* exclude (level, code, facility_id, month)
        from (
            select level, code, facility_id, min(month) as first_month,
                {", ".join(f"min(month) filter ({name} > 0) as first__{kind}" for kind, name in begins.items())}
            from entity_month group by all
        ) as e
        join (select unnest(range(min(month), max(month) + 1)) as month from entity_month) as m on m.month >= e.first_month
        left join (
            select facility_id, month, {whole} from (select kind, facility_id, month from whole_rate union all {any_row}) group by all
        ) as w on w.facility_id is not distinct from e.facility_id and w.month = m.month
        left join entity_month as x on x.level = e.level and x.code = e.code and x.month = m.month""")

    def summed(grain: str, n_months: int, months: str) -> str:
        flags = [f"count(*) filter (is__{kind}) = {n_months} and any_value(first__{kind}) <= end_month - {n_months - 1} as is__{kind}"
                 for kind in begins]
        return f"""select level, code, '{grain}' as grain, end_month, {n_months}, {", ".join([*flags, *(f"sum({name})" for name in sums)])}
            from {months} group by level, code, end_month"""

    quarter = summed("quarter", 3, "(select *, month // 3 * 3 + 2 as end_month from entity_series)")
    year = summed("rolling_12_months", 12, """
        entity_series join (select level, code, month as end_month from entity_series) as e using (level, code)
        where month between end_month - 11 and end_month and end_month - first_month >= 11""")
    # In a month of its own only a rate may lack something: of surveys and metrics there is then nothing.
    flags = [f"is__{kind}" if kind in rates else f"true as is__{kind}" for kind in begins]
    script.run(f"""
        create temp table span as
        select *, concat_ws(':', grain, {first_day_of("(end_month - n_months + 1)")}, level,
            case level when 'enterprise' then 'all' else code end, 'all') as key
        from (
            select level, code, 'month' as grain, month as end_month, 1 as n_months, {", ".join([*flags, *sums])} from entity_series
            union all
            {quarter}
            union all
            {year}
        )""")
