-- Every feed: what came, when, and when the next delivery is due by the feed's cadence. A mart does not know today:
-- whoever reads it compares late_after_on with the clock (`pxw status` does). Rows add up:
-- delivered = accepted + quarantined + held.
with delivery as (
    select
        feed,
        count(delivery_id) as n_deliveries,
        count(*) filter (status = 'accepted') as n_accepted,
        count(*) filter (status = 'held') as n_held,
        count(*) filter (status = 'refused') as n_refused,
        sum(n_rows) as n_rows_delivered,
        sum(n_accepted) filter (status = 'accepted') as n_rows_accepted,
        sum(n_quarantined) as n_rows_quarantined,
        sum(n_accepted) filter (status = 'held') as n_rows_held,
        max(delivered_at) as last_delivered_at,
        max(delivered_at) filter (status = 'accepted') as last_accepted_at,
        max(landed_at) as last_landed_at
    from {{ source('warehouse', 'delivery') }}
    group by feed
),

rhythm as (
    {%- for cadence, days in cadence_days().items() %}
    select '{{ cadence }}' as cadence, {{ days[0] }} as n_days, {{ days[1] }} as n_days_of_grace
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    f.feed, f.label, f.kind, f.cadence,
    coalesce(d.n_deliveries, 0) as n_deliveries,
    coalesce(d.n_accepted, 0) as n_accepted,
    coalesce(d.n_held, 0) as n_held,
    coalesce(d.n_refused, 0) as n_refused,
    coalesce(d.n_rows_delivered, 0)::bigint as n_rows_delivered,
    coalesce(d.n_rows_accepted, 0)::bigint as n_rows_accepted,
    coalesce(d.n_rows_quarantined, 0)::bigint as n_rows_quarantined,
    coalesce(d.n_rows_held, 0)::bigint as n_rows_held,
    d.last_delivered_at, d.last_accepted_at, d.last_landed_at,
    d.last_accepted_at::date + r.n_days as next_due_on,
    d.last_accepted_at::date + r.n_days + r.n_days_of_grace as late_after_on,
    false as is_suppressed
from {{ source('warehouse', 'feed') }} as f
left join delivery as d using (feed)
left join rhythm as r using (cadence)
