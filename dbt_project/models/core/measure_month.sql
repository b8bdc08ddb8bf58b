-- Numerator and denominator of every measure that a KPI uses, per component, unit and month: everything that scores,
-- windows and levels are summed from. Only whole months inside the measure's validity.
-- Sums are decimal, not floating point: the same rows give the same number whatever the order they are added in.
with wanted as (
    select m.*
    from {{ source('definition', 'measure') }} as m
    where m.measure_id in (select k.measure_id from {{ source('definition', 'kpi') }} as k)
),

answer as (
    select
        m.measure_id, a.item_code as component_code, a.unit_key, a.month_start_on,
        sum(a.n * cast(w.weight as decimal(18, 12))) as numerator,
        sum(a.n) as denominator
    from {{ ref('answer_counts') }} as a
    inner join {{ ref('instrument') }} as i on i.instrument_id = a.instrument_id
    inner join wanted as m on m.source = 'answers' and m.instrument_family = i.family
    inner join {{ source('definition', 'measure_weight') }} as w
        on w.measure_id = m.measure_id and w.item_code = a.item_code and w.answer = a.answer
    where a.segment_type = 'all'
    group by m.measure_id, a.item_code, a.unit_key, a.month_start_on
),

cases as (
    select m.measure_id, c.unit_key, c.month_start_on, count(*) as numerator, 0 as denominator
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
),

survey as (
    select m.measure_id, s.unit_key, s.month_start_on, s.n_complete as numerator, s.n_eligible as denominator
    from {{ ref('survey_counts') }} as s
    inner join wanted as m on m.source = 'surveys' and coalesce(m.instrument_family, s.family) = s.family
),

stacked as (
    select measure_id, component_code, unit_key, month_start_on, numerator, denominator from answer
    union all
    select measure_id, 'all', unit_key, month_start_on, numerator, denominator from cases
    union all
    select measure_id, 'all', unit_key, month_start_on, numerator, denominator from survey
)

select
    s.measure_id, s.component_code, s.unit_key, s.month_start_on,
    cast(sum(s.numerator) as decimal(38, 12)) as numerator,
    cast(sum(s.denominator) as bigint) as denominator
from stacked as s
inner join wanted as m on m.measure_id = s.measure_id
where s.month_start_on >= coalesce(m.valid_from_on, date '0001-01-01')
    and {{ month_end('s.month_start_on') }} <= coalesce(m.valid_to_on, date '9999-12-31')
group by s.measure_id, s.component_code, s.unit_key, s.month_start_on
