-- One row per case as the newest export has it, placed in our units, with local dates, its history and its severity.
-- The first exported row speaks for the case; a warning sign on any row counts for the case. What a file of
-- complainants says (acknowledged, answered, consent) fills what the case itself leaves blank; the first person counts.
-- Severity for triage (product-defined; HCAT itself defines none): the highest category severity of the newest coding; where
-- no category was coded as present, the highest of the words of the case and its subjects, on the scheme they are mapped to.
-- A moment is reported when a feed's files must have its column, or have had a value in it once; no value is then "not yet".
-- The exported rows are read once for all that is asked of them; their place in the case is issue and row in one number.
with record as (
    select *, coalesce(issue_number, 0) * cast(1000000000 as bigint) + row_number as place from {{ ref('current_complaint') }}
),

told_of_case as (
    select
        feed, case_id,
        min(place) as first_place,
        {%- for flag in ['is_test', 'is_deleted', 'is_safety_alleged', 'is_response_requested',
            'has_written_attachment', 'is_resolution_requested', 'is_patient_identified', 'is_escalated'] %}
        max(case when {{ flag }} then 1 else 0 end) as any_{{ flag }},
        {%- endfor %}
        {%- for flag in ['is_grievance', 'is_billing', 'is_medicare_rights'] %}
        max(case when {{ flag }} then 1 when not {{ flag }} then 0 end) as told_{{ flag }}{{ ',' if not loop.last }}
        {%- endfor %}
    from record
    group by feed, case_id
),

person as (
    select *
    from (
        select
            *,
            row_number() over (partition by case_feed, case_id order by coalesce(person_number, 0), delivery_id, row_number) as nth
        from ({{ current_rows('complaint_person', ['case_feed', 'case_id', 'person_number', 'complainant_id', 'patient_id',
            'acknowledged_at', 'acknowledged_on', 'interim_sent_at', 'interim_sent_on', 'responded_at', 'responded_on', 'consent_at',
            'consent_on', 'acknowledgement_due_on', 'response_due_on']) }})
    ) as persons
    where nth = 1
),

-- Whether a feed, of cases or of persons, ever told a moment.
told as (
    select feed
        {%- for moment in ['acknowledged', 'interim_sent', 'responded'] %},
        max(case when {{ moment }}_at is not null then 1 else 0 end) as has_{{ moment }}
        {%- endfor %}
    from (
        select feed, acknowledged_at, interim_sent_at, responded_at from record
        union all
        select feed, acknowledged_at, interim_sent_at, responded_at
        from ({{ current_rows('complaint_person', ['acknowledged_at', 'interim_sent_at', 'responded_at']) }}) as persons
    ) as moments
    group by feed
),

billing_word as (
    {{ billing_words() }}
),

text_of_subject as (
    select distinct feed, coalesce(category_text, '') as category_text, coalesce(subcategory_text, '') as subcategory_text
    from {{ ref('complaint_subject') }} where category_text is not null or subcategory_text is not null
),

-- A site's word goes over a shipped one, one of the feed over one for any feed, the longer over the shorter.
billing_subject as (
    select feed, category_text, subcategory_text, level
    from (
        select
            t.feed, t.category_text, t.subcategory_text, w.level,
            row_number() over (
                partition by t.feed, t.category_text, t.subcategory_text
                order by w.is_shipped, case when w.source_feed = '*' then 1 else 0 end, length(w.word) + length(w.subword) desc, w.level desc
            ) as nth
        from (
            select *, ' ' || {{ word_key("category_text || ' ' || subcategory_text") }} || ' ' as words from text_of_subject
        ) as t
        inner join billing_word as w
            on w.source_feed in (t.feed, '*') and t.words like '% ' || w.word || ' %'
            and (w.subword = '' or t.words like '% ' || w.subword || ' %')
    ) as matches
    where nth = 1
),

-- The first subject is the matter of a case, also where subjects come in a file of their own.
-- A billing matter is one of which every subject is billing: a bill that is complained about beside the care is no mere bill.
subject as (
    select
        s.feed, s.case_id,
        max(case when s.issue_number = 1 then s.category_text end) as category_text,
        max(case when s.issue_number = 1 then s.subcategory_text end) as subcategory_text,
        min(case when s.category_text is null and s.subcategory_text is null then null when b.level > 0 then 1 else 0 end) as names_billing,
        max(case when b.level = 2 then 1 else 0 end) as names_medicare
    from {{ ref('complaint_subject') }} as s
    left join billing_subject as b
        on b.feed = s.feed and b.category_text = coalesce(s.category_text, '') and b.subcategory_text = coalesce(s.subcategory_text, '')
    group by s.feed, s.case_id
),

filled as (
    select
        r.feed, r.delivery_id, r.row_number, r.case_id, r.facility_code, r.unit_code, r.received_at, r.received_on, r.event_on,
        {%- for moment in ['acknowledged', 'interim_sent', 'responded', 'consent'] %}
        coalesce(r.{{ moment }}_at, p.{{ moment }}_at) as {{ moment }}_at,
        case when r.{{ moment }}_at is not null then r.{{ moment }}_on else p.{{ moment }}_on end as {{ moment }}_on,
        case when r.{{ moment }}_at is not null then {{ feed_dates('complaint', moment ~ '_at', 'r') }}
            else {{ feed_dates('complaint_person', moment ~ '_at', 'p') }} end as is_{{ moment }}_dated,
        {%- endfor %}
        {%- for moment in ['received', 'closed', 'reopened'] %}
        {{ feed_dates('complaint', moment ~ '_at', 'r') }} as is_{{ moment }}_dated,
        {%- endfor %}
        {%- for moment in ['acknowledged', 'interim_sent', 'responded'] %}
        {{ feed_promises('complaint', moment ~ '_at', 'r') }} or t.has_{{ moment }} = 1
            or coalesce({{ feed_promises('complaint_person', moment ~ '_at', 'p') }} or o.has_{{ moment }} = 1, false) as is_{{ moment }}_reported,
        {%- endfor %}
        r.closed_at, r.closed_on, r.reopened_at, r.reopened_on, r.reopen_count,
        coalesce(r.acknowledgement_due_on, p.acknowledgement_due_on) as acknowledgement_due_on,
        coalesce(r.response_due_on, p.response_due_on) as response_due_on,
        coalesce(r.complainant_id, p.complainant_id) as complainant_id,
        coalesce(r.patient_id, p.patient_id) as patient_id,
        coalesce(r.category_text, b.category_text) as category_text,
        case when r.category_text is null then b.subcategory_text else r.subcategory_text end as subcategory_text,
        r.feedback_type_code, r.status_code, r.channel_code, r.severity_text, r.outcome_code, r.complexity_code, r.handling_level_code,
        r.is_resolved_on_spot, r.is_after_stay, r.is_routine_matter, r.needs_more_work, r.is_consent_required,
        a.any_is_test = 1 as is_test,
        a.any_is_deleted = 1 as is_deleted,
        a.any_is_safety_alleged = 1 as is_safety_alleged,
        a.any_is_response_requested = 1 as is_response_requested,
        coalesce(a.told_is_billing, b.names_billing, 0) = 1 as is_billing,
        coalesce(a.told_is_medicare_rights, b.names_medicare, 0) = 1 as is_medicare_rights,
        a.any_has_written_attachment = 1 as has_written_attachment,
        a.any_is_resolution_requested = 1 as is_resolution_requested,
        a.any_is_patient_identified = 1 or (r.is_patient_identified is null and coalesce(r.patient_id, p.patient_id) is not null)
            as is_patient_identified,
        a.any_is_escalated = 1 as is_escalated,
        case when a.told_is_grievance is not null then a.told_is_grievance = 1 when r.feedback_type_code = 'grievance' then true end as is_grievance_flagged,
        r.merged_into_case_id, r.linked_feed, r.linked_case_id,
        r.has_notice_contact, r.has_notice_steps, r.has_notice_results, r.has_notice_completion_date,
        r.is_recovery_offered, r.is_recovery_accepted, r.recovery_kind_code, r.handling_satisfaction, r.narrative_length
    from record as r
    inner join told_of_case as a on a.feed = r.feed and a.case_id = r.case_id and a.first_place = r.place
    left join person as p on p.case_feed = r.feed and p.case_id = r.case_id
    left join subject as b on b.feed = r.feed and b.case_id = r.case_id
    left join told as t on t.feed = r.feed
    left join told as o on o.feed = p.feed
),

history as (
    select
        feed, case_id,
        count(*) as n_versions,
        sum(case when is_reopening then 1 else 0 end) as n_reopenings,
        min(case when is_reopening then delivered_at end) as reopened_seen_at,
        max(case when is_newest and is_closed then 1 else 0 end) = 1 as is_closed,
        max(case when is_escalated or status_code = 'escalated' then 1 else 0 end) = 1 as was_escalated,
        max(case when spell_number = 1 and is_closed then version_number end) as last_of_first_spell
    from {{ ref('complaint_version') }}
    group by feed, case_id
),

closed_first as (
    select h.*, v.closed_at as first_spell_closed_at, v.closed_on as first_spell_closed_on
    from history as h
    left join {{ ref('complaint_version') }} as v
        on v.feed = h.feed and v.case_id = h.case_id and v.version_number = h.last_of_first_spell
),

worded as (
    -- Levels of one scheme only are compared; a feed whose words belong to two schemes takes the first by name.
    select feed, case_id, scheme_id, severity_level
    from (
        select
            s.feed, s.case_id, m.scheme_id, max(m.level) as severity_level,
            row_number() over (partition by s.feed, s.case_id order by m.scheme_id) as nth
        from (
            select feed, case_id, severity_text from {{ ref('complaint_subject') }}
            union
            select feed, case_id, severity_text from record
        ) as s
        inner join {{ ref('complaint_word_map') }} as m
            on m.feed = s.feed and m.dimension = 'severity' and m.source_text = s.severity_text and m.is_primary and m.is_mapped
        group by s.feed, s.case_id, m.scheme_id
    ) as levels
    where nth = 1
),

coded as (
    select feed, case_id, scheme_id, severity_level
    from (
        select
            case_feed as feed, case_id, scheme_id, max(severity_level) as severity_level,
            row_number() over (
                partition by case_feed, case_id order by case when max(severity_level) > 0 then 0 else 1 end, scheme_id
            ) as nth
        from {{ ref('complaint_coding') }} where is_newest_coder and severity_level is not null
        group by case_feed, case_id, scheme_id
    ) as levels
    where nth = 1
),

jurisdiction as (
    select facility_id, min(jurisdiction_code) as jurisdiction_code from {{ ref('unit_mapping') }} group by facility_id
)

select
    f.feed, f.delivery_id, f.row_number, f.case_id, u.facility_id, u.unit_id, u.unit_key,
    f.facility_code as source_facility_code,
    f.unit_code as source_unit_code,
    f.received_at,
    {{ facility_date('f', 'received', 'u.time_zone', 'z.time_zone', 'f.is_received_dated') }} as received_on,
    f.event_on,
    {%- for moment in ['acknowledged', 'interim_sent', 'responded', 'consent'] %}
    f.{{ moment }}_at,
    {{ facility_date('f', moment, 'u.time_zone', 'z.time_zone', 'f.is_' ~ moment ~ '_dated') }} as {{ moment }}_on,
    {%- endfor %}
    {%- for moment in ['acknowledged', 'interim_sent', 'responded'] %}
    f.is_{{ moment }}_reported,
    {%- endfor %}
    f.closed_at,
    {{ facility_date('f', 'closed', 'u.time_zone', 'z.time_zone', 'f.is_closed_dated') }} as closed_on,
    coalesce(h.first_spell_closed_at, f.closed_at) as first_closed_at,
    case
        when h.first_spell_closed_at is null then {{ facility_date('f', 'closed', 'u.time_zone', 'z.time_zone', 'f.is_closed_dated') }}
        else {{ facility_date('h', 'first_spell_closed', 'u.time_zone', 'z.time_zone', 'f.is_closed_dated') }}
    end as first_closed_on,
    coalesce(h.is_closed, f.closed_at is not null) as is_closed,
    coalesce(f.reopened_at, h.reopened_seen_at) as reopened_at,
    case when f.reopened_at is not null then {{ facility_date('f', 'reopened', 'u.time_zone', 'z.time_zone', 'f.is_reopened_dated') }}
        else cast(h.reopened_seen_at as date) end as reopened_on,
    -- The largest of what is known: the source's own count, a date of reopening, closed versions followed by open ones.
    cast(case
        when coalesce(f.reopen_count, 0) >= coalesce(h.n_reopenings, 0) and coalesce(f.reopen_count, 0) > 0 then f.reopen_count
        when coalesce(h.n_reopenings, 0) > 0 then h.n_reopenings
        when f.reopened_at is not null or f.status_code = 'reopened' then 1
        else 0
    end as integer) as reopen_count,
    cast(coalesce(h.n_versions, 1) as integer) as n_versions,
    f.feedback_type_code, f.status_code, f.channel_code, f.category_text, f.subcategory_text, f.severity_text,
    case when s.severity_level is null or k.severity_level > 0 then k.scheme_id else s.scheme_id end as severity_scheme_id,
    cast(case when s.severity_level is null or k.severity_level > 0 then k.severity_level else s.severity_level end as integer) as severity_level,
    case when k.severity_level > 0 or (k.severity_level is not null and s.severity_level is null) then 'coding'
        when s.severity_level is not null then 'words' end as severity_basis,
    s.scheme_id as worded_severity_scheme_id,
    cast(s.severity_level as integer) as worded_severity_level,
    f.outcome_code, f.complexity_code, f.handling_level_code,
    coalesce(j.jurisdiction_code, 'us_cms') as jurisdiction_code,
    f.acknowledgement_due_on, f.response_due_on,
    f.is_resolved_on_spot,
    case when f.needs_more_work then false else f.is_resolved_on_spot end as is_settled,
    f.is_after_stay, f.is_routine_matter, f.is_consent_required, f.is_test, f.is_deleted, f.is_safety_alleged, f.is_response_requested,
    f.is_billing, f.is_medicare_rights, f.has_written_attachment, f.is_resolution_requested, f.is_patient_identified,
    f.is_escalated or coalesce(h.was_escalated, false) as is_escalated,
    f.is_grievance_flagged,
    f.merged_into_case_id, f.linked_feed, f.linked_case_id, f.patient_id, f.complainant_id,
    f.has_notice_contact, f.has_notice_steps, f.has_notice_results, f.has_notice_completion_date,
    f.is_recovery_offered, f.is_recovery_accepted, f.recovery_kind_code, f.handling_satisfaction, f.narrative_length
from filled as f
left join {{ source('warehouse', 'feed') }} as z on z.feed = f.feed
{{ join_unit('f', 'f.received_on') }}
left join closed_first as h on h.feed = f.feed and h.case_id = f.case_id
left join worded as s on s.feed = f.feed and s.case_id = f.case_id
left join coded as k on k.feed = f.feed and k.case_id = f.case_id
left join jurisdiction as j on j.facility_id = u.facility_id
