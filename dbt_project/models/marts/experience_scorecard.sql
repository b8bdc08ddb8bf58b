-- One page per unit and month: what happened (complaints, how severe, how fast they were answered) beside what patients
-- said in surveys, with the targets. Values and reasons are those of kpi_scorecard, complaint_rate and complaint_timeliness.
-- Severity-weighted rate (product-defined): each case weighs what its band does in seed severity_band, one that nobody
-- mapped weighs 1; a unit with few grave cases and one with many slight ones may then stand side by side.
{%- set targets = {
    'complaint_rate': ('complaints_per_1000', '<='), 'grievance_rate': ('grievances_per_1000', '<='),
    'hcahps_overall_rating_top_box': ('overall_rating_top_box_pct', '>='), 'hcahps_recommend_top_box': ('recommend_top_box_pct', '>='),
    'hcahps_nurse_communication_top_box': ('nurse_communication_top_box_pct', '>='), 'hcahps_response_rate': ('response_rate_pct', '>='),
} %}
with severity as (
    select r.facility_id, r.unit_id, r.period_start_on as month_start_on,
        sum(r.numerator * coalesce(b.weight, 1))::double as weighted,
        sum(r.numerator) filter (r.segment_value = 'high')::bigint as n_severe
    from {{ ref('complaint_rate') }} as r
    left join (select severity_band, max(weight) as weight from {{ ref('severity_band') }} group by severity_band) as b
        on b.severity_band = r.segment_value
    where r.level = 'unit' and r.period_grain = 'month' and r.encounter_class = 'total' and r.segment_type = 'severity'
    group by all
),

timeliness as (
    select facility_id, unit_id, period_start_on as month_start_on,
        {%- for step in ['acknowledge', 'respond'] %}
        max(in_target_pct) filter (step_code = '{{ step }}') as {{ step }}_pct,
        max(reason) filter (step_code = '{{ step }}') as {{ step }}_reason,
        {%- endfor %}
        max(median_days) filter (step_code = 'respond') as median_days_to_respond,
        max(kaplan_meier_median_days) filter (step_code = 'respond') as kaplan_meier_days_to_respond,
        max(n_open) filter (step_code = 'resolve') as n_open,
        max(n_open_past_target) filter (step_code = 'respond') as n_unanswered_past_target
    from {{ ref('complaint_timeliness') }}
    where level = 'unit' and period_grain = 'month'
    group by all
),

target as (
    select m.month_start_on
        {%- for kpi, pair in targets.items() %},
        max(t.target) filter (t.kpi_id = '{{ kpi }}') as {{ pair[0] }}_target
        {%- endfor %}
    from (select distinct month_start_on from {{ ref('kpi_scorecard') }}) as m
    left join {{ source('definition', 'kpi_target') }} as t
        on last_day(m.month_start_on) between coalesce(t.valid_from_on, date '0001-01-01') and coalesce(t.valid_to_on, date '9999-12-31')
    group by m.month_start_on
)

select
    s.facility_id, s.facility_name, s.unit_id, s.unit_name, s.service_line, s.month_start_on,
    s.n_encounters, s.n_complaints, s.n_grievances,
    case when s.n_complaints is not null then coalesce(v.n_severe, 0) end as n_severe,
    s.complaints_per_1000, s.complaints_per_1000_reason, s.complaints_ci_low, s.complaints_ci_high,
    s.grievances_per_1000, s.grievances_per_1000_reason,
    case when s.complaints_per_1000 is not null then 1000 * coalesce(v.weighted, 0) / s.n_encounters end as severity_weighted_per_1000,
    s.complaints_per_1000_reason as severity_weighted_reason,
    t.acknowledge_pct as acknowledged_in_target_pct,
    case when t.unit_id is null then 'NO_CASES' else t.acknowledge_reason end as acknowledged_reason,
    t.respond_pct as responded_in_target_pct,
    case when t.unit_id is null then 'NO_CASES' else t.respond_reason end as responded_reason,
    t.median_days_to_respond, t.kaplan_meier_days_to_respond, t.n_open, t.n_unanswered_past_target,
    s.n_surveys,
    {%- for column in ['overall_rating_top_box_pct', 'recommend_top_box_pct', 'nurse_communication_top_box_pct', 'response_rate_pct'] %}
    s.{{ column }}, s.{{ column }}_reason,
    {%- endfor %}
    {%- for pair in targets.values() %}
    g.{{ pair[0] }}_target,
    {%- endfor %}
    0 {%- for pair in targets.values() %} + (s.{{ pair[0] }} is not null and g.{{ pair[0] }}_target is not null)::integer{% endfor %} as n_targets,
    0 {%- for pair in targets.values() %} + coalesce(s.{{ pair[0] }} {{ pair[1] }} g.{{ pair[0] }}_target, false)::integer{% endfor %} as n_targets_met
from {{ ref('kpi_scorecard') }} as s
left join severity as v on v.facility_id = s.facility_id and v.unit_id = s.unit_id and v.month_start_on = s.month_start_on
left join timeliness as t on t.facility_id = s.facility_id and t.unit_id = s.unit_id and t.month_start_on = s.month_start_on
left join target as g on g.month_start_on = s.month_start_on
