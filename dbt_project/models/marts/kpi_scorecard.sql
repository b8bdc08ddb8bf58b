-- Unit and month on one line: survey top boxes beside complaints. A null value has its reason in the column beside it.
-- kpi_value begins a series with the first data of its kind in the unit, so a line that exists for the complaints of a
-- month may have no survey row, and the other way round; what is missing then is told apart here.
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
with headline as (
    select
        h.kpi_id, m.source, m.valid_from_on, m.valid_to_on,
        case m.source when 'cases' then 'complaint' else concat_ws(':', 'survey', m.instrument_family) end as kind
    from (select unnest(['{{ headlines.keys() | join("', '") }}']) as kpi_id) as h
    left join {{ source('definition', 'kpi') }} as k using (kpi_id)
    left join {{ source('definition', 'measure') }} as m using (measure_id)
),

value as (
    select * from {{ ref('kpi_value') }} where level = 'unit' and period_grain = 'month' and segment_type = 'all'
),

-- Why a KPI may have no row for a unit and month: nobody asks for it or its measure does not cover the month, no
-- delivery of its kind has come after the month yet, or the unit has none of its data.
filled as (
    select
        g.facility_id, g.unit_id, g.month_start_on, h.kpi_id, v.* exclude (facility_id, unit_id, kpi_id, reason),
        case
            when v.kpi_id is not null then v.reason
            when h.source is null or last_day(g.month_start_on) < h.valid_from_on or g.month_start_on > h.valid_to_on then 'NOT_IN_USE'
            when g.unit_id = 'unassigned' then 'UNASSIGNED_UNIT'
            when {{ month_number('g.month_start_on') }} >= d.first_open_month then 'PERIOD_OPEN'
            when h.kind = 'complaint' then 'NO_CASES_YET'
            else 'NO_SURVEYS'
        end as reason
    from (select distinct facility_id, unit_id, period_start_on as month_start_on from value) as g
    cross join headline as h
    left join {{ ref('open_month') }} as d on d.kind = h.kind and d.facility_id is not distinct from g.facility_id
    left join value as v
        on v.kpi_id = h.kpi_id and v.facility_id = g.facility_id and v.unit_id = g.unit_id and v.period_start_on = g.month_start_on
),

wide as (
    select
        facility_id, unit_id, month_start_on,
        {%- for kpi, column in headlines.items() %}
        max(value) filter (kpi_id = '{{ kpi }}') as {{ column }},
        max(reason) filter (kpi_id = '{{ kpi }}') as {{ column }}_reason,
        {%- endfor %}
        coalesce(max(n) filter (kpi_id = 'hcahps_overall_rating_top_box'), 0) as n_surveys,
        max(numerator) filter (kpi_id = 'complaint_rate')::bigint as n_complaints,
        max(numerator) filter (kpi_id = 'grievance_rate')::bigint as n_grievances,
        max(denominator) filter (kpi_id = 'complaint_rate')::bigint as n_encounters,
        max(ci_low) filter (kpi_id = 'complaint_rate') as complaints_ci_low,
        max(ci_high) filter (kpi_id = 'complaint_rate') as complaints_ci_high,
        max(target) filter (kpi_id = 'complaint_rate') as complaints_target
    from filled
    group by facility_id, unit_id, month_start_on
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
