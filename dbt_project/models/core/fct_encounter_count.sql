-- Encounters per unit, class and month: the denominator.
select
    facility_id, unit_id, unit_key, encounter_class, month_start_on, feed,
    cast(sum(n_encounters) as bigint) as n_encounters,
    count(*) as n_records,
    max(case when is_partial then 1 else 0 end) = 1 as is_partial
from {{ ref('fct_encounter') }}
where is_counted
group by facility_id, unit_id, unit_key, encounter_class, month_start_on, feed
