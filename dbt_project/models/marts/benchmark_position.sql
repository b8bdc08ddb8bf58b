-- Our facilities beside published values: the difference from state and national averages, and where an edition gives
-- percentiles the position by interpolation. Each of our windows takes the newest edition that was valid at its end, so a
-- later edition moves no earlier position. Only scores that may be published are placed.
with mapped as (
    select
        b.benchmark_source, b.geography_level, b.geography_code, b.peer_group, b.public_measure_id, d.measure_name, d.statistic,
        dense_rank() over (order by b.benchmark_source, b.geography_level, b.geography_code, b.peer_group, b.public_measure_id, d.measure_name, d.statistic)::integer as line_number,
        coalesce(b.edition, b.period_start_on || ' to ' || b.period_end_on, 'undated') as edition_name,
        coalesce(b.valid_from_on, b.period_end_on, date '0001-01-01') as from_on,
        b.position_kind, b.position, b.value
    from {{ ref('current_benchmark') }} as b
    left join {{ ref('public_measure_map') }} as m on m.public_measure_id = b.public_measure_id
    inner join {{ source('definition', 'measure') }} as d on d.measure_id = coalesce(m.measure_id, b.public_measure_id)
    -- The result of a single facility is no benchmark, nor is a value whose footnote says that there is none.
    where {{ is_usable_value('b', 'm') }} and coalesce(b.geography_level, '') <> 'facility'
),

line as (
    select distinct line_number, benchmark_source, geography_level, geography_code, peer_group, public_measure_id, measure_name, statistic from mapped
),

ours as (
    select s.score_key, s.measure_name, s.facility_id, s.period_start_on, s.period_end_on, s.n, s.is_publishable, s.reason, x.statistic, x.value
    from {{ ref('survey_score') }} as s
    cross join lateral (values ('top_box', s.top_box_pct), ('middle_box', s.middle_box_pct), ('bottom_box', s.bottom_box_pct), ('linear_mean', s.linear_mean),
        ('weighted_mean', s.score), ('mean_score', s.score)) as x (statistic, value)
    where s.level = 'facility' and s.period_grain = 'rolling_4_quarters' and s.segment_type = 'all' and s.date_basis = 'discharge' and s.adjustment = 'raw'
        and (x.value is not null or s.reason is not null)
),

edition as (
    select distinct line_number, measure_name, statistic, edition_name, from_on from mapped
),

in_force as (
    select e.line_number, p.period_end_on, max({'from_on': e.from_on, 'edition_name': e.edition_name}) filter (e.from_on <= p.period_end_on) as newest
    from (select distinct measure_name, statistic, period_end_on from ours) as p
    inner join edition as e on e.measure_name = p.measure_name and e.statistic = p.statistic
    group by all
),

average as (
    select line_number, edition_name, from_on, any_value(value order by value) as value from mapped where position_kind is null group by all
),

point as (
    select line_number, edition_name, from_on, position::double as position, value,
        lead(position::double) over next_point as next_position, lead(value) over next_point as next_value,
        min(value) over whole as first_value
    from mapped where position_kind = 'percentile' and not (position = 99 and value = 99)
    window next_point as (partition by line_number, edition_name, from_on order by position), whole as (partition by line_number, edition_name, from_on)
),

beside as (
    select o.*, l.* exclude (measure_name, statistic), f.newest.edition_name as edition_name, f.newest.from_on as from_on
    from ours as o
    inner join line as l on l.measure_name = o.measure_name and l.statistic = o.statistic
    inner join in_force as f on f.line_number = l.line_number and f.period_end_on = o.period_end_on
),

placed as (
    select b.*, a.value as benchmark_value, null::double as percentile, null::double as lowest_point
    from beside as b
    inner join average as a on a.line_number = b.line_number and a.edition_name = b.edition_name and a.from_on = b.from_on
    union all
    select b.*, null,
        max(case when b.value >= p.value and (b.value < p.next_value or p.next_value is null)
            then p.position + case when p.next_value > p.value then (b.value - p.value) / (p.next_value - p.value) * (p.next_position - p.position) else 0 end end),
        max(p.first_value)
    from beside as b
    inner join point as p on p.line_number = b.line_number and p.edition_name = b.edition_name and p.from_on = b.from_on
    group by all
    union all
    select *, null, null, null from beside where edition_name is null
)

select
    score_key, measure_name, statistic, facility_id, period_start_on, period_end_on, value as score, n,
    benchmark_source, edition_name as edition, peer_group, geography_level, geography_code, public_measure_id,
    benchmark_value,
    case when is_publishable then value - benchmark_value end as difference,
    case when is_publishable then percentile end as percentile,
    case when reason is not null then reason
        when edition_name is null then 'NO_EDITION_OF_PERIOD'
        when benchmark_value is null and value < lowest_point then 'BELOW_LOWEST_POINT' end as reason
from placed
