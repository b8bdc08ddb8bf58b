-- Which months of encounters can be trusted: every facility and class from the first month it was seen to the last month
-- that should have come, or to the facility's closing: a month that no feed counted has a row like any other.
-- A home may name the feeds it expects (settings.yml); then each of them must have spoken of the month.
-- A month of counts is complete when the newest delivery that holds it came after the month's end. Daily and visit
-- feeds are complete when any delivery of the facility came after the month's end: a rare class need not occur.
-- Records are summed once to what is asked of them: line-level feeds bring millions.
with record as (
    select
        e.facility_id, e.encounter_class, e.month_start_on, e.feed, e.grain, e.rule, e.is_counted,
        sum(e.n_encounters) as n_encounters,
        max(d.delivered_at) as delivered_at,
        max(case when e.is_partial then 1 else 0 end) as is_partial
    from {{ ref('fct_encounter') }} as e
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = e.delivery_id
    group by e.facility_id, e.encounter_class, e.month_start_on, e.feed, e.grain, e.rule, e.is_counted
),

counted as (
    select * from record where is_counted
),

last_month as (
    select {{ month_start('max(delivered_at)') }} as month_start_on from record
),

-- Every month from the first counted one to the month before the newest delivery of cases or encounters, at most 20 years
-- (a date typed wrongly must not make centuries), and later ones that were counted already.
due_month as (
    select
        1 as one,
        greatest(min(c.month_start_on), {{ add_months('max(d.newest_on)', -240) }}) as first_on,
        {{ add_days('max(d.newest_on)', -1) }} as last_on
    from counted as c
    cross join (
        select {{ month_start('max(delivered_at)') }} as newest_on
        from {{ source('warehouse', 'delivery') }}
        where status = 'accepted' and kind in ('complaint', 'encounter', 'encounter_count', 'encounter_event')
    ) as d
),

month as (
    select {{ month_start('day_on') }} as month_start_on from ({{ days_between('due_month', 'one', 'first_on', 'last_on') }}) as days
    union
    select c.month_start_on from counted as c cross join last_month as l where c.month_start_on <= l.month_start_on
),

delivered as (
    select
        facility_id, encounter_class, month_start_on,
        cast(sum(n_encounters) as bigint) as n_encounters,
        max(delivered_at) as last_delivered_at,
        max(is_partial) as is_partial,
        max(case when grain = 'month' then 1 else 0 end) as is_monthly
    from counted
    group by facility_id, encounter_class, month_start_on
),

-- How far the daily and visit feeds of a facility reach, whatever the class and whether a record counts.
running as (
    select facility_id, feed, month_start_on, max(max(delivered_at)) over (partition by facility_id, feed) as last_delivered_at
    from record
    where grain <> 'month'
    group by facility_id, feed, month_start_on
),

-- A cell that says n/a: the feed speaks of the month but not of all of it.
not_reported as (
    select distinct facility_id, encounter_class, month_start_on from record where rule = 'NOT_REPORTED'
),

seen as (
    select c.facility_id, c.encounter_class, c.feed, c.grain, min(c.month_start_on) as first_month_on
    from counted as c
    group by c.facility_id, c.encounter_class, c.feed, c.grain
),

closing as (
    select facility_id, max(valid_to_on) as closed_on from {{ ref('unit_mapping') }} group by facility_id
),

expected as (
    select s.facility_id, s.encounter_class, m.month_start_on
    from (select facility_id, encounter_class, min(first_month_on) as first_month_on from seen group by facility_id, encounter_class) as s
    cross join month as m
    left join closing as c on c.facility_id = s.facility_id
    where m.month_start_on >= s.first_month_on
        and m.month_start_on <= coalesce(c.closed_on, date '9999-12-31')
        and s.facility_id <> 'unassigned'
    union
    -- Nobody knows what to expect of unmapped codes; what came is judged by its own dates.
    select d.facility_id, d.encounter_class, d.month_start_on
    from delivered as d cross join last_month as l
    where d.facility_id = 'unassigned' and d.month_start_on <= l.month_start_on
),

reach as (
    select s.facility_id, s.encounter_class, r.month_start_on, max(r.last_delivered_at) as last_delivered_at
    from seen as s
    inner join running as r on r.facility_id = s.facility_id and r.feed = s.feed
    where s.grain <> 'month'
    group by s.facility_id, s.encounter_class, r.month_start_on
),

-- Feeds that the home expects: those without a whole month.
spoken as (
    select r.feed, r.facility_id, r.encounter_class, r.month_start_on
    from record as r
    where r.rule in ('COUNTED', 'OTHER_FEED_PREFERRED')
    group by r.feed, r.facility_id, r.encounter_class, r.month_start_on
    having max(r.is_partial) = 0
        and (max(case when r.grain <> 'month' then 1 else 0 end) = 1
            or cast(max(r.delivered_at) as date) > {{ month_end('r.month_start_on') }})
),

unmet as (
    select x.facility_id, x.encounter_class, m.month_start_on, {{ dbt.listagg("x.feed", "', '", "order by x.feed") }} as missing_feeds
    from {{ source('warehouse', 'encounter_expected') }} as x
    inner join month as m on m.month_start_on between {{ month_start('x.from_on') }} and x.to_on
    left join spoken as k
        on k.feed = x.feed and k.facility_id = x.facility_id and k.encounter_class = x.encounter_class
        and k.month_start_on = m.month_start_on
    left join (
        select facility_id, feed, month_start_on from running
        where cast(last_delivered_at as date) > {{ month_end('month_start_on') }}
    ) as r on r.facility_id = x.facility_id and r.feed = x.feed and r.month_start_on = m.month_start_on
    where k.feed is null and r.feed is null
    group by x.facility_id, x.encounter_class, m.month_start_on
),

-- Where nothing is configured, the feeds that counted the facility and class so far are the ones to ask.
usual as (
    select facility_id, encounter_class, {{ dbt.listagg("feed", "', '", "order by feed") }} as missing_feeds
    from (select distinct facility_id, encounter_class, feed from seen) as feeds
    group by facility_id, encounter_class
),

required as (
    select facility_id, encounter_class, month_start_on from expected
    union
    select facility_id, encounter_class, month_start_on from unmet
),

judged as (
    select
        e.facility_id, e.encounter_class, e.month_start_on,
        coalesce(u.missing_feeds, y.missing_feeds) as asked_feeds,
        coalesce(d.n_encounters, 0) as n_encounters,
        case when d.is_monthly = 1 then d.last_delivered_at else r.last_delivered_at end as last_delivered_at,
        case
            when u.missing_feeds is not null and coalesce(d.is_partial, 0) = 0 then 'EXPECTED_FEED_MISSING'
            when d.is_partial = 1 then 'PARTIAL'
            when n.facility_id is not null then 'NOT_REPORTED'
            when d.facility_id is null and r.facility_id is null then 'NOT_DELIVERED'
            when cast(case when d.is_monthly = 1 then d.last_delivered_at else r.last_delivered_at end as date)
                > {{ month_end('e.month_start_on') }} then 'COMPLETE'
            else 'DELIVERED_BEFORE_MONTH_END'
        end as state
    from required as e
    left join unmet as u
        on u.facility_id = e.facility_id and u.encounter_class = e.encounter_class and u.month_start_on = e.month_start_on
    left join usual as y on y.facility_id = e.facility_id and y.encounter_class = e.encounter_class
    left join delivered as d
        on d.facility_id = e.facility_id and d.encounter_class = e.encounter_class and d.month_start_on = e.month_start_on
    left join not_reported as n
        on n.facility_id = e.facility_id and n.encounter_class = e.encounter_class and n.month_start_on = e.month_start_on
    left join reach as r
        on r.facility_id = e.facility_id and r.encounter_class = e.encounter_class and r.month_start_on = e.month_start_on
)

select
    j.facility_id, j.encounter_class, j.month_start_on, j.n_encounters, j.last_delivered_at, j.state,
    j.state = 'COMPLETE' or s.missing_feed = 'rate_of_what_came' as is_complete,
    case when j.state <> 'COMPLETE' then j.asked_feeds end as missing_feeds
from judged as j
cross join {{ source('warehouse', 'encounter_setting') }} as s
