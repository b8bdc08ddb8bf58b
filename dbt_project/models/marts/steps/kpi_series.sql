-- What is drawn as one control chart: a KPI for one entity and one window, with the settings of its chart. Rolling windows
-- overlap, so run rules mean nothing on them: they have no chart, only targets.
-- Series with equal settings are computed together, so settings have numbers.
with setting as (
    select
        k.kpi_id, k.chart as declared_chart, k.rule_set, k.screen_mr, k.laney_floor, k.funnel, k.label as kpi_label,
        m.measure_id, m.measure_version, m.label as measure_label, m.unit, m.direction, m.scale_factor, m.source, m.is_share, w.period_grain,
        case when k.chart = 'auto' and not m.is_share and m.unit <> 'per_1000' then 'i' else k.chart end as chart,
        dense_rank() over (
            order by k.chart, k.rule_set, k.screen_mr, k.laney_floor, m.unit, m.direction, m.scale_factor, m.is_share, w.period_grain
        )::integer as setting
    from {{ source('definition', 'kpi') }} as k
    inner join {{ source('definition', 'measure') }} as m using (measure_id)
    inner join {{ source('definition', 'kpi_window') }} as w using (kpi_id)
),

entity as (
    select distinct kpi_id, period_grain, level, facility_id, unit_id, service_line
    from {{ ref('kpi_value') }}
    where segment_type = 'all' and reason is distinct from 'UNASSIGNED_UNIT'
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
