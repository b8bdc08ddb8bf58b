-- Scores of every survey measure per entity and period, before anything is judged: months and quarters of discharge for
-- everybody and of receipt per facility, quarters for groups of patients. Per item first: a composite is the plain mean of
-- its items. Sums are decimals, so the order in which rows are added does not matter.
with measure as (
    select
        (dense_rank() over (order by measure_name))::smallint as measure_number, measure_id, measure_name, statistic, instrument_family,
        coalesce(valid_from_on, date '0001-01-01') as valid_from_on, coalesce(valid_to_on, date '9999-12-31') as valid_to_on
    from {{ source('definition', 'measure') }}
    where source in ('answers', 'patient_means')
),

weight as (
    select
        m.measure_number, i.instrument_id, w.item_code, w.answer::smallint as answer,
        (dense_rank() over (order by w.item_code))::smallint as item_number,
        any_value(m.valid_from_on) as valid_from_on, any_value(m.valid_to_on) as valid_to_on,
        bool_and(m.valid_from_on <= i.valid_from_on or m.valid_from_on <= date '1900-01-01') as is_from_the_start,
        bool_and(m.valid_to_on >= coalesce(i.valid_to_on, date '9999-12-31')) as is_to_the_end,
        max(w.weight::decimal(18, 12)) filter (m.statistic = 'top_box') as top,
        max(w.weight::decimal(18, 12)) filter (m.statistic = 'middle_box') as middle,
        max(w.weight::decimal(18, 12)) filter (m.statistic = 'bottom_box') as bottom,
        max(w.weight::decimal(18, 12)) filter (m.statistic = 'linear_mean') as linear,
        max(w.weight::decimal(18, 12)) filter (m.statistic = 'weighted_mean') as own
    from {{ source('definition', 'measure_weight') }} as w
    inner join measure as m using (measure_id)
    inner join {{ ref('instrument') }} as i on i.family = m.instrument_family
        and i.valid_from_on <= m.valid_to_on and coalesce(i.valid_to_on, date '9999-12-31') >= m.valid_from_on
    group by m.measure_number, i.instrument_id, w.item_code, w.answer
),

entity as (
    select distinct entity_number, level, facility_id from {{ ref('kpi_entity') }}
),

-- Units and months of discharge, everybody; summed per unit before it is spread over levels.
unit_month as (
    select
        w.measure_number, w.item_number, a.unit_key, {{ month_number('a.month_start_on') }}::integer as month_number,
        sum(a.n)::bigint as n, sum(a.n * w.top) as top, sum(a.n * w.middle) as middle, sum(a.n * w.bottom) as bottom,
        sum(a.n * w.linear) as linear, sum(a.n * (w.linear::double * w.linear::double)::decimal(18, 9)) as linear_square,
        sum(a.n * w.own) as own, sum(a.n * (w.own::double * w.own::double)::decimal(18, 9)) as own_square
    from {{ ref('answer_counts') }} as a
    inner join weight as w on w.instrument_id = a.instrument_id and w.item_code = a.item_code and w.answer = a.answer
    where a.month_start_on >= w.valid_from_on and last_day(a.month_start_on) <= w.valid_to_on
    group by all
    union all
    select
        m.measure_number, 0, p.unit_key, {{ month_number('p.month_start_on') }}::integer, count(*), null, null, null, null, null,
        sum(p.patient_mean), sum((p.patient_mean::double * p.patient_mean::double)::decimal(18, 9))
    from ({{ patient_means('is_scored') }}) as p
    inner join measure as m using (measure_id)
    where p.month_start_on >= m.valid_from_on and last_day(p.month_start_on) <= m.valid_to_on
    group by all
),

-- Groups of patients and receipt, per facility. By receipt a survey still belongs to the form of its discharge, so a
-- measure takes the forms that lie wholly inside its validity; a quarter of discharge must lie inside it itself.
facility_period as (
    select
        w.measure_number, w.item_number, s.facility_id, s.date_basis, s.segment_type, s.segment_value,
        {{ month_number('s.period_start_on') }}::integer as month_number,
        sum(s.n)::bigint as n, sum(s.n * w.top) as top, sum(s.n * w.middle) as middle, sum(s.n * w.bottom) as bottom,
        sum(s.n * w.linear) as linear, sum(s.n * (w.linear::double * w.linear::double)::decimal(18, 9)) as linear_square,
        sum(s.n * w.own) as own, sum(s.n * (w.own::double * w.own::double)::decimal(18, 9)) as own_square
    from {{ ref('segment_counts') }} as s
    inner join weight as w on w.instrument_id = s.instrument_id and w.item_code = s.item_code and w.answer = s.answer
    where case s.date_basis when 'received' then w.is_from_the_start and w.is_to_the_end
        else s.period_start_on >= w.valid_from_on and last_day({{ add_months('s.period_start_on', 2) }}) <= w.valid_to_on end
    group by all
),

entity_period as (
    select f.* exclude (facility_id), e.entity_number
    from facility_period as f
    inner join entity as e on e.level = 'facility' and e.facility_id = f.facility_id
    union all
    -- A join of its own: with both levels in one condition every row would be held against every entity.
    select f.* exclude (facility_id), e.entity_number
    from facility_period as f
    inner join entity as e on e.level = 'enterprise'
    where f.segment_type <> 'provider'
),

-- One shape: entity, period. Quarters are summed from months, everybody from units.
item_period as (
    select u.measure_number, u.item_number, e.entity_number, 'discharge' as date_basis, 'all' as segment_type, 'all' as segment_value,
        1 as n_months, u.month_number as first_month, u.* exclude (measure_number, item_number, unit_key, month_number)
    from unit_month as u
    inner join {{ ref('kpi_entity') }} as e using (unit_key)
    union all
    select u.measure_number, u.item_number, e.entity_number, 'discharge', 'all', 'all',
        3, u.month_number // 3 * 3, u.* exclude (measure_number, item_number, unit_key, month_number)
    from unit_month as u
    inner join {{ ref('kpi_entity') }} as e using (unit_key)
    union all
    select u.measure_number, u.item_number, e.entity_number, 'discharge', 'service_line', x.service_line,
        3, u.month_number // 3 * 3, u.* exclude (measure_number, item_number, unit_key, month_number)
    from unit_month as u
    inner join {{ ref('dim_unit') }} as x using (unit_key)
    inner join {{ ref('kpi_entity') }} as e on e.unit_key = u.unit_key and e.level in ('facility', 'enterprise')
    union all
    select measure_number, item_number, entity_number, date_basis, segment_type, segment_value,
        3, month_number // 3 * 3, f.* exclude (measure_number, item_number, entity_number, date_basis, segment_type, segment_value, month_number)
    from entity_period as f
    union all
    select measure_number, item_number, entity_number, date_basis, segment_type, segment_value,
        1, month_number, f.* exclude (measure_number, item_number, entity_number, date_basis, segment_type, segment_value, month_number)
    from entity_period as f
    where date_basis = 'received'
),

summed as (
    select
        measure_number, item_number, entity_number, date_basis, segment_type, segment_value, n_months, first_month,
        sum(n) as n, sum(top) as top, sum(middle) as middle, sum(bottom) as bottom, sum(linear) as linear,
        sum(linear_square) as linear_square, sum(own) as own, sum(own_square) as own_square
    from item_period
    group by all
),

name as (
    select distinct measure_number, measure_name, instrument_family from measure
)

select
    x.measure_name, x.instrument_family, s.entity_number, s.date_basis, s.segment_type, s.segment_value,
    s.n_months::smallint as n_months, s.first_month,
    max(s.n)::bigint as n,
    count(*)::smallint as n_items
    {%- for score in ['top', 'middle', 'bottom', 'linear', 'own'] %},
    sum(({{ score }}::double / s.n)::decimal(38, 18))::double / count({{ score }}) as {{ score }}
    {%- endfor %}
    {%- for score in ['linear', 'own'] %},
    case when max(s.n) > 1 and count({{ score }}) > 0 then
        sum(sqrt(greatest(s.{{ score }}_square::double / s.n - power(s.{{ score }}::double / s.n, 2), 0) / nullif(s.n - 1, 0))::decimal(38, 18))::double
            / count({{ score }}) end as {{ score }}_se
    {%- endfor %}
from summed as s
inner join name as x using (measure_number)
group by x.measure_name, x.instrument_family, s.entity_number, s.date_basis, s.segment_type, s.segment_value, s.n_months, s.first_month
