-- Every sampled survey of every instrument family, without its answers: the common columns of the family facts.
{{ config(materialized='view') }}
{%- for family in survey_families() %}
select
    '{{ family }}' as family, feed, delivery_id, row_number, survey_id, instrument_id, unit_key, discharge_on,
    month_start_on, received_on, delivered_disposition_code, disposition_code, disposition_group, mode_code,
    language_code, sex_code, age_code, payer_code, provider_id, service_line_code, admission_source_code,
    discharge_status_code, lag_days, n_eligible_discharges,
    is_disproportionate, is_in_official_sample, is_ineligible, is_complete, is_scored, n_completeness_answered, n_screened_out,
    n_off_instrument, {{ exclusion_reason() }} as exclusion_reason
from {{ ref('fct_survey_' ~ family) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
