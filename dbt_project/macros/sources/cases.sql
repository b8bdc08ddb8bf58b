{# Measures over cases per encounters: what they sum, per unit and month, and the rows behind it. #}

{% macro months_of_cases() -%}
select measure_id, 'all', unit_key, month_start_on, sum(n_cases), sum(n_encounters)
from (
    select m.measure_id, c.unit_key, c.month_start_on, count(*) as n_cases, 0 as n_encounters
    from {{ ref('fct_complaint') }} as c
    inner join wanted as m on m.source = 'cases' and (m.numerator_rule = 'all' or c.is_grievance)
    where c.is_valid_case
    group by m.measure_id, c.unit_key, c.month_start_on
    union all
    select m.measure_id, e.unit_key, e.month_start_on, 0, sum(e.n_encounters)
    from {{ ref('fct_encounter_count') }} as e
    inner join {{ source('definition', 'measure_encounter_class') }} as k on k.encounter_class = e.encounter_class
    inner join wanted as m on m.measure_id = k.measure_id and m.source = 'cases'
    group by m.measure_id, e.unit_key, e.month_start_on
) as parts
group by measure_id, unit_key, month_start_on
{%- endmacro %}

{% macro evidence_of_cases() -%}
select
    k.kpi_id, k.measure_id, 'all', c.unit_key, c.month_start_on, 'complaint', c.feed, c.delivery_id, c.row_number,
    case when c.is_valid_case and (k.numerator_rule = 'all' or coalesce(c.is_grievance, false)) then 1 else 0 end,
    0,
    c.is_valid_case and (k.numerator_rule = 'all' or coalesce(c.is_grievance, false)),
    case when not c.is_valid_case then c.exclusion_reason
        when k.numerator_rule = 'all' or coalesce(c.is_grievance, false) then 'VALID_CASE'
        when c.is_grievance is null then 'GRIEVANCE_UNDETERMINED' else 'NOT_A_GRIEVANCE' end,
    k.valid_from_on, k.valid_to_on
from {{ ref('fct_complaint') }} as c
inner join kpi as k on k.source = 'cases'

union all
select
    k.kpi_id, k.measure_id, 'all', e.unit_key, e.month_start_on, e.source_kind, e.feed, e.delivery_id, e.row_number,
    0,
    case when e.is_counted and x.encounter_class is not null then e.n_encounters else 0 end,
    e.is_counted and x.encounter_class is not null,
    case when e.is_counted and x.encounter_class is null then 'CLASS_NOT_IN_DENOMINATOR' else e.rule end,
    k.valid_from_on, k.valid_to_on
from {{ ref('fct_encounter') }} as e
inner join kpi as k on k.source = 'cases'
left join {{ source('definition', 'measure_encounter_class') }} as x
    on x.measure_id = k.measure_id and x.encounter_class = e.encounter_class
where e.month_start_on is not null
{%- endmacro %}
