-- What the rules on grievances ask for, per entity and window of receipt: written answers in time, a letter in between
-- where the answer takes longer, the four elements of the written notice. Only valid cases.
-- A grievance that is past its day without an answer counts as not answered in time, whether closed or open. Where the feed
-- does not tell of answers (or of letters in between), its cases are counted beside and enter no share.
with step as (
    select feed, case_id,
        max(state) filter (step_code = 'respond') as response_state,
        max(n_days) filter (step_code = 'respond' and state in ('in_target', 'late', 'done')) as response_days,
        max(limit_n) filter (step_code = 'respond' and limit_unit = 'calendar_day') as limit_days,
        bool_or(step_code = 'interim' and coalesce(fault, 'NOT_REPORTED') = 'NOT_REPORTED') as has_interim_rule,
        max(due_on) filter (step_code = 'interim') as interim_due_on,
        max(done_on) filter (step_code = 'respond') as responded_on,
        max(as_of_on) as as_of_on
    from {{ ref('complaint_clock') }} group by feed, case_id
),

judged as (
    select
        c.unit_key, c.month_start_on, c.is_grievance, c.is_closed, s.response_state, s.response_days, s.limit_days,
        c.is_grievance_flagged <> c.is_grievance_computed as differs,
        s.has_interim_rule and s.response_state <> 'not_reported' and coalesce(s.responded_on, s.as_of_on) > s.interim_due_on as is_over,
        c.interim_sent_on is not null as has_interim,
        c.interim_sent_on is not null or c.is_interim_sent_reported as is_interim_known,
        c.has_notice_contact, c.has_notice_steps, c.has_notice_results, c.has_notice_completion_date,
        coalesce(c.has_notice_contact, c.has_notice_steps, c.has_notice_results, c.has_notice_completion_date) is not null as is_notice_known
    from {{ ref('fct_complaint') }} as c
    left join step as s using (feed, case_id)
    where c.is_valid_case
),

flagged as (
    select unit_key, month_start_on,
        count(*) as n_cases,
        count(*) filter (is_grievance) as n_grievances,
        count(*) filter (not is_grievance) as n_complaints,
        count(*) filter (is_grievance is null) as n_undetermined,
        count(*) filter (differs) as n_flag_differs,
        count(*) filter (is_grievance and is_closed) as n_closed,
        count(*) filter (is_grievance and response_state in ('in_target', 'late', 'done')) as n_answered,
        count(*) filter (is_grievance and response_state = 'in_target') as n_answered_in_target,
        count(*) filter (is_grievance and response_state = 'in_target' and is_closed) as n_closed_answered_in_target,
        count(*) filter (is_grievance and response_state = 'late') as n_answered_late,
        count(*) filter (is_grievance and response_state = 'open_past_target') as n_unanswered_past_target,
        count(*) filter (is_grievance and response_state = 'not_reported') as n_answer_not_reported,
        count(*) filter (is_grievance and is_closed and coalesce(response_state, '') <> 'not_reported') as n_closed_reported,
        coalesce(sum(response_days) filter (is_grievance), 0) as response_days,
        coalesce(sum(limit_days) filter (is_grievance and response_days is not null), 0) as limit_days,
        count(*) filter (is_grievance and is_over) as n_over_limit,
        count(*) filter (is_grievance and is_over and has_interim) as n_over_limit_with_interim,
        count(*) filter (is_grievance and is_over and not is_interim_known) as n_interim_not_reported,
        count(*) filter (is_grievance and is_closed and is_notice_known) as n_notice_known,
        count(*) filter (is_grievance and is_closed and has_notice_contact) as n_notice_contact,
        count(*) filter (is_grievance and is_closed and has_notice_steps) as n_notice_steps,
        count(*) filter (is_grievance and is_closed and has_notice_results) as n_notice_results,
        count(*) filter (is_grievance and is_closed and has_notice_completion_date) as n_notice_completion_date,
        count(*) filter (is_grievance and is_closed and has_notice_contact and has_notice_steps and has_notice_results
            and has_notice_completion_date) as n_notice_complete
    from judged group by all
),

total as (
    {{ sums_per_window('flagged', [], ['n_cases', 'n_grievances', 'n_complaints', 'n_undetermined', 'n_flag_differs', 'n_closed', 'n_answered',
        'n_answered_in_target', 'n_closed_answered_in_target', 'n_answered_late', 'n_unanswered_past_target',
        'n_answer_not_reported', 'n_closed_reported', 'n_interim_not_reported', 'response_days', 'limit_days',
        'n_over_limit', 'n_over_limit_with_interim', 'n_notice_known', 'n_notice_contact', 'n_notice_steps', 'n_notice_results',
        'n_notice_completion_date', 'n_notice_complete']) }}
)

select
    {{ entity_period_columns('p') }},
    t.n_cases, t.n_grievances, t.n_complaints, t.n_undetermined,
    {{ percent('t.n_grievances', '(t.n_grievances + t.n_complaints)') }} as grievance_pct,
    t.n_flag_differs, t.n_closed, t.n_answered, t.n_answered_in_target, t.n_answered_late, t.n_unanswered_past_target,
    t.n_answer_not_reported,
    {{ percent('t.n_answered_in_target', '(t.n_answered_in_target + t.n_answered_late + t.n_unanswered_past_target)') }} as answered_in_target_pct,
    {{ percent('t.n_closed_answered_in_target', 't.n_closed_reported') }} as closed_answered_in_target_pct,
    t.response_days::double / nullif(t.n_answered, 0) as mean_response_days,
    -- The guidance speaks of an average: all days together against all limits together.
    case when t.n_answered > 0 and t.limit_days > 0 then t.response_days <= t.limit_days end as is_average_in_target,
    t.n_over_limit, t.n_over_limit_with_interim, t.n_interim_not_reported,
    {{ percent('t.n_over_limit_with_interim', '(t.n_over_limit - t.n_interim_not_reported)') }} as interim_pct,
    t.n_notice_known, t.n_notice_contact, t.n_notice_steps, t.n_notice_results, t.n_notice_completion_date, t.n_notice_complete,
    case when t.n_notice_known > 0 then {{ percent('t.n_notice_complete', 't.n_closed') }} end as notice_complete_pct,
    case
        when t.n_grievances = 0 then 'NO_GRIEVANCES'
        when t.n_answered_in_target + t.n_answered_late + t.n_unanswered_past_target = 0
            then case when t.n_answer_not_reported > 0 then 'NOT_REPORTED' else 'NOTHING_DECIDED' end
        when t.n_closed > 0 and t.n_notice_known = 0 then 'NOTICE_NOT_REPORTED'
    end as reason,
    o.as_of_on
from total as t
inner join {{ entity_periods('total') }} as p using (window_number)
cross join {{ complaint_as_of() }} as o
