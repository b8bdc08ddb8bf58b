{# Measures over metrics that others keep: what they sum, per unit and month, and the rows behind it.

   A share or rate needs a numerator and a denominator above 0; a mean takes numerator / denominator or, without a numerator, the
   value itself, weighted by the denominator (1 when absent). Counts are whole numbers: their intervals are those of counts. #}

{% macro months_of_metrics() -%}
select measure_id, 'all', unit_key, month_start_on, sum(numerator), sum(denominator)
from ({{ metric_rows('wanted') }}) as rows_of_metrics
where rule = 'COUNTED'
group by measure_id, unit_key, month_start_on
{%- endmacro %}

{% macro evidence_of_metrics() -%}
select
    k.kpi_id, k.measure_id, 'all', r.unit_key, r.month_start_on, 'metric', r.feed, r.delivery_id, r.row_number,
    case when r.rule = 'COUNTED' then r.numerator else 0 end, case when r.rule = 'COUNTED' then r.denominator else 0 end,
    r.rule = 'COUNTED', r.rule, k.valid_from_on, k.valid_to_on
from ({{ metric_rows(source('definition', 'measure')) }}) as r
inner join kpi as k on k.measure_id = r.measure_id and k.source = 'metrics'
{%- endmacro %}

{# One row per delivered row and measure of its metric: what it adds, and the rule that counts it or leaves it out. #}
{% macro metric_rows(measures) -%}
select
    m.measure_id, f.unit_key, f.month_start_on, f.feed, f.delivery_id, f.row_number,
    case when f.numerator is null and m.statistic = 'mean' then f.value * coalesce(f.denominator, 1) else f.numerator end as numerator,
    case when m.statistic = 'mean' then coalesce(f.denominator, 1) else f.denominator end as denominator,
    case
        when f.is_left_to_other_feed then 'OTHER_FEED_PREFERRED'
        when coalesce(f.numerator, case when m.statistic = 'mean' then f.value end) is null then 'NOT_REPORTED'
        when coalesce(f.denominator, case when m.statistic = 'mean' then 1 end) is null or f.denominator <= 0 then 'DENOMINATOR_MISSING'
        when coalesce(f.numerator, f.value) < 0 then 'NEGATIVE'
        when m.statistic <> 'mean' and f.numerator <> floor(f.numerator) then 'NOT_A_COUNT'
        when m.statistic = 'proportion' and f.numerator > f.denominator then 'NUMERATOR_ABOVE_DENOMINATOR'
        when m.statistic = 'mean' and m.unit = 'percent' and coalesce(f.numerator / f.denominator, f.value) > 100 then 'ABOVE_100'
        else 'COUNTED'
    end as rule
from {{ ref('fct_metric') }} as f
inner join {{ measures }} as m on m.source = 'metrics' and m.numerator_rule = f.metric_code
{%- endmacro %}
