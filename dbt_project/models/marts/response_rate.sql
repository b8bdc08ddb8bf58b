-- Sampled surveys of a unit and month and the share that was completed: completed / (sampled - ineligible).
select
    s.family, u.facility_id, u.unit_id, u.service_line, s.month_start_on,
    s.n_sampled, s.n_ineligible, s.n_eligible, s.n_complete, s.n_break_off, s.n_outside_sample,
    100.0::double * s.n_complete / nullif(s.n_eligible, 0) as response_rate_pct,
    100 * {{ wilson('(s.n_complete::double / nullif(s.n_eligible, 0))', 's.n_eligible', -1) }} as ci_low,
    100 * {{ wilson('(s.n_complete::double / nullif(s.n_eligible, 0))', 's.n_eligible', 1) }} as ci_high
from {{ ref('survey_counts') }} as s
inner join {{ ref('dim_unit') }} as u using (unit_key)
