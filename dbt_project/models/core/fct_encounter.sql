-- One row per delivered encounter record, newest version, with the rule that counts it or leaves it out
-- (encounters.md section 3): stays by date of discharge, others by date of visit, local time of the facility;
-- finished only; parts of a visit and pre-admissions never; one feed per facility, class and month.
with class_of_code as (
    -- A feed's own system first (fhir_encounters reads 'fhir' codes), then the general words, then any system's.
    select feed, class_code, encounter_class
    from (
        select
            f.feed, f.class_code, m.encounter_class,
            row_number() over (
                partition by f.feed, f.class_code
                order by
                    case
                        when m.source_system = f.feed then 1
                        when substring(f.feed, 1, length(m.source_system) + 1) = m.source_system || '_' then 2
                        when m.source_system = '*' then 3
                        else 4
                    end,
                    m.source_system, m.encounter_class
            ) as nth
        from (select distinct feed, class_code from {{ ref('current_encounter') }}) as f
        inner join {{ ref('encounter_class_map') }} as m on lower(m.source_code) = lower(trim(f.class_code))
    ) as candidates
    where nth = 1
),

classed as (
    select
        e.*,
        coalesce(c.encounter_class, 'unassigned') as encounter_class,
        coalesce(c.encounter_class, '') in ('inpatient', 'observation', 'post_acute') and e.grain = 'visit' as is_stay
    from {{ ref('current_encounter') }} as e
    left join class_of_code as c on c.feed = e.feed and c.class_code = e.class_code
),

placed as (
    select
        e.*,
        u.facility_id, u.unit_id, u.unit_key,
        case
            when e.grain <> 'visit' then e.start_on
            when e.is_stay then {{ local_date('e.end_at', 'u.time_zone', 'e.end_on') }}
            else {{ local_date('e.start_at', 'u.time_zone', 'e.start_on') }}
        end as counted_on
    from classed as e
    left join {{ ref('unit_lookup') }} as u
        on u.feed = e.feed
        and u.facility_code = coalesce(e.facility_code, '')
        and u.unit_code = coalesce(e.unit_code, '')
        and coalesce(case when e.is_stay then e.end_on end, e.start_on) between u.valid_from_on and u.valid_to_on
),

ruled as (
    select
        *,
        case when counted_on is not null then {{ month_start('counted_on') }} end as month_start_on,
        -- Codes that nobody mapped are kept apart per feed: two feeds with unknown codes do not compete.
        case when facility_id = 'unassigned' then feed || '/' || coalesce(facility_code, '') else facility_id end as place,
        case
            when encounter_class = 'exclude' then 'CLASS_NOT_COUNTED'
            when is_part then 'PART_OF_A_VISIT'
            when coalesce(status_code, 'finished') not in ('finished', 'completed', 'discharged') then 'NOT_FINISHED'
            when is_stay and end_at is null then 'NOT_FINISHED'
            when end_at < start_at then 'END_BEFORE_START'
            when n_encounters is null then 'NOT_REPORTED'
        end as rule
    from placed
),

preferred as (
    select place, encounter_class, month_start_on, feed
    from (
        select
            r.place, r.encounter_class, r.month_start_on, r.feed,
            row_number() over (
                partition by r.place, r.encounter_class, r.month_start_on order by max(f.priority) desc, r.feed
            ) as nth
        from ruled as r
        inner join {{ source('warehouse', 'feed') }} as f on f.feed = r.feed
        where r.rule is null
        group by r.place, r.encounter_class, r.month_start_on, r.feed
    ) as ranked
    where nth = 1
)

select
    r.source_kind, r.feed, r.delivery_id, r.row_number, r.facility_id, r.unit_id, r.unit_key,
    r.facility_code as source_facility_code,
    r.unit_code as source_unit_code,
    r.class_code as source_class_code,
    r.encounter_class, r.counted_on, r.month_start_on, r.grain, r.is_partial, r.n_encounters,
    r.rule is null and p.feed is not null as is_counted,
    coalesce(r.rule, case when p.feed is null then 'OTHER_FEED_PREFERRED' else 'COUNTED' end) as rule
from ruled as r
left join preferred as p
    on r.rule is null
    and p.place = r.place and p.encounter_class = r.encounter_class
    and p.month_start_on = r.month_start_on and p.feed = r.feed
