{# Adjusted measures: a regression over the whole group, so a month has no part of its own and there is nothing to sum
   into measure_month. The values come from step kpi_adjusted; the evidence is every survey that answers the measure,
   counted once: its sum is the denominator of the value. #}

{% macro evidence_of_adjusted() -%}
select
    k.kpi_id, k.measure_id, 'all', a.unit_key, a.month_start_on, 'survey', a.feed, a.delivery_id, a.row_number,
    0, case when bool_or(a.is_scored and w.weight is not null) then 1 else 0 end,
    coalesce(bool_or(a.is_scored and w.weight is not null), false),
    case when not bool_or(a.is_scored) then any_value(a.exclusion_reason) when bool_or(w.weight is not null) then 'ANSWERED' else 'NOT_AN_ANSWER' end,
    any_value(k.valid_from_on), any_value(k.valid_to_on)
from {{ ref('survey_answer') }} as a
inner join {{ source('definition', 'measure_item') }} as i on i.item_code = a.item_code
inner join kpi as k on k.measure_id = i.measure_id and k.source = 'adjusted'
inner join {{ ref('instrument') }} as n on n.instrument_id = a.instrument_id and n.family = k.instrument_family
left join {{ source('definition', 'measure_weight') }} as w
    on w.measure_id = k.measure_id and w.item_code = a.item_code and w.answer = a.answer
group by k.kpi_id, k.measure_id, a.unit_key, a.month_start_on, a.feed, a.delivery_id, a.row_number
{%- endmacro %}
