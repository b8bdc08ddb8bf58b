-- What was delivered about encounters, counted, line by line or as messages, newest versions, in one shape: a record
-- is either a count of a period or a visit (of messages, the one that stands for the visit; others carry the rule).
{{ config(materialized='view') }}
select
    'encounter_count' as source_kind, feed, delivery_id, row_number, facility_code, unit_code, class_code,
    cast(null as varchar) as first_class_code,
    coalesce(period_grain, 'month') as grain,
    cast(null as varchar) as status_code,
    period_start_on as start_on, cast(null as date) as end_on,
    cast(null as timestamp) as start_at, cast(null as timestamp) as end_at,
    cast(null as varchar) as patient_id,
    cast(n_encounters as bigint) as n_encounters,
    coalesce(is_partial, false) as is_partial,
    cast(null as varchar) as record_rule
from (
    {{ current_rows('encounter_count', ['facility_code', 'unit_code', 'class_code', 'period_grain', 'period_start_on',
        'n_encounters', 'is_partial']) }}
) as counts
union all
select
    'encounter', feed, delivery_id, row_number, facility_code, unit_code, class_code, cast(null as varchar),
    'visit', lower(status_code), start_on, end_on, start_at, end_at, patient_id,
    cast(1 as bigint),
    false,
    case when part_of_id is not null then 'PART_OF_A_VISIT' end
from (
    {{ current_rows('encounter', ['facility_code', 'unit_code', 'class_code', 'status_code', 'start_at', 'start_on',
        'end_at', 'end_on', 'patient_id', 'part_of_id']) }}
) as visits
union all
select
    'encounter_event', feed, delivery_id, row_number, facility_code, unit_code, class_code, first_class_code,
    'visit', status_code, start_on, end_on, start_at, end_at, patient_id,
    cast(1 as bigint),
    false,
    rule
from {{ ref('adt_message') }}
