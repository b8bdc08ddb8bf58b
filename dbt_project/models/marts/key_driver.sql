-- What goes with the overall rating and the recommendation, where: correlations over respondents, crossed with the score as it is.
-- Computed by methods/ (step driver_correlation). Going together is not causing.
select
    c.instrument_family || ':' || c.outcome_measure_id || ':' || c.driver_measure_id || ':' || coalesce(c.facility_id, 'all') || ':'
        || coalesce(c.service_line, 'all') as driver_key,
    case when c.facility_id is null then 'enterprise' when c.service_line is null then 'facility' else 'service_line' end as level,
    c.facility_id, c.service_line, c.instrument_family, c.outcome_measure_id, c.driver_measure_id, m.label as driver_label,
    c.from_on, c.to_on, c.n, c.r, c.r_low, c.r_high, c.n_partial, c.n_given, c.r_partial, c.r_partial_low, c.r_partial_high, c.score, c.n_score,
    c.priority_index,
    case when c.priority_index is not null then (rank() over (
        partition by c.outcome_measure_id, c.facility_id, c.service_line order by c.priority_index desc nulls last))::integer end as priority_rank,
    case when c.r is null then 'TOO_FEW_RESPONDENTS_OR_NO_VARIATION' when c.r_partial is null then 'NO_PARTIAL' end as reason,
    t.run_id
from {{ ref('driver_correlation') }} as c
inner join {{ source('definition', 'measure') }} as m on m.measure_id = c.driver_measure_id
cross join {{ source('warehouse', 'run') }} as t
