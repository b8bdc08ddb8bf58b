-- Numerator and denominator of every measure that a KPI uses, per component, unit and month: everything that scores,
-- windows and levels are summed from. Only whole months inside the measure's validity.
-- Sums are decimal, not floating point: the same rows give the same number whatever the order they are added in.
with wanted as (
    select m.*
    from {{ source('definition', 'measure') }} as m
    where m.measure_id in (select k.measure_id from {{ source('definition', 'kpi') }} as k)
),

-- Numbers stand for measure and item while answers are summed: long texts as keys would double the time.
weight as (
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
    where a.segment_type = 'all'
    group by w.component_number, a.unit_key, a.month_start_on
),

cases as (
    select measure_id, unit_key, month_start_on, sum(n_cases) as numerator, sum(n_encounters) as denominator
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
),

survey as (
    select m.measure_id, s.unit_key, s.month_start_on, s.n_complete as numerator, s.n_eligible as denominator
    from {{ ref('survey_counts') }} as s
    inner join wanted as m on m.source = 'surveys' and coalesce(m.instrument_family, s.family) = s.family
),

stacked as (
    select c.measure_id, c.item_code as component_code, a.unit_key, a.month_start_on, a.numerator, a.denominator
    from answer as a
    inner join (select distinct component_number, measure_id, item_code from weight) as c on c.component_number = a.component_number
    union all
    select measure_id, 'all', unit_key, month_start_on, numerator, denominator from cases
    union all
    select measure_id, 'all', unit_key, month_start_on, numerator, denominator from survey
)

select
    s.measure_id, s.component_code, s.unit_key, s.month_start_on,
    cast(s.numerator as decimal(38, 12)) as numerator,
    cast(s.denominator as bigint) as denominator
from stacked as s
inner join wanted as m on m.measure_id = s.measure_id
where s.month_start_on >= coalesce(m.valid_from_on, date '0001-01-01')
    and {{ month_end('s.month_start_on') }} <= coalesce(m.valid_to_on, date '9999-12-31')
