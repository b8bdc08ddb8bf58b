-- Scores that a vendor computed (summary survey measures of CAHPS for MIPS and ACO), placed in the decile of the benchmark
-- edition of their own year: the band p_k <= score < p_(k+10), ties to the upper band (product-defined).
with score as (
    select * from {{ ref('current_score') }}
),

-- Percentiles 10, 20 ... 90, or the lowest value of deciles 2 to 10: the same nine points.
point as (
    select b.public_measure_id, b.edition, case b.position_kind when 'percentile' then b.position // 10 + 1 else b.position end as decile, max(b.value) as lowest
    from {{ ref('current_benchmark') }} as b
    where b.value is not null and ((b.position_kind = 'percentile' and b.position % 10 = 0) or (b.position_kind = 'decile' and b.position between 2 and 10))
    group by all
),

edition as (
    select public_measure_id, edition, count(*) as n_points from point group by all
),

placed as (
    select s.feed, s.delivery_id, s.row_number, 1 + count(p.decile) as decile
    from score as s
    inner join point as p on p.public_measure_id = s.public_measure_id and p.edition = s.edition and s.value >= p.lowest
    group by all
)

select
    s.feed, s.delivery_id, s.row_number, s.score_source, s.entity_code, s.entity_level, s.public_measure_id, s.edition, s.period_start_on, s.period_end_on,
    s.value as score, s.n_answers::bigint as n,
    case when e.n_points is not null and s.value is not null then coalesce(p.decile, 1)::integer end as decile,
    case when e.n_points is null or s.value is null then null
        when coalesce(p.decile, 1) = 1 then 'under 10' when p.decile = 10 then '90 or over'
        else ((p.decile - 1) * 10)::integer || ' to under ' || (p.decile * 10)::integer end as percentile_band,
    case when s.value is null then coalesce(s.value_reason, 'NO_SCORE')
        when e.n_points is null then 'NO_BENCHMARK_OF_EDITION' end as reason
from score as s
left join edition as e on e.public_measure_id = s.public_measure_id and e.edition = s.edition
left join placed as p on p.feed = s.feed and p.delivery_id = s.delivery_id and p.row_number = s.row_number
