-- What became of valid cases, per entity and window of receipt: upheld or not, subjects per case, people who complained
-- again, compliments to complaints, satisfaction with the handling; how many were escalated, and opened again after they were closed.
-- Outcomes count for closed cases: that of an open one may still change.
-- Repeat complainants: persons (keyed hashes) with two or more valid cases in the twelve months; only in that window.
with kept as (
    select unit_key, month_start_on, feed, case_id, complainant_id, outcome_code, is_closed, handling_satisfaction, is_escalated, first_closed_on
    from {{ ref('fct_complaint') }} where is_valid_case
),

issue as (
    select feed, case_id, count(*) as n_issues
    from {{ ref('complaint_subject') }} where category_text is not null or subcategory_text is not null group by all
),

-- Days from the first closure to the first reopening after it.
returned as (
    select k.feed, k.case_id, min(e.occurred_on - k.first_closed_on) as n_days
    from kept as k
    inner join {{ ref('fct_complaint_event') }} as e
        on e.feed = k.feed and e.case_id = k.case_id and e.event_code = 'REOPENED' and e.occurred_on >= k.first_closed_on
    group by all
),

flagged as (
    select k.unit_key, k.month_start_on,
        count(*) as n_cases,
        count(*) filter (k.is_closed) as n_closed,
        count(*) filter (k.is_closed and k.outcome_code = 'upheld') as n_upheld,
        count(*) filter (k.is_closed and k.outcome_code = 'partly_upheld') as n_partly_upheld,
        count(*) filter (k.is_closed and k.outcome_code = 'not_upheld') as n_not_upheld,
        count(i.case_id) as n_cases_with_issues,
        coalesce(sum(i.n_issues), 0) as n_issues,
        count(k.handling_satisfaction) as n_handling_satisfaction,
        -- Points as whole thousandths, so that sums do not depend on their order.
        coalesce(sum(round(k.handling_satisfaction * 1000)::bigint), 0) as handling_points,
        0 as n_compliments,
        count(*) filter (k.is_escalated) as n_escalated,
        count(k.first_closed_on) as n_ever_closed,
        count(*) filter (r.n_days <= 30) as n_reopened_within_30,
        count(*) filter (r.n_days <= s.reopened_within_days) as n_reopened
    from kept as k
    cross join {{ source('warehouse', 'complaint_setting') }} as s
    left join issue as i using (feed, case_id)
    left join returned as r using (feed, case_id)
    group by all
    union all
    select unit_key, month_start_on, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(*), 0, 0, 0, 0
    from {{ ref('fct_complaint') }}
    where exclusion_reason = 'NOT_A_COMPLAINT' and feedback_type_code = 'compliment'
    group by all
),

total as (
    {{ sums_per_window('flagged', [], ['n_cases', 'n_closed', 'n_upheld', 'n_partly_upheld', 'n_not_upheld', 'n_cases_with_issues', 'n_issues',
        'n_handling_satisfaction', 'handling_points', 'n_compliments', 'n_escalated', 'n_ever_closed', 'n_reopened_within_30', 'n_reopened']) }}
),

person_month as (
    select e.twin_number, {{ month_number('k.month_start_on') }} as month_number, k.complainant_id, count(*) as n
    from kept as k
    inner join {{ ref('kpi_entity') }} as e on e.unit_key = k.unit_key and e.entity_number = e.twin_number
    where k.complainant_id is not null group by all
),

person_year as (
    select {{ window_number('m.twin_number', 'w.end_month', 12) }} as window_number, m.complainant_id, sum(m.n) as n
    from person_month as m
    cross join {{ complaint_as_of() }} as o
    cross join lateral (select unnest(range(m.month_number, least(m.month_number + 11, o.as_of_month) + 1)) as end_month) as w
    group by all
),

repeated as (
    select window_number, count(*) as n_complainants, count(*) filter (n > 1) as n_repeat_complainants
    from person_year group by all
)

select
    {{ entity_period_columns('p') }},
    t.n_cases, t.n_closed, t.n_upheld, t.n_partly_upheld, t.n_not_upheld,
    {%- for one in ['upheld', 'partly_upheld', 'not_upheld'] %}
    {{ percent('t.n_' ~ one, '(t.n_upheld + t.n_partly_upheld + t.n_not_upheld)') }} as {{ one }}_pct,
    {%- endfor %}
    t.n_cases_with_issues, t.n_issues,
    t.n_issues::double / nullif(t.n_cases_with_issues, 0) as issues_per_case,
    r.n_complainants, r.n_repeat_complainants,
    {{ percent('r.n_repeat_complainants', 'r.n_complainants') }} as repeat_complainants_pct,
    t.n_compliments,
    t.n_compliments::double / nullif(t.n_cases, 0) as compliments_per_complaint,
    t.n_handling_satisfaction,
    t.handling_points / 1000.0::double / nullif(t.n_handling_satisfaction, 0) as mean_handling_satisfaction,
    t.n_escalated,
    {{ percent('t.n_escalated', 't.n_cases') }} as escalated_pct,
    t.n_ever_closed, t.n_reopened_within_30,
    {{ percent('t.n_reopened_within_30', 't.n_ever_closed') }} as reopened_within_30_pct,
    t.n_reopened,
    {{ percent('t.n_reopened', 't.n_ever_closed') }} as reopened_pct,
    case when t.n_cases = 0 then 'NO_CASES'
        when t.n_upheld + t.n_partly_upheld + t.n_not_upheld = 0 then 'NO_OUTCOMES' end as reason
from total as t
inner join {{ entity_periods('total') }} as p using (window_number)
left join repeated as r on r.window_number = t.window_number
