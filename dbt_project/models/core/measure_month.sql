-- Numerator and denominator of every measure that a KPI uses, per component, unit and month: everything that scores,
-- windows and levels are summed from. Only whole months inside the measure's validity.
-- Sums are decimal, not floating point: the same rows give the same number whatever the order they are added in.
with wanted as (
    select m.*
    from {{ source('definition', 'measure') }} as m
    where m.measure_id in (select k.measure_id from {{ source('definition', 'kpi') }} as k)
),

stacked (measure_id, component_code, unit_key, month_start_on, numerator, denominator) as (
    select * from ({{ months_of_answers() }}) as answers
    union all
    select * from ({{ months_of_cases() }}) as cases
    union all
    select * from ({{ months_of_surveys() }}) as surveys
    union all
    select * from ({{ months_of_patient_means() }}) as patients
    union all
    select * from ({{ months_of_handled_cases() }}) as handled
    union all
    select * from ({{ months_of_metrics() }}) as metrics
)

select
    s.measure_id, s.component_code, s.unit_key, s.month_start_on,
    cast(s.numerator as decimal(38, 12)) as numerator,
    cast(s.denominator as bigint) as denominator
from stacked as s
inner join wanted as m on m.measure_id = s.measure_id
where s.month_start_on >= coalesce(m.valid_from_on, date '0001-01-01')
    and {{ month_end('s.month_start_on') }} <= coalesce(m.valid_to_on, date '9999-12-31')
