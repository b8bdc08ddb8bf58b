-- Windows with a month that was sampled with unequal shares per stratum (DSRS): its answers stand for different numbers of patients
-- and are not weighted here (surveys.md section 7). Scores over it are biased, of the facility, of its units, of the enterprise.
select distinct 'survey:' || c.family as kind, p.facility_id, w.n_months::integer as n_months, unnest(w.end_months)::integer as end_month
from (
    select distinct family, unit_key, {{ month_number('month_start_on') }} as month_number from {{ ref('survey_counts') }} where n_disproportionate > 0
) as c
inner join {{ ref('dim_unit') }} as u using (unit_key)
cross join lateral (select unnest([u.facility_id, null]) as facility_id) as p
cross join lateral (values (1, [c.month_number]), (3, [c.month_number // 3 * 3 + 2]), (12, range(c.month_number, c.month_number + 12))) as w (n_months, end_months)
