-- Every code that was delivered, resolved for every date, so that a fact finds its unit by one join on the code as
-- delivered. First match wins: the unit for this feed, for any feed; the facility for this feed, for any feed;
-- the facility that the code's units belong to; nothing. A code without a unit keeps its facility.
with delivered as (
    {%- set sources = [] %}
    {%- for kind in ['survey', 'complaint', 'encounter_count', 'encounter', 'encounter_event', 'metric', 'initiative', 'answer_count'] %}
    {%- for feed in feeds_of_kind(kind) %}{% do sources.append(feed) %}{% endfor %}
    {%- endfor %}
    {%- for feed in sources %}
    select distinct feed, coalesce(facility_code, '') as facility_code, coalesce(unit_code, '') as unit_code
    from {{ ref('stg_' ~ feed) }}
    {{ 'union all' if not loop.last }}
    {%- else %}
    select cast(null as varchar) as feed, cast(null as varchar) as facility_code, cast(null as varchar) as unit_code
    where 1 = 0
    {%- endfor %}
),

normalised as (
    select *, upper(trim(facility_code)) as facility_key, upper(trim(unit_code)) as unit_code_key from delivered
),

implied_facility as (
    select source_feed, source_facility_code, facility_id
    from (
        select
            source_feed, source_facility_code, facility_id,
            row_number() over (
                partition by source_feed, source_facility_code order by max(valid_from_on) desc, facility_id
            ) as nth
        from {{ ref('unit_mapping') }}
        group by source_feed, source_facility_code, facility_id
    ) as f
    where nth = 1
),

candidate as (
    select
        n.feed, n.facility_code, n.unit_code,
        case when m.source_unit_code = '' then 3 else 1 end + case when m.source_feed = '*' then 1 else 0 end as priority,
        m.valid_from_on, m.valid_to_on, m.facility_id, m.unit_id
    from normalised as n
    inner join {{ ref('unit_mapping') }} as m
        on m.source_facility_code = n.facility_key
        and m.source_unit_code in (n.unit_code_key, '')
        and m.source_feed in (n.feed, '*')
    union all
    select
        n.feed, n.facility_code, n.unit_code,
        case when f.source_feed = '*' then 6 else 5 end,
        date '0001-01-01', date '9999-12-31', f.facility_id, 'unassigned'
    from normalised as n
    inner join implied_facility as f on f.source_facility_code = n.facility_key and f.source_feed in (n.feed, '*')
    union all
    select feed, facility_code, unit_code, 9, date '0001-01-01', date '9999-12-31', 'unassigned', 'unassigned'
    from normalised
),

boundary as (
    select feed, facility_code, unit_code, valid_from_on as starts_on from candidate
    union
    select feed, facility_code, unit_code, {{ add_days('valid_to_on', 1) }} from candidate where valid_to_on < date '9999-12-31'
),

segment as (
    select
        *,
        coalesce(
            {{ add_days('lead(starts_on) over (partition by feed, facility_code, unit_code order by starts_on)', -1) }},
            date '9999-12-31'
        ) as ends_on
    from boundary
),

ranked as (
    select
        s.feed, s.facility_code, s.unit_code, s.starts_on, s.ends_on, c.facility_id, c.unit_id,
        row_number() over (
            partition by s.feed, s.facility_code, s.unit_code, s.starts_on order by c.priority
        ) as nth
    from segment as s
    inner join candidate as c
        on c.feed = s.feed and c.facility_code = s.facility_code and c.unit_code = s.unit_code
        and c.valid_from_on <= s.starts_on and c.valid_to_on >= s.ends_on
)

select
    r.feed, r.facility_code, r.unit_code,
    r.starts_on as valid_from_on, r.ends_on as valid_to_on,
    r.facility_id, r.unit_id, r.facility_id || '/' || r.unit_id as unit_key,
    z.time_zone
from ranked as r
left join (
    select facility_id, min(time_zone) as time_zone from {{ ref('unit_mapping') }} group by facility_id
) as z on z.facility_id = r.facility_id
where r.nth = 1
