{# Counts of cases per entity (level) and window, for the marts about complaints. DuckDB only (marts).

   A case belongs to the month of its receipt; a window is a month, a quarter or twelve months. Months are summed first
   and windows from months, so a case is never looked at twelve times. Windows without any case have no row. #}

{# The day up to which open cases are counted: the newest complaint delivery, never the clock. #}
{% macro complaint_as_of() -%}
(
    select max(delivered_at)::date as as_of_on, {{ month_number('max(delivered_at)') }} as as_of_month
    from {{ source('warehouse', 'delivery') }} where status = 'accepted' and kind = 'complaint'
)
{%- endmacro %}

{# `relation` has unit_key, month_start_on, `keys` and numbers `sums`: their sums per window_number and keys. One number
   stands for twin_number of kpi_entity, last month and months of a window: grouping, sorting and joining by three columns
   costs twice as much. #}
{% macro sums_per_window(relation, keys, sums) -%}
select {{ window_number('m.twin_number', 'w.end_month', 'w.n_months') }} as window_number{{ _listed('m', keys) }}
    {%- for one in sums %}, sum(m.{{ one }})::bigint as {{ one }}{% endfor %}
from (
    select e.twin_number, {{ month_number('r.month_start_on') }} as month_number{{ _listed('r', keys) }}
        {%- for one in sums %}, sum(r.{{ one }}) as {{ one }}{% endfor %}
    from {{ relation }} as r
    inner join {{ ref('kpi_entity') }} as e on e.unit_key = r.unit_key and e.entity_number = e.twin_number
    group by all
) as m
cross join {{ complaint_as_of() }} as o
cross join lateral (
    select 1 as n_months, m.month_number as end_month
    union all
    select 3, m.month_number // 3 * 3 + 2
    union all
    select 12, unnest(range(m.month_number, least(m.month_number + 11, o.as_of_month) + 1))
) as w
group by all
{%- endmacro %}

{% macro _listed(alias, columns) -%}
{% for one in columns %}, {{ alias }}.{{ one }}{% endfor %}
{%- endmacro %}

{% macro window_number(twin_number, end_month, n_months) -%}
({{ twin_number }}::bigint * 1048576 + {{ end_month }} * 16 + {{ n_months }})
{%- endmacro %}

{# The columns that say whom and when a row of `relation` (window_number) is about, joined as `p` on it: one row for
   each entity with these sums. is_window_whole: complaints were delivered for all of the window. #}
{% macro entity_periods(relation) -%}
(
    select
        k.window_number, e.level, e.entity_code, e.facility_id, e.unit_id, e.service_line,
        case k.n_months when 1 then 'month' when 3 then 'quarter' else 'rolling_12_months' end as period_grain,
        {{ month_of_number('(k.end_month - k.n_months + 1)') }} as period_start_on,
        last_day({{ month_of_number('k.end_month') }}) as period_end_on,
        last_day({{ month_of_number('k.end_month') }}) >= o.as_of_on as is_period_open,
        k.end_month - k.n_months + 1 >= f.first_month as is_window_whole
    from (
        select window_number, window_number // 1048576 as twin_number, window_number // 16 % 65536 as end_month, window_number % 16 as n_months
        from (select distinct window_number from {{ relation }})
    ) as k
    inner join (select distinct entity_number, twin_number, level, entity_code, facility_id, unit_id, service_line from {{ ref('kpi_entity') }}) as e
        using (twin_number)
    cross join {{ complaint_as_of() }} as o
    cross join (select {{ month_number('min(month_start_on)') }} as first_month from {{ ref('fct_complaint') }} where is_valid_case) as f
)
{%- endmacro %}

{% macro entity_period_columns(alias) -%}
{{ alias }}.level, {{ alias }}.entity_code, {{ alias }}.facility_id, {{ alias }}.unit_id, {{ alias }}.service_line,
    {{ alias }}.period_grain, {{ alias }}.period_start_on, {{ alias }}.period_end_on, {{ alias }}.is_period_open, {{ alias }}.is_window_whole
{%- endmacro %}

{# 100 x part / whole, null without a whole. #}
{% macro percent(part, whole) %}(100.0::double * {{ part }} / nullif({{ whole }}, 0)){% endmacro %}
