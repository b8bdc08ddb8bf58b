-- Every value that was ever published, with the time it stood. Only the shape is built here: what a publication
-- changed is known when it is compared with the one before, so orchestration/audit/history.py fills the table then,
-- from the published kpi_value (suppressed cells stay suppressed) and the files kept beside the ledger.
select
    v.kpi_key, v.kpi_id,
    cast(null as timestamp) as valid_from_at,
    cast(null as timestamp) as valid_to_at,
    v.value, v.numerator, v.denominator, v.n, v.is_publishable, v.reason, v.measure_version,
    cast(null as integer) as publication_number,
    v.run_id
from {{ ref('kpi_value') }} as v
where false
