{# Completed surveys of a facility inside each window of `windows` (instrument_family, facility_id, period_start_on, period_end_on). #}

{% macro completed_surveys(windows) -%}
select r.instrument_family, r.facility_id, r.period_start_on, r.period_end_on, coalesce(sum(s.n_complete), 0)::bigint as n_complete
from (select distinct instrument_family, facility_id, period_start_on, period_end_on from {{ windows }}) as r
left join {{ ref('dim_unit') }} as u on u.facility_id = r.facility_id
left join {{ ref('survey_counts') }} as s
    on s.unit_key = u.unit_key and s.family = r.instrument_family and s.month_start_on between r.period_start_on and r.period_end_on
group by all
{%- endmacro %}
