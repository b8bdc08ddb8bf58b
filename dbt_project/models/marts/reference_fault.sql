-- Rows of files that a site keeps itself (cut points, coefficients, benchmarks, places) which nothing can use: a misspelt name would
-- otherwise only show as a number that is not there, or on another day. One row per feed, column, text and fault, with what to do.
with measure as (
    select * from {{ source('definition', 'measure') }} where instrument_family is not null
),

given as (
    select feed, delivery_id, row_number, 'star_cut_point' as kind, 'measure_name' as column_name, measure_name as source_text, 'UNKNOWN_MEASURE' as fault
    from ({{ current_rows('star_cut_point', ['measure_name']) }}) as c
    where measure_name not in (select measure_name from measure)
    union all
    select feed, delivery_id, row_number, 'benchmark', 'public_measure_id', public_measure_id, 'UNKNOWN_MEASURE'
    from {{ ref('current_benchmark') }}
    where public_measure_id not in (select public_measure_id from {{ ref('public_measure_map') }})
        and public_measure_id not in (select measure_id from {{ source('definition', 'measure') }})
        and public_measure_id not in (select public_measure_id from {{ ref('current_score') }})
    union all
    select feed, delivery_id, row_number, 'adjustment_coefficient',
        case fault when 'UNKNOWN_MEASURE' then 'measure_name' when 'UNKNOWN_VARIABLE' then 'variable' when 'REFERENCE_MEAN_MISSING' then 'reference_mean'
            when 'PERIOD_ENDS_BEFORE_IT_STARTS' then 'period_end_on' else 'level_code' end,
        case fault when 'UNKNOWN_MEASURE' then measure_name when 'UNKNOWN_VARIABLE' then variable when 'REFERENCE_MEAN_MISSING' then variable
            when 'PERIOD_ENDS_BEFORE_IT_STARTS' then period_end_on::varchar else variable || coalesce(' ' || level_code, '') end,
        fault
    from {{ ref('adjustment_coefficient') }} where fault is not null
    union all
    select feed, delivery_id, row_number, 'org_unit', 'time_zone', time_zone, 'UNKNOWN_TIME_ZONE'
    from ({{ current_rows('org_unit', ['time_zone']) }}) as o
    where time_zone is not null and time_zone not in ({{ known_time_zones() }})
),

known as (
    select distinct kind, fault, name
    from (
        select 'star_cut_point' as kind, 'UNKNOWN_MEASURE' as fault, measure_name as name from measure where statistic = 'linear_mean'
        union all
        select 'benchmark', 'UNKNOWN_MEASURE', measure_id from measure
        union all
        select 'benchmark', 'UNKNOWN_MEASURE', public_measure_id from {{ ref('public_measure_map') }}
        union all
        select 'adjustment_coefficient', 'UNKNOWN_MEASURE', measure_name from measure where source = 'answers'
        union all
        select 'adjustment_coefficient', 'UNKNOWN_VARIABLE', variable from {{ ref('adjustment_variable') }}
        union all
        select 'org_unit', 'UNKNOWN_TIME_ZONE', name from ({{ known_time_zones() }}) as z
    ) as names
),

grouped as (
    select feed, kind, column_name, source_text, fault, count(*) as n_rows, min_by(delivery_id, (delivery_id, row_number)) as delivery_id,
        min_by(row_number, (delivery_id, row_number)) as row_number
    from given group by feed, kind, column_name, source_text, fault
)

select
    g.feed, g.kind, g.column_name, coalesce(g.source_text, '') as source_text, g.fault, g.n_rows, g.delivery_id, g.row_number,
    case when g.fault in ('UNKNOWN_MEASURE', 'UNKNOWN_VARIABLE', 'UNKNOWN_TIME_ZONE')
        then 'nearest known name: ' || coalesce(max_by(k.name, (jaro_winkler_similarity(lower(g.source_text), lower(k.name)), k.name)), 'none')
            || case when g.fault = 'UNKNOWN_TIME_ZONE' then '; until then a day there is that of another row of the facility, else of the time zone of each feed' else '' end
            || '; correct the file and deliver it again'
        when g.fault = 'UNKNOWN_LEVEL' then 'the questionnaire has no such answer; correct the file and deliver it again'
        when g.fault = 'REFERENCE_MEAN_MISSING' then 'give the mean the score is centred at; correct the file and deliver it again'
        else 'correct the file and deliver it again' end as way_out
from grouped as g
left join known as k on k.kind = g.kind and k.fault = g.fault
group by g.feed, g.kind, g.column_name, g.source_text, g.fault, g.n_rows, g.delivery_id, g.row_number
