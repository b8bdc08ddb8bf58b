{# Measures over cases per encounters: what they sum, per unit and month, and the rows behind it. #}

{% macro months_of_cases() -%}
select measure_id, 'all', unit_key, month_start_on, sum(n_cases), sum(n_encounters)
from (
    select m.measure_id, c.unit_key, c.month_start_on, count(*) as n_cases, 0 as n_encounters
    from {{ ref('fct_complaint') }} as c
    inner join wanted as m on m.source = 'cases' and (m.numerator_rule = 'all' or c.is_grievance)
    left join ({{ conditions_of_measures() }}) as r on r.measure_id = m.measure_id
    left join ({{ conditions_met() }}) as t on t.measure_id = m.measure_id and t.feed = c.feed and t.case_id = c.case_id
    where c.is_valid_case and coalesce(r.n_tags, 0) = coalesce(t.n_tags, 0)
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

{# How many kinds of tag a measure asks for, and how many of them a case has: it counts when it has them all. #}
{% macro conditions_of_measures() -%}
select measure_id, count(distinct tag_type) as n_tags from {{ source('definition', 'measure_condition') }} group by measure_id
{%- endmacro %}

{% macro conditions_met() -%}
select x.measure_id, g.feed, g.case_id, count(distinct x.tag_type) as n_tags
from {{ source('definition', 'measure_condition') }} as x
inner join {{ ref('case_tag') }} as g on g.tag_type = x.tag_type and g.tag_value = x.tag_value
group by x.measure_id, g.feed, g.case_id
{%- endmacro %}

{% macro evidence_of_cases() -%}
select
    k.kpi_id, k.measure_id, 'all', c.unit_key, c.month_start_on, 'complaint', c.feed, c.delivery_id, c.row_number,
    case when {{ counts_as_case() }} then 1 else 0 end,
    0,
    {{ counts_as_case() }},
    case when not c.is_valid_case then c.exclusion_reason
        when {{ counts_as_case() }} then 'VALID_CASE'
        when k.numerator_rule = 'all' or coalesce(c.is_grievance, false) then 'CONDITION_NOT_MET'
        when c.is_grievance is null then 'GRIEVANCE_UNDETERMINED' else 'NOT_A_GRIEVANCE' end,
    k.valid_from_on, k.valid_to_on
from {{ ref('fct_complaint') }} as c
inner join kpi as k on k.source = 'cases'
left join ({{ conditions_of_measures() }}) as r on r.measure_id = k.measure_id
left join ({{ conditions_met() }}) as t on t.measure_id = k.measure_id and t.feed = c.feed and t.case_id = c.case_id

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

{# Condition over a case c, a KPI k, what it asks for r and what the case has of it t. #}
{% macro counts_as_case() -%}
(c.is_valid_case and (k.numerator_rule = 'all' or coalesce(c.is_grievance, false)) and coalesce(r.n_tags, 0) = coalesce(t.n_tags, 0))
{%- endmacro %}
