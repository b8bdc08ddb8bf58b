-- How far each complaint feed speaks for each facility: its first and last month, and whether a facility's months wait for it.
-- An export does not say which months and places it covers, so its cases must. A delivery closes the months before its own,
-- unless an earlier one had brought newer cases: then it is a late or corrected file and speaks up to its own newest case.
-- It speaks for the facilities it has cases of and those that come with them (macro speaking); a file without any case for all of its feed.
-- The first month is that of the oldest case in the first such file; before the first case of a facility the next file with one decides.
with delivery as (
    select delivery_id, feed, delivery_order, {{ month_number('delivered_at') }} as month_number
    from {{ source('warehouse', 'delivery') }}
    where status = 'accepted' and kind = 'complaint'
),

held as (
    select v.feed, v.delivery_id, c.facility_id, min({{ month_number('c.received_on') }}) as oldest_month, max({{ month_number('c.received_on') }}) as newest_month
    from {{ ref('complaint_version') }} as v
    inner join {{ ref('complaint_case') }} as c using (feed, case_id)
    group by all
),

-- A date of receipt after the delivery is a typing error.
newest as (
    select d.delivery_id, d.feed, d.delivery_order, d.month_number - 1 as month_before, count(h.delivery_id) = 0 as is_empty,
        min(h.oldest_month) as oldest_month, max(h.newest_month) filter (h.newest_month <= d.month_number) as newest_month
    from delivery as d
    left join held as h using (delivery_id)
    group by all
),

sent as (
    select delivery_id, feed, delivery_order, is_empty, oldest_month,
        case when newest_month < max(newest_month) over earlier then least(newest_month, month_before) else month_before end as last_month
    from newest
    window earlier as (partition by feed order by delivery_order rows between unbounded preceding and 1 preceding)
),

place as (
    select feed, delivery_id, facility_id from held where facility_id <> 'unassigned'
),

{{ speaking('feed') }},

reached as (
    select feed, facility_id, min(oldest_month)::integer as first_month, max(last_month)::integer as last_closed_month
    from speaking
    where is_spoken_for or is_empty
    group by feed, facility_id
)

{{ with_awaited('r.facility_id') }}
