-- The history of every case: one row per case and delivery that held it, with the state it was exported in. A closing
-- date belongs to a spell of closed versions; the last version of a spell has the say, so a corrected date is no reopening.
with staged as (
    {%- for feed in feeds_of_kind('complaint') %}
    select feed, delivery_id, row_number, case_id, issue_number, status_code, feedback_type_code, severity_text, outcome_code,
        acknowledged_at, responded_at, closed_at, closed_on, reopened_at, reopen_count, is_escalated
    from {{ ref('stg_' ~ feed) }}
    {{ 'union all' if not loop.last }}
    {%- else %}
    {{ no_rows('complaint', ['case_id', 'issue_number', 'status_code', 'feedback_type_code', 'severity_text', 'outcome_code',
        'acknowledged_at', 'responded_at', 'closed_at', 'closed_on', 'reopened_at', 'reopen_count', 'is_escalated']) }}
    {%- endfor %}
),

ranked as (
    select
        s.*, d.delivered_at, d.delivery_order,
        row_number() over (partition by s.feed, s.case_id, s.delivery_id order by coalesce(s.issue_number, 0), s.row_number) as nth
    from staged as s
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = s.delivery_id
),

judged as (
    select
        *,
        case
            when status_code in ('closed', 'resolved', 'completed') then true
            when status_code in ('incomplete', 'new', 'acknowledged', 'in_progress', 'investigation', 'escalated', 'reopened') then false
            else closed_at is not null
        end as is_closed
    from ranked
    where nth = 1
),

compared as (
    select
        *,
        lag(is_closed) over (partition by feed, case_id order by delivery_order) as was_closed,
        lag(status_code) over (partition by feed, case_id order by delivery_order) as previous_status_code,
        lead(delivery_id) over (partition by feed, case_id order by delivery_order) is null as is_newest,
        row_number() over (partition by feed, case_id order by delivery_order) as version_number
    from judged
),

spelled as (
    select
        *,
        sum(case when is_closed and not coalesce(was_closed, false) then 1 else 0 end)
            over (partition by feed, case_id order by delivery_order rows unbounded preceding) as spell_number
    from compared
)

select
    feed, case_id,
    cast(version_number as integer) as version_number,
    delivery_id, row_number, delivered_at, is_newest, status_code, previous_status_code, feedback_type_code, severity_text, outcome_code,
    acknowledged_at, responded_at, closed_at, closed_on, reopened_at, reopen_count, is_escalated, is_closed,
    coalesce(was_closed, false) and not is_closed as is_reopening,
    -- Spell 1 is closed the first time; 0 means that no version so far was closed.
    cast(spell_number as integer) as spell_number
from spelled
