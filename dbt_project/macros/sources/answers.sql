{# Measures over answers: what they sum, per component, unit and month, and the rows behind it. #}

{% macro months_of_answers() -%}
-- Numbers stand for measure and item while answers are summed: long texts as keys would double the time.
with weight as (
    select
        dense_rank() over (order by w.measure_id, w.item_code) as component_number,
        w.measure_id, w.item_code, i.instrument_id, w.answer, cast(w.weight as decimal(18, 12)) as weight
    from {{ source('definition', 'measure_weight') }} as w
    inner join wanted as m on m.measure_id = w.measure_id and m.source = 'answers'
    inner join {{ ref('instrument') }} as i on i.family = m.instrument_family
),

answer as (
    select w.component_number, a.unit_key, a.month_start_on, sum(a.n * w.weight) as numerator, sum(a.n) as denominator
    from {{ ref('answer_counts') }} as a
    inner join weight as w on w.instrument_id = a.instrument_id and w.item_code = a.item_code and w.answer = a.answer
    group by w.component_number, a.unit_key, a.month_start_on
)

select c.measure_id, c.item_code as component_code, a.unit_key, a.month_start_on, a.numerator, a.denominator
from answer as a
inner join (select distinct component_number, measure_id, item_code from weight) as c on c.component_number = a.component_number
{%- endmacro %}

{% macro evidence_of_answers() -%}
select
    k.kpi_id, k.measure_id, a.item_code as component_code, a.unit_key, a.month_start_on,
    'survey' as source_kind, a.feed, a.delivery_id, a.row_number,
    case when a.is_scored and w.weight is not null then w.weight::decimal(38, 12) else 0 end as numerator,
    case when a.is_scored and w.weight is not null then 1 else 0 end as denominator,
    coalesce(a.is_scored and w.weight is not null, false) as is_counted,
    case when not a.is_scored then a.exclusion_reason when w.weight is null then 'NOT_AN_ANSWER' else 'ANSWERED' end as rule,
    k.valid_from_on, k.valid_to_on
from {{ ref('survey_answer') }} as a
inner join {{ source('definition', 'measure_item') }} as i on i.item_code = a.item_code
inner join kpi as k on k.measure_id = i.measure_id and k.source = 'answers'
inner join {{ ref('instrument') }} as n on n.instrument_id = a.instrument_id and n.family = k.instrument_family
left join {{ source('definition', 'measure_weight') }} as w
    on w.measure_id = k.measure_id and w.item_code = a.item_code and w.answer = a.answer
union all
-- A delivered count stands for as many answers as it says.
select
    k.kpi_id, k.measure_id, a.item_code, a.unit_key, a.month_start_on, 'answer_count', a.feed, a.delivery_id, a.row_number,
    case when a.rule = 'ANSWERED' and w.weight is not null then w.weight::decimal(18, 12) * a.n_answers else 0 end,
    case when a.rule = 'ANSWERED' and w.weight is not null then a.n_answers else 0 end,
    a.rule = 'ANSWERED' and w.weight is not null,
    case when a.rule = 'ANSWERED' and w.weight is null then 'NOT_AN_ANSWER' when a.rule = 'ANSWERED' then 'ANSWERS_COUNTED' else a.rule end,
    k.valid_from_on, k.valid_to_on
from {{ ref('fct_answer_count') }} as a
inner join {{ source('definition', 'measure_item') }} as i on i.item_code = a.item_code
inner join kpi as k on k.measure_id = i.measure_id and k.source = 'answers' and k.instrument_family = a.family
left join {{ source('definition', 'measure_weight') }} as w
    on w.measure_id = k.measure_id and w.item_code = a.item_code and w.answer = a.answer
{%- endmacro %}
