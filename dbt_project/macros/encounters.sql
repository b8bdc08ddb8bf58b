{# Choices of the denominator rules that stand inside a statement; the settings are source warehouse.encounter_setting. #}

{# Which message of a visit says its unit (rule 8): the last place that was not undone, or the first. #}
{% macro place_of_visit() -%}
case s.unit_rule when 'admitting' then m.first_place_nth else coalesce(m.place_nth, m.any_place_nth) end
{%- endmacro %}

{# CTE `link`: a visit that became an inpatient stay counts once (rules 2 and 3). Two visits of one patient belong
   together when the stay at the same facility began between the first visit's begin and its end, or at most
   link_hours later. Observation that turns into a stay is always inpatient; of an emergency visit the setting decides,
   and then the emergency visit counts and the stay does not. `one_visit`: the class changed inside one visit number. #}
{% macro linked_visits(relation) -%}
candidate as (
    select p.feed, p.delivery_id, p.row_number, p.patient_id, p.facility_id, p.encounter_class, p.start_at, p.end_at, p.admitted_ed,
        coalesce(own.link_hours, every.link_hours) as link_hours
    from {{ relation }} as p
    left join {{ source('warehouse', 'encounter_link') }} as own on own.feed = p.feed
    left join {{ source('warehouse', 'encounter_link') }} as every on every.feed = 'default'
    where p.own_rule is null and p.patient_id is not null and p.grain = 'visit'
        and p.encounter_class in ('inpatient', 'emergency', 'observation')
),

pair as (
    select
        v.delivery_id as visit_delivery_id, v.row_number as visit_row_number, v.encounter_class, v.admitted_ed,
        s.delivery_id as stay_delivery_id, s.row_number as stay_row_number
    from candidate as v
    inner join candidate as s
        on s.feed = v.feed and s.patient_id = v.patient_id and s.facility_id = v.facility_id and s.encounter_class = 'inpatient'
        and s.start_at >= v.start_at
        and s.start_at <= {{ add_hours('coalesce(v.end_at, v.start_at)', 'v.link_hours') }}
    where v.encounter_class <> 'inpatient' and v.link_hours > 0
),

link as (
    select delivery_id, row_number, min(role) as role, min(rule) as rule
    from (
        select visit_delivery_id as delivery_id, visit_row_number as row_number, 'visit' as role,
            case when encounter_class = 'observation' then 'CONVERTED_TO_INPATIENT' else 'ADMITTED' end as rule
        from pair where encounter_class = 'observation' or admitted_ed = 'inpatient'
        union all
        select stay_delivery_id, stay_row_number, 'stay', 'COUNTED_AS_EMERGENCY'
        from pair where encounter_class = 'emergency' and admitted_ed = 'emergency'
        union all
        select delivery_id, row_number, 'one_visit', cast(null as varchar)
        from {{ relation }}
        where own_rule is null and encounter_class = 'inpatient' and first_class = 'emergency' and admitted_ed = 'emergency'
    ) as linked
    group by delivery_id, row_number
)
{%- endmacro %}

{# Rows of `relation`; counted by patient days, an inpatient stay once per month with the nights in it (midnight census,
   a stay of one day has none). #}
{% macro census_rows(relation) -%}
select r.*, false as is_census, 1 as part_number, cast(null as date) as census_on, cast(null as bigint) as n_nights
from {{ relation }} as r
where {{ is_not_census('r') }}
union all
select r.*, true, cast(row_number() over (partition by r.delivery_id, r.row_number order by m.month_start_on) as integer),
    greatest(r.began_on, m.month_start_on),
    cast({{ dbt.datediff('greatest(r.began_on, m.month_start_on)', 'least(r.counted_on, ' ~ add_months('m.month_start_on', 1) ~ ')', 'day') }} as bigint)
from {{ relation }} as r
inner join (
    select distinct {{ add_months(month_start('d.began_on'), 'n.number') }} as month_start_on
    from (select distinct began_on from {{ relation }} where not ({{ is_not_census(none) }})) as d
    cross join ({{ numbers(24) }}) as n
) as m
    on m.month_start_on between {{ month_start('r.began_on') }} and {{ month_start('r.counted_on') }}
where not ({{ is_not_census('r') }})
{%- endmacro %}

{% macro is_not_census(alias) -%}
{%- set at = alias ~ '.' if alias else '' -%}
{{ at }}inpatient_basis <> 'patient_days' or {{ at }}grain <> 'visit' or {{ at }}encounter_class <> 'inpatient' or {{ at }}own_rule is not null
    or ({{ at }}admitted_ed = 'emergency' and coalesce({{ at }}first_class, '') = 'emergency')
{%- endmacro %}

{# 0 .. n - 1 as rows of one column. A stay longer than that many months is cut there. #}
{% macro numbers(n) -%}
{%- for i in range(n) %}select {{ i }} as number{{ ' union all ' if not loop.last }}{% endfor -%}
{%- endmacro %}
