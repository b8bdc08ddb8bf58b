-- Where every series stands now: the icons of its last point, what gave the signal and since when, in words beside the number.
-- The last point is the last closed period. A run of signalled points in one direction is one signal; it began with its first point.
with marked as (
    -- Whether the point goes on with the signal of the point before, and with its part: 1 where a new one begins.
    select
        series_number, point, phase, period_start_on, part_reason, value is not null as has_value, signal <> 'none' as is_signal,
        row_number() over series as nth,
        phase is distinct from lag(phase) over series as is_new_part,
        point_type is distinct from lag(point_type) over series or phase is distinct from lag(phase) over series as is_new
    from {{ ref('kpi_chart') }}
    window series as (partition by series_number order by point)
),

summed as (
    select
        series_number,
        max(point) as last_point,
        count(*) filter (has_value) as n_values,
        count(*) filter (is_signal) as n_signals,
        max(period_start_on) filter (is_new) as since_on,
        max(nth) - max(nth) filter (is_new) + 1 as n_since,
        case when max(phase) > 1 then max(period_start_on) filter (is_new_part) end as part_from_on,
        arg_max(part_reason, point) filter (is_new_part and phase > 1) as last_part_reason
    from marked
    group by series_number
),

verdict as (
    select
        c.*, m.n_values, m.n_signals, m.part_from_on, m.last_part_reason,
        case when c.signal <> 'none' then m.since_on end as signal_since_on,
        case when c.signal <> 'none' then m.n_since end as n_signal_points
    from summed as m
    inner join {{ ref('kpi_chart') }} as c on c.series_number = m.series_number and c.point = m.last_point
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
