-- What is drawn as one control chart: a KPI for one entity and one window, with the settings of its chart. Rolling windows
-- overlap, so run rules mean nothing on them: they have no chart, only targets.
-- Rare events have series of their own (grain event): each point is the encounters (g) or days (t) since the event before,
-- so more is better when events are harmful. auto draws them where fewer than one event is expected per period.
-- Series with equal settings are computed together, so settings have numbers.
with setting as (
    select
        *, dense_rank() over (order by chart, rule_set, screen_mr, laney_floor, unit, direction, scale_factor, is_share, period_grain)::integer as setting
    from (
        select
            k.kpi_id, k.chart as declared_chart, k.rule_set, k.screen_mr, k.laney_floor, k.funnel, k.label as kpi_label,
            m.measure_id, m.measure_version, m.label as measure_label, m.source, m.scale_factor, m.is_share, w.period_grain,
            case when w.period_grain = 'event' then case k.chart when 't' then 'days' else 'encounters' end else m.unit end as unit,
            case
                when w.period_grain <> 'event' then m.direction
                when m.direction = 'decrease' then 'increase' when m.direction = 'increase' then 'decrease' else m.direction
            end as direction,
            case
                when w.period_grain = 'event' then case k.chart when 't' then 't' else 'g' end
                when k.chart = 'auto' and not m.is_share and m.unit <> 'per_1000' then 'i'
                when k.chart in ('g', 't') then 'none' else k.chart
            end as chart
        from {{ source('definition', 'kpi') }} as k
        inner join {{ source('definition', 'measure') }} as m using (measure_id)
        inner join (
            select kpi_id, period_grain from {{ source('definition', 'kpi_window') }}
            union all
            select kpi_id, 'event' from {{ source('definition', 'kpi') }} where chart in ('g', 't') or (chart = 'auto' and rule_set <> 'nhs')
        ) as w using (kpi_id)
        where w.period_grain <> 'event' or m.source = 'cases'
    )
),

drawn as (
    select distinct kpi_id, period_grain, level, facility_id, unit_id, service_line
    from {{ ref('kpi_value') }}
    where segment_type = 'all' and reason is distinct from 'UNASSIGNED_UNIT'
),

entity as (
    select * from drawn
    union all by name
    select kpi_id, 'event' as period_grain, level, facility_id, unit_id, service_line from drawn where period_grain = 'month'
)

select
    (row_number() over (order by s.setting, s.kpi_id, e.level, e.facility_id, e.unit_id, e.service_line))::integer as series_number,
    s.*,
    e.level, e.facility_id, e.unit_id, e.service_line,
    case e.level
        when 'enterprise' then 'all' when 'facility' then e.facility_id
        when 'service_line' then e.facility_id || '/' || e.service_line else e.facility_id || '/' || e.unit_id
    end as entity_code,
    s.chart <> 'none' and s.period_grain <> 'rolling_12_months' as is_charted
from entity as e
inner join setting as s on s.kpi_id = e.kpi_id and s.period_grain = e.period_grain
