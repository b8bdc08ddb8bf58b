-- Facilities' scores adjusted with published coefficients, per quarter and four quarters, or why there are none: what is taken
-- off the raw score, in the unit of the score. Four quarters weigh as in score_window, with the same weights.
with covered as (
    select distinct i.measure_name
    from (
        select m.measure_name, w.item_code from {{ source('definition', 'measure') }} as m
        inner join {{ source('definition', 'measure_item') }} as w using (measure_id) where m.source = 'answers'
    ) as i
    inner join {{ ref('adjustment_coefficient') }} as c on c.measure_name in (i.measure_name, i.item_code)
),

quarter_score as (
    select p.measure_name, p.entity_number, p.instrument_family, p.first_month, p.n, e.facility_id
    from {{ ref('score_period') }} as p
    inner join (select distinct entity_number, level, facility_id from {{ ref('kpi_entity') }}) as e using (entity_number)
    where p.n_months = 3 and p.segment_type = 'all' and p.date_basis = 'discharge' and e.level = 'facility' and e.facility_id <> 'unassigned'
        and p.instrument_family in (select family from {{ ref('adjustment_variable') }})
        and p.measure_name in (select measure_name from {{ source('definition', 'measure') }} where source = 'answers' and statistic = 'top_box')
),

quarter_shift as (
    select
        q.*, s.edition, s.standing, s.top, s.middle, s.bottom, s.linear,
        case when c.measure_name is null then 'NO_COEFFICIENTS' when s.measure_name is null then 'COEFFICIENTS_OF_OTHER_PERIOD' else s.reason end as reason
    from quarter_score as q
    left join covered as c using (measure_name)
    left join {{ ref('published_shift') }} as s
        on s.measure_name = q.measure_name and s.facility_id = q.facility_id and s.first_month = q.first_month
),

quarter_weight as (
    {{ quarter_weights() }}
),

weighted as (
    select q.* exclude (first_month), q.first_month // 3 + k.k as end_quarter, coalesce(w.weight, q.n)::double as weight
    from quarter_shift as q
    cross join (select unnest(range(4)) as k) as k
    left join quarter_weight as w
        on w.family = q.instrument_family and w.entity_number = q.entity_number and w.quarter = q.first_month // 3 and w.end_quarter = q.first_month // 3 + k.k
)

select
    measure_name, facility_id, 3 as n_months, {{ month_of_number('first_month') }} as period_start_on, edition, standing, top, middle, bottom, linear, reason
from quarter_shift
union all
select
    measure_name, facility_id, 12, {{ month_of_number('((end_quarter - 3) * 3)') }},
    string_agg(distinct edition, ', ' order by edition), any_value(standing order by {{ standing_place('standing') }})
    {%- for score in ['top', 'middle', 'bottom', 'linear'] %},
    case when count({{ score }}) = count(*) then sum((weight * {{ score }})::decimal(38, 12))::double / sum(weight) end
    {%- endfor %},
    case when min(coalesce(reason, '')) = max(coalesce(reason, '')) then any_value(reason) when count(reason) > 0 then 'COEFFICIENTS_OF_OTHER_PERIOD' end
from weighted
group by measure_name, facility_id, end_quarter
