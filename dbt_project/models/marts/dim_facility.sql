-- Our facilities as they are mapped now, and the one that stands for codes nobody mapped.
with newest as (
    select *
    from {{ ref('unit_mapping') }}
    qualify row_number() over (
        partition by facility_id order by facility_name is null, valid_from_on desc, delivery_order desc, row_number desc
    ) = 1
)

select
    f.facility_id,
    f.facility_name,
    f.time_zone,
    (select nullif(max(m.valid_to_on), date '9999-12-31') from {{ ref('unit_mapping') }} as m where m.facility_id = f.facility_id) as closed_on
from newest as f
where f.facility_id <> 'unassigned'
union all
select 'unassigned', 'Unassigned', null, null
