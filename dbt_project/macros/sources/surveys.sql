{# Measures over sampled surveys (response rate): what they sum, per unit and month, and the rows behind it. #}

{% macro months_of_surveys() -%}
select m.measure_id, 'all', s.unit_key, s.month_start_on, s.n_complete, s.n_eligible
from {{ ref('survey_counts') }} as s
inner join wanted as m on m.source = 'surveys' and coalesce(m.instrument_family, s.family) = s.family
{%- endmacro %}

{% macro evidence_of_surveys() -%}
select
    k.kpi_id, k.measure_id, 'all', s.unit_key, s.month_start_on, 'survey', s.feed, s.delivery_id, s.row_number,
    case when s.is_in_official_sample and s.is_complete then 1 else 0 end,
    case when s.is_in_official_sample and not s.is_ineligible then 1 else 0 end,
    s.is_in_official_sample and not s.is_ineligible,
    case when not s.is_in_official_sample then 'NOT_IN_OFFICIAL_SAMPLE' when s.is_ineligible then 'INELIGIBLE'
        when s.is_complete then 'COMPLETED' else 'NOT_COMPLETED' end,
    k.valid_from_on, k.valid_to_on
from {{ ref('fct_survey') }} as s
inner join kpi as k on k.source = 'surveys' and coalesce(k.instrument_family, s.family) = s.family
{%- endmacro %}
