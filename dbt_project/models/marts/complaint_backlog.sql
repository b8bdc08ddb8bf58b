-- What was open at the end of each month and on the day of the newest complaint delivery, by age, per entity; and what
-- the month did: received, closed, reopened, escalated. From the dates of the newest exports, so a past month changes
-- only when an export corrects a date. A case is open from its receipt to its first closure, and again while reopened.
-- A case closed without a date is never open: nobody knows when it was closed.
with as_of as (
    select * from {{ complaint_as_of() }}
),

valid as (
    select
        c.feed, c.case_id, c.unit_key, c.received_on, c.is_closed, c.is_escalated, c.first_closed_on, c.reopened_on,
        case when c.is_closed then c.closed_on end as last_closed_on
    from {{ ref('fct_complaint') }} as c
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

open_row as (
    select d.day_on, v.feed, v.case_id, v.unit_key, d.day_on - v.received_on as age_days
    from valid as v
    inner join day as d
        on v.received_on <= d.day_on
        and (
            coalesce(v.first_closed_on, case when v.is_closed then v.received_on else date '9999-12-31' end) > d.day_on
            or (v.reopened_on <= d.day_on and coalesce(v.last_closed_on, date '9999-12-31') > d.day_on)
        )
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

moved as (
    select d.day_on, v.unit_key,
        count(*) filter (v.received_on between d.month_on and d.day_on) as n_received,
        count(*) filter (v.received_on between d.month_on and d.day_on and v.is_escalated) as n_escalated,
        count(*) filter (v.first_closed_on between d.month_on and d.day_on) as n_closed,
        count(*) filter (v.first_closed_on between d.month_on and d.day_on
            and v.reopened_on between v.first_closed_on and v.first_closed_on + 30) as n_reopened_within_30
    from valid as v
    inner join day as d
        on v.received_on between d.month_on and d.day_on or v.first_closed_on between d.month_on and d.day_on
    group by all
),

summed as (
    select e.entity_number, d.day_on, d.is_newest,
        {%- for one in ['n_open', 'n_open_0_7', 'n_open_8_30', 'n_open_31_60', 'n_open_61_90', 'n_open_over_90', 'n_overdue'] %}
        coalesce(sum(o.{{ one }}), 0)::bigint as {{ one }},
        {%- endfor %}
        {%- for one in ['n_received', 'n_closed', 'n_reopened_within_30', 'n_escalated'] %}
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
    s.n_escalated,
    {{ percent('s.n_escalated', 's.n_received') }} as escalated_pct,
    case when s.n_received = 0 and s.n_closed = 0 then 'NOTHING_RECEIVED_OR_CLOSED' when s.n_closed = 0 then 'NOTHING_CLOSED'
        when s.n_received = 0 then 'NOTHING_RECEIVED' end as reason
from summed as s
inner join (select distinct entity_number, level, entity_code, facility_id, unit_id, service_line from {{ ref('kpi_entity') }}) as e
    using (entity_number)
