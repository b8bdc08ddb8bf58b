{# Asking for feeds; what there is comes from macros/generated/feeds.sql. #}

{% macro feeds_of_kind(kind, family=none) %}
{%- set names = [] -%}
{%- for name, feed in feeds().items() if feed.kind == kind and (family is none or feed.family == family) -%}
    {%- do names.append(name) -%}
{%- endfor -%}
{{ return(names) }}
{% endmacro %}

{% macro survey_families() %}{{ return(survey_instruments().keys() | list) }}{% endmacro %}

{# All staged rows of a kind that no newer delivery replaced. `columns` beside feed, delivery_id, row_number;
   an empty relation of the right types when no feed has the kind. #}
{% macro current_rows(kind, columns) -%}
{%- for feed in feeds_of_kind(kind) %}
select feed, delivery_id, row_number, {{ columns | join(', ') }}
from {{ ref('stg_' ~ feed) }} as s
where not exists (
    select 1 from {{ ref('superseded_row') }} as x
    where x.feed = '{{ feed }}' and x.delivery_id = s.delivery_id and x.row_number = s.row_number
)
{{ 'union all' if not loop.last }}
{%- else %}
{{ no_rows(kind, columns) }}
{%- endfor %}
{%- endmacro %}

{% macro no_rows(kind, columns) -%}
select cast(null as varchar) as feed, cast(null as varchar) as delivery_id, cast(null as bigint) as row_number
    {%- for column in columns %}, cast(null as {{ kind_columns()[kind][column] }}) as {{ column }}{% endfor %}
where 1 = 0
{%- endmacro %}
