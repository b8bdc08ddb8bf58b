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
