{# Asking for feeds; what there is comes from macros/generated/feeds.sql. #}

{% macro feeds_of_kind(kind, family=none) %}
{%- set names = [] -%}
{%- for name, feed in feeds().items() if feed.kind == kind and (family is none or family in feed.families) -%}
    {%- do names.append(name) -%}
{%- endfor -%}
{{ return(names) }}
{% endmacro %}

{# SQL condition: rows of `alias` come from a feed of `kind` whose files must have `column` (it is not `optional`). #}
{% macro feed_promises(kind, column, alias) %}{{ return(_feeds_that('promised', kind, column, alias)) }}{% endmacro %}

{# SQL condition: rows of `alias` come from a feed of `kind` that may write `column`, a moment, as a local date or time, without an offset. #}
{% macro feed_dates(kind, column, alias) %}{{ return(_feeds_that('dated', kind, column, alias)) }}{% endmacro %}

{% macro _feeds_that(fact, kind, column, alias) -%}
{%- set names = [] -%}
{%- for name in feeds_of_kind(kind) if column in feeds()[name][fact] -%}
    {%- do names.append("'" ~ name ~ "'") -%}
{%- endfor -%}
{% if names %}{{ alias }}.feed in ({{ names | join(', ') }}){% else %}1 = 0{% endif %}
{%- endmacro %}

{% macro survey_families() %}{{ return(survey_instruments().keys() | list) }}{% endmacro %}

{# All staged rows of a kind that no newer delivery replaced. `columns` beside feed, delivery_id, row_number;
   an empty relation of the right types when no feed has the kind. #}
{% macro current_rows(kind, columns) -%}
{%- for feed in feeds_of_kind(kind) %}
select s.feed, s.delivery_id, s.row_number, {{ prefixed('s', columns) }}
from {{ ref('stg_' ~ feed) }} as s
{{ without_superseded(feed, 's') }}
{{ 'union all' if not loop.last }}
{%- else %}
{{ no_rows(kind, columns) }}
{%- endfor %}
{%- endmacro %}

{# Leaves out the rows of `alias` that a newer delivery replaced. A left join, because DuckDB 2.0 keeps all rows of a
   correlated NOT EXISTS in memory: 2.5 against 1 second of CPU on 2 million rows. #}
{% macro without_superseded(feed, alias) -%}
left join {{ ref('superseded_row') }} as replaced
    on replaced.feed = '{{ feed }}' and replaced.delivery_id = {{ alias }}.delivery_id and replaced.row_number = {{ alias }}.row_number
where replaced.feed is null
{%- endmacro %}

{% macro no_rows(kind, columns) -%}
select cast(null as varchar) as feed, cast(null as varchar) as delivery_id, cast(null as bigint) as row_number
    {%- for column in columns %}, cast(null as {{ kind_columns()[kind][column] }}) as {{ column }}{% endfor %}
where 1 = 0
{%- endmacro %}
