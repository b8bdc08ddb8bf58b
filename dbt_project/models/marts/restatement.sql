-- Published rows that a later publication changed, from what to what and why. Only the shape is built here:
-- orchestration/audit/history.py fills the table at publication, orchestration/audit/causes.py finds the causes.
select
    v.kpi_key, v.kpi_id, v.period_grain, v.period_start_on, v.level,
    split_part(v.kpi_key, ':', 5) as entity_code,
    cast(null as integer) as publication_number,
    v.run_id,
    cast(null as timestamp) as restated_at,
    cast(null as varchar) as change_kind,
    v.value as value_before,
    v.value as value_after,
    v.n as n_before,
    v.n as n_after,
    v.is_publishable as is_publishable_before,
    v.is_publishable as is_publishable_after,
    v.reason as reason_before,
    v.reason as reason_after,
    cast(null as varchar) as cause,
    cast(null as varchar) as cause_detail,
    cast(null as varchar) as what_happened,
    cast(null as varchar) as how_found,
    cast(null as varchar) as corrective_action,
    cast(null as varchar) as facilities_affected
from {{ ref('kpi_value') }} as v
where false
