-- Months, quarters and rolling four quarters of every survey measure, with the reason where there is no score. Four
-- quarters are weighted by the eligible discharges of each quarter as the vendors' files say them; where a file does not,
-- by eligible sampled surveys; by answers where only counts were delivered.
with measure as (
    select measure_name, min(coalesce(valid_from_on, date '0001-01-01')) as valid_from_on, max(coalesce(valid_to_on, date '9999-12-31')) as valid_to_on
    from {{ source('definition', 'measure') }} where source in ('answers', 'patient_means') group by measure_name
),

entity as (
    select distinct entity_number, level, facility_id, is_unassigned from {{ ref('kpi_entity') }}
),

facility_month as (
    select s.family, u.facility_id, {{ month_number('s.month_start_on') }} // 3 as quarter, s.month_start_on,
        max(s.n_eligible_discharges) as n_discharges
    from {{ ref('survey_counts') }} as s
    inner join {{ ref('dim_unit') }} as u using (unit_key)
    group by all
),

facility_quarter as (
    select family, facility_id, quarter, case when count(n_discharges) = 3 then sum(n_discharges)::bigint end as n_discharges
    from facility_month group by all
),

quarter_weight as (
    select f.family, e.entity_number, f.quarter, case when count(f.n_discharges) = count(*) then sum(f.n_discharges)::bigint end as n_discharges,
        null::bigint as n_surveys
    from facility_quarter as f
    inner join entity as e on e.level = 'enterprise' or (e.level = 'facility' and e.facility_id = f.facility_id)
    group by all
    union all
    select s.family, e.entity_number, {{ month_number('s.month_start_on') }} // 3, null, sum(s.n_eligible)::bigint
    from {{ ref('survey_counts') }} as s
    inner join {{ ref('kpi_entity') }} as e using (unit_key)
    group by all
),

weight as (
    select family, entity_number, quarter, max(n_discharges) as n_discharges, max(n_surveys) as n_surveys
    from quarter_weight group by all
),

-- Which weight a window takes: one kind for all its quarters.
window_weight as (
    select w.family, w.entity_number, w.quarter + k.k as end_quarter, count(w.n_discharges) = 4 as is_by_discharges
    from weight as w cross join (select unnest(range(4)) as k) as k
    group by all
),

weighted as (
    select
        p.* exclude (n_months, first_month), p.first_month // 3 as quarter, p.first_month // 3 + k.k as end_quarter,
        coalesce(x.is_by_discharges, false) as is_by_discharges,
        coalesce(case when x.is_by_discharges then w.n_discharges end, nullif(w.n_surveys, 0), p.n)::double as weight
    from {{ ref('score_period') }} as p
    cross join (select unnest(range(4)) as k) as k
    left join weight as w on w.family = p.instrument_family and w.entity_number = p.entity_number and w.quarter = p.first_month // 3
    left join window_weight as x on x.family = p.instrument_family and x.entity_number = p.entity_number and x.end_quarter = p.first_month // 3 + k.k
    where p.n_months = 3
),

rolling as (
    select
        measure_name, instrument_family, entity_number, date_basis, segment_type, segment_value,
        12 as n_months, ((end_quarter - 3) * 3)::integer as first_month, sum(n)::bigint as n, max(n_items) as n_items, count(*) as n_quarters,
        case when bool_or(is_by_discharges) then 'eligible_discharges' when count(*) = 4 and sum(weight) = sum(n) then 'answers' else 'eligible_surveys' end as weighted_by
        {%- for score in ['top', 'middle', 'bottom', 'linear', 'own'] %},
        sum((weight * {{ score }})::decimal(38, 12))::double / sum(weight) as {{ score }}
        {%- endfor %},
        sqrt(sum((weight * weight * top * (1 - top) / n)::decimal(38, 12))::double) / sum(weight) as top_se
        {%- for score in ['linear', 'own'] %},
        sqrt(sum((weight * weight * {{ score }}_se * {{ score }}_se)::decimal(38, 12))::double) / sum(weight) as {{ score }}_se
        {%- endfor %}
    from weighted
    group by all
),

stacked as (
    select
        measure_name, instrument_family, entity_number, date_basis, segment_type, segment_value, n_months, first_month, n, n_items,
        1 as n_quarters, null as weighted_by, top, middle, bottom, linear, own, null as top_se, linear_se, own_se
    from {{ ref('score_period') }}
    union all
    select * from rolling
),

delivered as (
    select f.instrument_family, max(n.first_open_month) as first_open_month
    from (select distinct instrument_family from {{ source('definition', 'measure') }}) as f
    inner join ({{ newest_deliveries() }}) as n on n.kind in ('survey', 'survey:' || f.instrument_family)
    group by f.instrument_family
)

select
    s.*, e.level,
    case
        when e.is_unassigned then 'UNASSIGNED_UNIT'
        when {{ month_of_number('s.first_month') }} < m.valid_from_on or last_day({{ month_of_number('(s.first_month + s.n_months - 1)') }}) > m.valid_to_on
            then 'DEFINITION_CHANGED'
        when s.first_month + s.n_months - 1 >= d.first_open_month then 'PERIOD_OPEN'
        when s.n_months = 3 and s.date_basis = 'discharge' and not coalesce(k.is_quarter_whole, false) then 'WINDOW_INCOMPLETE'
        when s.n_months = 12 and (b.n_quarters < 4 or (s.date_basis = 'discharge' and not coalesce(k.is_rolling_whole, false))) then 'WINDOW_INCOMPLETE'
    end as reason
from stacked as s
inner join measure as m using (measure_name)
inner join entity as e using (entity_number)
inner join delivered as d on d.instrument_family = s.instrument_family
left join rolling as b
    on s.n_months = 12 and b.measure_name = s.measure_name and b.entity_number = s.entity_number and b.date_basis = s.date_basis
    and b.first_month = s.first_month and b.segment_type = 'all'
left join {{ ref('kpi_month') }} as k
    on k.kind = 'survey:' || s.instrument_family and k.entity_number = s.entity_number and k.month_number = s.first_month + s.n_months - 1
-- A window beyond the newest closed month is nobody's question; a group without four quarters is told by everybody's row.
where s.n_months < 12
    or (s.first_month + 11 < d.first_open_month and (s.segment_type = 'all' or b.n_quarters = 4))
