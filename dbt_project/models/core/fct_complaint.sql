-- One row per case with whether it counts and whether it is a grievance. What counts in a rate is is_valid_case.
-- Complaint or grievance: the first rule of seed grievance_rule whose conditions all hold; the site's own flag over it.
-- A missing flag counts as no in rules 1 to 7; for verbal complaints (was it settled, after the stay, a routine matter) it
-- leaves open whether an earlier rule would have decided, and then the case is undetermined.
with recursive sorted_out as (
    select *, {{ own_exclusion() }} as own_reason
    from {{ ref('complaint_case') }}
),

-- The same matter of the same patient, written again within 60 days of the letter before, by the same person or by somebody
-- else who is known: one complaint, however long the chain. Its first letter speaks for it.
letter as (
    select
        *,
        case when {{ add_days('lag(received_on) over matter', 60) }} >= received_on then 0 else 1 end as is_first
    from (
        select feed, case_id, received_at, received_on, patient_id, {{ word_key('category_text') }} as category,
            {{ word_key("coalesce(subcategory_text, '')") }} as subcategory
        from sorted_out
        where own_reason is null and patient_id is not null and complainant_id is not null and category_text is not null
    ) as able
    window matter as (partition by feed, patient_id, category, subcategory order by received_at, case_id)
),

chained as (
    select *, sum(is_first) over (
        partition by feed, patient_id, category, subcategory order by received_at, case_id rows unbounded preceding
    ) as chain_number
    from letter
),

repeated as (
    select feed, case_id, first_case_id
    from (
        select feed, case_id, is_first, first_value(case_id) over (
            partition by feed, patient_id, category, subcategory, chain_number order by received_at, case_id
        ) as first_case_id
        from chained
    ) as chains
    where is_first = 0
),

-- Links and repeats hold over several steps: A is B and B is C makes three cases one, also where B was withdrawn or never came.
one_case as (
    select feed_a, case_a, feed_b, case_b from {{ ref('complaint_pair') }} where is_declared
    union
    select feed_b, case_b, feed_a, case_a from {{ ref('complaint_pair') }} where is_declared
    union
    select feed, case_id, feed, first_case_id from repeated
    union
    select feed, first_case_id, feed, case_id from repeated
),

reached as (
    select feed_a as feed, case_a as case_id, feed_a as other_feed, case_a as other_case_id from one_case
    union
    select r.feed, r.case_id, o.feed_b, o.case_b
    from reached as r
    inner join one_case as o on o.feed_a = r.other_feed and o.case_a = r.other_case_id
),

-- Of cases that are one the one of the feed with the higher priority counts, then the earlier, then the first by name.
standing_for as (
    select feed, case_id, counted_feed, counted_case_id
    from (
        select r.feed, r.case_id, c.feed as counted_feed, c.case_id as counted_case_id,
            row_number() over (
                partition by r.feed, r.case_id
                order by coalesce(f.priority, 0) desc, c.received_at, c.feed || '/' || c.case_id
            ) as nth
        from reached as r
        inner join sorted_out as c on c.feed = r.other_feed and c.case_id = r.other_case_id and c.own_reason is null
        left join {{ source('warehouse', 'feed') }} as f on f.feed = c.feed
    ) as ranked
    where nth = 1 and (counted_feed <> feed or counted_case_id <> case_id)
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
            when p.case_id is not null then 'SAME_MATTER'
            when l.case_id is not null then 'LINKED_CASE'
        end as exclusion_reason,
        case
            when c.own_reason is not null then c.merged_into_case_id
            when p.case_id is not null and l.counted_feed = c.feed then l.counted_case_id
            when l.case_id is not null then l.counted_feed || '/' || l.counted_case_id
        end as counted_as,
        case g.result when 'grievance' then true when 'undetermined' then null else false end as is_grievance_computed,
        g.reason_code as grievance_rule
    from sorted_out as c
    left join standing_for as l on l.feed = c.feed and l.case_id = c.case_id
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
    closed_at, closed_on,
    -- A closing date of a case that is open, and was never seen or said to be opened again, is no closure.
    case when is_closed or reopen_count > 0 then first_closed_at end as first_closed_at,
    case when is_closed or reopen_count > 0 then first_closed_on end as first_closed_on,
    is_closed, reopened_at, reopened_on, reopen_count, n_versions,
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
