-- Codes that no row of the org_unit feeds maps, with what hangs on them: what to add there. A code with the shape of a person's
-- name is listed by its shape alone; where the facility is known, its code is no name.
with survey as (
    select f.feed, f.delivery_id, f.row_number, f.discharge_on, u.facility_id
    from {{ ref('fct_survey') }} as f
    inner join (
        select distinct unit_key, facility_id from {{ ref('unit_lookup') }} where unit_id = 'unassigned'
    ) as u on u.unit_key = f.unit_key
),

placed as (
    {%- for feed in feeds_of_kind('survey') %}
    select f.feed, 'survey' as source_kind, s.facility_code as source_facility_code, s.unit_code as source_unit_code,
        f.facility_id, f.discharge_on as used_on
    from survey as f
    inner join {{ ref('stg_' ~ feed) }} as s on s.delivery_id = f.delivery_id and s.row_number = f.row_number
    where f.feed = '{{ feed }}'
    union all
    {%- endfor %}
    select feed, 'complaint' as source_kind, source_facility_code, source_unit_code, facility_id, received_on as used_on
    from {{ ref('fct_complaint') }} where unit_id = 'unassigned'
    union all
    select feed, source_kind, source_facility_code, source_unit_code, facility_id, counted_on
    from {{ ref('fct_encounter') }} where unit_id = 'unassigned' and counted_on is not null
    union all
    select feed, 'metric', source_facility_code, source_unit_code, facility_id, month_start_on
    from {{ ref('fct_metric') }} where unit_id = 'unassigned'
    union all
    select feed, 'answer_count', source_facility_code, source_unit_code, facility_id, period_start_on
    from {{ ref('fct_answer_count') }} where unit_id = 'unassigned'
    union all
    select feed, 'initiative', source_facility_code, source_unit_code, facility_id, start_on
    from {{ ref('initiative') }} where fault = 'UNMAPPED_PLACE'
),

-- Names are looked for in the codes, not in the rows that have them.
counted as (
    select
        feed, source_kind,
        coalesce(source_facility_code, '(none)') as facility_code,
        coalesce(source_unit_code, '(none)') as unit_code,
        facility_id,
        count(*) as n_rows,
        min(used_on) as first_used_on,
        max(used_on) as last_used_on
    from placed
    group by feed, source_kind, coalesce(source_facility_code, '(none)'), coalesce(source_unit_code, '(none)'), facility_id
),

named as (
    select
        feed, source_kind,
        case when facility_id = 'unassigned' then {{ unnamed('facility_code') }} else facility_code end as source_facility_code,
        {{ unnamed('unit_code') }} as source_unit_code,
        facility_id, n_rows, first_used_on, last_used_on
    from counted
)

select
    feed, source_kind, source_facility_code, source_unit_code, facility_id,
    cast(sum(n_rows) as bigint) as n_rows,
    min(first_used_on) as first_used_on,
    max(last_used_on) as last_used_on,
    false as is_suppressed
from named
group by feed, source_kind, source_facility_code, source_unit_code, facility_id
