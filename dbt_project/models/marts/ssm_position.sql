-- Scores that a vendor computed (summary survey measures of CAHPS for MIPS and ACO), placed in the decile of the benchmark
-- edition of their own year: the band p_k <= score < p_(k+10), ties to the upper band (product-defined). Editions of two
-- publishers or peer groups are two benchmarks, each with its own position.
with score as (
    select * from {{ ref('current_score') }}
),

-- Percentiles 10, 20 ... 90 are the lowest values of deciles 2 to 10. Editions to 2022 give deciles 3 to 10 only: below
-- them the decile is 1 or 2.
point as (
    select b.benchmark_source, b.geography_level, b.geography_code, b.peer_group, b.public_measure_id, b.edition,
        case b.position_kind when 'percentile' then b.position // 10 + 1 else b.position end as decile, max(b.value) as lowest
    from {{ ref('current_benchmark') }} as b
    where b.value is not null and ((b.position_kind = 'percentile' and b.position % 10 = 0) or (b.position_kind = 'decile' and b.position between 2 and 10))
    group by all
),

benchmark as (
    select benchmark_source, geography_level, geography_code, peer_group, public_measure_id, edition,
        min(decile) as first_decile, list({'decile': decile, 'lowest': lowest}) as points
    from point group by all
),

placed as (
    select s.*, b.* exclude (public_measure_id, edition),
        coalesce(list_max(list_transform(list_filter(b.points, lambda p: s.value >= p.lowest), lambda p: p.decile)), case when b.first_decile = 2 then 1 end)::integer as decile
    from score as s
    left join benchmark as b on b.public_measure_id = s.public_measure_id and b.edition = s.edition
)

select
    feed, delivery_id, row_number, score_source, entity_code, entity_level, public_measure_id, edition, period_start_on, period_end_on,
    benchmark_source, geography_level, geography_code, peer_group,
    value as score, n_answers::bigint as n,
    case when value is not null then decile end as decile,
    case when value is null or first_decile is null then null
        when decile is null then 'under ' || (first_decile * 10 - 10)
        when decile = 1 then 'under 10' when decile = 10 then '90 or over'
        else ((decile - 1) * 10)::integer || ' to under ' || (decile * 10)::integer end as percentile_band,
    case when value is null then coalesce(value_reason, 'NO_SCORE')
        when first_decile is null then 'NO_BENCHMARK_OF_EDITION'
        when decile is null then 'BELOW_LOWEST_POINT' end as reason
from placed
