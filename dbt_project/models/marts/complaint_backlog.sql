-- What was open at the end of each month and on the day of the newest complaint delivery, by age, per entity; and what
-- the month did: received, closed, reopened, escalated. From the dates of the newest exports, so a past month changes
-- only when an export corrects a date. A case is open from its receipt to its first closure, and again from every
-- reopening to the closure after it (fct_complaint_event). A case that is not closed is open today whatever dates it
-- lacks: opened again on a day that nobody tells, it is open since its closing date, or since its receipt.
-- A case closed without a date is never open: nobody knows when it was closed.
with as_of as (
    select * from {{ complaint_as_of() }}
),

valid as (
    select
        c.feed, c.case_id, c.unit_key, c.received_on, c.is_closed, c.is_escalated, c.first_closed_on, c.reopen_count, c.closed_on, s.reopened_within_days
    from {{ ref('fct_complaint') }} as c
    cross join {{ source('warehouse', 'complaint_setting') }} as s
    cross join as_of as o
    where c.is_valid_case and c.received_on <= o.as_of_on
),

span as (
    select e.entity_number, min(v.received_on) as first_on
    from valid as v inner join {{ ref('kpi_entity') }} as e using (unit_key) group by all
),

day as (
    select last_day({{ month_of_number('m.n') }}) as day_on, {{ month_of_number('m.n') }} as month_on, false as is_newest
    from (select unnest(range({{ month_number('min(v.received_on)') }}, any_value(o.as_of_month))) as n from valid as v cross join as_of as o) as m
    union all
    select as_of_on, date_trunc('month', as_of_on)::date, true from as_of where as_of_on is not null
),

moment as (
    select feed, case_id, event_code, occurred_on
    from {{ ref('fct_complaint_event') }} where event_code in ('REOPENED', 'CLOSED_AGAIN')
),

reopened as (
    select v.feed, v.case_id, m.occurred_on as from_on
    from valid as v inner join moment as m using (feed, case_id) where m.event_code = 'REOPENED'
    union
    select v.feed, v.case_id, coalesce(v.closed_on, v.received_on)
    from valid as v
    where v.reopen_count > 0 and not v.is_closed and not exists (
        select 1 from moment as m where m.feed = v.feed and m.case_id = v.case_id and m.event_code = 'REOPENED'
    )
),

-- Open from a day up to, not including, another.
spell as (
    select feed, case_id, unit_key, received_on, received_on as from_on,
        coalesce(first_closed_on, case when is_closed then received_on else date '9999-12-31' end) as to_on
    from valid
    union all
    -- Two reopenings before one closure are one spell; what is before the first closure is in the first spell already.
    select feed, case_id, unit_key, received_on, greatest(min(from_on), first_closed_on), to_on
    from (
        select v.feed, v.case_id, v.unit_key, v.received_on, v.first_closed_on, r.from_on,
            coalesce(min(m.occurred_on), any_value(case when v.is_closed then r.from_on else date '9999-12-31' end)) as to_on
        from reopened as r
        inner join valid as v using (feed, case_id)
        left join moment as m
            on m.feed = r.feed and m.case_id = r.case_id and m.event_code = 'CLOSED_AGAIN' and m.occurred_on >= r.from_on
        where v.first_closed_on is not null
        group by all
    )
    group by feed, case_id, unit_key, received_on, first_closed_on, to_on
),

open_row as (
    select d.day_on, s.feed, s.case_id, s.unit_key, d.day_on - s.received_on as age_days
    from spell as s
    inner join day as d on s.from_on <= d.day_on and s.to_on > d.day_on
),

-- Overdue: some step was past its day and not done yet.
overdue as (
    select distinct r.day_on, r.feed, r.case_id
    from open_row as r
    inner join {{ ref('complaint_clock') }} as k using (feed, case_id)
    where k.state in ('late', 'open_past_target') and k.step_code in ('acknowledge', 'respond', 'resolve')
        and k.due_on < r.day_on and coalesce(k.done_on, date '9999-12-31') > r.day_on
),

open_case as (
    select r.day_on, r.unit_key,
        count(*) as n_open,
        {%- for low, high in [(0, 7), (8, 30), (31, 60), (61, 90)] %}
        count(*) filter (r.age_days between {{ low }} and {{ high }}) as n_open_{{ low }}_{{ high }},
        {%- endfor %}
        count(*) filter (r.age_days > 90) as n_open_over_90,
        count(o.case_id) as n_overdue
    from open_row as r
    left join overdue as o using (day_on, feed, case_id)
    group by all
),

-- How many days after its first closure a case was opened again for the first time; null where it was not, or nobody tells the day.
returned as (
    select v.feed, v.case_id, min(m.occurred_on - v.first_closed_on) as n_days
    from valid as v
    inner join moment as m using (feed, case_id)
    where m.event_code = 'REOPENED' and m.occurred_on >= v.first_closed_on
    group by all
),

moved as (
    select d.day_on, v.unit_key,
        count(*) filter (v.received_on between d.month_on and d.day_on) as n_received,
        count(*) filter (v.received_on between d.month_on and d.day_on and v.is_escalated) as n_escalated,
        count(*) filter (v.first_closed_on between d.month_on and d.day_on) as n_closed,
        count(*) filter (v.first_closed_on between d.month_on and d.day_on and r.n_days <= 30) as n_reopened_within_30,
        count(*) filter (v.first_closed_on between d.month_on and d.day_on and r.n_days <= v.reopened_within_days) as n_reopened
    from valid as v
    left join returned as r using (feed, case_id)
    inner join day as d
        on v.received_on between d.month_on and d.day_on or v.first_closed_on between d.month_on and d.day_on
    group by all
),

summed as (
    select e.entity_number, d.day_on, d.is_newest,
        {%- for one in ['n_open', 'n_open_0_7', 'n_open_8_30', 'n_open_31_60', 'n_open_61_90', 'n_open_over_90', 'n_overdue'] %}
        coalesce(sum(o.{{ one }}), 0)::bigint as {{ one }},
        {%- endfor %}
        {%- for one in ['n_received', 'n_closed', 'n_reopened_within_30', 'n_reopened', 'n_escalated'] %}
        coalesce(sum(m.{{ one }}), 0)::bigint as {{ one }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('kpi_entity') }} as e
    inner join span as s using (entity_number)
    inner join day as d on d.day_on >= s.first_on
    left join open_case as o on o.unit_key = e.unit_key and o.day_on = d.day_on
    left join moved as m on m.unit_key = e.unit_key and m.day_on = d.day_on
    group by all
)

select
    e.level, e.entity_code, e.facility_id, e.unit_id, e.service_line, s.day_on, s.is_newest,
    s.n_open, s.n_open_0_7, s.n_open_8_30, s.n_open_31_60, s.n_open_61_90, s.n_open_over_90, s.n_overdue,
    s.n_received, s.n_closed, s.n_reopened_within_30,
    {{ percent('s.n_reopened_within_30', 's.n_closed') }} as reopened_within_30_pct,
    c.reopened_within_days, s.n_reopened,
    {{ percent('s.n_reopened', 's.n_closed') }} as reopened_pct,
    s.n_escalated,
    {{ percent('s.n_escalated', 's.n_received') }} as escalated_pct,
    case when s.n_received = 0 and s.n_closed = 0 then 'NOTHING_RECEIVED_OR_CLOSED' when s.n_closed = 0 then 'NOTHING_CLOSED'
        when s.n_received = 0 then 'NOTHING_RECEIVED' end as reason
from summed as s
cross join {{ source('warehouse', 'complaint_setting') }} as c
inner join (select distinct entity_number, level, entity_code, facility_id, unit_id, service_line from {{ ref('kpi_entity') }}) as e
    using (entity_number)
