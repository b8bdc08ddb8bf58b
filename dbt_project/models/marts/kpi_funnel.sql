-- Units beside each other in one period: does one stand out by more than its size allows? Computed by methods/ (step kpi_comparison).
select
    s.kpi_id || ':' || s.period_grain || ':' || c.period_start_on || ':' || s.level || ':' || s.entity_code || ':all' as kpi_key,
    s.kpi_id, s.level, s.facility_id, s.unit_id, s.service_line, s.period_grain, c.period_start_on,
    c.rate as value, c.expected, c.centre, c.lcl998, c.lcl95, c.ucl95, c.ucl998, s.funnel as limits_used,
    c.exact_lcl998, c.exact_lcl95, c.exact_ucl95, c.exact_ucl998,
    c.adjusted_lcl998, c.adjusted_lcl95, c.adjusted_ucl95, c.adjusted_ucl998,
    c.z, c.z_winsorised, c.z_adjusted, c.phi, c.tau2, c.n_units, c.band, c.flag,
    case
        when s.direction = 'neutral' or c.band = 'within' then null
        else starts_with(c.band, 'above') = (s.direction = 'increase')
    end as is_better,
    false as is_suppressed,
    r.run_id
from {{ ref('kpi_comparison') }} as c
inner join {{ ref('kpi_series') }} as s on s.series_number = c.series_number
cross join {{ source('warehouse', 'run') }} as r
