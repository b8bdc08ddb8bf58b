-- Our facilities beside published values: the difference from state and national averages, and where an edition gives
-- percentiles the position by interpolation. Only scores that may be published are placed.
with mapped as (
    select b.*, m.measure_id as our_measure_id, d.measure_name, d.statistic
    from {{ ref('current_benchmark') }} as b
    left join {{ ref('public_measure_map') }} as m on m.public_measure_id = b.public_measure_id
    inner join {{ source('definition', 'measure') }} as d on d.measure_id = coalesce(m.measure_id, b.public_measure_id)
    where b.value is not null
),

edition as (
    select *, coalesce(edition, period_start_on || ' to ' || period_end_on, 'undated') as edition_name,
        max(coalesce(valid_from_on, period_end_on, date '0001-01-01')) over (partition by benchmark_source, our_measure_id, geography_level, geography_code, peer_group) as newest_from_on
    from mapped
),

newest as (
    select * from edition where coalesce(valid_from_on, period_end_on, date '0001-01-01') = newest_from_on
),

ours as (
    select s.score_key, s.measure_name, s.facility_id, s.period_start_on, s.period_end_on, s.n, s.is_publishable, s.reason, x.statistic, x.value
    from {{ ref('survey_score') }} as s
    cross join lateral (values ('top_box', s.top_box_pct), ('middle_box', s.middle_box_pct), ('bottom_box', s.bottom_box_pct), ('linear_mean', s.linear_mean),
        ('weighted_mean', s.score), ('mean_score', s.score)) as x (statistic, value)
    where s.level = 'facility' and s.period_grain = 'rolling_4_quarters' and s.segment_type = 'all' and s.date_basis = 'discharge' and s.adjustment = 'raw'
),

average as (
    select o.*, b.benchmark_source, b.geography_level, b.geography_code, b.peer_group, b.edition_name, b.public_measure_id,
        any_value(b.value order by b.value) as benchmark_value, null::double as percentile, null::double as lowest_point, null::double as highest_point
    from ours as o
    inner join newest as b on b.measure_name = o.measure_name and b.statistic = o.statistic and b.position_kind is null
    group by all
),

point as (
    select benchmark_source, geography_level, geography_code, peer_group, edition_name, public_measure_id, measure_name, statistic,
        position::double as position, value,
        lead(position::double) over next_point as next_position, lead(value) over next_point as next_value,
        min(position) over whole as first_position, max(position) over whole as last_position, min(value) over whole as first_value, max(value) over whole as last_value
    from newest where position_kind = 'percentile' and not (position = 99 and value = 99)
    window next_point as (partition by benchmark_source, geography_level, geography_code, peer_group, edition_name, public_measure_id order by position),
        whole as (partition by benchmark_source, geography_level, geography_code, peer_group, edition_name, public_measure_id)
),

placed as (
    select o.*, b.benchmark_source, b.geography_level, b.geography_code, b.peer_group, b.edition_name, b.public_measure_id,
        null::double as benchmark_value,
        max(case when o.value >= b.value and (o.value < b.next_value or b.next_value is null)
            then b.position + case when b.next_value > b.value then (o.value - b.value) / (b.next_value - b.value) * (b.next_position - b.position) else 0 end end) as percentile,
        max(b.first_value) as lowest_point, max(b.last_value) as highest_point
    from ours as o
    inner join point as b on b.measure_name = o.measure_name and b.statistic = o.statistic
    group by all
)

select
    score_key, measure_name, statistic, facility_id, period_start_on, period_end_on, value as score, n,
    benchmark_source, edition_name as edition, peer_group, geography_level, geography_code, public_measure_id,
    benchmark_value,
    case when is_publishable then value - benchmark_value end as difference,
    case when is_publishable then percentile end as percentile,
    case when reason is not null then reason
        when benchmark_value is null and value < lowest_point then 'BELOW_LOWEST_POINT' end as reason
from (select * from average union all select * from placed) as positions
where value is not null or reason is not null
