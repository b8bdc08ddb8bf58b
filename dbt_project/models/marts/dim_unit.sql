-- Our units as they are mapped now, and one unassigned unit per facility for codes nobody mapped.
with newest as (
    select *
    from {{ ref('unit_mapping') }}
    qualify row_number() over (
        partition by facility_id, unit_id order by valid_from_on desc, delivery_order desc, row_number desc
    ) = 1
),

closing as (
    select facility_id, unit_id, max(valid_to_on) as valid_to_on from {{ ref('unit_mapping') }} group by all
),

unit as (
    select facility_id, unit_id, unit_name, service_line from newest where unit_id <> 'unassigned'
    union all
    select distinct facility_id, 'unassigned', 'Unassigned', null from {{ ref('unit_mapping') }}
    union all
    select 'unassigned', 'unassigned', 'Unassigned', null
)

select
    u.facility_id || '/' || u.unit_id as unit_key,
    u.facility_id,
    u.unit_id,
    u.unit_name,
    coalesce(u.service_line, 'unassigned') as service_line,
    nullif(c.valid_to_on, date '9999-12-31') as closed_on
from unit as u
left join closing as c on c.facility_id = u.facility_id and c.unit_id = u.unit_id and u.unit_id <> 'unassigned'
