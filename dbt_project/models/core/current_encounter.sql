-- What was delivered about encounters, counted or line by line, newest versions, in one shape: a record is either a
-- count of a period or one visit.
{{ config(materialized='view') }}
select
    'encounter_count' as source_kind, feed, delivery_id, row_number, facility_code, unit_code, class_code,
    coalesce(period_grain, 'month') as grain,
    cast(null as varchar) as status_code,
    period_start_on as start_on, cast(null as date) as end_on,
    cast(null as timestamp) as start_at, cast(null as timestamp) as end_at,
    false as is_part,
    cast(n_encounters as bigint) as n_encounters,
    coalesce(is_partial, false) as is_partial
from (
    {{ current_rows('encounter_count', ['facility_code', 'unit_code', 'class_code', 'period_grain', 'period_start_on',
        'n_encounters', 'is_partial']) }}
) as counts
union all
select
    'encounter', feed, delivery_id, row_number, facility_code, unit_code, class_code,
    'visit', lower(status_code), start_on, end_on, start_at, end_at,
    part_of_id is not null,
    cast(1 as bigint),
    false
from (
    {{ current_rows('encounter', ['facility_code', 'unit_code', 'class_code', 'status_code', 'start_at', 'start_on',
        'end_at', 'end_on', 'part_of_id']) }}
) as visits
