-- The definitions of all KPIs, as built.
select
    k.kpi_id, k.measure_id, k.label, k.owner, k.minimum_denominator, k.chart, l.levels, w.windows,
    m.unit, m.direction, m.standing
from {{ source('definition', 'kpi') }} as k
inner join {{ source('definition', 'measure') }} as m using (measure_id)
left join (
    select kpi_id, string_agg(level, ', ' order by level) as levels from {{ source('definition', 'kpi_level') }} group by kpi_id
) as l using (kpi_id)
left join (
    select kpi_id, string_agg(period_grain, ', ' order by period_grain) as windows
    from {{ source('definition', 'kpi_window') }} group by kpi_id
) as w using (kpi_id)
