-- The source rows behind every KPI: the joins that make the number, before they are summed. Summing numerator and
-- denominator over the entity and the months of a kpi_value row gives its numerator and denominator (tested over all
-- rows), so number and evidence cannot drift apart. Rows that were looked at and left out carry the rule, with 0 / 0.
-- A view: filter on kpi_id, unit and month and it reads only what is asked for.
{{ config(materialized='view') }}
with kpi as (
    select
        k.kpi_id, m.measure_id, m.source, m.instrument_family, m.numerator_rule,
        coalesce(m.valid_from_on, date '0001-01-01') as valid_from_on,
        coalesce(m.valid_to_on, date '9999-12-31') as valid_to_on
    from {{ source('definition', 'kpi') }} as k
    inner join {{ source('definition', 'measure') }} as m using (measure_id)
),

evidence as (
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
    select
        k.kpi_id, k.measure_id, 'all', s.unit_key, s.month_start_on, 'survey', s.feed, s.delivery_id, s.row_number,
        case when s.is_in_official_sample and s.is_complete then 1 else 0 end,
        case when s.is_in_official_sample and not s.is_ineligible then 1 else 0 end,
        s.is_in_official_sample and not s.is_ineligible,
        case when not s.is_in_official_sample then 'NOT_IN_OFFICIAL_SAMPLE' when s.is_ineligible then 'INELIGIBLE'
            when s.is_complete then 'COMPLETED' else 'NOT_COMPLETED' end,
        k.valid_from_on, k.valid_to_on
    from {{ ref('fct_survey') }} as s
    inner join kpi as k on k.source = 'surveys' and coalesce(k.instrument_family, s.family) = s.family

    union all
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
)

select
    e.kpi_id, e.measure_id, e.component_code, u.facility_id, u.unit_id, u.service_line, e.month_start_on, e.source_kind,
    e.feed, e.delivery_id, e.row_number,
    e.numerator::decimal(38, 12) as numerator,
    e.denominator::bigint as denominator,
    e.is_counted,
    e.rule
from evidence as e
inner join {{ ref('dim_unit') }} as u using (unit_key)
where e.month_start_on >= e.valid_from_on and last_day(e.month_start_on) <= e.valid_to_on
