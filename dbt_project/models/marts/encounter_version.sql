-- Every count that was ever delivered about a facility, class and month, one row per delivery: denominators are restated,
-- and a rate that was published names the moment of its denominator. Visits have versions row by row (superseded rows).
with stated as (
    {%- for feed in feeds_of_kind('encounter_count') %}
    select feed, delivery_id, delivered_at, facility_code, unit_code, class_code, {{ month_start('period_start_on') }} as month_start_on, n_encounters
    from {{ ref('stg_' ~ feed) }}
    {{ 'union all' if not loop.last }}
    {%- else %}
    select feed, delivery_id, null::timestamp as delivered_at, facility_code, unit_code, class_code, period_start_on as month_start_on, n_encounters
    from ({{ no_rows('encounter_count', ['facility_code', 'unit_code', 'class_code', 'period_start_on', 'n_encounters']) }})
    {%- endfor %}
),

place as (
    select distinct feed, source_facility_code, source_unit_code, source_class_code, facility_id, encounter_class
    from {{ ref('fct_encounter') }} where source_kind = 'encounter_count'
),

counted as (
    select distinct facility_id, encounter_class, month_start_on, delivery_id from {{ ref('fct_encounter') }}
    where is_counted and source_kind = 'encounter_count'
),

summed as (
    select p.facility_id, p.encounter_class, s.month_start_on, s.feed, s.delivery_id, s.delivered_at,
        sum(s.n_encounters)::bigint as n_encounters, count(*) as n_records
    from stated as s
    inner join place as p
        on p.feed = s.feed and p.source_facility_code is not distinct from s.facility_code
        and p.source_unit_code is not distinct from s.unit_code and p.source_class_code is not distinct from s.class_code
    where p.encounter_class <> 'exclude'
    group by all
)

select
    s.facility_id, s.encounter_class, s.month_start_on, s.feed,
    row_number() over versions as version_number,
    s.delivery_id, s.delivered_at, s.n_records, s.n_encounters,
    s.n_encounters - lag(s.n_encounters) over versions as change,
    c.delivery_id is not null as is_counted
from summed as s
left join counted as c
    on c.facility_id = s.facility_id and c.encounter_class = s.encounter_class and c.month_start_on = s.month_start_on
    and c.delivery_id = s.delivery_id
window versions as (
    partition by s.facility_id, s.encounter_class, s.month_start_on, s.feed order by s.delivered_at, s.delivery_id
)
