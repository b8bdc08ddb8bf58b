with staged as (select * from {{ ref('stg_tuva_encounter_counts') }})
select
    feed, delivery_id, row_number, facility_code, class_code,
    period_start_on as month_start_on,
    cast(n_encounters as bigint) as n_encounters
from staged
