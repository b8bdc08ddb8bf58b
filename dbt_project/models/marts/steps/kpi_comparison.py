"""Funnels of all KPIs at once: units compared with each other in a period, by methods.funnel_chart.

Belongs here: who is compared with whom. Does not belong here: formulas (methods/), names (kpi_funnel.sql).

Compared are the publishable values of one KPI in one period: all facilities, all units, and the parts of one service line over the
facilities. Only the last twelve months: a funnel tells who stands out now, a control chart what happened before.
"""

COMPARED = """
    with newest as (
        select max(period_end_on) as period_end_on from kpi_value where is_publishable
    )

    select
        s.series_number, v.period_start_on, v.period_end_on,
        case when s.level = 'service_line' then s.service_line end as compared_service_line,
        s.kpi_id, s.period_grain, s.level, s.is_share, s.funnel, s.scale_factor,
        case when v.denominator = v.n then v.numerator else v.value / s.scale_factor * v.n end as numerator,
        v.n::double as denominator
    from kpi_value as v
    inner join series as s
        on s.kpi_id = v.kpi_id and s.period_grain = v.period_grain and s.level = v.level
        and s.facility_id is not distinct from v.facility_id and s.unit_id is not distinct from v.unit_id
        and s.service_line is not distinct from v.service_line
    cross join newest
    where v.is_publishable and v.segment_type = 'all' and s.level <> 'enterprise' and s.funnel <> 'none'
        and (s.is_share or s.unit = 'per_1000')
        and v.period_end_on > newest.period_end_on - interval 12 months
    qualify count(*) over (partition by s.kpi_id, s.period_grain, v.period_start_on, s.level, compared_service_line) > 1
"""
GROUP = ("kpi_id", "period_grain", "period_start_on", "level", "compared_service_line")
KEPT = ("series_number", "period_start_on", "rate", "expected", "centre", "lcl998", "lcl95", "ucl95", "ucl998", "exact_lcl998", "exact_lcl95",
        "exact_ucl95", "exact_ucl998", "adjusted_lcl998", "adjusted_lcl95", "adjusted_ucl95", "adjusted_ucl998",
        "z", "z_winsorised", "z_adjusted", "phi", "tau2", "n_units", "band", "flag")


def model(dbt, session):
    dbt.config(materialized="table")
    import pyarrow as pa

    import methods

    series, kpi_value = dbt.ref("kpi_series"), dbt.ref("kpi_value")     # noqa: F841 (DuckDB reads them by name)
    compared = session.sql(COMPARED).to_arrow_table()       # noqa: F841 (once: each setting takes its rows from here)
    wanted = session.sql("select distinct is_share, funnel, scale_factor from compared order by all").fetchall() or [(False, "exact", 1.0)]
    tables = []
    for is_share, funnel, scale in wanted:
        mine = session.sql(f"from compared where is_share = {is_share} and funnel = '{funnel}' and scale_factor = {scale!r}").to_arrow_table()
        found = methods.funnel_chart(mine, unit="series_number", group=GROUP, kind="proportion" if is_share else "rate",
                                     adjust=funnel == "adjusted", scale=scale)
        tables.append(found.select(KEPT))
    return pa.concat_tables(tables)
