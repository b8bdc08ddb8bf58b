-- A repeated key in a code table multiplies facts wherever it is joined. Texts compare as they are joined:
-- trimmed and without case.
{% set keys = {
    'cleaning_rule_set': ['rule_set'],
    'instrument': ['instrument_id'],
    'instrument_item': ['instrument_id', 'item_code'],
    'item_extra_code': ['item_code', 'code'],
    'scale_answer': ['scale_id', 'answer'],
    'disposition': ['program_code', 'disposition_code'],
    'encounter_class_map': ['source_system', 'source_code'],
    'encounter_class_option': ['source_system', 'source_code'],
    'hl7_event': ['event_code'],
    'severity_band': ['severity_scheme_id', 'severity_level'],
    'footnote': ['file_family', 'footnote_code'],
    'garwood_limit': ['confidence', 'n_events'],
    'hvbp_standard': ['fiscal_year', 'dimension'],
    'minimum_n_policy': ['family', 'below_n'],
    'segment': ['segment_type'],
    'segment_value': ['family', 'segment_type', 'column_name', 'codes'],
    'public_measure_map': ['public_measure_id'],
    'adjustment_variable': ['family', 'variable'],
    'summary_star_part': ['instrument_family', 'measure_name'],
    'survey_exclusion': ['discharge_status_code'],
    'grievance_rule': ['rule_number'],
    'complaint_scheme': ['scheme_id', 'scheme_version', 'category_code', 'subcategory'],
    'complaint_scheme_level': ['scheme_id', 'scheme_version', 'dimension', 'label'],
    'complaint_word': ['dimension', 'source_feed', 'source_text', 'source_subtext', 'scheme_id'],
    'holiday': ['calendar_code', 'holiday_on'],
    'timeliness_rule': ['jurisdiction_code', 'step_code', 'applies_to', 'complexity_code', 'handling_level_code'],
} %}
{% for seed, columns in keys.items() %}
select
    '{{ seed }}' as seed_name,
    {% for column in columns %}lower(trim(coalesce(cast({{ column }} as varchar), ''))){% if not loop.last %} || ' / ' || {% endif %}{% endfor %} as seed_key,
    count(*) as n_rows
from {{ ref(seed) }}
group by 1, 2
having count(*) > 1
{% if not loop.last %}union all{% endif %}
{% endfor %}
