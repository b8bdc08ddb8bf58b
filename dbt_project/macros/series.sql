{# A row of kpi_value belongs to a series of kpi_series. The places above a level are null in both. #}

{% macro is_of_series(value, series, grain=none) -%}
{{ series }}.kpi_id = {{ value }}.kpi_id and {{ series }}.period_grain = {{ "'" ~ grain ~ "'" if grain else value ~ '.period_grain' }}
        and {{ series }}.level = {{ value }}.level and {{ series }}.facility_id is not distinct from {{ value }}.facility_id
        and {{ series }}.unit_id is not distinct from {{ value }}.unit_id and {{ series }}.service_line is not distinct from {{ value }}.service_line
{%- endmacro %}
