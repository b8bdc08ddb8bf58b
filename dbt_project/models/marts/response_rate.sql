-- Sampled surveys of a unit and month and the share that was completed: completed / (sampled - ineligible).
-- Whether it may be published is said as in kpi_value, with the minimum of the KPI of that family (none: 1).
with minimum as (
    select m.instrument_family as family, min(k.minimum_denominator) as minimum_denominator
    from {{ source('definition', 'measure') }} as m
    inner join {{ source('definition', 'kpi') }} as k using (measure_id)
    where m.source = 'surveys'
    group by m.instrument_family
),

delivered as (
    select max(delivered_at) as last_delivered_at
    from {{ source('warehouse', 'delivery') }} where status = 'accepted' and kind = 'survey'
),

judged as (
    select
        s.*, u.facility_id, u.unit_id, u.service_line,
        case
            when u.unit_id = 'unassigned' then 'UNASSIGNED_UNIT'
            when s.month_start_on >= date_trunc('month', d.last_delivered_at) then 'PERIOD_OPEN'
            when s.n_eligible = 0 then 'DENOMINATOR_MISSING'
        end as obstacle,
        case when s.n_eligible < coalesce(m.minimum_denominator, 1) then 'BELOW_MINIMUM' end as shortage
    from {{ ref('survey_counts') }} as s
    inner join {{ ref('dim_unit') }} as u using (unit_key)
    left join minimum as m on m.family = s.family
    cross join delivered as d
),

valued as (
    select *, case when obstacle is null then n_complete::double / n_eligible end as p, coalesce(obstacle, shortage) as reason
    from judged
)

select
    family, facility_id, unit_id, service_line, month_start_on,
    n_sampled, n_ineligible, n_eligible, n_complete, n_break_off, n_outside_sample,
    100 * p as response_rate_pct,
    100 * {{ wilson('p', 'n_eligible', -1) }} as ci_low,
    100 * {{ wilson('p', 'n_eligible', 1) }} as ci_high,
    reason is null as is_publishable,
    reason
from valued
