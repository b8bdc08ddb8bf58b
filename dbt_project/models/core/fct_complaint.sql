-- One row per case with whether it counts and whether it is a grievance. What counts in a rate is is_valid_case.
-- Complaint or grievance: the first rule of seed grievance_rule whose conditions all hold; the site's own flag over it.
-- A missing flag counts as no in rules 1 to 7; for verbal complaints (was it settled, after the stay, a routine matter) it
-- leaves open whether an earlier rule would have decided, and then the case is undetermined.
with sorted_out as (
    select
        *,
        case
            when is_test then 'TEST'
            when is_deleted or status_code in ('opened_in_error', 'deleted') then 'OPENED_IN_ERROR'
            when status_code = 'withdrawn' then 'WITHDRAWN'
            when merged_into_case_id is not null then 'MERGED'
            when coalesce(feedback_type_code, 'complaint') not in ('complaint', 'grievance') then 'NOT_A_COMPLAINT'
        end as own_reason
    from {{ ref('complaint_case') }}
),

both_ways as (
    select feed_a, case_a, feed_b, case_b from {{ ref('complaint_pair') }} where is_declared
    union all
    select feed_b, case_b, feed_a, case_a from {{ ref('complaint_pair') }} where is_declared
),

-- Of two linked cases the one of the feed with the higher priority counts, then the earlier, then the first by name.
linked as (
    select l.feed_a as feed, l.case_a as case_id, min(b.feed || '/' || b.case_id) as counted_as
    from both_ways as l
    inner join sorted_out as a on a.feed = l.feed_a and a.case_id = l.case_a
    inner join sorted_out as b on b.feed = l.feed_b and b.case_id = l.case_b and b.own_reason is null
    left join {{ source('warehouse', 'feed') }} as fa on fa.feed = a.feed
    left join {{ source('warehouse', 'feed') }} as fb on fb.feed = b.feed
    where coalesce(fb.priority, 0) > coalesce(fa.priority, 0)
        or (coalesce(fb.priority, 0) = coalesce(fa.priority, 0) and b.received_at < a.received_at)
        or (coalesce(fb.priority, 0) = coalesce(fa.priority, 0) and b.received_at = a.received_at
            and b.feed || '/' || b.case_id < a.feed || '/' || a.case_id)
    group by l.feed_a, l.case_a
),

-- The same person about the same matter for the same patient, written again within 60 days: one complaint.
repeated as (
    select
        feed, case_id,
        lag(case_id) over matter as previous_case_id,
        lag(received_on) over matter as previous_received_on
    from sorted_out
    where own_reason is null and complainant_id is not null and patient_id is not null and category_text is not null
    window matter as (
        partition by feed, complainant_id, patient_id, {{ word_key('category_text') }}, {{ word_key("coalesce(subcategory_text, '')") }}
        order by received_at, case_id
    )
),

ruled as (
    select
        c.feed, c.case_id,
        min(r.rule_number) as first_possible_rule,
        min(case when {% for flag in ['is_settled', 'is_after_stay', 'is_routine_matter'] %}(coalesce(r.{{ flag }}, '') = '' or c.{{ flag }} is not null)
            {{- ' and ' if not loop.last }}{% endfor %} then r.rule_number end) as first_rule,
        max(case when r.result = 'undetermined' then r.rule_number end) as undetermined_rule
    from {{ ref('complaint_case') }} as c
    inner join {{ ref('grievance_rule') }} as r
        on (coalesce(r.channel_codes, '') = '' or ';' || r.channel_codes || ';' like '%;' || c.channel_code || ';%')
        {%- for flag in ['is_safety_alleged', 'is_response_requested', 'is_medicare_rights', 'is_billing', 'has_written_attachment',
            'is_resolution_requested', 'is_patient_identified'] %}
        and coalesce(r.{{ flag }}, '') in ('', case when c.{{ flag }} then 'yes' else 'no' end)
        {%- endfor %}
        {%- for flag in ['is_settled', 'is_after_stay', 'is_routine_matter'] %}
        and (coalesce(r.{{ flag }}, '') in ('', case when c.{{ flag }} then 'yes' else 'no' end) or c.{{ flag }} is null)
        {%- endfor %}
    group by c.feed, c.case_id
),

judged as (
    select
        c.*,
        case
            when c.own_reason is not null then c.own_reason
            when l.counted_as is not null then 'LINKED_CASE'
            when {{ add_days('p.previous_received_on', 60) }} >= c.received_on then 'SAME_MATTER'
        end as exclusion_reason,
        case
            when c.own_reason is not null then c.merged_into_case_id
            when l.counted_as is not null then l.counted_as
            when {{ add_days('p.previous_received_on', 60) }} >= c.received_on then p.previous_case_id
        end as counted_as,
        case g.result when 'grievance' then true when 'undetermined' then null else false end as is_grievance_computed,
        g.reason_code as grievance_rule
    from sorted_out as c
    left join linked as l on l.feed = c.feed and l.case_id = c.case_id
    left join repeated as p on p.feed = c.feed and p.case_id = c.case_id
    left join ruled as r on r.feed = c.feed and r.case_id = c.case_id
    left join {{ ref('grievance_rule') }} as g
        on g.rule_number = case when r.first_rule = r.first_possible_rule then r.first_rule else r.undetermined_rule end
)

select
    feed, delivery_id, row_number, case_id, facility_id, unit_id, unit_key, source_facility_code, source_unit_code,
    received_at, received_on,
    {{ month_start('received_on') }} as month_start_on,
    event_on, acknowledged_at, acknowledged_on, interim_sent_at, interim_sent_on, responded_at, responded_on, consent_at, consent_on,
    is_acknowledged_reported, is_interim_sent_reported, is_responded_reported,
    closed_at, closed_on, first_closed_at, first_closed_on, is_closed, reopened_at, reopened_on, reopen_count, n_versions,
    feedback_type_code, status_code, channel_code, category_text, subcategory_text, severity_text, severity_scheme_id, severity_level, severity_basis,
    worded_severity_scheme_id, worded_severity_level,
    outcome_code, merged_into_case_id, is_resolved_on_spot, is_response_requested, is_safety_alleged, is_escalated,
    exclusion_reason is null as is_valid_case,
    exclusion_reason, counted_as,
    is_grievance_computed, grievance_rule, is_grievance_flagged,
    coalesce(is_grievance_flagged, is_grievance_computed) as is_grievance,
    jurisdiction_code, complexity_code, handling_level_code, acknowledgement_due_on, response_due_on, is_consent_required,
    has_notice_contact, has_notice_steps, has_notice_results, has_notice_completion_date,
    is_recovery_offered, is_recovery_accepted, recovery_kind_code, handling_satisfaction, patient_id, complainant_id, narrative_length
from judged
