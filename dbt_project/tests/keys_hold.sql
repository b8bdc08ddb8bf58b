-- Keys where no constraint holds them (an index on millions of rows costs more than the table), and references.
with key_count as (
    select 'measure_month' as what, count(*) as n, count(distinct (measure_id, component_code, unit_key, month_start_on)) as n_keys from {{ ref('measure_month') }}
    union all
    select 'answer_counts', count(*), count(distinct (instrument_id, unit_key, month_start_on, segment_type, segment_value, item_code, answer)) from {{ ref('answer_counts') }}
    union all
    select 'quarantine', count(*), count(distinct (delivery_id, row_number, fault_number)) from {{ ref('quarantine') }}
    union all
    select 'fct_encounter', count(*), count(distinct (delivery_id, row_number)) from {{ ref('fct_encounter') }}
    union all
    select 'kpi_month', count(*), count(distinct (kind, coalesce(measure_id, ''), entity_number, month_number)) from {{ ref('kpi_month') }}
    union all
    -- One feed counts for a facility, class and month, or an encounter counts twice.
    select 'one feed per denominator', count(*), count(distinct (facility_id, encounter_class, month_start_on))
    from (select distinct facility_id, encounter_class, month_start_on, feed from {{ ref('fct_encounter_count') }} where facility_id <> 'unassigned')
),

used as (
    select 'survey_counts' as what, unit_key from {{ ref('survey_counts') }}
    union
    select 'fct_complaint', unit_key from {{ ref('fct_complaint') }}
    union
    select 'fct_encounter', unit_key from {{ ref('fct_encounter') }}
    union
    select 'measure_month', unit_key from {{ ref('measure_month') }}
)

select what, 'repeated key' as fault, (n - n_keys)::varchar as detail from key_count where n <> n_keys
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
