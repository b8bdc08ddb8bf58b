{# What each quarter weighs in the four quarters that end with end_quarter, per questionnaire and entity: the eligible
   discharges as the vendors' files say them, where all four quarters have them (one kind of weight for a window); else
   eligible sampled surveys; null where only counts were delivered. Quarters are year x 4 + quarter - 1. #}

{% macro quarter_weights() -%}
select
    family, entity_number, quarter, quarter + k as end_quarter,
    count(n_discharges) over window_of_four = 4 as is_by_discharges,
    case when count(n_discharges) over window_of_four = 4 then n_discharges else nullif(n_surveys, 0) end as weight
from (
    select family, entity_number, quarter, max(n_discharges) as n_discharges, max(n_surveys) as n_surveys
    from (
        select f.family, e.entity_number, f.quarter, case when count(f.n_discharges) = count(*) then sum(f.n_discharges)::bigint end as n_discharges,
            null::bigint as n_surveys
        from (
            select family, facility_id, quarter, case when count(n_discharges) = 3 then sum(n_discharges)::bigint end as n_discharges
            from (
                select s.family, u.facility_id, {{ month_number('s.month_start_on') }} // 3 as quarter, s.month_start_on,
                    max(s.n_eligible_discharges) as n_discharges
                from {{ ref('survey_counts') }} as s
                inner join {{ ref('dim_unit') }} as u using (unit_key)
                group by all
            ) as facility_month
            group by all
        ) as f
        inner join (select distinct entity_number, level, facility_id from {{ ref('kpi_entity') }}) as e
            on e.level = 'enterprise' or (e.level = 'facility' and e.facility_id = f.facility_id)
        group by all
        union all
        select s.family, e.entity_number, {{ month_number('s.month_start_on') }} // 3, null, sum(s.n_eligible)::bigint
        from {{ ref('survey_counts') }} as s
        inner join {{ ref('kpi_entity') }} as e using (unit_key)
        group by all
    ) as by_kind
    group by all
) as weight
cross join (select unnest(range(4)) as k) as k
window window_of_four as (partition by family, entity_number, quarter + k)
{%- endmacro %}
