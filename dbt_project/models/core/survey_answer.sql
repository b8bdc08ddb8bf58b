-- One row per survey and item: the answers, turned. A view for tracing, never stored: as a table it takes more than
-- twice the space of the wide fact and is slower to aggregate (measured on 10 million surveys).
{{ config(materialized='view') }}
{%- set keep = ['feed', 'delivery_id', 'row_number', 'survey_id', 'instrument_id', 'unit_key', 'month_start_on',
    'disposition_group', 'is_in_official_sample', 'is_ineligible', 'is_scored'] %}
{%- for family in survey_families() %}
select
    feed, delivery_id, row_number, survey_id, instrument_id, unit_key, month_start_on, disposition_group, is_scored,
    {{ exclusion_reason() }} as exclusion_reason, item_code, answer
from (
    {{ unpivot(ref('fct_survey_' ~ family), keep, instrument_items()[family] | map(attribute='item_code') | list, 'item_code', 'answer') }}
) as answers_{{ family }}
{{ 'union all' if not loop.last }}
{%- endfor %}
