-- Is the target met, how far is it, since when does it hold? One row per series and target; no forecast. A period counts when its
-- value is publishable; a value that equals the target meets it.
with last_period as (
    select kpi_id, period_grain, max(period_end_on) as end_on
    from {{ ref('kpi_value') }}
    where is_publishable and segment_type = 'all'
    group by kpi_id, period_grain
),

point as (
    select
        s.series_number, s.kpi_id, s.period_grain, s.level, s.facility_id, s.unit_id, s.service_line, s.entity_code, s.direction,
        v.period_start_on, v.value, p.end_on as last_period_end_on, t.target, t.valid_from_on, t.valid_to_on, t.reason as target_reason,
        case s.direction when 'decrease' then t.target - v.value else v.value - t.target end as distance
    from {{ ref('kpi_value') }} as v
    inner join {{ source('definition', 'kpi_target') }} as t
        on t.kpi_id = v.kpi_id and v.period_end_on >= t.valid_from_on and v.period_end_on <= coalesce(t.valid_to_on, date '9999-12-31')
    inner join last_period as p on p.kpi_id = v.kpi_id and p.period_grain = v.period_grain
    inner join {{ ref('kpi_series') }} as s
        on {{ is_of_series('v', 's') }}
    where v.is_publishable and v.segment_type = 'all' and s.direction <> 'neutral'
),

judged as (
    select *,
        max(period_start_on) filter (distance < 0) over whole as last_missed_on,
        max(period_start_on) filter (distance >= 0) over whole as last_met_on
    from point
    window whole as (partition by series_number, valid_from_on)
)

select
    kpi_id || ':' || period_grain || ':' || level || ':' || entity_code || ':' || valid_from_on as target_key,
    kpi_id || ':' || period_grain || ':' || level || ':' || entity_code as series_key,
    kpi_id, level, facility_id, unit_id, service_line, period_grain,
    any_value(target) as target, valid_from_on, any_value(valid_to_on) as valid_to_on, any_value(target_reason) as target_reason,
    -- One that is announced has no values yet; one that ended before the last period of the KPI holds no more.
    valid_from_on = max(valid_from_on) over (partition by series_number)
        and coalesce(any_value(valid_to_on), date '9999-12-31') >= any_value(last_period_end_on) as is_current,
    count(*) as n_periods,
    count(*) filter (distance >= 0) as n_periods_met,
    max(period_start_on) as last_period_start_on,
    arg_max(value, period_start_on) as last_value,
    arg_max(distance, period_start_on) as distance,
    arg_max(distance, period_start_on) >= 0 as is_met,
    min(period_start_on) filter (distance >= 0) as first_met_on,
    min(period_start_on) filter (last_missed_on is null or period_start_on > last_missed_on) as met_since_on,
    count(*) filter (last_met_on is null or period_start_on > last_met_on) as n_missed_running,
    min(period_start_on) filter (last_met_on is null or period_start_on > last_met_on) as missed_since_on,
    case when count(*) filter (last_met_on is null or period_start_on > last_met_on) >= 2
        then list(period_start_on order by period_start_on) filter (last_met_on is null or period_start_on > last_met_on)[2] end as missed_twice_on,
    false as is_suppressed
from judged
group by series_number, kpi_id, period_grain, level, facility_id, unit_id, service_line, entity_code, valid_from_on
