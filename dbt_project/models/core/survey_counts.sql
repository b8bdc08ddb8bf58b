-- Sampled surveys of an instrument family by what became of them. Surveys outside the official sample are counted apart.
select
    family, unit_key, month_start_on,
    count(case when is_in_official_sample then 1 end) as n_sampled,
    count(case when is_in_official_sample and is_ineligible then 1 end) as n_ineligible,
    count(case when is_in_official_sample and not is_ineligible then 1 end) as n_eligible,
    count(case when is_in_official_sample and is_complete then 1 end) as n_complete,
    count(case when is_in_official_sample and not is_ineligible and disposition_group = 'break_off' then 1 end) as n_break_off,
    count(case when not is_in_official_sample then 1 end) as n_outside_sample,
    count(case when is_disproportionate and is_in_official_sample then 1 end) as n_disproportionate,
    max(n_eligible_discharges) as n_eligible_discharges
from {{ ref('fct_survey') }}
group by family, unit_key, month_start_on
