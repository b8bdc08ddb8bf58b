{# The survey fact of one instrument family: newest versions, each survey of one feed only, placed in our units, answers cleaned.

   Rules (surveys.md sections 1, 6 and 8): the instrument follows the discharge date; an answer to an item that
   the instrument lacks becomes null; the screener is believed over its dependants where the instrument's cleaning
   rules say so (seed cleaning_rule_set); too few answered items make a complete a break-off or a partial, by the
   instrument's completeness rule. Delivered codes stay in staging; the counters say what was changed.
   Instruments are numbered inside (1 = oldest): comparing small integers is what keeps 10 million rows fast. #}

{% macro survey_fact(family) -%}
{%- set items = instrument_items()[family] -%}
{%- set instruments = survey_instruments()[family] -%}
with delivered as (
{%- for feed in feeds_of_kind('survey', family) %}
    select s.feed, s.delivery_id, s.row_number, {{ prefixed('s', kind_columns().survey.keys() | list + items | map(attribute='item_code') | list) }}
    from {{ ref('stg_' ~ feed) }} as s
    {%- if feeds_of_kind('survey', family) | length > 1 %}
    left join {{ ref('same_survey') }} as same
        on same.family = '{{ family }}' and same.feed = '{{ feed }}' and same.delivery_id = s.delivery_id and same.row_number = s.row_number
    {{ without_superseded(feed, 's') }} and same.feed is null
    {%- else %}
    {{ without_superseded(feed, 's') }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
{%- else %}
    select *{% for item in items %}, cast(null as tinyint) as {{ item.item_code }}{% endfor %}
    from ({{ no_rows('survey', kind_columns().survey.keys() | list) }}) as nothing
{%- endfor %}
),

placed as (
    select
        d.*,
        {{ instrument_number(instruments, 'd.discharge_on') }} as instrument_number,
        u.unit_key,
        coalesce(r.disposition_group, 'unknown') as delivered_group,
        coalesce(r.is_ineligible, false) or coalesce(e.is_excluded, false)
        {%- for item in items if item.ineligible_answers %}
            or coalesce({{ item.item_code }} in ({{ item.ineligible_answers | join(', ') }}), false)
        {%- endfor %} as is_ineligible,
        b.disposition_code as break_off_code
    from delivered as d
    {{ join_unit('d', 'd.discharge_on') }}
    left join {{ ref('disposition') }} as r
        on r.program_code = coalesce(d.program_code, '{{ instruments[-1].program_code }}') and r.disposition_code = d.disposition_code
    left join (
        select program_code, min(disposition_code) as disposition_code
        from {{ ref('disposition') }} where disposition_group = 'break_off' group by program_code
    ) as b on b.program_code = coalesce(d.program_code, '{{ instruments[-1].program_code }}')
    left join {{ ref('survey_exclusion') }} as e
        on e.discharge_status_code
            = case when length(d.discharge_status_code) = 1 then '0' else '' end || d.discharge_status_code
),

counted as (
    select
        *,
        {{ count_answered(items, instruments, 'counted_in') }} as n_completeness_answered,
        {{ count_screened_out(items) }} as n_screened_out,
        {{ count_off_instrument(items, instruments) }} as n_off_instrument,
        {{ count_reportable(items, instruments) }} as n_reportable_answered,
        case instrument_number
            {%- for one in instruments %} when {{ loop.index }} then {{ one.n_items_for_complete or 0 }}{% endfor %}
            else 0 end as n_minimum
    from placed
),

judged as (
    select
        *,
        {{ counted_group(instruments) }} as disposition_group
    from counted
)

select
    feed, delivery_id, row_number, survey_id,
    case instrument_number
        {%- for one in instruments %} when {{ loop.index }} then '{{ one.instrument_id }}'{% endfor %} end as instrument_id,
    unit_key,
    discharge_on,
    {{ month_start('discharge_on') }} as month_start_on,
    received_on,
    disposition_code as delivered_disposition_code,
    case when disposition_group = 'break_off' and delivered_group <> 'break_off' then break_off_code else disposition_code end as disposition_code,
    disposition_group,
    mode_code, language_code, sex_code, age_code, payer_code, provider_id, service_line_code, admission_source_code,
    discharge_status_code, lag_days, n_eligible_discharges,
    coalesce(sample_type_code = 'disproportionate_stratified', false) as is_disproportionate,
    coalesce(is_in_official_sample, true) as is_in_official_sample,
    is_ineligible,
    disposition_group = 'complete' and not is_ineligible as is_complete,
    disposition_group in ('complete', 'partial') and not is_ineligible and coalesce(is_in_official_sample, true)
        and instrument_number is not null as is_scored,
    cast(n_completeness_answered as smallint) as n_completeness_answered,
    cast(n_screened_out as smallint) as n_screened_out,
    cast(n_off_instrument as smallint) as n_off_instrument
    {%- for item in items %},
    {{ cleaned_answer(item, instruments) }} as {{ item.item_code }}
    {%- endfor %}
from judged
{%- endmacro %}

{# Why the answers of a survey do not enter the scores; null when they do. Derived where it is asked for: a text column
   of 10 million rows costs half a second to write. #}
{% macro exclusion_reason() -%}
case
    when not is_in_official_sample then 'NOT_IN_OFFICIAL_SAMPLE'
    when is_ineligible then 'INELIGIBLE'
    when disposition_group = 'unknown' then 'UNKNOWN_DISPOSITION'
    when disposition_group = 'break_off' then 'BREAK_OFF'
    when disposition_group not in ('complete', 'partial') then 'NOT_ANSWERED'
    when instrument_id is null then 'NO_INSTRUMENT'
end
{%- endmacro %}

{# 1 for the oldest instrument, null before its first day. #}
{% macro instrument_number(instruments, day) -%}
case
    {%- for one in instruments %}
    when {{ day }} >= date '{{ one.valid_from_on }}'
        {%- if one.valid_to_on %} and {{ day }} <= date '{{ one.valid_to_on }}'{% endif %} then {{ loop.index }}
    {%- endfor %}
end
{%- endmacro %}

{# Condition: the instrument asks the item. #}
{% macro is_asked(item, instruments) -%}
instrument_number in ({{ instrument_numbers(item.instruments, instruments) | join(', ') }})
{%- endmacro %}

{% macro instrument_numbers(ids, instruments) -%}
{%- set numbers = [] -%}
{%- for one in instruments -%}
    {%- if one.instrument_id in ids -%}{%- do numbers.append(loop.index) -%}{%- endif -%}
{%- endfor -%}
{{ return(numbers) }}
{%- endmacro %}

{# Condition: a screener says the item does not apply, and it is answered all the same. #}
{% macro is_screened_out(item) -%}
({% for screener, codes in item.screeners %}{{ ' or ' if not loop.first }}{{ screener }} in ({{ codes | join(', ') }}){% endfor %}) and {{ item.item_code }} >= 0
{%- if item.extra_codes %} and {{ item.item_code }} not in ({{ item.extra_codes | join(', ') }}){% endif %}
{%- endmacro %}

{% macro cleaned_answer(item, instruments) -%}
{%- set doubting = doubting_ids(instruments) -%}
case when {{ is_asked(item, instruments) }}
    {%- if item.screeners and doubting | length < instruments | length %} and ({% if doubting %}instrument_number in ({{ instrument_numbers(doubting, instruments) | join(', ') }}) or {% endif %}not coalesce({{ is_screened_out(item) }}, false)){% endif %} then {{ item.item_code }} end
{%- endmacro %}

{% macro doubting_ids(instruments) -%}
{{ return(instruments | rejectattr('is_screener_believed') | map(attribute='instrument_id') | list) }}
{%- endmacro %}

{# Answers that can be reported, counted only where an instrument's completeness rule asks for them. #}
{% macro count_reportable(items, instruments) -%}
0
{%- for one in instruments if one.completeness_rule != 'half_of_counted' %}
    {%- for item in items if item.is_reportable and one.instrument_id in item.instruments %}
    + case when instrument_number = {{ instrument_numbers([one.instrument_id], instruments)[0] }} and {{ cleaned_answer(item, instruments) }} in ({{ item.answers | join(', ') }}) then 1 else 0 end
    {%- endfor %}
{%- endfor %}
{%- endmacro %}

{# What a survey counts as: the delivered group, made smaller by the completeness rule of its instrument. #}
{% macro counted_group(instruments) -%}
case
    when delivered_group not in ('complete', 'partial') or instrument_number is null then delivered_group
{%- for one in instruments %}
    {%- set is_this = 'instrument_number = ' ~ loop.index %}
    {%- if one.completeness_rule == 'half_of_counted' %}
    when {{ is_this }} and delivered_group = 'complete' and n_completeness_answered < n_minimum then 'break_off'
    {%- elif one.completeness_rule == 'key_items' %}
    when {{ is_this }} then case when n_reportable_answered = 0 then 'break_off' when n_completeness_answered < n_minimum then 'partial' else 'complete' end
    {%- elif one.completeness_rule == 'any_answer' %}
    when {{ is_this }} and n_reportable_answered = 0 then 'break_off'
    {%- else %}{{ exceptions.raise_compiler_error('instrument ' ~ one.instrument_id ~ ' has unknown completeness rule ' ~ one.completeness_rule) }}
    {%- endif %}
{%- endfor %}
    else delivered_group
end
{%- endmacro %}

{# Answered = a code of the item's own, not one of the negative codes for missing. #}
{% macro count_answered(items, instruments, list) -%}
case instrument_number
{%- for one in instruments %}
    when {{ loop.index }} then 0
    {%- for item in items if one.instrument_id in item[list] %} + case when {{ item.item_code }} >= 0 then 1 else 0 end{% endfor %}
{%- endfor %}
    else 0 end
{%- endmacro %}

{% macro count_screened_out(items) -%}
0{% for item in items if item.screener_item_code %} + case when {{ is_screened_out(item) }} then 1 else 0 end{% endfor %}
{%- endmacro %}

{% macro count_off_instrument(items, instruments) -%}
case
{%- for one in instruments %}
    when instrument_number = {{ loop.index }} then 0
    {%- for item in items if one.instrument_id not in item.instruments %} + case when {{ item.item_code }} >= 0 then 1 else 0 end{% endfor %}
{%- endfor %}
    else 0{% for item in items %} + case when {{ item.item_code }} >= 0 then 1 else 0 end{% endfor %} end
{%- endmacro %}
