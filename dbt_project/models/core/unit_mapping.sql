-- Which of our units a vendor's code means, and when. Codes compare without case and outer blanks.
-- Two rows for one code never hold on the same day: the later start ends the earlier row.
with delivered as (
    {{ current_rows('org_unit', ['source_feed', 'source_facility_code', 'source_unit_code', 'facility_id', 'facility_name',
        'unit_id', 'unit_name', 'service_line', 'time_zone', 'jurisdiction_code', 'valid_from_on', 'valid_to_on']) }}
),

cleaned as (
    select
        coalesce(o.source_feed, '*') as source_feed,
        upper(trim(o.source_facility_code)) as source_facility_code,
        upper(trim(coalesce(o.source_unit_code, ''))) as source_unit_code,
        o.facility_id,
        o.facility_name,
        coalesce(o.unit_id, 'unassigned') as unit_id,
        o.unit_name,
        o.service_line,
        case when z.name is not null then o.time_zone end as time_zone,
        lower(trim(o.jurisdiction_code)) as jurisdiction_code,
        coalesce(o.valid_from_on, date '1900-01-01') as valid_from_on,
        coalesce(o.valid_to_on, date '9999-12-31') as valid_to_on,
        o.feed, o.delivery_id, o.row_number, d.delivery_order
    from delivered as o
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = o.delivery_id
    left join ({{ known_time_zones() }}) as z on z.name = o.time_zone
),

newest as (
    select *, row_number() over (
        partition by source_feed, source_facility_code, source_unit_code, valid_from_on
        order by delivery_order desc, row_number desc
    ) as version
    from cleaned
),

bounded as (
    select
        *,
        lead(valid_from_on) over (
            partition by source_feed, source_facility_code, source_unit_code order by valid_from_on
        ) as next_from_on
    from newest
    where version = 1
)

select
    source_feed, source_facility_code, source_unit_code, facility_id, facility_name, unit_id, unit_name, service_line,
    time_zone, jurisdiction_code, valid_from_on,
    case when next_from_on <= valid_to_on then {{ add_days('next_from_on', -1) }} else valid_to_on end as valid_to_on,
    feed, delivery_id, row_number, delivery_order
from bounded
where valid_to_on >= valid_from_on
