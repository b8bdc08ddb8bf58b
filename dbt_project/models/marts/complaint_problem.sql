-- What is wrong with cases that were accepted, one row per case or joined row and rule: nothing of it drops a case
-- silently. Rows that a feed refuses are in data_quality instead. Excluded cases stand here with their reason.
with newest as (
    select c.*, d.delivered_at::date as delivered_on, c.merged_into_case_id is not null and k.case_id is null as is_master_unknown
    from {{ ref('fct_complaint') }} as c
    left join {{ ref('fct_complaint') }} as k on k.feed = c.feed and k.case_id = c.merged_into_case_id
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = c.delivery_id
),

told as (
    select feed, delivery_id, row_number, unit_key, month_start_on,
        unnest([
            case when closed_on < received_on then {'rule': 'CLOSED_BEFORE_RECEIVED', 'column': 'closed_at'} end,
            case when acknowledged_on < received_on then {'rule': 'ACKNOWLEDGED_BEFORE_RECEIVED', 'column': 'acknowledged_at'} end,
            case when responded_on < received_on then {'rule': 'RESPONDED_BEFORE_RECEIVED', 'column': 'responded_at'} end,
            case when received_on > delivered_on then {'rule': 'RECEIVED_IN_FUTURE', 'column': 'received_at'} end,
            case when event_on > received_on then {'rule': 'EVENT_AFTER_RECEIPT', 'column': 'event_on'} end,
            case when is_closed and closed_on is null then {'rule': 'CLOSED_WITHOUT_DATE', 'column': 'closed_at'} end,
            case when not is_closed and reopened_on is null and reopen_count = 0 and closed_on is not null
                then {'rule': 'OPEN_WITH_CLOSING_DATE', 'column': 'closed_at'} end,
            case when not is_closed and reopened_on is null and reopen_count > 0
                then {'rule': 'REOPENED_WITHOUT_DATE', 'column': 'reopened_at'} end,
            case when reopened_on < first_closed_on then {'rule': 'REOPENED_BEFORE_FIRST_CLOSURE', 'column': 'reopened_at'} end,
            -- A merged case counts through the one it went into (reference: the child is excluded); that one never came.
            case when is_master_unknown then {'rule': 'MERGED_INTO_UNKNOWN_CASE', 'column': 'merged_into_case_id'} end,
            case when coalesce(source_unit_code, '') = '' then {'rule': 'MISSING_UNIT', 'column': 'unit_code'}
                when unit_key like '%unassigned' then {'rule': 'UNKNOWN_UNIT', 'column': 'unit_code'} end,
            case when severity_text is not null and worded_severity_level is null then {'rule': 'UNKNOWN_SEVERITY', 'column': 'severity_text'} end,
            case when is_valid_case and is_grievance_flagged <> is_grievance_computed then {'rule': 'GRIEVANCE_FLAG_DIFFERS', 'column': 'is_grievance'} end,
            case when exclusion_reason is not null then {'rule': 'EXCLUDED_' || exclusion_reason, 'column': null::varchar} end
        ]) as fault
    from newest
),

-- Rows of files that join to cases, whose case was never delivered.
unjoined as (
    select r.feed, r.delivery_id, r.row_number, r.case_feed, r.case_id, r.rule
    from (
        select feed, delivery_id, row_number, case_feed, case_id, 'ISSUE_WITHOUT_CASE' as rule
        from ({{ current_rows('complaint_issue', ['case_feed', 'case_id']) }})
        union all
        select feed, delivery_id, row_number, case_feed, case_id, 'PERSON_WITHOUT_CASE'
        from ({{ current_rows('complaint_person', ['case_feed', 'case_id']) }})
        union all
        select feed, delivery_id, row_number, case_feed, case_id, 'CODING_WITHOUT_CASE'
        from ({{ current_rows('complaint_coding', ['case_feed', 'case_id']) }})
    ) as r
    left join {{ ref('fct_complaint') }} as c on c.feed = r.case_feed and c.case_id = r.case_id
    where c.case_id is null
)

select feed, delivery_id, row_number, fault.rule as rule, fault."column" as column_name, unit_key, month_start_on
from told where fault is not null
union all
select feed, delivery_id, row_number, rule, 'case_id', 'unassigned/unassigned', null from unjoined
