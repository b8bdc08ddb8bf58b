-- The denominator made visible: what counts for a facility, class and month, whether it is whole, what is missing, what
-- was left out and how often it was restated. A month that falls by more than the setting drop_alert against the median
-- of up to twelve whole months before it (at least three) is flagged: a feed may have lost a part of itself.
with counted as (
    select facility_id, encounter_class, month_start_on, string_agg(distinct feed, ', ' order by feed) as feeds, count(*) as n_records,
        max(case grain when 'month' then 'month' when 'day' then 'day' else 'visit' end) as grain
    from {{ ref('fct_encounter') }} where is_counted group by all
),

left_out as (
    select facility_id, encounter_class, month_start_on, sum(n) as n_left_out, string_agg(rule || ' ' || n, ', ' order by rule) as left_out
    from (
        select facility_id, encounter_class, month_start_on, rule, count(*) as n
        from {{ ref('fct_encounter') }} where not is_counted and month_start_on is not null group by all
    )
    group by all
),

version as (
    select facility_id, encounter_class, month_start_on, max(version_number) as n_versions, count(*) filter (change <> 0) as n_restatements
    from {{ ref('encounter_version') }} group by all
),

past as (
    select
        facility_id, encounter_class, month_start_on,
        median(case when state = 'COMPLETE' then n_encounters end) over before as median_before,
        count(*) filter (state = 'COMPLETE') over before as n_before
    from {{ ref('encounter_completeness') }}
    window before as (
        partition by facility_id, encounter_class order by month_start_on rows between 12 preceding and 1 preceding
    )
)

select
    c.facility_id, c.encounter_class, c.month_start_on, c.n_encounters, n.feeds, n.grain, coalesce(n.n_records, 0) as n_records,
    c.state, c.is_complete, c.missing_feeds, c.last_delivered_at,
    coalesce(v.n_versions, 0) as n_versions, coalesce(v.n_restatements, 0) as n_restatements,
    coalesce(l.n_left_out, 0)::bigint as n_left_out, l.left_out,
    case when t.n_before >= 3 then t.median_before end as median_before,
    case when t.n_before >= 3 and t.median_before > 0 then 100 * (c.n_encounters - t.median_before) / t.median_before end as change_pct,
    coalesce(t.n_before >= 3 and c.state = 'COMPLETE' and c.n_encounters < (1 - s.drop_alert) * t.median_before, false) as is_drop_flagged,
    concat_ws(', ',
        'inpatient by ' || s.inpatient_basis, 'newborns ' || case when s.include_newborn then 'in' else 'out' end,
        'left without being seen ' || case when s.include_lwbs then 'in' else 'out' end, 'admitted emergency visits as ' || s.admitted_ed,
        'ancillary visits ' || case when s.include_ancillary then 'in' else 'out' end, s.unit_rule || ' unit', s.missing_feed
    ) as rules
from {{ ref('encounter_completeness') }} as c
cross join {{ source('warehouse', 'encounter_setting') }} as s
left join counted as n using (facility_id, encounter_class, month_start_on)
left join left_out as l using (facility_id, encounter_class, month_start_on)
left join version as v using (facility_id, encounter_class, month_start_on)
left join past as t using (facility_id, encounter_class, month_start_on)
