{# Which places a delivery of a feed speaks for: it rarely says so, what it holds must (product-defined). Marts only. #}

{# CTE `speaking`: every delivery of a stream with every facility the stream ever held, and whether it speaks for it. It does for
   what it holds rows of, and for a facility without rows in it when the last file with rows of that facility (before its first: the
   next) held a facility of this file too. Such facilities come together: files of a whole group cover a hospital without rows, files
   of one hospital never another. `stream` is the column that tells streams apart. Needs the CTEs sent (a row per delivery and stream,
   with delivery_order) and place (stream, delivery_id, facility_id). #}
{% macro speaking(stream) -%}
paired as (
    select
        s.*, f.facility_id, p.delivery_id is not null as is_held,
        coalesce(
            last_value(p.delivery_id ignore nulls) over (
                partition by s.{{ stream }}, f.facility_id order by s.delivery_order rows between unbounded preceding and 1 preceding
            ),
            first_value(p.delivery_id ignore nulls) over (
                partition by s.{{ stream }}, f.facility_id order by s.delivery_order rows between 1 following and unbounded following
            )
        ) as near_delivery_id
    from sent as s
    inner join (select distinct {{ stream }}, facility_id from place) as f using ({{ stream }})
    left join place as p on p.{{ stream }} = s.{{ stream }} and p.delivery_id = s.delivery_id and p.facility_id = f.facility_id
),

alike as (
    select distinct w.{{ stream }}, w.delivery_id, w.near_delivery_id
    from (select distinct {{ stream }}, delivery_id, near_delivery_id from paired where not is_held) as w
    inner join place as a on a.{{ stream }} = w.{{ stream }} and a.delivery_id = w.delivery_id
    inner join place as b on b.{{ stream }} = w.{{ stream }} and b.delivery_id = w.near_delivery_id and b.facility_id = a.facility_id
),

speaking as (
    select p.*, p.is_held or a.delivery_id is not null as is_spoken_for
    from paired as p
    left join alike as a using ({{ stream }}, delivery_id, near_delivery_id)
)
{%- endmacro %}

{# Columns of CTE `reached` and is_awaited: whether months wait for what has come up to last_closed_month. They do not when it is further
   than the setting behind the others of `partition` (it has been given up), when its feed has ended, or when the facility has closed. #}
{% macro with_awaited(partition) -%}
select
    r.*,
    r.last_closed_month >= max(r.last_closed_month) over (partition by {{ partition }}) - s.awaited_months
        and r.last_closed_month < least(f.closing_month, coalesce({{ month_number('e.ended_on') }}, f.closing_month))
        and r.facility_id <> 'unassigned' as is_awaited
from reached as r
inner join (
    select facility_id, max({{ month_number("coalesce(closed_on, date '9999-12-31')") }}) as closing_month from {{ ref('kpi_entity') }} group by facility_id
) as f using (facility_id)
left join {{ source('warehouse', 'feed_ended') }} as e using (feed)
cross join {{ source('warehouse', 'month_setting') }} as s
{%- endmacro %}
