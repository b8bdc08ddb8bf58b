-- Every feed: what came, when, and when the next delivery is due by the feed's cadence. Late is judged against the
-- newest delivery of any feed, not against the clock, so a rebuild says the same.
with delivery as (
    select
        feed,
        count(delivery_id) as n_deliveries,
        count(*) filter (status = 'accepted') as n_accepted,
        count(*) filter (status = 'held') as n_held,
        count(*) filter (status = 'refused') as n_refused,
        sum(n_accepted) filter (status = 'accepted') as n_rows,
        max(delivered_at) as last_delivered_at,
        max(delivered_at) filter (status = 'accepted') as last_accepted_at,
        max(landed_at) as last_landed_at
    from {{ source('warehouse', 'delivery') }}
    group by feed
)

select
    f.feed, f.label, f.kind, f.cadence,
    coalesce(d.n_deliveries, 0) as n_deliveries,
    coalesce(d.n_accepted, 0) as n_accepted,
    coalesce(d.n_held, 0) as n_held,
    coalesce(d.n_refused, 0) as n_refused,
    coalesce(d.n_rows, 0)::bigint as n_rows,
    d.last_delivered_at, d.last_accepted_at, d.last_landed_at,
    due.next_expected_on,
    coalesce(due.next_expected_on < (select max(x.last_delivered_at) from delivery as x)::date, false) as is_late
from {{ source('warehouse', 'feed') }} as f
left join delivery as d using (feed)
left join lateral (
    -- A quarter of the cadence as grace: monthly files rarely come on the same day.
    select (d.last_accepted_at + case f.cadence
        when 'daily' then interval 2 days when 'weekly' then interval 9 days
        when 'monthly' then interval 39 days when 'quarterly' then interval 114 days end)::date as next_expected_on
) as due on true
