-- Keys where no constraint holds them (an index on millions of rows costs more than the table), and references.
with repeated as (
    select 'measure_month' as what, count(*) as n
    from (select 1 from {{ ref('measure_month') }} group by measure_id, component_code, unit_key, month_start_on having count(*) > 1)
    union all
    select 'quarantine' as what, count(*) as n
    from (select 1 from {{ ref('quarantine') }} group by delivery_id, row_number, fault_number having count(*) > 1)
    union all
    select 'fct_encounter' as what, count(*) as n
    from (select 1 from {{ ref('fct_encounter') }} group by delivery_id, row_number, part_number having count(*) > 1)
    union all
    select 'kpi_month' as what, count(*) as n
    from (select 1 from {{ ref('kpi_month') }} group by kind, measure_id, entity_number, month_number having count(*) > 1)
    union all
    -- One feed counts for a facility, class and month, or an encounter counts twice.
    select 'fct_encounter_count', count(*)
    from (
        select 1 from {{ ref('fct_encounter_count') }} where facility_id <> 'unassigned'
        group by facility_id, encounter_class, month_start_on having count(distinct feed) > 1
    )
),

used as (
    select 'survey_counts' as what, unit_key from {{ ref('survey_counts') }}
    union
    select 'fct_complaint', unit_key from {{ ref('fct_complaint') }}
    union
    select 'fct_encounter', unit_key from {{ ref('fct_encounter') }}
    union
    select 'fct_answer_count', unit_key from {{ ref('fct_answer_count') }}
    union
    select 'measure_month', unit_key from {{ ref('measure_month') }}
    union
    select 'fct_metric', unit_key from {{ ref('fct_metric') }}
)

select what, 'repeated key' as fault, n::varchar as detail from repeated where n > 0
union all
select u.what, 'unit is not in dim_unit', coalesce(u.unit_key, 'null')
from used as u left join {{ ref('dim_unit') }} as d using (unit_key)
where d.unit_key is null
union all
select 'dim_unit', 'facility is not in dim_facility', d.facility_id
from {{ ref('dim_unit') }} as d left join {{ ref('dim_facility') }} as f using (facility_id)
where f.facility_id is null
union all
select 'measure_month', 'measure is not in dim_measure', m.measure_id
from (select distinct measure_id from {{ ref('measure_month') }}) as m left join {{ ref('dim_measure') }} as d using (measure_id)
where d.measure_id is null
