{# Which rows of a feed a newer delivery made obsolete. Newest: delivery_order, then row_number. #}

{# Older rows with the same business key. #}
{% macro rows_of_older_versions(feed, key) -%}
{%- set newest_first = '(partition by ' ~ prefixed('s', key) ~ ' order by d.delivery_order desc, s.row_number desc)' -%}
select '{{ feed }}' as feed, delivery_id, row_number, 'NEWER_VERSION' as rule,
    superseded_by_delivery_id, superseded_by_row_number
from (
    select
        s.delivery_id, s.row_number,
        row_number() over {{ newest_first }} as version,
        first_value(s.delivery_id) over {{ newest_first }} as superseded_by_delivery_id,
        first_value(s.row_number) over {{ newest_first }} as superseded_by_row_number
    from (
        select delivery_id, row_number, {{ keys_of(key) }}, {{ hash(key_texts(key)) }} as key_hash from {{ ref('stg_' ~ feed) }}
    ) as s
    inner join (
        select {{ hash(key_texts(key)) }} as key_hash from {{ ref('stg_' ~ feed) }} group by 1 having count(*) > 1
    ) as r on r.key_hash = s.key_hash
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = s.delivery_id
) as v
where version > 1
{%- endmacro %}

{# All rows of older deliveries of a scope that a newer delivery holds too; no columns: the whole feed is one scope. #}
{% macro rows_of_replaced_scopes(feed, columns) -%}
select '{{ feed }}' as feed, s.delivery_id, s.row_number, 'SCOPE_REPLACED' as rule,
    o.newest_delivery_id as superseded_by_delivery_id, cast(null as bigint) as superseded_by_row_number
from {{ ref('stg_' ~ feed) }} as s
inner join (
    select *
    from (
        select
            c.*, d.delivery_order,
            max(d.delivery_order) over ({{ partition(columns) }}) as newest_order,
            first_value(c.delivery_id) over ({{ partition(columns) }} order by d.delivery_order desc) as newest_delivery_id
        from (select distinct {{ keys_of(columns) ~ ', ' if columns }}delivery_id from {{ ref('stg_' ~ feed) }}) as c
        inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = c.delivery_id
    ) as versions
    where delivery_order < newest_order
) as o
    on o.delivery_id = s.delivery_id
    {%- for column in columns %} and o.{{ column }} is not distinct from {{ key_texts(['s.' ~ column])[0] }}{% endfor %}
{%- endmacro %}

{# Columns of a key as they are compared: codes of places and classes in capitals, because clin and CLIN are one code wherever codes
   are looked up; a correction that writes it otherwise is the same row. key_text in ingestion/values_sql.py says the same of one file. #}
{% macro key_texts(columns) -%}
{%- set texts = [] -%}
{%- for column in columns -%}
{%- do texts.append('upper(' ~ column ~ ')' if column.split('.')[-1] in ['facility_code', 'unit_code', 'class_code'] else column) -%}
{%- endfor -%}
{{ return(texts) }}
{%- endmacro %}

{% macro keys_of(columns) -%}
{%- for column in columns %}{{ key_texts([column])[0] }} as {{ column }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{# Of several returned questionnaires of one patient about one stay or visit the first received counts, unless a later one has at least
   5 more answers (surveys.md section 8; the 5 is ours). A correction is another matter: it has the number of the survey it corrects,
   and the newest version counts. Only rows without a newer version are looked at, `superseded` names those that have one. #}
{% macro rows_of_duplicate_returns(feed, items, superseded) -%}
{%- set same = key_texts(['s.facility_code', 's.unit_code', 's.provider_id', 's.discharge_on', 's.patient_id']) -%}
select '{{ feed }}' as feed, r.one.delivery_id as delivery_id, r.one.row_number as row_number, 'DUPLICATE_RETURN' as rule,
    r.kept.delivery_id as superseded_by_delivery_id, r.kept.row_number as superseded_by_row_number
from (
    select unnest(ones) as one, list_reduce(ones, lambda kept, one: case when one.n_answered >= kept.n_answered + 5 then one else kept end) as kept
    from (
        select list({'delivery_id': s.delivery_id, 'row_number': s.row_number, 'n_answered': s.n_answered}
            order by coalesce(s.received_on, cast(d.delivered_at as date)), d.delivery_order, s.row_number) as ones
        from (
            select s.*, {% for item in items %}{{ ' + ' if not loop.first }}case when s.{{ item.item_code }} >= 0 then 1 else 0 end{% endfor %} as n_answered
            from {{ ref('stg_' ~ feed) }} as s
            inner join (
                select {{ hash(same[3:]) }} as key_hash from {{ ref('stg_' ~ feed) }} as s where s.patient_id is not null group by 1 having count(*) > 1
            ) as twice on twice.key_hash = {{ hash(same[3:]) }}
        ) as s
        inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = s.delivery_id
        left join {{ superseded }} as x on x.feed = '{{ feed }}' and x.delivery_id = s.delivery_id and x.row_number = s.row_number
        where x.feed is null and s.patient_id is not null and s.n_answered > 0
        group by {{ same | join(', ') }}
        having count(*) > 1
    ) as patients
) as r
where (r.one.delivery_id, r.one.row_number) <> (r.kept.delivery_id, r.kept.row_number)
{%- endmacro %}

{# Selects one under the other, eight by eight: the time DuckDB 2.0 plans a union grows with the square of its parts
   (59 parts 1.5 s, in eights 0.7). #}
{% macro union_of_many(parts) -%}
{%- for some in parts | batch(8) %}
select * from (
{{ some | join('\nunion all\n') }}
) as part_{{ loop.index }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{% macro prefixed(alias, columns) -%}
{%- for column in columns %}{{ alias }}.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{% macro partition(columns) -%}
{%- if columns %}partition by {{ prefixed('c', columns) }}{% endif -%}
{%- endmacro %}
