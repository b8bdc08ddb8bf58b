-- One row per delivered encounter record, newest version, with the rule that counts it or leaves it out. The rules are
-- the ten of docs/denominators.md; what a home may choose is source warehouse.encounter_setting (one row, alias o).
-- Counted by patient days, a stay has a row for each month in which it was in the house at midnight.
with record as (
    select * from {{ ref('current_encounter') }}
),

option_of_code as (
    select x.source_code, x.encounter_class,
        case x.setting
            when 'include_newborn' then s.include_newborn when 'include_lwbs' then s.include_lwbs
            when 'include_ancillary' then s.include_ancillary when 'patient_days' then s.inpatient_basis = 'patient_days'
        end as is_on,
        x.setting
    from {{ ref('encounter_class_option') }} as x
    cross join {{ source('warehouse', 'encounter_setting') }} as s
),

code as (
    select distinct feed, class_code from record
    union
    select distinct feed, first_class_code from record where first_class_code is not null
),

class_of_code as (
    -- A feed's own system first (fhir_encounters reads 'fhir' codes), then the general words, then any system's.
    select feed, class_code, encounter_class, setting
    from (
        select
            f.feed, f.class_code,
            case when x.is_on then x.encounter_class when x.source_code is not null then 'exclude' else m.encounter_class end as encounter_class,
            x.setting,
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
        from code as f
        left join {{ ref('encounter_class_map') }} as m on lower(m.source_code) = lower(trim(f.class_code))
        left join option_of_code as x on lower(x.source_code) = lower(trim(f.class_code))
        where m.source_code is not null or x.source_code is not null
    ) as candidates
    where nth = 1
),

classed as (
    select
        e.*,
        coalesce(c.encounter_class, 'unassigned') as encounter_class,
        coalesce(c.setting = 'patient_days', false) as is_patient_days,
        coalesce(c.encounter_class, '') in ('inpatient', 'observation', 'post_acute') and e.grain = 'visit' as is_stay,
        f.encounter_class as first_class
    from record as e
    left join class_of_code as c on c.feed = e.feed and c.class_code = e.class_code
    left join class_of_code as f on f.feed = e.feed and f.class_code = e.first_class_code
),

placed as (
    select
        e.*,
        u.facility_id, u.unit_id, u.unit_key,
        case
            when e.grain <> 'visit' then e.start_on
            when e.is_stay then {{ local_date('e.end_at', 'u.time_zone', 'e.end_on') }}
            else {{ local_date('e.start_at', 'u.time_zone', 'e.start_on') }}
        end as counted_on,
        case when e.grain = 'visit' then {{ local_date('e.start_at', 'u.time_zone', 'e.start_on') }} end as began_on
    from classed as e
    {{ join_unit('e', 'coalesce(case when e.is_stay then e.end_on end, e.start_on)') }}
),

judged as (
    select
        p.*,
        case
            when p.record_rule is not null then p.record_rule
            when p.encounter_class = 'exclude' then 'CLASS_NOT_COUNTED'
            when coalesce(p.status_code, 'finished') in ('lwbs', 'left_without_being_seen') and not o.include_lwbs then 'LEFT_WITHOUT_BEING_SEEN'
            when coalesce(p.status_code, 'finished')
                not in ('finished', 'completed', 'discharged', 'registered', 'lwbs', 'left_without_being_seen')
                and not (p.status_code = 'arrived' and not p.is_stay) then 'NOT_FINISHED'
            -- Where a status says that the stay is over, its end is wanting; else a stay without an end goes on.
            when p.is_stay and p.end_at is null
                then case when p.status_code in ('finished', 'completed', 'discharged') then 'END_NOT_TOLD' else 'NOT_FINISHED' end
            when p.end_at < p.start_at then 'END_BEFORE_START'
            when p.n_encounters is null then 'NOT_REPORTED'
            when p.encounter_class = 'inpatient' and o.inpatient_basis = 'patient_days' and p.grain <> 'visit'
                and not p.is_patient_days then 'PATIENT_DAYS_COUNTED'
        end as own_rule,
        o.admitted_ed, o.inpatient_basis
    from placed as p
    cross join {{ source('warehouse', 'encounter_setting') }} as o
),

{{ linked_visits('judged') }},

ruled as (
    select
        r.source_kind, r.feed, r.delivery_id, r.row_number, r.facility_id, r.unit_id, r.unit_key,
        r.facility_code, r.unit_code, r.class_code, r.grain, r.is_partial,
        case when l.role = 'one_visit' then 'emergency' else r.encounter_class end as encounter_class,
        case when r.is_census then r.census_on when l.role = 'one_visit' then r.began_on else r.counted_on end as counted_on,
        case when r.is_census then r.n_nights else r.n_encounters end as n_encounters,
        r.part_number,
        coalesce(r.own_rule, l.rule) as rule
    from ({{ census_rows('judged') }}) as r
    left join link as l on l.delivery_id = r.delivery_id and l.row_number = r.row_number
),

dated as (
    select
        *,
        case when counted_on is not null then {{ month_start('counted_on') }} end as month_start_on,
        -- Codes that nobody mapped are kept apart per feed: two feeds with unknown codes do not compete.
        case when facility_id = 'unassigned' then feed || '/' || coalesce(facility_code, '') else facility_id end as place
    from ruled
),

preferred as (
    select place, encounter_class, month_start_on, feed
    from (
        select
            r.place, r.encounter_class, r.month_start_on, r.feed,
            row_number() over (
                partition by r.place, r.encounter_class, r.month_start_on order by max(f.priority) desc, r.feed
            ) as nth
        from dated as r
        inner join {{ source('warehouse', 'feed') }} as f on f.feed = r.feed
        where r.rule is null
        group by r.place, r.encounter_class, r.month_start_on, r.feed
    ) as ranked
    where nth = 1
)

select
    r.source_kind, r.feed, r.delivery_id, r.row_number, r.part_number, r.facility_id, r.unit_id, r.unit_key,
    r.facility_code as source_facility_code,
    r.unit_code as source_unit_code,
    r.class_code as source_class_code,
    r.encounter_class, r.counted_on, r.month_start_on, r.grain, r.is_partial, r.n_encounters,
    r.rule is null and p.feed is not null as is_counted,
    coalesce(r.rule, case when p.feed is null then 'OTHER_FEED_PREFERRED' else 'COUNTED' end) as rule
from dated as r
left join preferred as p
    on r.rule is null
    and p.place = r.place and p.encounter_class = r.encounter_class
    and p.month_start_on = r.month_start_on and p.feed = r.feed
