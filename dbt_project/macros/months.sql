{# Months as numbers, for windows: year x 12 + month - 1, so number // 3 is the quarter. DuckDB only (marts). #}

{% macro month_number(day) %}(year({{ day }}) * 12 + month({{ day }}) - 1){% endmacro %}

{% macro month_of_number(number) %}make_date({{ number }} // 12, {{ number }} % 12 + 1, 1){% endmacro %}
