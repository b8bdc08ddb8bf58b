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

value as (
    select kpi_id, level, facility_id, unit_id, period_grain,
        {{ month_number('period_start_on') }} // case period_grain when 'month' then 1 else 3 end as period_number, value
    from {{ ref('kpi_value') }}
    where is_publishable and segment_type = 'all' and period_grain in ('month', 'quarter') and level in ('facility', 'unit')
        and kpi_id in (select kpi_id from outcome union select kpi_id from leader)
),

-- Numbers stand for the long keys while ranks are sorted: a third of the time.
place as (
    select *, row_number() over (order by level, facility_id, unit_id)::integer as place_number, dense_rank() over (order by facility_id)::integer as facility_number
    from (select distinct level, facility_id, unit_id from value)
),

series as (
    select *, row_number() over (order by kpi_id, period_grain)::smallint as series_number
    from (select distinct kpi_id, period_grain from value)
),

question as (
    select a.series_number as leading_number, b.series_number, a.kpi_id as leading_kpi_id, b.kpi_id, a.period_grain,
        row_number() over (order by a.series_number, b.series_number)::smallint as question_number
    from series as a
    inner join series as b on b.period_grain = a.period_grain
    where a.kpi_id <> b.kpi_id and a.kpi_id in (select kpi_id from leader) and b.kpi_id in (select kpi_id from outcome)
),

point as (
    select s.series_number, p.place_number, p.facility_number, p.level = 'unit' as is_unit, v.period_number, v.value
    from value as v
    inner join series as s on s.kpi_id = v.kpi_id and s.period_grain = v.period_grain
    inner join place as p on p.level = v.level and p.facility_id = v.facility_id and p.unit_id is not distinct from v.unit_id
),

pair as (
    select q.question_number, a.is_unit, a.place_number, a.facility_number, (b.period_number - a.period_number)::tinyint as lag,
        a.value as leading_value, b.value
    from question as q
    inner join point as a on a.series_number = q.leading_number
    inner join point as b on b.series_number = q.series_number and b.place_number = a.place_number
        and b.period_number between a.period_number and a.period_number + 3
),

scoped as (
    select 'enterprise' as scope, 0 as scope_number, * from pair
    union all
    select 'facility', facility_number, * from pair
    union all
    select 'unit', place_number, * from pair where is_unit
),

-- The mean rank of equal values: their first rank and half of what follows it among them.
ranked as (
    select *,
        rank() over leading_values + (count(*) over (leading_values range between current row and current row) - 1) / 2.0 as leading_rank,
        rank() over these_values + (count(*) over (these_values range between current row and current row) - 1) / 2.0 as value_rank
    from scoped
    window
        leading_values as (partition by question_number, is_unit, lag, scope, scope_number order by leading_value),
        these_values as (partition by question_number, is_unit, lag, scope, scope_number order by value)
),

summed as (
    -- Ranks are whole or half, so these sums are exact and the order of the rows cannot matter.
    select
        question_number, is_unit, lag, scope, count(*) as n, count(distinct place_number) as n_places,
        min(place_number) as place_number,
        count(*) * sum(leading_rank * value_rank) - sum(leading_rank) * sum(value_rank) as covariance,
        count(*) * sum(leading_rank * leading_rank) - sum(leading_rank) ** 2 as leading_spread,
        count(*) * sum(value_rank * value_rank) - sum(value_rank) ** 2 as spread
    from ranked
    group by question_number, is_unit, lag, scope, scope_number
),

named as (
    select
        s.*, q.leading_kpi_id, q.kpi_id, q.period_grain, p.level,
        case when s.scope <> 'enterprise' then p.facility_id end as facility_id,
        case when s.scope = 'unit' then p.unit_id end as unit_id
    from summed as s
    inner join question as q on q.question_number = s.question_number
    inner join place as p on p.place_number = s.place_number
)

select
    leading_kpi_id || ':' || kpi_id || ':' || scope || ':' || coalesce(facility_id, 'all') || coalesce('/' || unit_id, '') || ':' || level || ':' || period_grain
        || ':' || lag as correlation_key,
    leading_kpi_id, kpi_id, scope, facility_id, unit_id, level, period_grain, lag::integer as lag, n, n_places,
    case when n >= 8 and leading_spread > 0 and spread > 0 then covariance / sqrt(leading_spread::double * spread::double) end as spearman,
    case when n < 8 then 'TOO_FEW_PAIRS' when leading_spread <= 0 or spread <= 0 then 'NO_VARIATION' end as reason,
    r.run_id
from named
cross join {{ source('warehouse', 'run') }} as r
