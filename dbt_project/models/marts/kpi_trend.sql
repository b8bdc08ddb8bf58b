-- Every KPI as a control chart: points, centre, limits, what the limits rest on, and the signal of each point. Computed by
-- methods/ (step kpi_chart); nothing is rounded.
select
    s.kpi_id || ':' || s.period_grain || ':' || case s.period_grain when 'event' then '#' || c.point else c.period_start_on::varchar end || ':' || s.level || ':' || s.entity_code || ':all' as kpi_key,
    s.kpi_id || ':' || s.period_grain || ':' || s.level || ':' || s.entity_code as series_key,
    s.kpi_id, s.measure_version, s.level, s.facility_id, s.unit_id, s.service_line, s.period_grain,
    c.period_start_on, c.period_end_on, c.point, c.numerator, c.denominator, c.value, c.reason, s.direction,
    c.chart, c.chart_note, s.rule_set,
    c.centre, c.lcl, c.lcl95, c.ucl95, c.ucl,
    c.limits_status, c.n_base, c.base_from_on, c.base_to_on, c.is_base, c.is_frozen, s.screen_mr,
    c.phase, c.part_reason, c.is_excluded, c.exclusion_reason, c.n_excluded, c.annotation,
    c.signal, c.label, c.point_type, c.is_outside,
    c.runs_signal, c.n_useful, c.longest_run, c.longest_run_max, c.n_crossings, c.n_crossings_min,
    c.target,
    case s.direction when 'decrease' then c.target - c.value when 'increase' then c.value - c.target end as target_distance,
    r.run_id
from {{ ref('kpi_chart') }} as c
inner join {{ ref('kpi_series') }} as s on s.series_number = c.series_number
cross join {{ source('warehouse', 'run') }} as r
