-- What the standards of a payment year would give each facility for its own four quarters: rates are our unadjusted top
-- boxes, the baseline the four quarters before. CMS scores adjusted rates of fixed calendar years: a guide, not its result.
select
    fiscal_year::integer as fiscal_year, facility_id, period_start_on, period_end_on, dimension, performance, baseline, floor, threshold, benchmark, n::bigint as n,
    achievement_points::integer as achievement_points, improvement_points::integer as improvement_points, dimension_points::integer as dimension_points,
    case when is_scored then base_points::integer end as base_points,
    case when is_scored then consistency_points::integer end as consistency_points,
    case when is_scored then domain_points::integer end as domain_points,
    case when performance is null then 'DIMENSION_MISSING' when n_least < 100 then 'BELOW_MINIMUM' when base_points is null then 'OTHER_DIMENSION_MISSING' end as reason,
    'verified rule on unadjusted rates' as standing
from (
    select *, min(n) over hospital as n_least, coalesce(min(n) over hospital, 0) >= 100 and base_points is not null as is_scored
    from {{ ref('hvbp_result') }}
    window hospital as (partition by fiscal_year, facility_id, period_start_on)
) as r
