-- The clock of every valid case and step: when it started, by when the step was due, when it was done, and how it stands.
-- The rule is the one of the facility's jurisdiction (seed timeliness_rule, overruled by feeds of kind timeliness_rule).
-- Day 0 is the local day of the start; the due day is the n-th day counted after it; the same day is 0 days.
-- Resolved means closed for the first time: a reopening starts no new clock. "As of" is the newest complaint delivery.
-- A step whose day no export of the feed tells is not_reported, unless the rule lets the closure count: nobody knows
-- whether it was done, so it is neither open nor late. A letter in between is not_needed where the answer came by its day.
with site_rule as (
    select *
    from ({{ current_rows('timeliness_rule', kind_columns()['timeliness_rule'].keys() | list) }})
),

rule_row as (
    select 0 as is_shipped, jurisdiction_code, step_code, coalesce(applies_to, 'all') as applies_to, complexity_code, handling_level_code,
        coalesce(clock_start, 'received') as clock_start, coalesce(first_counted_day, 'next_day') as first_counted_day, limit_n,
        coalesce(limit_unit, 'calendar_day') as limit_unit, coalesce(calendar_code, 'US') as calendar_code,
        coalesce(is_settled_on_spot_excluded, false) as is_settled_on_spot_excluded,
        coalesce(is_closure_counted, false) as is_closure_counted, coalesce(standing, 'product-defined') as standing
    from site_rule
    union all
    -- A step that the site rules itself is ruled by the site alone.
    select 1, jurisdiction_code, step_code, applies_to, complexity_code, handling_level_code, clock_start, first_counted_day, limit_n,
        limit_unit, calendar_code, is_settled_on_spot_excluded, is_closure_counted, standing
    from {{ ref('timeliness_rule') }} as t
    where not exists (
        select 1 from site_rule as s where s.jurisdiction_code = t.jurisdiction_code and s.step_code = t.step_code
    )
),

as_of as (
    select max(cast(delivered_at as date)) as as_of_on
    from {{ source('warehouse', 'delivery') }} where status = 'accepted' and kind = 'complaint'
),

applied as (
    select
        c.*, r.step_code, r.clock_start, r.first_counted_day, r.limit_n, r.limit_unit, r.calendar_code, r.is_closure_counted, r.standing,
        row_number() over (
            partition by c.feed, c.case_id, r.step_code
            order by case when r.complexity_code is null then 1 else 0 end, case when r.handling_level_code is null then 1 else 0 end,
                r.is_shipped, coalesce(r.limit_n, 0), r.complexity_code, r.handling_level_code
        ) as nth
    from {{ ref('fct_complaint') }} as c
    left join (select distinct jurisdiction_code from rule_row) as j on j.jurisdiction_code = c.jurisdiction_code
    inner join rule_row as r
        on r.jurisdiction_code = coalesce(j.jurisdiction_code, 'default')
        and (r.applies_to = 'all' or coalesce(c.is_grievance, false))
        and (r.complexity_code is null or r.complexity_code = c.complexity_code)
        and (r.handling_level_code is null or r.handling_level_code = coalesce(c.handling_level_code, 'investigation'))
        and not (r.is_settled_on_spot_excluded and coalesce(c.is_resolved_on_spot, false))
    where c.is_valid_case
),

timed as (
    select
        a.feed, a.delivery_id, a.row_number, a.case_id, a.unit_key, a.month_start_on, a.received_on, a.is_grievance, a.is_closed,
        a.step_code, a.limit_n, a.limit_unit, a.calendar_code, a.first_counted_day, a.standing, o.as_of_on,
        case
            when a.clock_start = 'event' then a.event_on
            when a.clock_start = 'consent' and coalesce(a.is_consent_required, false) and a.consent_on is null then null
            when a.clock_start = 'consent' and a.consent_on > a.received_on then a.consent_on
            else a.received_on
        end as start_on,
        case a.step_code
            when 'acknowledge' then a.acknowledged_on
            when 'respond' then a.responded_on
            when 'interim' then a.interim_sent_on
            when 'resolve' then a.first_closed_on
            when 'make' then a.received_on
        end as own_done_on,
        case when a.is_closure_counted then a.first_closed_on end as closure_on,
        case a.step_code when 'interim' then a.responded_on end as answered_on,
        not a.is_closure_counted and not coalesce(case a.step_code
            when 'acknowledge' then a.is_acknowledged_reported
            when 'respond' then a.is_responded_reported
            when 'interim' then a.is_interim_sent_reported and a.is_responded_reported
            else true
        end, false) as is_unreported,
        case a.step_code when 'acknowledge' then a.acknowledgement_due_on when 'respond' then a.response_due_on end as site_due_on
    from applied as a
    cross join as_of as o
    where a.nth = 1
),

dated as (
    select
        *,
        case when closure_on < own_done_on or own_done_on is null then closure_on else own_done_on end as done_on,
        case when first_counted_day = 'same_day' then 1 else 0 end as first_day
    from timed
),

counted as (
    select
        d.*,
        b.business_day_number as start_number,
        case
            when d.limit_n is null then null
            when d.limit_unit = 'calendar_day' then {{ add_days('d.start_on', 'd.limit_n - d.first_day') }}
            when d.limit_unit = 'month' then {{ add_months('d.start_on', 'd.limit_n') }}
            else n.day_on
        end as due_on
    from dated as d
    left join {{ ref('dim_business_day') }} as b on b.calendar_code = d.calendar_code and b.day_on = d.start_on
    left join {{ ref('dim_business_day') }} as n
        on d.limit_unit = 'business_day' and n.calendar_code = d.calendar_code and n.is_business_day
        and n.business_day_number = b.business_day_number + d.limit_n
            - case when d.first_day = 1 and b.is_business_day then 1 else 0 end
),

judged as (
    select
        *,
        case
            when is_unreported and done_on is null and not coalesce(answered_on between start_on and due_on, false) then 'NOT_REPORTED'
            when start_on is null then 'NOT_STARTED'
            when limit_n is not null and due_on is null then 'NO_CALENDAR'
            when start_on > as_of_on then 'START_IN_FUTURE'
            when done_on < start_on then 'DONE_BEFORE_START'
            when done_on > as_of_on then 'DONE_IN_FUTURE'
            when done_on is null and step_code = 'resolve' and is_closed then 'CLOSED_WITHOUT_DATE'
        end as fault,
        coalesce(done_on is null and answered_on between start_on and due_on, false) as is_needless
    from counted
)

select
    j.feed, j.delivery_id, j.row_number, j.case_id, j.step_code, j.unit_key, j.month_start_on, j.received_on, j.is_grievance,
    j.calendar_code, j.limit_n, j.limit_unit, j.standing, j.start_on, j.due_on, j.site_due_on, j.as_of_on,
    case when j.fault is null then j.done_on end as done_on,
    case
        when j.fault = 'NOT_REPORTED' then 'not_reported'
        when j.fault is not null then 'fault'
        when j.is_needless then 'not_needed'
        when j.done_on is not null and j.limit_n is null then 'done'
        when j.done_on is not null and j.done_on <= j.due_on then 'in_target'
        when j.done_on is not null then 'late'
        when j.due_on < j.as_of_on then 'open_past_target'
        else 'open'
    end as state,
    j.fault,
    case when j.fault is null and not j.is_needless then {{ dbt.datediff('j.start_on', 'coalesce(j.done_on, j.as_of_on)', 'day') }} end as n_days,
    case when j.fault is null and not j.is_needless then e.business_day_number - j.start_number end as n_business_days,
    case when j.fault is null and j.done_on is not null and j.site_due_on is not null then j.done_on <= j.site_due_on end as is_in_site_target
from judged as j
left join {{ ref('dim_business_day') }} as e on e.calendar_code = j.calendar_code and e.day_on = coalesce(j.done_on, j.as_of_on)
