-- What needs a person now, one row per event. first_seen_on is the first date on which the data show the condition. An event keeps
-- its id and date while it lasts, even when later data move its beginning: what was open at the last publication comes from the
-- ledger (source warehouse.alert_open).
with window_rank as (
    select kpi_id, arg_min(period_grain, case period_grain when 'month' then 1 when 'quarter' then 2 else 3 end) as period_grain
    from {{ source('definition', 'kpi_window') }}
    group by kpi_id
),

event as (
    select
        -- A signal of another direction, or of another meaning, is another event.
        'new_signal' as alert_kind, s.series_key || ':' || s.variation as subject_key,
        -- A series that is not random has no first point that says so: it is seen with its last.
        case s.variation when 'runs_signal' then s.period_start_on else s.signal_since_on end as first_seen_on,
        s.kpi_id, s.facility_id, s.unit_id, cast(null as varchar) as feed,
        s.variation like 'concern%' as is_concern,
        s.kpi_id || ', ' || coalesce(s.unit_id, s.service_line, s.facility_id, 'enterprise')
            || case when coalesce(s.unit_id, s.service_line) is not null then ' in ' || s.facility_id else '' end || ': ' || s.explanation as message
    from {{ ref('kpi_signal') }} as s
    left join window_rank as w on w.kpi_id = s.kpi_id
    where s.variation <> 'common_cause' and s.period_grain in (w.period_grain, 'event')
    union all
    select
        'target_missed_twice', t.target_key, t.missed_twice_on, t.kpi_id, t.facility_id, t.unit_id, null, true,
        t.kpi_id || ', ' || coalesce(t.unit_id, t.service_line, t.facility_id, 'enterprise')
            || case when coalesce(t.unit_id, t.service_line) is not null then ' in ' || t.facility_id else '' end
            || ': target ' || t.target || ' missed ' || t.n_missed_running || ' periods in a row'
    from {{ ref('kpi_target_status') }} as t
    inner join window_rank as w on w.kpi_id = t.kpi_id and w.period_grain = t.period_grain
    where t.is_current and t.n_missed_running >= 2
    union all
    select
        'grievance_overdue', md5(c.feed || '/' || c.case_id), min(c.due_on) + 1, null, any_value(u.facility_id), any_value(u.unit_id), c.feed, true,
        'A grievance at ' || any_value(c.unit_key) || ' is past its due day ' || min(c.due_on) || ' (step '
            || arg_min(c.step_code, (c.due_on, c.step_code)) || ')'
    from {{ ref('complaint_clock') }} as c
    inner join {{ ref('dim_unit') }} as u on u.unit_key = c.unit_key
    inner join {{ ref('fct_complaint') }} as f on f.feed = c.feed and f.case_id = c.case_id and not f.is_closed
    -- The interim letter is due only where the answer is late, and then the answer itself is the event.
    where c.state = 'open_past_target' and c.is_grievance and c.step_code <> 'interim'
    group by c.feed, c.case_id
    union all
    select
        'feed_late', f.feed || ' ' || f.late_after_on, f.late_after_on + 1, null, null, null, f.feed, true,
        'Feed ' || f.feed || ' is late: the next delivery was due on ' || f.next_due_on
    from {{ ref('feed_status') }} as f
    -- The mart never reads a clock; who reads it adds what has become late since (orchestration/alert_rows.py, same words and ids).
    where f.late_after_on < (
        select coalesce((select r.as_of_on from {{ source('warehouse', 'run') }} as r), max(x.last_delivered_at)::date)
        from {{ ref('feed_status') }} as x
    )
    union all
    -- The code itself stands in unmapped_codes; it may be anything a vendor typed, so no message repeats it.
    select
        'unmapped_code', u.feed || '/' || u.source_kind || '/' || u.source_facility_code || '/' || u.source_unit_code, u.first_used_on, null, u.facility_id, null, u.feed,
        true, 'Feed ' || u.feed || ' uses a code that no unit is mapped to (facility ' || u.facility_id || '): see unmapped_codes'
    from {{ ref('unmapped_codes') }} as u
    union all
    select
        'held_delivery', d.delivery_id, d.landed_at::date, null, null, null, d.feed, true,
        'A delivery of feed ' || d.feed || ' is held (' || d.delivery_id || '): pxw status says why'
    from {{ source('warehouse', 'delivery') }} as d
    where d.status = 'held'
),

named as (
    select *, md5(alert_kind || '|' || subject_key) as subject_id from event
)

select
    coalesce(o.alert_id, substr(md5(e.subject_id || '|' || e.first_seen_on), 1, 16)) as alert_id,
    e.alert_kind, e.subject_key, e.subject_id,
    coalesce(o.first_seen_on, e.first_seen_on) as first_seen_on,
    e.kpi_id, e.facility_id, e.unit_id, e.feed, e.is_concern, e.message, r.run_id
from named as e
left join {{ source('warehouse', 'alert_open') }} as o on o.subject_id = e.subject_id
cross join {{ source('warehouse', 'run') }} as r
