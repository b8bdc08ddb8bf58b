{# Rules about cases that several models read. #}

{# Billing words of sites and the shipped ones (dimension billing): level 0 no billing matter, 1 billing, 2 rights of Medicare
   beneficiaries. A word stands anywhere in a subject as a whole word, its finer word too. #}
{% macro billing_words() -%}
select 0 as is_shipped, coalesce(source_feed, '*') as source_feed, {{ word_key('source_text') }} as word,
    {{ word_key("coalesce(source_subtext, '')") }} as subword, level
from ({{ current_rows('complaint_word', ['source_feed', 'dimension', 'source_text', 'source_subtext', 'level']) }}) as w
where lower(dimension) = 'billing' and level is not null
union all
select 1, source_feed, source_text, coalesce(source_subtext, ''), level from {{ ref('complaint_word') }} where dimension = 'billing'
{%- endmacro %}

{# Bands of severity levels: those of a site's own schemes (feeds of kind complaint_scheme) before those of seed severity_band. #}
{% macro severity_bands() -%}
select severity_scheme_id, severity_level, severity_band
from (
    select *, row_number() over (partition by severity_scheme_id, severity_level order by is_shipped, scheme_version desc, severity_band) as nth
    from (
        select 0 as is_shipped, scheme_id as severity_scheme_id, scheme_version, level as severity_level, band_code as severity_band
        from ({{ current_rows('complaint_scheme', ['scheme_id', 'scheme_version', 'dimension', 'level', 'band_code']) }}) as own
        where dimension = 'severity' and level is not null and band_code is not null
        union all
        select 1, severity_scheme_id, '', severity_level, severity_band from {{ ref('severity_band') }}
    ) as bands
) as ranked
where nth = 1
{%- endmacro %}

{# Labels of levels (severity, stage, harm), of a site's own schemes beside the shipped ones. #}
{% macro scheme_levels() -%}
select scheme_id, coalesce(scheme_version, '1') as scheme_version, dimension, level, category_label as label, cast(null as varchar) as blind_spot
from ({{ current_rows('complaint_scheme', ['scheme_id', 'scheme_version', 'dimension', 'level', 'category_label']) }}) as own
where level is not null and coalesce(dimension, 'category') <> 'category'
union all
select scheme_id, scheme_version, dimension, level, label, blind_spot from {{ ref('complaint_scheme_level') }}
{%- endmacro %}

{# Why a row of complaint_case does not count whatever other cases say; null when it may. Withdrawn is told by the status or,
   as some systems have it, by the outcome. #}
{% macro own_exclusion() -%}
case
    when is_test then 'TEST'
    when is_deleted or status_code in ('opened_in_error', 'deleted') then 'OPENED_IN_ERROR'
    when status_code = 'withdrawn' or lower(trim(outcome_code)) = 'withdrawn' then 'WITHDRAWN'
    when merged_into_case_id is not null then 'MERGED'
    when coalesce(feedback_type_code, 'complaint') not in ('complaint', 'grievance') then 'NOT_A_COMPLAINT'
end
{%- endmacro %}
