-- The source rows behind every KPI: the joins that make the number, before they are summed. Summing numerator and
-- denominator over the entity and the months of a kpi_value row gives its numerator and denominator (tested over all
-- rows), so number and evidence cannot drift apart. Rows that were looked at and left out carry the rule, with 0 / 0.
-- A view: filter on kpi_id, unit and month and it reads only what is asked for.
{{ config(materialized='view') }}
with kpi as (
    select
        k.kpi_id, m.measure_id, m.source, m.instrument_family, m.numerator_rule, m.denominator_rule,
        coalesce(m.valid_from_on, date '0001-01-01') as valid_from_on,
        coalesce(m.valid_to_on, date '9999-12-31') as valid_to_on
    from {{ source('definition', 'kpi') }} as k
    inner join {{ source('definition', 'measure') }} as m using (measure_id)
),

evidence as (
    {{ evidence_of_answers() }}
    union all
    {{ evidence_of_surveys() }}
    union all
    {{ evidence_of_patient_means() }}
    union all
    {{ evidence_of_adjusted() }}
    union all
    {{ evidence_of_cases() }}
    union all
    {{ evidence_of_handled_cases() }}
    union all
    {{ evidence_of_metrics() }}
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
