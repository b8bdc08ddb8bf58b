-- Where every series stands now: the icons of its last point, what gave the signal and since when, in words beside the number.
-- The last point is the last closed period. A run of signalled points in one direction is one signal; it began with its first point.
with point as (
    select
        c.*, s.direction,
        -- Whether the point goes on with the signal of the point before: 1 where a new one begins.
        case when c.point_type is not distinct from lag(c.point_type) over series and c.phase = lag(c.phase) over series then 0 else 1 end as is_new
    from {{ ref('kpi_chart') }} as c
    inner join {{ ref('kpi_series') }} as s on s.series_number = c.series_number
    window series as (partition by c.series_number order by c.point)
),

numbered as (
    select *, sum(is_new) over (partition by series_number order by point) as episode from point
),

verdict as (
    select
        *,
        count(value) over series as n_values,
        count(*) filter (signal <> 'none') over series as n_signals,
        case when phase > 1 then min(period_start_on) over part end as part_from_on,
        case when phase > 1 then max(part_reason) over part end as last_part_reason,
        case when signal <> 'none' then min(period_start_on) over episode end as signal_since_on,
        case when signal <> 'none' then count(*) over episode end as n_signal_points
    from numbered
    window series as (partition by series_number), part as (partition by series_number, phase), episode as (partition by series_number, episode)
    qualify row_number() over (partition by series_number order by point desc) = 1
)

select
    s.kpi_id || ':' || s.period_grain || ':' || s.level || ':' || s.entity_code as series_key,
    s.kpi_id, s.level, s.facility_id, s.unit_id, s.service_line, s.period_grain,
    v.period_start_on, v.period_end_on, v.value, v.chart, s.rule_set,
    v.centre, v.lcl, v.ucl, v.limits_status, v.n_base, v.part_from_on, v.last_part_reason as part_reason, v.n_values, v.n_signals,
    v.signal, v.label, v.point_type, v.signal_since_on, v.n_signal_points,
    v.runs_signal, v.longest_run, v.longest_run_max, v.n_crossings, v.n_crossings_min,
    v.variation, v.assurance,
    case when v.icon_reason = 'LAST_PERIOD_MISSING' then coalesce(v.reason, v.icon_reason) else v.icon_reason end as icon_reason,
    s.direction, v.target,
    case s.direction when 'decrease' then v.target - v.value when 'increase' then v.value - v.target end as target_distance,
    {{ explanation('v', 's') }} as explanation
from verdict as v
inner join {{ ref('kpi_series') }} as s on s.series_number = v.series_number
