-- Hot spots and blind spots in coded cases, over the twelve months before the newest complaint delivery.
-- hot_spot: a unit and stage of care where severe problems (levels of band high: seed severity_band and sites' schemes) are more frequent
-- than overall: the lower Wilson limit (95 %) of the share of its coded cases lies above the share of all others'
-- (product-defined). Harm is not used: it is unreliable between coders.
-- blind_spot: problems that incident systems seldom show: at admission or discharge (stages so marked in seed
-- complaint_scheme_level), systemic ones and omissions (categories so marked in seed complaint_scheme).
-- Below the number of coded cases of family complaint_spot in seed minimum_n_policy nothing is called a spot.
with as_of as (
    select * from {{ complaint_as_of() }}
),

coded as (
    select k.feed, k.case_id, k.scheme_id, k.scheme_version, k.unit_key, k.stage_level, k.category_code, k.subcategory, k.severity_level
    from {{ ref('fct_complaint_coding') }} as k
    inner join {{ ref('fct_complaint') }} as c using (feed, case_id)
    cross join as_of as o
    where k.is_valid_case and k.severity_level > 0 and c.received_on > o.as_of_on - interval 1 year
),

trait as (
    select scheme_id, scheme_version, category_code, coalesce(subcategory, '') as subcategory, max(blind_spot) as blind_spot
    from {{ ref('complaint_scheme') }} group by all
),

per_case as (
    select c.feed, c.case_id, c.scheme_id, c.scheme_version, c.unit_key, c.stage_level,
        bool_or(coalesce(b.severity_band, '') = 'high') as is_severe,
        any_value(l.label) as stage_label,
        bool_or(l.blind_spot = 'admission_or_discharge') as is_at_a_door,
        bool_or(t.blind_spot = 'systemic') as is_systemic,
        bool_or(t.blind_spot = 'omission') as is_omission
    from coded as c
    left join trait as t
        on t.scheme_id = c.scheme_id and t.scheme_version = c.scheme_version and t.category_code = c.category_code
        and t.subcategory = coalesce(c.subcategory, '')
    left join ({{ severity_bands() }}) as b on b.severity_scheme_id = c.scheme_id and b.severity_level = c.severity_level
    left join ({{ scheme_levels() }}) as l
        on l.scheme_id = c.scheme_id and l.scheme_version = c.scheme_version and l.dimension = 'stage' and l.level = c.stage_level
    where c.stage_level is not null
    group by all
),

spot as (
    select scheme_id, scheme_version, unit_key, stage_level, any_value(stage_label) as stage_label,
        count(*) as n_coded_cases,
        count(*) filter (is_severe) as n_severe,
        count(*) filter (coalesce(is_at_a_door, false)) as n_admission_or_discharge,
        count(*) filter (coalesce(is_systemic, false)) as n_systemic,
        count(*) filter (coalesce(is_omission, false)) as n_omission,
        count(*) filter (coalesce(is_at_a_door, false) or coalesce(is_systemic, false) or coalesce(is_omission, false)) as n_blind
    from per_case group by all
),

compared as (
    select s.*,
        s.n_severe::double / s.n_coded_cases as share,
        (sum(s.n_severe) over scheme - s.n_severe)::double
            / nullif(sum(s.n_coded_cases) over scheme - s.n_coded_cases, 0) as share_of_others,
        (select max(below_n) from {{ ref('minimum_n_policy') }} where family = 'complaint_spot') as minimum_n
    from spot as s
    window scheme as (partition by s.scheme_id, s.scheme_version)
)

select
    c.scheme_id, c.scheme_version, u.facility_id, u.unit_id, c.unit_key, c.stage_level, c.stage_label,
    c.n_coded_cases, c.n_severe,
    100 * c.share as severe_pct,
    100 * {{ wilson('c.share', 'c.n_coded_cases', -1) }} as severe_pct_low,
    100 * c.share_of_others as severe_pct_of_others,
    c.n_admission_or_discharge, c.n_systemic, c.n_omission, c.n_blind,
    {{ percent('c.n_blind', 'c.n_coded_cases') }} as blind_pct,
    c.n_coded_cases >= c.minimum_n and coalesce({{ wilson('c.share', 'c.n_coded_cases', -1) }} > c.share_of_others, false) as is_hot_spot,
    c.n_coded_cases >= c.minimum_n and 2 * c.n_blind > c.n_coded_cases as is_blind_spot,
    case when c.n_coded_cases < c.minimum_n then 'BELOW_MINIMUM' end as reason
from compared as c
inner join {{ ref('dim_unit') }} as u using (unit_key)
