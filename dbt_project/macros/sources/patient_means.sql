{# Measures that are a mean over patients (sections of a vendor questionnaire): what they sum, and the rows behind it.

   A patient's mean: items answered per section, then the sections of the measure that the patient answered. Means are
   decimals, so sums over them are the same in any order. #}

{% macro months_of_patient_means() -%}
select measure_id, 'all', unit_key, month_start_on, sum(patient_mean), count(*)
from ({{ patient_means('is_scored') }}) as patients
group by measure_id, unit_key, month_start_on
{%- endmacro %}

{% macro evidence_of_patient_means() -%}
select
    k.kpi_id, k.measure_id, 'all', p.unit_key, p.month_start_on, 'survey', p.feed, p.delivery_id, p.row_number,
    case when p.is_scored then p.patient_mean else 0 end, case when p.is_scored then 1 else 0 end, p.is_scored,
    case when p.is_scored then 'ANSWERED' else p.exclusion_reason end,
    k.valid_from_on, k.valid_to_on
from ({{ patient_means('true') }}) as p
inner join kpi as k on k.measure_id = p.measure_id and k.source = 'patient_means'
{%- endmacro %}

{# One row per patient who answered anything of a measure: its mean, with the columns that place and explain it. #}
{% macro patient_means(condition) -%}
{%- set place = ['feed', 'delivery_id', 'row_number', 'unit_key', 'month_start_on', 'discharge_on', 'received_on', 'instrument_id', 'is_scored', 'exclusion_reason'] %}
{%- set parts = [] %}
{%- for family in survey_families() %}
{%- set sections = {} %}
{%- for item in instrument_items()[family] if item.section_code %}{% do sections.setdefault(item.section_code, []).append(item) %}{% endfor %}
{%- if sections %}
{%- do parts.append(family) %}
{{ 'union all' if parts | length > 1 }}
select {{ prefixed('t', place) }}, s.measure_id,
    cast(cast(sum(t.section_mean) as {{ double() }}) / count(*) as decimal(18, 12)) as patient_mean
from (
    {{ unpivot('(select *, ' ~ exclusion_reason() ~ ' as exclusion_reason' ~ section_means(sections) ~ ' from ' ~ ref('fct_survey_' ~ family) ~ ' where ' ~ condition ~ ')',
        place, sections.keys() | map('lower') | list, 'section_code', 'section_mean') }}
) as t
inner join {{ source('definition', 'measure_section') }} as s on lower(s.section_code) = t.section_code
inner join {{ source('definition', 'measure') }} as m on m.measure_id = s.measure_id and m.instrument_family = '{{ family }}'
group by {{ prefixed('t', place) }}, s.measure_id
{%- endif %}
{%- endfor %}
{%- if not parts %}
select cast(null as varchar) as feed, cast(null as varchar) as delivery_id, cast(null as bigint) as row_number, cast(null as varchar) as unit_key,
    cast(null as date) as month_start_on, cast(null as date) as discharge_on, cast(null as date) as received_on,
    cast(null as varchar) as instrument_id, cast(null as boolean) as is_scored, cast(null as varchar) as exclusion_reason,
    cast(null as varchar) as measure_id, cast(null as decimal(18, 12)) as patient_mean
where 1 = 0
{%- endif %}
{%- endmacro %}

{% macro section_means(sections) -%}
{%- for section, items in sections.items() %},
        cast(cast(0{% for item in items %} + {{ points_of(item) }}{% endfor %} as {{ double() }})
            / nullif(0{% for item in items %} + case when {{ item.item_code }} in ({{ item.answers | join(', ') }}) then 1 else 0 end{% endfor %}, 0) as decimal(18, 12)) as {{ section | lower }}
{%- endfor %}
{%- endmacro %}

{% macro points_of(item) -%}
case {{ item.item_code }}{% for answer, points in item.points %} when {{ answer }} then {{ points }}{% endfor %} else 0 end
{%- endmacro %}
