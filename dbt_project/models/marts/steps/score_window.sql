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

quarter_weight as (
    {{ quarter_weights() }}
),

weighted as (
    select
        p.* exclude (n_months, first_month), p.first_month // 3 as quarter, p.first_month // 3 + k.k as end_quarter,
        coalesce(w.is_by_discharges, false) as is_by_discharges,
        coalesce(w.weight, p.n)::double as weight
    from {{ ref('score_period') }} as p
    cross join (select unnest(range(4)) as k) as k
    left join quarter_weight as w
        on w.family = p.instrument_family and w.entity_number = p.entity_number and w.quarter = p.first_month // 3 and w.end_quarter = p.first_month // 3 + k.k
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
)

select
    s.*, e.level,
    case
        when e.is_unassigned then 'UNASSIGNED_UNIT'
        when {{ month_of_number('s.first_month') }} < m.valid_from_on or last_day({{ month_of_number('(s.first_month + s.n_months - 1)') }}) > m.valid_to_on
            then 'DEFINITION_CHANGED'
        when s.first_month + s.n_months - 1 >= coalesce(d.first_open_month, 0) then 'PERIOD_OPEN'
        when s.n_months = 3 and s.date_basis = 'discharge' and not coalesce(k.is_quarter_whole, false) then 'WINDOW_INCOMPLETE'
        when s.n_months = 12 and (b.n_quarters < 4 or (s.date_basis = 'discharge' and not coalesce(k.is_rolling_whole, false))) then 'WINDOW_INCOMPLETE'
    end as reason
from stacked as s
inner join measure as m using (measure_name)
inner join entity as e using (entity_number)
left join {{ ref('open_month') }} as d on d.kind = 'survey:' || s.instrument_family and d.facility_id is not distinct from e.facility_id
left join rolling as b
    on s.n_months = 12 and b.measure_name = s.measure_name and b.entity_number = s.entity_number and b.date_basis = s.date_basis
    and b.first_month = s.first_month and b.segment_type = 'all'
left join {{ ref('kpi_month') }} as k
    on k.kind = 'survey:' || s.instrument_family and k.entity_number = s.entity_number and k.month_number = s.first_month + s.n_months - 1
-- A window beyond the newest closed month is nobody's question; a group without four quarters is told by everybody's row.
where s.n_months < 12
    or (s.first_month + 11 < d.first_open_month and (s.segment_type = 'all' or b.n_quarters = 4))
