{# What differs between engines and is used in staging and core. Add a dialect by adding its macro.

   default__ is the SQL standard as most warehouses speak it, duckdb__ what the build runs. #}

{% macro try_cast(expression, type) %}{{ return(adapter.dispatch('try_cast')(expression, type)) }}{% endmacro %}
{% macro default__try_cast(expression, type) %}try_cast({{ expression }} as {{ type }}){% endmacro %}
{% macro postgres__try_cast(expression, type) %}cast({{ expression }} as {{ type }}){% endmacro %}
{% macro bigquery__try_cast(expression, type) %}safe_cast({{ expression }} as {{ type }}){% endmacro %}

{% macro double() %}{{ return(adapter.dispatch('double')()) }}{% endmacro %}
{% macro default__double() %}double precision{% endmacro %}
{% macro duckdb__double() %}double{% endmacro %}
{% macro bigquery__double() %}float64{% endmacro %}

{# Null when the divisor is null or 0; never integer division. #}
{% macro safe_divide(numerator, denominator) -%}
cast({{ numerator }} as {{ double() }}) / nullif({{ denominator }}, 0)
{%- endmacro %}

{# A 64-bit hash of columns, nulls included. Only to find candidates: equal rows have equal hashes, not the reverse. #}
{% macro hash(columns) %}{{ return(adapter.dispatch('hash')(columns)) }}{% endmacro %}
{% macro default__hash(columns) -%}
hash({{ columns | join(', ') }})
{%- endmacro %}
{% macro postgres__hash(columns) -%}
hashtextextended(concat_ws('|', {% for c in columns %}coalesce(cast({{ c }} as text), '~'){{ ', ' if not loop.last }}{% endfor %}), 0)
{%- endmacro %}

{# A row without problems. Raw Parquet keeps problems as a list, so this is the one place that looks into it. #}
{% macro is_accepted() %}{{ return(adapter.dispatch('is_accepted')()) }}{% endmacro %}
{% macro default__is_accepted() %}cardinality(problems) = 0{% endmacro %}
{% macro duckdb__is_accepted() %}len(problems) = 0{% endmacro %}

{# One row per fault of a list column: the columns of `keep`, then fault_number, rule, column_name, masked. #}
{% macro unnest_faults(relation, faults, keep) %}{{ return(adapter.dispatch('unnest_faults')(relation, faults, keep)) }}{% endmacro %}
{% macro default__unnest_faults(relation, faults, keep) -%}
select {{ keep | join(', ') }}, n.fault_number, f.rule, f."column" as column_name, f.masked
from {{ relation }} cross join unnest({{ faults }}) with ordinality as n(f, fault_number)
{%- endmacro %}
{% macro duckdb__unnest_faults(relation, faults, keep) -%}
select {{ keep | join(', ') }}, fault_number, f.rule, f."column" as column_name, f.masked
from (
    select {{ keep | join(', ') }}, unnest({{ faults }}) as f, unnest(range(1, len({{ faults }}) + 1)) as fault_number
    from {{ relation }} where len({{ faults }}) > 0
)
{%- endmacro %}

{# Columns to rows (name, value), nulls left out; the columns must have one type. #}
{% macro unpivot(relation, keep, columns, name, value) %}{{ return(adapter.dispatch('unpivot')(relation, keep, columns, name, value)) }}{% endmacro %}
{% macro default__unpivot(relation, keep, columns, name, value) -%}
{% for column in columns -%}
select {{ keep | join(', ') }}, '{{ column }}' as {{ name }}, {{ column }} as {{ value }} from {{ relation }} where {{ column }} is not null
{{ 'union all' if not loop.last }}
{% endfor %}
{%- endmacro %}
{% macro duckdb__unpivot(relation, keep, columns, name, value) -%}
select {{ keep | join(', ') }}, {{ name }}, {{ value }}
from (select {{ keep | join(', ') }}, {{ columns | join(', ') }} from {{ relation }})
unpivot ({{ value }} for {{ name }} in ({{ columns | join(', ') }}))
{%- endmacro %}

{# The local date of a UTC moment in a zone; the fallback where the zone is unknown. #}
{% macro local_date(moment, zone, fallback) %}{{ return(adapter.dispatch('local_date')(moment, zone, fallback)) }}{% endmacro %}
{% macro default__local_date(moment, zone, fallback) -%}
case when {{ zone }} is null then {{ fallback }} else cast(({{ moment }} at time zone 'UTC') at time zone {{ zone }} as date) end
{%- endmacro %}

{# The local date of the facility. Midnight of the feed's own zone is a date without a time and keeps its date, where
   the feed writes local times (`dated`); where every value tells its offset (UTC), midnight is a moment like any other. #}
{% macro facility_date(alias, moment, zone, feed_zone, dated) -%}
case
    when {{ zone }} is null or {{ feed_zone }} is null
        or {{ dated }} and cast(({{ alias }}.{{ moment }}_at at time zone 'UTC') at time zone {{ feed_zone }} as time) = time '00:00:00'
        then {{ alias }}.{{ moment }}_on
    else {{ local_date(alias ~ '.' ~ moment ~ '_at', zone, alias ~ '.' ~ moment ~ '_on') }}
end
{%- endmacro %}

{# Names of the time zones that the engine knows: an unknown one would end the whole build. #}
{% macro known_time_zones() %}{{ return(adapter.dispatch('known_time_zones')()) }}{% endmacro %}
{% macro default__known_time_zones() %}select zone.name from pg_timezone_names() as zone{% endmacro %}

{% macro month_start(day) %}cast({{ dbt.date_trunc('month', day) }} as date){% endmacro %}

{% macro add_months(day, months) %}cast({{ dbt.dateadd('month', months, day) }} as date){% endmacro %}

{% macro add_days(day, days) %}cast({{ dbt.dateadd('day', days, day) }} as date){% endmacro %}

{% macro month_end(month_start_on) %}{{ add_days(add_months(month_start_on, 1), -1) }}{% endmacro %}

{# A word without what does not matter when it is compared: its letters and digits in small, single blanks between. #}
{% macro word_key(text) %}{{ return(adapter.dispatch('word_key')(text)) }}{% endmacro %}
{% macro default__word_key(text) -%}
trim(regexp_replace(lower({{ text }}), '[^[:alnum:]]+', ' ', 'g'))
{%- endmacro %}
{% macro duckdb__word_key(text) -%}
trim(regexp_replace(lower({{ text }}), '[^\pL\pN]+', ' ', 'g'))
{%- endmacro %}

{# One row per part of a text; two texts in one select go side by side, the shorter one filled with null. #}
{% macro unnest_parts(text, separator) %}{{ return(adapter.dispatch('unnest_parts')(text, separator)) }}{% endmacro %}
{% macro default__unnest_parts(text, separator) -%}
unnest(string_to_array({{ text }}, '{{ separator }}'))
{%- endmacro %}

{# Every day from one date to another, ends included: the key column and day_on. #}
{% macro days_between(relation, key, first, last) %}{{ return(adapter.dispatch('days_between')(relation, key, first, last)) }}{% endmacro %}
{% macro default__days_between(relation, key, first, last) -%}
select {{ key }}, cast(d.day_on as date) as day_on
from {{ relation }} cross join lateral generate_series({{ first }}, {{ last }}, interval '1 day') as d(day_on)
{%- endmacro %}
{% macro duckdb__days_between(relation, key, first, last) -%}
select {{ key }}, cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as day_on from {{ relation }}
{%- endmacro %}

{# 1 is Monday, 7 is Sunday. #}
{% macro iso_weekday(day) %}extract(isodow from {{ day }}){% endmacro %}

{# A moment and a number of hours, fractions kept to the minute. #}
{% macro add_hours(moment, hours) %}{{ dbt.dateadd('minute', 'cast(60 * ' ~ hours ~ ' as integer)', moment) }}{% endmacro %}
