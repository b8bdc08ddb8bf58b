-- The days of the cases behind KPIs that chart rare events: how many of which KPI on which day, and how many encounters the entity
-- had had by then. Encounters of a month are taken as spread evenly over its days (product-defined); a month without a whole
-- denominator stands between two events as a gap.
with kpi as (
    select
        k.kpi_id, m.measure_id, m.source, m.numerator_rule,
        coalesce(m.valid_from_on, date '0001-01-01') as valid_from_on,
        coalesce(m.valid_to_on, date '9999-12-31') as valid_to_on
    from {{ source('definition', 'kpi') }} as k
    inner join {{ source('definition', 'measure') }} as m using (measure_id)
    where k.kpi_id in (select s.kpi_id from {{ ref('kpi_series') }} as s where s.period_grain = 'event')
),

counted as (
    select k.kpi_id, c.unit_key, c.received_on as event_on, c.feed, c.case_id
    from {{ ref('fct_complaint') }} as c
    inner join kpi as k on c.received_on between k.valid_from_on and k.valid_to_on
    left join ({{ conditions_of_measures() }}) as r on r.measure_id = k.measure_id
    left join ({{ conditions_met() }}) as t on t.measure_id = k.measure_id and t.feed = c.feed and t.case_id = c.case_id
    where {{ counts_as_case() }}
),

series as (
    select s.series_number, s.kpi_id, s.level, s.facility_id, s.unit_id, s.service_line, e.unit_key
    from {{ ref('kpi_series') }} as s
    inner join {{ ref('kpi_entity') }} as e on e.level = s.level and e.entity_code = s.entity_code
    where s.period_grain = 'event'
),

curve as (
    select
        s.series_number, v.period_start_on, v.period_end_on,
        case when v.reason is null or v.reason = 'BELOW_MINIMUM' then v.denominator end as n_encounters,
        sum(case when v.reason is null or v.reason = 'BELOW_MINIMUM' then v.denominator end) over before as n_before,
        count(*) filter (v.reason <> 'BELOW_MINIMUM') over upto as n_gaps
    from {{ ref('kpi_value') }} as v
    inner join {{ ref('kpi_series') }} as s
        on {{ is_of_series('v', 's', 'event') }}
    where v.period_grain = 'month' and v.segment_type = 'all'
    window
        before as (partition by s.series_number order by v.period_start_on rows between unbounded preceding and 1 preceding),
        upto as (partition by s.series_number order by v.period_start_on)
)

select
    s.series_number, c.event_on,
    row_number() over (partition by s.series_number order by c.event_on, c.feed, c.case_id)::integer as event_number,
    coalesce(k.n_before, 0) + k.n_encounters * (day(c.event_on) - 0.5) / day(k.period_end_on) as n_encounters_before,
    k.n_gaps::integer as n_gaps
from counted as c
inner join series as s on s.kpi_id = c.kpi_id and s.unit_key = c.unit_key
inner join curve as k on k.series_number = s.series_number and c.event_on between k.period_start_on and k.period_end_on
