-- What is done to improve, newest version: what, where, which KPI, since when, who answers for it. Without a facility it is the
-- whole enterprise. Places may be written with a vendor's codes that the org_unit feeds map, or with our own ids.
with delivered as (
    {{ current_rows('initiative', ['initiative_id', 'initiative_name', 'facility_code', 'unit_code', 'kpi_id', 'start_on', 'end_on',
        'owner_role', 'action_code']) }}
),

placed as (
    select
        d.*,
        coalesce(case when u.facility_id <> 'unassigned' then u.facility_id end, own.facility_id) as facility_id,
        coalesce(case when u.unit_id <> 'unassigned' then u.unit_id end, own.unit_id) as unit_id
    from delivered as d
    {{ join_unit('d', 'd.start_on') }}
    left join (
        select distinct facility_id, unit_id from {{ ref('unit_mapping') }} where unit_id <> 'unassigned'
        union
        select distinct facility_id, cast(null as varchar) from {{ ref('unit_mapping') }}
    ) as own
        on upper(own.facility_id) = upper(trim(d.facility_code)) and coalesce(upper(own.unit_id), '') = coalesce(upper(trim(d.unit_code)), '')
)

select
    p.feed, p.delivery_id, p.row_number, p.initiative_id, {{ without_person('p.initiative_name') }} as initiative_name, k.kpi_id, p.kpi_id as source_kpi_id,
    p.facility_code as source_facility_code, p.unit_code as source_unit_code,
    p.facility_id,
    case when p.unit_code is not null then p.unit_id end as unit_id,
    p.start_on, p.end_on, {{ without_person('p.owner_role') }} as owner_role,
    coalesce(lower(trim(p.action_code)), 'annotate') as action_code,
    case
        when k.kpi_id is null then 'UNKNOWN_KPI'
        when p.facility_code is null and p.unit_code is not null then 'UNMAPPED_PLACE'
        when p.facility_code is not null and p.facility_id is null then 'UNMAPPED_PLACE'
        when p.unit_code is not null and p.unit_id is null then 'UNMAPPED_PLACE'
        when coalesce(lower(trim(p.action_code)), 'annotate') = 'withdraw' then 'WITHDRAWN'
        when lower(trim(p.action_code)) not in ('annotate', 'rebase') then 'UNKNOWN_ACTION'
    end as fault
from placed as p
left join {{ source('definition', 'kpi') }} as k on k.kpi_id = lower(trim(p.kpi_id))
