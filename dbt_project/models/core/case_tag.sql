-- What a case can be counted by, beside its unit and month: one row per case and tag. A case has one severity band and
-- one encounter class, and one category for each category among its subjects: over categories cases add up to more than there are.
-- No export says in which class of encounter a complaint arose. It is taken from the owning unit (product-defined): the
-- only class the unit had in the year of receipt, or the one it had most of (setting case_class).
with class_of_unit as (
    select unit_key, year_number, encounter_class, n_classes
    from (
        select
            unit_key, extract(year from month_start_on) as year_number, encounter_class,
            count(*) over (partition by unit_key, extract(year from month_start_on)) as n_classes,
            row_number() over (
                partition by unit_key, extract(year from month_start_on) order by sum(n_encounters) desc, encounter_class
            ) as nth
        from {{ ref('fct_encounter_count') }}
        -- What is left over without a unit has no class in common.
        where encounter_class <> 'unassigned' and unit_id <> 'unassigned' and n_encounters > 0
        group by unit_key, extract(year from month_start_on), encounter_class
    ) as ranked
    where nth = 1
)

select c.feed, c.case_id, 'encounter_class' as tag_type,
    case when u.n_classes = 1 or s.case_class = 'unit_predominant' then u.encounter_class else 'unassigned' end as tag_value
from {{ ref('fct_complaint') }} as c
cross join {{ source('warehouse', 'encounter_setting') }} as s
left join class_of_unit as u on u.unit_key = c.unit_key and u.year_number = extract(year from c.month_start_on)
where u.unit_key is not null
union all
select c.feed, c.case_id, 'severity', coalesce(b.severity_band, 'unmapped')
from {{ ref('fct_complaint') }} as c
left join ({{ severity_bands() }}) as b
    on b.severity_scheme_id = c.severity_scheme_id and b.severity_level = c.severity_level
union all
select distinct feed, case_id, 'category', coalesce(scheme_id || ':' || category_code, 'unmapped')
from {{ ref('fct_complaint_issue') }}
