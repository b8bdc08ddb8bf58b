-- From which month on a kind of source is still open at a facility, and for the enterprise (facility null): by the deliveries,
-- never by the clock. A facility is open from where the feeds it waits for have come to, the enterprise from where the slowest of its
-- facilities is that is not closed or given up; a facility that waits for nothing, or never had anything, goes with the enterprise.
-- Surveys, counted answers and metrics: data_reach. A month without complaints reads 0, so a facility's complaints wait for every
-- feed it has (complaint_reach), also when it has been given up. They also have a beginning: encounters of a facility before the
-- first month its feeds speak of meet no complaints, and the enterprise is whole only from where that is so of none of its facilities.
with facility as (
    select distinct facility_id from {{ ref('kpi_entity') }} where facility_id is not null
),

complaint as (
    select facility_id, min(first_month) as first_month, coalesce(min(last_closed_month) filter (is_awaited), max(last_closed_month)) as last_closed_month,
        bool_or(is_awaited) as is_awaited
    from {{ ref('complaint_reach') }}
    group by facility_id
),

reach as (
    select 'complaint' as kind, facility_id, first_month, last_closed_month, is_awaited, last_closed_month as own_closed_month from complaint
    union all
    select kind, facility_id, null, last_closed_month, is_awaited, case when is_awaited then last_closed_month end from {{ ref('data_reach') }}
),

enterprise as (
    select r.kind, min(r.last_closed_month) as last_closed_month
    from (select *, max(last_closed_month) over (partition by kind) as newest_month from reach) as r
    cross join {{ source('warehouse', 'month_setting') }} as s
    where r.last_closed_month = r.newest_month or (r.is_awaited and r.last_closed_month >= r.newest_month - s.awaited_months)
    group by r.kind
    union all
    select kind, {{ month_number('max(delivered_at)') }} - 1 from {{ source('warehouse', 'delivery') }}
    where status = 'accepted' and kind = 'complaint' and not exists (select * from complaint)
    group by kind
),

counted as (
    select u.facility_id, min({{ month_number('c.month_start_on') }}) as first_month
    from {{ ref('fct_encounter_count') }} as c
    inner join {{ ref('dim_unit') }} as u using (unit_key)
    group by u.facility_id
),

beginning as (
    select max(p.first_month) as first_month from complaint as p inner join counted as c using (facility_id) where c.first_month < p.first_month
)

select
    e.kind, f.facility_id,
    coalesce(r.own_closed_month, greatest(e.last_closed_month, r.last_closed_month))::integer + 1 as first_open_month,
    r.first_month::integer as first_known_month
from enterprise as e
cross join facility as f
left join reach as r on r.kind = e.kind and r.facility_id = f.facility_id
union all
select e.kind, null, e.last_closed_month::integer + 1, case when e.kind = 'complaint' then b.first_month end::integer
from enterprise as e
cross join beginning as b
