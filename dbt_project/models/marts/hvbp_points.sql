-- What the standards of a payment year would give each facility for its own four quarters, the baseline the four quarters
-- before: once from our unadjusted top boxes, and once from those adjusted with published coefficients where they were
-- delivered; the two are never mixed. CMS scores rates of fixed calendar years: a guide, not its result.
with result as (
    select *, 'hcahps' as instrument_family from {{ ref('hvbp_result') }}
),

complete as (
    {{ completed_surveys('result') }}
)

select
    r.fiscal_year::integer as fiscal_year, r.facility_id, r.adjustment, r.period_start_on, r.period_end_on, r.dimension,
    r.performance, r.baseline, r.floor, r.threshold, r.benchmark, r.n::bigint as n, c.n_complete,
    r.achievement_points::integer as achievement_points, r.improvement_points::integer as improvement_points, r.dimension_points::integer as dimension_points,
    case when c.n_complete >= 100 then r.base_points::integer end as base_points,
    case when c.n_complete >= 100 then r.consistency_points::integer end as consistency_points,
    case when c.n_complete >= 100 then r.domain_points::integer end as domain_points,
    case when r.is_unweighted then 'DSRS_UNWEIGHTED' when r.performance is null then 'DIMENSION_MISSING' when c.n_complete < 100 then 'BELOW_MINIMUM' when r.base_points is null then 'OTHER_DIMENSION_MISSING' end as reason,
    case r.adjustment when 'raw' then 'verified rule on unadjusted rates' else 'verified rule on rates adjusted with delivered coefficients' end as standing
from result as r
inner join complete as c using (instrument_family, facility_id, period_start_on, period_end_on)
