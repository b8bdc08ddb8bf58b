-- One row per case. The first exported row speaks for the case; a warning sign on any row counts for the case.
with ranked as (
    select
        *,
        row_number() over (partition by feed, case_id order by coalesce(issue_number, 0), row_number) as nth,
        max(case when is_test then 1 else 0 end) over (partition by feed, case_id) as has_test,
        max(case when is_safety_alleged then 1 else 0 end) over (partition by feed, case_id) as has_safety,
        max(case when is_response_requested then 1 else 0 end) over (partition by feed, case_id) as has_request,
        max(case when is_grievance then 1 when not is_grievance then 0 end) over (partition by feed, case_id) as site_flag
    from {{ ref('current_complaint') }}
),

placed as (
    select
        c.*,
        {{ local_date('c.received_at', 'u.time_zone', 'c.received_on') }} as local_received_on,
        u.facility_id, u.unit_id, u.unit_key,
        lower(coalesce(c.category_text, '') || ' ' || coalesce(c.subcategory_text, '')) as subject
    from ranked as c
    left join {{ ref('unit_lookup') }} as u
        on u.feed = c.feed
        and u.facility_code = coalesce(c.facility_code, '')
        and u.unit_code = coalesce(c.unit_code, '')
        and c.received_on between u.valid_from_on and u.valid_to_on
    where c.nth = 1
),

ruled as (
    -- Complaint or grievance: the first rule that matches (seed grievance_rule; 42 CFR 482.13(a)(2)). A missing flag
    -- counts as no for rules 1-7; rules 8-10 need the channel and whether staff present settled it, else 11.
    -- Rule 9 cannot be decided from an export; rule 5 needs an attachment that no export shows, so 2 stands in.
    select
        *,
        case
            when has_safety = 1 then 1
            when has_request = 1 then 2
            when subject like '%billing%' and subject like '%medicare%' then 3
            when subject like '%billing%' then 4
            when channel_code = 'survey' then 6
            when channel_code in ('letter', 'email', 'fax', 'web', 'portal') then 7
            when channel_code in ('phone', 'in_person') and is_resolved_on_spot then 8
            when channel_code in ('phone', 'in_person') and not is_resolved_on_spot then 10
            else 11
        end as rule_number,
        case
            when has_test = 1 then 'TEST'
            when status_code in ('opened_in_error', 'deleted') then 'OPENED_IN_ERROR'
            when status_code = 'withdrawn' then 'WITHDRAWN'
            when merged_into_case_id is not null then 'MERGED'
            when coalesce(feedback_type_code, 'complaint') not in ('complaint', 'grievance') then 'NOT_A_COMPLAINT'
        end as exclusion_reason
    from placed
)

select
    c.feed, c.delivery_id, c.row_number, c.case_id, c.facility_id, c.unit_id, c.unit_key,
    c.facility_code as source_facility_code,
    c.unit_code as source_unit_code,
    c.received_at,
    c.local_received_on as received_on,
    {{ month_start('c.local_received_on') }} as month_start_on,
    c.event_on, c.acknowledged_at, c.responded_at, c.closed_at,
    c.feedback_type_code, c.status_code, c.channel_code, c.severity_text, c.outcome_code, c.merged_into_case_id,
    c.is_resolved_on_spot,
    c.has_request = 1 as is_response_requested,
    c.has_safety = 1 as is_safety_alleged,
    c.exclusion_reason is null as is_valid_case,
    c.exclusion_reason,
    case r.result when 'grievance' then true when 'undetermined' then null else false end as is_grievance_computed,
    r.reason_code as grievance_rule,
    case
        when c.site_flag is not null then c.site_flag = 1
        when c.feedback_type_code = 'grievance' then true
    end as is_grievance_flagged,
    coalesce(
        case when c.site_flag is not null then c.site_flag = 1 when c.feedback_type_code = 'grievance' then true end,
        case r.result when 'grievance' then true when 'undetermined' then null else false end
    ) as is_grievance,
    c.narrative_length
from ruled as c
left join {{ ref('grievance_rule') }} as r on r.rule_number = c.rule_number
