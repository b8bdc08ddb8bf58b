-- Complaints and grievances per 1,000 encounters: every entity and window, by encounter class, severity and category.
-- A case counts once, in the month it was received, for the unit that owns it. Class rows hold the cases of units of
-- that class (case_tag); with `unassigned` they add up to the total. Categories add up to more: a case has several.
-- Months that wait for encounters have no rate, and the row names the feeds that are missing.
with entity as (
    select distinct entity_number, twin_number, level, entity_code, facility_id, unit_id, service_line, is_unassigned from {{ ref('kpi_entity') }}
),

period as (
    select * from (values (1, 'month'), (3, 'quarter'), (12, 'rolling_12_months')) as p (n_months, period_grain)
),

minimum as (
    select coalesce(max(minimum_denominator), 0) as minimum_denominator
    from {{ source('definition', 'kpi') }} where measure_id = '{{ rate_measure() }}'
),

missing_month as (
    select c.facility_id, d.rate_class, {{ month_number('c.month_start_on') }} as month_number,
        c.missing_feeds || ': ' || c.encounter_class || ' of ' || c.facility_id || ' in ' || strftime(c.month_start_on, '%Y-%m') as wanting
    from {{ ref('encounter_completeness') }} as c
    inner join {{ source('definition', 'measure_encounter_class') }} as m on m.encounter_class = c.encounter_class and m.measure_id = '{{ rate_measure() }}'
    cross join lateral (select c.encounter_class as rate_class union all select 'total') as d
    where c.missing_feeds is not null
),

judged as (
    select
        c.*, e.facility_id, p.period_grain,
        case
            when e.is_unassigned or c.rate_class = 'unassigned' then 'UNASSIGNED_UNIT'
            when c.end_month >= coalesce(d.first_open_month, 0) then 'PERIOD_OPEN'
            when c.n_months > 1 and not c.is_whole then 'WINDOW_INCOMPLETE'
            when c.end_month - c.n_months + 1 < d.first_known_month then 'NUMERATOR_INCOMPLETE'
            when c.denominator = 0 then 'DENOMINATOR_MISSING'
            when not c.is_whole then 'DENOMINATOR_INCOMPLETE'
        end as obstacle,
        case when c.denominator < m.minimum_denominator then 'BELOW_MINIMUM' end as doubt
    from {{ ref('complaint_rate_count') }} as c
    inner join entity as e on e.entity_number = c.entity_number
    inner join period as p using (n_months)
    left join {{ ref('open_month') }} as d on d.kind = 'complaint' and d.facility_id is not distinct from e.facility_id
    cross join minimum as m
),

-- Which feeds a facility waits for in a month; without a facility those of all, for the enterprise.
missing as (
    select facility_id, rate_class, month_number, wanting from missing_month
    union all
    select null, rate_class, month_number, wanting from missing_month
),

-- At most five are named: an enterprise with a thousand hospitals would name thousands.
wanting as (
    select
        k.facility_id, k.rate_class, k.n_months, k.end_month,
        array_to_string(min(m.wanting, 5), '; ') || case when count(*) > 5 then '; and ' || (count(*) - 5) || ' more' else '' end as missing_feeds
    from (
        select facility_id, rate_class, n_months, end_month, unnest(range(end_month - n_months + 1, end_month + 1)) as month_number
        from (
            select distinct facility_id, rate_class, n_months, end_month from judged
            where obstacle in ('WINDOW_INCOMPLETE', 'DENOMINATOR_MISSING', 'DENOMINATOR_INCOMPLETE')
        ) as windows
    ) as k
    inner join missing as m
        on m.rate_class = k.rate_class and m.month_number = k.month_number and m.facility_id is not distinct from k.facility_id
    group by k.facility_id, k.rate_class, k.n_months, k.end_month
),

compared as (
    select
        j.*, coalesce(j.obstacle, j.doubt) as reason, i.ci_low, i.ci_high, i.exact_low, i.exact_high,
        i.rate_ratio, i.rate_ratio_low, i.rate_ratio_high, i.rate_ratio_p,
        case
            when j.obstacle is not null then j.obstacle
            when j.last_year_denominator is null then 'NO_YEAR_BEFORE'
            when not j.is_last_year_whole or j.last_year_denominator = 0 then 'YEAR_BEFORE_INCOMPLETE'
            when j.last_year_numerator = 0 and j.numerator = 0 then 'NO_CASE_IN_BOTH'
            when j.last_year_numerator = 0 then 'NO_CASE_THE_YEAR_BEFORE'
        end as ratio_reason
    from judged as j
    left join {{ ref('complaint_rate_interval') }} as i
        on j.obstacle is null and i.numerator = j.numerator and i.denominator = j.denominator
        and i.last_year_numerator is not distinct from case when j.is_last_year_whole then j.last_year_numerator end
        and i.last_year_denominator is not distinct from case when j.is_last_year_whole then j.last_year_denominator end
)

select
    c.period_grain || ':' || c.period_start_on || ':' || e.level || ':' || e.entity_code || ':' || c.rate_class || ':' || c.segment_type || ':' || c.segment_value as rate_key,
    e.level, e.facility_id, e.unit_id, e.service_line, c.period_grain, c.period_start_on, c.period_end_on,
    c.rate_class as encounter_class, c.segment_type, c.segment_value,
    c.numerator, c.denominator,
    case when c.obstacle is null then 1000::double * c.numerator / c.denominator end as rate,
    c.ci_low, c.ci_high, c.exact_low, c.exact_high,
    c.last_year_numerator, c.last_year_denominator, c.rate_ratio, c.rate_ratio_low, c.rate_ratio_high, c.rate_ratio_p, c.ratio_reason,
    case when c.obstacle is null then s.standardised_rate end as standardised_rate,
    case when c.obstacle is null then s.standardised_low end as standardised_low,
    case when c.obstacle is null then s.standardised_high end as standardised_high,
    case
        when s.standard is not null then 'direct standardisation, class rates x weights: ' || s.standard || '; interval of Dobson'
    end as standard_method,
    case
        when c.rate_class <> 'total' or c.segment_type not in ('all', 'grievance') then 'NOT_STANDARDISED'
        when c.obstacle is not null then c.obstacle
        when s.standard is null then 'NO_STANDARD_YEAR'
        when s.absent_classes is not null then 'CLASS_WITHOUT_ENCOUNTERS: ' || s.absent_classes
    end as standard_reason,
    c.reason is null as is_publishable,
    c.reason,
    w.missing_feeds,
    c.delivered_at as denominator_delivered_at,
    r.run_id
from (
    select *,
        {{ month_of_number('(end_month - n_months + 1)') }} as period_start_on,
        last_day({{ month_of_number('end_month') }}) as period_end_on
    from compared
) as c
inner join entity as e on e.twin_number = c.entity_number
left join wanting as w
    on c.obstacle in ('WINDOW_INCOMPLETE', 'DENOMINATOR_MISSING', 'DENOMINATOR_INCOMPLETE')
    and w.facility_id is not distinct from c.facility_id and w.rate_class = c.rate_class and w.n_months = c.n_months and w.end_month = c.end_month
left join {{ ref('complaint_standard_rate') }} as s
    on c.rate_class = 'total' and s.entity_number = c.entity_number and s.segment_type = c.segment_type
    and s.segment_value = c.segment_value and s.n_months = c.n_months and s.end_month = c.end_month
cross join {{ source('warehouse', 'run') }} as r
