{# Measures over the handling of cases (done by the due day): what they sum, per unit and month of receipt, and the rows
   behind it. numerator_rule is the step; decided are cases done and cases open past their day. #}

{% macro months_of_handled_cases() -%}
select m.measure_id, 'all', c.unit_key, c.month_start_on,
    sum(case when c.state = 'in_target' then 1 else 0 end),
    sum(case when c.state in ('in_target', 'late', 'open_past_target') then 1 else 0 end)
from {{ ref('complaint_clock') }} as c
inner join wanted as m
    on m.source = 'handled_cases' and m.numerator_rule = c.step_code
    and (m.denominator_rule = 'decided_cases' or coalesce(c.is_grievance, false))
group by m.measure_id, c.unit_key, c.month_start_on
{%- endmacro %}

{% macro evidence_of_handled_cases() -%}
select
    k.kpi_id, k.measure_id, 'all', c.unit_key, c.month_start_on, 'complaint', c.feed, c.delivery_id, c.row_number,
    case when c.state = 'in_target' then 1 else 0 end,
    case when c.state in ('in_target', 'late', 'open_past_target') then 1 else 0 end,
    c.state in ('in_target', 'late', 'open_past_target'),
    coalesce(c.fault, upper(c.state)),
    k.valid_from_on, k.valid_to_on
from {{ ref('complaint_clock') }} as c
inner join kpi as k
    on k.source = 'handled_cases' and k.numerator_rule = c.step_code
    and (k.denominator_rule = 'decided_cases' or coalesce(c.is_grievance, false))
{%- endmacro %}
