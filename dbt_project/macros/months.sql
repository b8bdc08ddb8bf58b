{# Months as numbers, for windows: year x 12 + month - 1, so number // 3 is the quarter. DuckDB only (marts). #}

{% macro month_number(day) %}(year({{ day }}) * 12 + month({{ day }}) - 1){% endmacro %}

{% macro month_of_number(number) %}make_date({{ number }} // 12, {{ number }} % 12 + 1, 1){% endmacro %}

{# The month of the newest delivery per kind: it is open, months before it are closed. Counted answers are a kind of their own
   and close months of their instrument family only: counts of one questionnaire say nothing of another's surveys. #}
{% macro newest_deliveries() -%}
select kind, {{ month_number('max(delivered_at)') }} as first_open_month
from (
    select kind, delivered_at from {{ source('warehouse', 'delivery') }} where status = 'accepted'
    union all
    select 'survey:' || c.family, d.delivered_at
    from (select distinct family, delivery_id from {{ ref('fct_answer_count') }}) as c
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = c.delivery_id
) as deliveries
group by kind
{%- endmacro %}
