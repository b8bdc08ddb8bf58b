-- What moves together over units and months: complaint rate and metrics against survey scores and each other, the first up to three
-- periods ahead. Spearman over publishable values; ranks of equal values are their mean. It describes and explains nothing.
with outcome as (
    select kpi_id from {{ source('definition', 'kpi') }} as k inner join {{ source('definition', 'measure') }} as m using (measure_id)
    where m.is_outcome and m.statistic = 'top_box' or kpi_id = 'complaint_rate'
),

leader as (
    select kpi_id from {{ source('definition', 'kpi') }} as k inner join {{ source('definition', 'measure') }} as m using (measure_id)
    where m.source = 'metrics' or kpi_id = 'complaint_rate'
),

point as (
    select kpi_id, level, facility_id, unit_id, service_line, period_grain,
        {{ month_number('period_start_on') }} // case period_grain when 'month' then 1 else 3 end as period_number, value
    from {{ ref('kpi_value') }}
    where is_publishable and segment_type = 'all' and period_grain in ('month', 'quarter') and level in ('facility', 'unit')
        and kpi_id in (select kpi_id from outcome union select kpi_id from leader)
),

pair as (
    select a.kpi_id as leading_kpi_id, b.kpi_id, a.level, a.period_grain, a.facility_id, a.unit_id, b.period_number - a.period_number as lag,
        a.value as leading_value, b.value
    from point as a
    inner join point as b
        on b.level = a.level and b.period_grain = a.period_grain and b.facility_id is not distinct from a.facility_id
        and b.unit_id is not distinct from a.unit_id and b.period_number between a.period_number and a.period_number + 3
    where a.kpi_id <> b.kpi_id and a.kpi_id in (select kpi_id from leader) and b.kpi_id in (select kpi_id from outcome)
),

scoped as (
    select 'enterprise' as scope, null::varchar as scope_facility_id, null::varchar as scope_unit_id, * from pair
    union all
    select 'facility', facility_id, null, * from pair
    union all
    select 'unit', facility_id, unit_id, * from pair where level = 'unit'
),

ranked as (
    select *,
        rank() over (same order by leading_value) + (count(*) over (same_leading) - 1) / 2.0 as leading_rank,
        rank() over (same order by value) + (count(*) over (same_value) - 1) / 2.0 as value_rank
    from scoped
    window
        same as (partition by scope, scope_facility_id, scope_unit_id, level, period_grain, leading_kpi_id, kpi_id, lag),
        same_leading as (partition by scope, scope_facility_id, scope_unit_id, level, period_grain, leading_kpi_id, kpi_id, lag, leading_value),
        same_value as (partition by scope, scope_facility_id, scope_unit_id, level, period_grain, leading_kpi_id, kpi_id, lag, value)
),

summed as (
    -- Ranks are whole or half, so these sums are exact and the order of the rows cannot matter.
    select scope, scope_facility_id as facility_id, scope_unit_id as unit_id, level, period_grain, leading_kpi_id, kpi_id, lag, count(*) as n,
        count(distinct (facility_id, unit_id)) as n_places,
        count(*) * sum(leading_rank * value_rank) - sum(leading_rank) * sum(value_rank) as covariance,
        count(*) * sum(leading_rank * leading_rank) - sum(leading_rank) ** 2 as leading_spread,
        count(*) * sum(value_rank * value_rank) - sum(value_rank) ** 2 as spread
    from ranked
    group by all
)

select
    leading_kpi_id || ':' || kpi_id || ':' || scope || ':' || coalesce(facility_id, 'all') || coalesce('/' || unit_id, '') || ':' || level || ':' || period_grain
        || ':' || lag as correlation_key,
    leading_kpi_id, kpi_id, scope, facility_id, unit_id, level, period_grain, lag::integer as lag, n, n_places,
    case when n >= 8 and leading_spread > 0 and spread > 0 then covariance / sqrt(leading_spread::double * spread::double) end as spearman,
    case when n < 8 then 'TOO_FEW_PAIRS' when leading_spread <= 0 or spread <= 0 then 'NO_VARIATION' end as reason,
    r.run_id
from summed
cross join {{ source('warehouse', 'run') }} as r
