{# Groups of patients: the value of a survey in each segment, from the rules of seed segment_value. #}

{% macro segment_value(rules) -%}
case
{%- for priority, same in rules | groupby('priority') %}
    {%- if same | map(attribute='column') | unique | list | length > 1 %}
    when {% for rule in same %}case when {{ fits_segment(rule) }} then 1 else 0 end{{ ' + ' if not loop.last }}{% endfor %} > 1 then 'multiple'
    {%- endif %}
    {%- for rule in same %}
    when {{ fits_segment(rule) }} then {% if rule.value %}'{{ rule.value }}'{% else %}cast({{ rule.column }} as varchar){% endif %}
    {%- endfor %}
{%- endfor %}
    else 'unknown'
end
{%- endmacro %}

{% macro fits_segment(rule) -%}
{%- if not rule.codes %}{{ rule.column }} is not null
{%- elif rule.is_item %}{{ rule.column }} in ({{ rule.codes | join(', ') }})
{%- else %}{{ rule.column }} in ('{{ rule.codes | join("', '") }}'){% endif %}
{%- endmacro %}

{# Two answers are counted in one sum: the second in steps of 2^26, exact in a double up to 67 million surveys. Half as
   many aggregates take half the time (measured). `pairs` are (item, answer, answer or none). #}
{% macro answer_pairs(items) -%}
{%- set pairs = [] -%}
{%- for item in items -%}
    {%- for pair in item.answers | batch(2) -%}{%- do pairs.append((item.item_code, pair[0], pair[1] if pair | length > 1 else none)) -%}{%- endfor -%}
{%- endfor -%}
{{ return(pairs) }}
{%- endmacro %}
