{# The measure whose encounter classes are the declared total of complaint_rate. #}
{% macro rate_measure() %}complaints_per_1000_encounters{% endmacro %}
