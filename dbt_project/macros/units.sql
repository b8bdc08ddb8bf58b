{# How a vendor's codes become a unit: the codes as delivered, on the day the row speaks of. #}

{% macro join_unit(row, day, kind='left') -%}
{{ kind }} join {{ ref('unit_lookup') }} as u
    on u.feed = {{ row }}.feed and u.facility_code = coalesce({{ row }}.facility_code, '') and u.unit_code = coalesce({{ row }}.unit_code, '')
    and {{ day }} between u.valid_from_on and u.valid_to_on
{%- endmacro %}
