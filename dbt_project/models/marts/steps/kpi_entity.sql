-- Whom a KPI is reported for: one row per level, entity and unit in it. The entity code is the middle part of a
-- kpi_key. Numbers stand for the long keys inside the marts: joins and sums over them take a third of the time.
-- Entities that stand for codes nobody mapped are marked: they have counts, never a value.
with coded as (
    select
        u.unit_key, u.closed_on, l.level,
        case l.level
            when 'enterprise' then 'all' when 'facility' then u.facility_id
            when 'service_line' then u.facility_id || '/' || u.service_line else u.unit_key
        end as entity_code,
        case when l.level <> 'enterprise' then u.facility_id end as facility_id,
        case when l.level = 'unit' then u.unit_id end as unit_id,
        case when l.level in ('service_line', 'unit') then u.service_line end as service_line,
        case l.level
            when 'enterprise' then false when 'facility' then u.facility_id = 'unassigned'
            when 'service_line' then u.facility_id = 'unassigned' or u.service_line = 'unassigned'
            else u.facility_id = 'unassigned' or u.unit_id = 'unassigned'
        end as is_unassigned
    from {{ ref('dim_unit') }} as u
    cross join (values ('enterprise'), ('facility'), ('service_line'), ('unit')) as l (level)
),

-- A service line of one unit has the sums of that unit: they are made once.
numbered as (
    select level, entity_code, entity_number, min(entity_number) over (partition by facility_id, is_unassigned, unit_keys) as twin_number
    from (
        select level, entity_code, (row_number() over (order by level, entity_code))::integer as entity_number,
            min(facility_id) as facility_id, bool_and(is_unassigned) as is_unassigned, list(unit_key order by unit_key) as unit_keys
        from coded group by level, entity_code
    )
)

select
    n.entity_number, n.twin_number,
    level, entity_code, c.unit_key, c.facility_id, c.unit_id, c.service_line, c.is_unassigned, c.closed_on
from coded as c
inner join numbered as n using (level, entity_code)
