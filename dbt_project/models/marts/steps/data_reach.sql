-- How far surveys, counted answers and metrics have come for each facility, by instrument family and metric, and whether the
-- enterprise's months wait for it. A delivery reaches the newest month it holds that had ended when it came, for the facilities it
-- holds and those that come with them (macro speaking); of several feeds the one that has come furthest speaks for a facility.
with held as (
    select concat('survey:', s.family) as kind, s.feed, s.delivery_id, u.facility_id, {{ month_number('s.month_start_on') }} as month_number
    from (select distinct family, feed, delivery_id, unit_key, month_start_on from {{ ref('fct_survey') }}) as s
    inner join {{ ref('dim_unit') }} as u using (unit_key)
    union
    select concat('survey:', family), feed, delivery_id, facility_id, {{ month_number('month_start_on') }}
    from {{ ref('fct_answer_count') }} where rule not in ('LONGER_THAN_A_MONTH', 'NO_INSTRUMENT')
    union
    select concat('metric:', m.measure_id), f.feed, f.delivery_id, f.facility_id, {{ month_number('f.month_start_on') }}
    from {{ ref('fct_metric') }} as f
    inner join {{ source('definition', 'measure') }} as m on m.source = 'metrics' and m.numerator_rule = f.metric_code
),

stream as (
    select *, concat(kind, ' ', feed) as stream from held
),

sent as (
    select
        t.stream, t.kind, t.feed, d.delivery_id, d.delivery_order,
        case when count(h.month_number) > 0
            then least(max(h.month_number), {{ month_number('d.delivered_at') }} - 1) end as last_month
    from (select distinct stream, kind, feed from stream) as t
    inner join {{ source('warehouse', 'delivery') }} as d on d.feed = t.feed and d.status = 'accepted'
    left join stream as h
        on h.stream = t.stream and h.delivery_id = d.delivery_id and h.month_number <= {{ month_number('d.delivered_at') }}
    group by t.stream, t.kind, t.feed, d.delivery_id, d.delivery_order, d.delivered_at
),

place as (
    select distinct stream, delivery_id, facility_id from stream where facility_id <> 'unassigned'
),

{{ speaking('stream') }},

reached as (
    select kind, facility_id, arg_max(feed, (last_month, feed)) as feed, max(last_month)::integer as last_closed_month
    from speaking
    where is_spoken_for and last_month is not null
    group by kind, facility_id
    union all
    select kind, 'unassigned', arg_max(s.feed, (s.last_month, s.feed)), max(s.last_month)::integer
    from sent as s
    semi join (select * from stream where facility_id = 'unassigned') as u using (stream, delivery_id)
    where s.last_month is not null
    group by kind
)

-- What nobody mapped to a facility is never awaited, but the enterprise has it.
{{ with_awaited('r.kind') }}
