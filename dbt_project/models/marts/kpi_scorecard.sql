-- Unit and month on one line: survey top boxes beside complaints. A null value has its reason in the column beside it;
-- NOT_DEFINED: there is no such KPI row, for example because the unit has no surveys at all.
{%- set headlines = {
    'hcahps_overall_rating_top_box': 'overall_rating_top_box_pct',
    'hcahps_recommend_top_box': 'recommend_top_box_pct',
    'hcahps_nurse_communication_top_box': 'nurse_communication_top_box_pct',
    'hcahps_doctor_communication_top_box': 'doctor_communication_top_box_pct',
    'hcahps_medicines_top_box': 'medicines_top_box_pct',
    'hcahps_discharge_information_top_box': 'discharge_information_top_box_pct',
    'hcahps_cleanliness_top_box': 'cleanliness_top_box_pct',
    'hcahps_response_rate': 'response_rate_pct',
    'complaint_rate': 'complaints_per_1000',
    'grievance_rate': 'grievances_per_1000',
} %}
with wide as (
    select
        facility_id, unit_id, period_start_on as month_start_on,
        {%- for kpi, column in headlines.items() %}
        max(value) filter (kpi_id = '{{ kpi }}') as {{ column }},
        coalesce(max(reason) filter (kpi_id = '{{ kpi }}'),
            case when count(*) filter (kpi_id = '{{ kpi }}') = 0 then 'NOT_DEFINED' end) as {{ column }}_reason,
        {%- endfor %}
        max(n) filter (kpi_id = 'hcahps_overall_rating_top_box') as n_surveys,
        max(numerator) filter (kpi_id = 'complaint_rate')::bigint as n_complaints,
        max(numerator) filter (kpi_id = 'grievance_rate')::bigint as n_grievances,
        max(denominator) filter (kpi_id = 'complaint_rate')::bigint as n_encounters,
        max(ci_low) filter (kpi_id = 'complaint_rate') as complaints_ci_low,
        max(ci_high) filter (kpi_id = 'complaint_rate') as complaints_ci_high,
        max(target) filter (kpi_id = 'complaint_rate') as complaints_target
    from {{ ref('kpi_value') }}
    where level = 'unit' and period_grain = 'month' and segment_type = 'all'
    group by all
)

select
    w.facility_id, f.facility_name, w.unit_id, u.unit_name, u.service_line, w.month_start_on,
    w.n_surveys, w.n_complaints, w.n_grievances, w.n_encounters
    {%- for column in headlines.values() %},
    w.{{ column }}, w.{{ column }}_reason
    {%- endfor %},
    w.complaints_ci_low, w.complaints_ci_high, w.complaints_target
from wide as w
inner join {{ ref('dim_unit') }} as u on u.facility_id = w.facility_id and u.unit_id = w.unit_id
inner join {{ ref('dim_facility') }} as f on f.facility_id = w.facility_id
