-- What happened to each case and when: from the dates of its newest export, and from changes between exports. A change
-- of status that no date column tells is dated by the delivery that first shows it (basis snapshot): it happened before.
-- A case opened again three times has three REOPENED: those that its exports show, and the one that its date column tells.
with reopening as (
    select
        v.feed, v.case_id, v.delivered_at, v.delivery_id, v.row_number,
        -- The export that first shows the reopening which the case itself dates.
        coalesce(v.delivered_at = min(case when v.delivered_at >= c.reopened_at then v.delivered_at end)
            over (partition by v.feed, v.case_id), false) as is_dated_by_case
    from {{ ref('complaint_version') }} as v
    inner join {{ ref('fct_complaint') }} as c on c.feed = v.feed and c.case_id = v.case_id
    where v.is_reopening
),

-- Closed again and opened again since: the last export of every closed spell but the first and the newest.
between_reopenings as (
    select feed, case_id, closed_at, closed_on, delivery_id, row_number
    from (
        select *,
            row_number() over (partition by feed, case_id, spell_number, is_closed order by version_number desc) as nth_from_last,
            max(case when is_reopening then version_number end) over (partition by feed, case_id) as last_reopening
        from {{ ref('complaint_version') }}
    ) as spells
    where is_closed and nth_from_last = 1 and spell_number > 1 and version_number < last_reopening and closed_at is not null
),

dated as (
    {%- for code, moment in [('RECEIVED', 'received'), ('ACKNOWLEDGED', 'acknowledged'), ('CONSENT_RECEIVED', 'consent'),
        ('INTERIM_SENT', 'interim_sent'), ('RESPONDED', 'responded'), ('FIRST_CLOSED', 'first_closed'), ('REOPENED', 'reopened')] %}
    select feed, case_id, '{{ code }}' as event_code, cast(null as varchar) as status_code, {{ moment }}_at as occurred_at, {{ moment }}_on as occurred_on,
        'column' as basis, delivery_id, row_number
    from {{ ref('fct_complaint') }} where {{ moment }}_at is not null
    union all
    {%- endfor %}
    select feed, case_id, 'REOPENED', null, delivered_at, cast(delivered_at as date), 'snapshot', delivery_id, row_number
    from reopening where not is_dated_by_case
    union all
    select feed, case_id, 'CLOSED_AGAIN', null, closed_at, closed_on, 'column', delivery_id, row_number from between_reopenings
    union all
    select feed, case_id, 'CLOSED_AGAIN', null, closed_at, closed_on, 'column', delivery_id, row_number
    from {{ ref('fct_complaint') }} where closed_at > first_closed_at and reopen_count > 0 and is_closed
    union all
    -- Dated by the first export that shows it, by flag or by status.
    select feed, case_id, 'ESCALATED', null, delivered_at, cast(delivered_at as date), 'snapshot', delivery_id, row_number
    from (
        select feed, case_id, delivered_at, delivery_id, row_number,
            row_number() over (partition by feed, case_id order by version_number) as nth
        from {{ ref('complaint_version') }} where is_escalated or status_code = 'escalated'
    ) as escalated
    where nth = 1
    union all
    select feed, case_id, 'STATUS', status_code, delivered_at, cast(delivered_at as date), 'snapshot', delivery_id, row_number
    from {{ ref('complaint_version') }}
    where status_code is not null and status_code <> coalesce(previous_status_code, '')
)

select
    feed, case_id,
    cast(row_number() over (partition by feed, case_id order by occurred_at, basis, event_code, delivery_id) as integer) as event_number,
    event_code, status_code, occurred_at, occurred_on, basis, delivery_id, row_number
from dated
