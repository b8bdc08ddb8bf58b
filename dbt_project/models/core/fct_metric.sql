-- Numbers that others keep (training, staffing, scheduling ...), newest version, per unit and month. One feed speaks for a
-- facility, metric and month: the one of highest priority.
with delivered as (
    {{ current_rows('metric', ['metric_code', 'facility_code', 'unit_code', 'period_start_on', 'numerator', 'denominator', 'value']) }}
),

placed as (
    select
        d.feed, d.delivery_id, d.row_number,
        lower(trim(d.metric_code)) as metric_code,
        d.facility_code as source_facility_code,
        d.unit_code as source_unit_code,
        u.facility_id, u.unit_id, u.unit_key,
        {{ month_start('d.period_start_on') }} as month_start_on,
        cast(d.numerator as decimal(38, 12)) as numerator,
        cast(d.denominator as bigint) as denominator,
        cast(d.value as decimal(38, 12)) as value
    from delivered as d
    {{ join_unit('d', 'd.period_start_on') }}
),

preferred as (
    select metric_code, place, month_start_on, feed
    from (
        select
            p.metric_code, case when p.facility_id = 'unassigned' then p.feed else p.facility_id end as place, p.month_start_on, p.feed,
            row_number() over (
                partition by p.metric_code, case when p.facility_id = 'unassigned' then p.feed else p.facility_id end, p.month_start_on
                order by max(f.priority) desc, p.feed
            ) as nth
        from placed as p
        inner join {{ source('warehouse', 'feed') }} as f on f.feed = p.feed
        group by p.metric_code, case when p.facility_id = 'unassigned' then p.feed else p.facility_id end, p.month_start_on, p.feed
    ) as ranked
    where nth = 1
)

select p.*, r.feed is null as is_left_to_other_feed
from placed as p
left join preferred as r
    on r.metric_code = p.metric_code and r.feed = p.feed and r.month_start_on = p.month_start_on
    and r.place = case when p.facility_id = 'unassigned' then p.feed else p.facility_id end
