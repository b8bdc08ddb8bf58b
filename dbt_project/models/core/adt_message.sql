-- Visits rebuilt from HL7 v2 messages, in the order in which things were recorded, whatever the order of files.
-- One row per message: the last one of a visit stands for it and carries the visit as all its messages leave it, the
-- others say that they are a part of it. What an event does is seed hl7_event. Cancelled: the admission was undone and
-- not made again, so an update that comes later revives nothing. A transfer that was undone, and every update made in
-- between, says nothing about the place. A visit whose messages begin after its admission is open all the same.
with recursive message as (
    select
        m.*, coalesce(v.effect, 'update') as effect,
        row_number() over (
            partition by m.feed, m.encounter_id
            order by m.event_at, coalesce(m.message_at, m.event_at), d.delivery_order, m.row_number
        ) as nth
    from (
        {{ current_rows('encounter_event', ['encounter_id', 'patient_id', 'merged_patient_id', 'event_code', 'event_at', 'event_on',
            'message_at', 'facility_code', 'unit_code', 'class_code', 'start_at', 'start_on', 'end_at', 'end_on']) }}
    ) as m
    inner join {{ source('warehouse', 'delivery') }} as d on d.delivery_id = m.delivery_id
    left join {{ ref('hl7_event') }} as v on v.event_code = m.event_code
),

merge_of as (
    -- The newest merge of a record number decides where it goes.
    select feed, merged_patient_id as old_id, patient_id as new_id
    from (
        select *, row_number() over (partition by feed, merged_patient_id order by event_at desc, nth desc, delivery_id, row_number) as newest
        from message
        where effect = 'merge_patient' and merged_patient_id is not null and patient_id is not null
    ) as merges
    where newest = 1
),

survivor as (
    select feed, old_id, new_id, 1 as depth from merge_of
    union all
    select s.feed, s.old_id, m.new_id, s.depth + 1
    from survivor as s
    inner join merge_of as m on m.feed = s.feed and m.old_id = s.new_id
    where s.depth < 20
),

surviving as (
    select feed, old_id, new_id
    from (select *, row_number() over (partition by feed, old_id order by depth desc, new_id) as last_merge from survivor) as s
    where last_merge = 1
),

levelled as (
    -- Depth of transfers: where it falls below the depth of a message later on, that message's place was undone.
    select
        *,
        sum(case effect when 'transfer' then 1 when 'cancel_transfer' then -1 else 0 end) over (
            partition by feed, encounter_id order by nth
        ) as depth
    from message
    where encounter_id is not null and effect <> 'merge_patient'
),

judged as (
    select
        *,
        effect not in ('cancel_open', 'cancel_transfer', 'cancel_close', 'cancel_pre_admit', 'merge_patient') as is_saying,
        coalesce(min(depth) over (
            partition by feed, encounter_id order by nth rows between 1 following and unbounded following
        ), depth) >= depth as is_place_kept
    from levelled
),

marked as (
    select
        feed, encounter_id,
        max(nth) as last_nth,
        max(case when effect = 'open' then nth end) as open_nth,
        max(case when effect = 'cancel_open' then nth else 0 end) as cancel_nth,
        max(case when effect in ('open', 'transfer', 'close', 'change_class') then 1 else 0 end) as is_seen,
        max(case when effect = 'close' then nth end) as close_nth,
        max(case when effect = 'cancel_close' then nth else 0 end) as reopen_nth,
        max(case when is_saying and class_code is not null then nth end) as class_nth,
        min(case when is_saying and class_code is not null then nth end) as first_class_nth,
        max(case when is_saying and is_place_kept and unit_code is not null then nth end) as place_nth,
        max(case when is_saying and unit_code is not null then nth end) as any_place_nth,
        min(case when is_saying and is_place_kept and unit_code is not null then nth end) as first_place_nth,
        max(case when is_saying and facility_code is not null then nth end) as facility_nth,
        max(case when is_saying and start_at is not null then nth end) as start_nth,
        min(case when is_saying then nth end) as first_nth
    from judged
    group by feed, encounter_id
),

ended as (
    select j.feed, j.encounter_id, max(j.nth) as end_nth
    from judged as j
    inner join marked as m on m.feed = j.feed and m.encounter_id = j.encounter_id
    where j.is_saying and j.end_at is not null and j.nth > m.reopen_nth
    group by j.feed, j.encounter_id
),

visit as (
    select
        j.feed, j.encounter_id, m.last_nth,
        max(case when j.nth = m.class_nth then j.class_code end) as class_code,
        max(case when j.nth = m.first_class_nth then j.class_code end) as first_class_code,
        max(case when j.nth = {{ place_of_visit() }} then j.unit_code end) as unit_code,
        max(case when j.nth = coalesce({{ place_of_visit() }}, m.facility_nth) then j.facility_code end) as facility_code,
        max(case when j.nth = coalesce(m.start_nth, m.open_nth, m.first_nth) then coalesce(j.start_at, j.event_at) end) as start_at,
        max(case when j.nth = coalesce(m.start_nth, m.open_nth, m.first_nth) then coalesce(j.start_on, j.event_on) end) as start_on,
        max(case when m.close_nth > m.reopen_nth and j.nth = coalesce(e.end_nth, m.close_nth) then coalesce(j.end_at, j.event_at) end) as end_at,
        max(case when m.close_nth > m.reopen_nth and j.nth = coalesce(e.end_nth, m.close_nth) then coalesce(j.end_on, j.event_on) end) as end_on,
        max(j.patient_id) as patient_id,
        case
            when m.cancel_nth > coalesce(m.open_nth, 0) then 'cancelled'
            when m.is_seen = 0 then 'planned'
            when m.close_nth > m.reopen_nth then 'finished'
            else 'registered'
        end as status_code
    from judged as j
    inner join marked as m on m.feed = j.feed and m.encounter_id = j.encounter_id
    cross join {{ source('warehouse', 'encounter_setting') }} as s
    left join ended as e on e.feed = j.feed and e.encounter_id = j.encounter_id
    group by j.feed, j.encounter_id, m.last_nth, m.cancel_nth, m.open_nth, m.is_seen, m.close_nth, m.reopen_nth
)

select
    m.feed, m.delivery_id, m.row_number,
    coalesce(v.facility_code, m.facility_code) as facility_code,
    coalesce(v.unit_code, m.unit_code) as unit_code,
    coalesce(v.class_code, m.class_code) as class_code,
    v.first_class_code, v.status_code,
    coalesce(v.start_at, m.event_at) as start_at,
    coalesce(v.start_on, m.event_on) as start_on,
    v.end_at, v.end_on,
    coalesce(s.new_id, v.patient_id) as patient_id,
    case
        when m.effect = 'merge_patient' then 'PATIENT_MERGE'
        when m.encounter_id is null then 'NO_VISIT_NUMBER'
        when m.nth < v.last_nth then 'PART_OF_A_VISIT'
    end as rule
from message as m
left join visit as v on v.feed = m.feed and v.encounter_id = m.encounter_id
left join surviving as s on s.feed = v.feed and s.old_id = v.patient_id
