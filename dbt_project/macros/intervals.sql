{# 95 % intervals of statistics.md section 2. Null when an input is null. #}

{% macro z95() %}1.959963984540054{% endmacro %}

{# Wilson score interval of a proportion p (0 to 1) of n, without continuity correction. `side` is -1 or 1.
   The ends 0 and 1 are exact, where the formula is off by rounding. #}
{% macro wilson(p, n, side) -%}
case
    when {{ p }} is null or {{ n }} <= 0 then null
    when {{ p }} = {{ 0 if side < 0 else 1 }} then {{ p }}
    else ({{ p }} + {{ z95() }} * {{ z95() }} / (2.0 * {{ n }}) {{ '-' if side < 0 else '+' }} {{ z95() }}
        * sqrt({{ p }} * (1 - {{ p }}) / {{ n }} + {{ z95() }} * {{ z95() }} / (4.0 * {{ n }} * {{ n }})))
        / (1 + {{ z95() }} * {{ z95() }} / {{ n }})
end
{%- endmacro %}

{# Byar's limits of a count; used from 10 events on. #}
{% macro byar_lower(c) -%}
({{ c }} * power(1 - 1 / (9.0 * {{ c }}) - {{ z95() }} / (3 * sqrt({{ c }})), 3))
{%- endmacro %}

{% macro byar_upper(c) -%}
(({{ c }} + 1) * power(1 - 1 / (9.0 * ({{ c }} + 1)) + {{ z95() }} / (3 * sqrt({{ c }} + 1)), 3))
{%- endmacro %}

{# Limits of a count by the PHE rule: exact (Garwood, seed garwood_limit) below 10 events, else Byar. #}
{% macro phe_count_lower(c, garwood) -%}
case when {{ c }} < 10 then {{ garwood }}.lower when {{ c }} >= 10 then {{ byar_lower(c) }} end
{%- endmacro %}

{% macro phe_count_upper(c, garwood) -%}
case when {{ c }} < 10 then {{ garwood }}.upper when {{ c }} >= 10 then {{ byar_upper(c) }} end
{%- endmacro %}

{# Newcombe's interval of a difference of two independent proportions (0 to 1) p1 - p2, from their Wilson limits
   (Newcombe 1998, method 10). `side` is -1 or 1. #}
{% macro newcombe(p1, low1, high1, p2, low2, high2, side) -%}
({{ p1 }} - {{ p2 }} {{ '-' if side < 0 else '+' }} sqrt(
    {% if side < 0 %}power({{ p1 }} - {{ low1 }}, 2) + power({{ high2 }} - {{ p2 }}, 2){% else %}power({{ high1 }} - {{ p1 }}, 2) + power({{ p2 }} - {{ low2 }}, 2){% endif %}))
{%- endmacro %}
