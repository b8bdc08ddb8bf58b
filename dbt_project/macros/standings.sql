{# Place of a standing, the least known first: the weakest of several is the smallest place. #}
{% macro standing_place(standing) %}list_position(['unverified', 'product-defined', 'corroborated', 'verified'], {{ standing }}){% endmacro %}
