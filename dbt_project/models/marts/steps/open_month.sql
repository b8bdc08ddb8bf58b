-- From which month on a kind of source is still open at a facility, and for the enterprise (facility null): by the deliveries,
-- never by the clock. A month of surveys, answers and metrics is closed by any delivery of its kind after its end: what is not
-- there has no answers and so no value. A month without complaints reads 0, so complaints close by feed and facility
-- (complaint_reach): a facility when all feeds it waits for have come, the enterprise when all its facilities have that are not
-- closed or given up. A facility that never had a case goes with the enterprise.
-- Complaints also have a beginning: encounters of a facility before the first month its feeds speak of meet no complaints, and the
-- enterprise is whole only from where that is so of none of its facilities.
with facility as (
    select distinct facility_id from {{ ref('kpi_entity') }}
),

delivered as (
    {{ newest_deliveries() }}
),

spoken as (
    select r.facility_id, min(r.first_month) as first_month, coalesce(min(r.last_closed_month) filter (r.is_awaited), max(r.last_closed_month)) as last_closed_month,
        bool_or(r.is_awaited) as is_awaited
    from {{ ref('complaint_reach') }} as r
    group by r.facility_id
),

counted as (
    select u.facility_id, min({{ month_number('c.month_start_on') }}) as first_month
    from {{ ref('fct_encounter_count') }} as c
    inner join {{ ref('dim_unit') }} as u using (unit_key)
    group by u.facility_id
),

beginning as (
    select max(p.first_month) as first_month from spoken as p inner join counted as c using (facility_id) where c.first_month < p.first_month
),

enterprise as (
    select min(p.last_closed_month) as last_closed_month
    from (select *, max(last_closed_month) over () as newest_month from spoken) as p
    cross join {{ source('warehouse', 'complaint_setting') }} as s
    where p.last_closed_month = p.newest_month or (p.is_awaited and p.last_closed_month >= p.newest_month - s.awaited_months)
)

select
    d.kind, f.facility_id,
    case when d.kind = 'complaint' then coalesce(p.last_closed_month, e.last_closed_month, d.first_open_month - 1) + 1 else d.first_open_month
    end::integer as first_open_month,
    case when d.kind = 'complaint' and f.facility_id is null then b.first_month when d.kind = 'complaint' then p.first_month end::integer as first_known_month
from delivered as d
cross join facility as f
cross join enterprise as e
cross join beginning as b
left join spoken as p using (facility_id)
