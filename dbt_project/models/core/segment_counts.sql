-- How often each answer of a reported item was given, beside the cube answer_counts: per facility and quarter of
-- discharge for each group of patients, and per facility and month of receipt. Not per unit and month: groups that
-- small say nothing about a person's care and much about the person. One pass over the surveys for all of them.
{%- for family in survey_families() %}
{%- set segments = survey_segments()[family] %}
{%- set pairs = answer_pairs(instrument_items()[family] | selectattr('is_reportable') | list) %}
{%- set columns = [] %}
{{ 'with' if loop.first }} scored_{{ family }} as (
    select
        s.instrument_id, p.facility_id,
        cast({{ dbt.date_trunc('quarter', 's.discharge_on') }} as date) as quarter_start_on,
        {{ month_start('s.received_on') }} as received_month_on
        {%- for type, rules in segments.items() %},
        {{ segment_value(rules) }} as segment_{{ type }}
        {%- endfor %}
        {%- for item, one, two in pairs %},
        case {{ item }} when {{ one }} then cast(1 as {{ double() }}){% if two is not none %} when {{ two }} then cast(67108864 as {{ double() }}){% endif %} end as {{ item }}__{{ one }}
        {%- endfor %}
    from {{ ref('fct_survey_' ~ family) }} as s
    inner join (select distinct unit_key, facility_id from {{ ref('unit_lookup') }}) as p on p.unit_key = s.unit_key
    where s.is_scored
),

summed_{{ family }} as (
    select
        instrument_id, facility_id,
        case {% for type in segments %}when grouping(segment_{{ type }}) = 0 then '{{ type }}' {% endfor %}else 'all' end as segment_type,
        coalesce({% for type in segments %}segment_{{ type }}, {% endfor %}'all') as segment_value,
        coalesce(quarter_start_on, received_month_on) as period_start_on,
        case when grouping(received_month_on) = 0 then 'received' else 'discharge' end as date_basis
        {%- for item, one, two in pairs %},
        sum({{ item }}__{{ one }}) as {{ item }}__{{ one }}
        {%- endfor %}
    from scored_{{ family }}
    group by grouping sets (
        (instrument_id, facility_id, received_month_on)
        {%- for type in segments %},
        (instrument_id, facility_id, quarter_start_on, segment_{{ type }})
        {%- endfor %}
    )
),

split_{{ family }} as (
    select
        instrument_id, facility_id, segment_type, segment_value, period_start_on, date_basis
        {%- for item, one, two in pairs %},
        {%- do columns.append(item ~ '__' ~ one) %}
        cast({{ item }}__{{ one }} - floor({{ item }}__{{ one }} / 67108864) * 67108864 as bigint) as {{ columns[-1] }}
        {%- if two is not none %},
        {%- do columns.append(item ~ '__' ~ two) %}
        cast(floor({{ item }}__{{ one }} / 67108864) as bigint) as {{ columns[-1] }}
        {%- endif %}
        {%- endfor %}
    from summed_{{ family }}
    where period_start_on is not null
),

turned_{{ family }} as (
    {{ unpivot('split_' ~ family, ['instrument_id', 'facility_id', 'segment_type', 'segment_value', 'period_start_on', 'date_basis'], columns, 'item_answer', 'n') }}
){{ ',' if not loop.last }}
{%- endfor %}
{% for family in survey_families() %}
select
    instrument_id, facility_id, date_basis, period_start_on, segment_type, segment_value,
    {{ dbt.split_part('item_answer', "'__'", 1) }} as item_code,
    cast({{ dbt.split_part('item_answer', "'__'", 2) }} as smallint) as answer,
    n
from turned_{{ family }}
where n > 0
{{ 'union all' if not loop.last }}
{%- endfor %}
