-- Published adjustment coefficients, newest files, with what is wrong with a row. A row that cannot be used makes the scores
-- of its edition and measure unusable: leaving it out would give another number without a word.
with delivered as (
    {{ current_rows('adjustment_coefficient', kind_columns()['adjustment_coefficient'].keys() | list) }}
),

known_name as (
    select distinct measure_name as name, instrument_family as family from {{ source('definition', 'measure') }} where source = 'answers'
    union
    select distinct n.item_code, i.family from {{ ref('instrument_item') }} as n inner join {{ ref('instrument') }} as i on i.instrument_id = n.instrument_id
),

item_answer as (
    select distinct i.family, n.item_code, cast(a.answer as varchar) as answer
    from {{ ref('instrument_item') }} as n
    inner join {{ ref('instrument') }} as i on i.instrument_id = n.instrument_id
    inner join {{ ref('scale_answer') }} as a on a.scale_id = n.scale_id
),

cleaned as (
    select
        d.feed, d.delivery_id, d.row_number, d.edition, d.period_start_on, d.period_end_on, d.statistic, d.coefficient, d.reference_mean,
        coalesce(d.standing, 'unverified') as standing,
        lower(trim(d.measure_name)) as measure_name,
        lower(trim(d.variable)) as variable,
        lower(replace(d.level_code, ' ', '')) as level_code
    from delivered as d
)

select
    c.feed, c.delivery_id, c.row_number, k.family, c.edition, c.period_start_on, c.period_end_on, c.measure_name, c.statistic, c.variable, v.treatment,
    c.level_code, c.coefficient, c.reference_mean, c.standing,
    case
        when k.name is null then 'UNKNOWN_MEASURE'
        when v.variable is null then 'UNKNOWN_VARIABLE'
        when c.period_end_on < c.period_start_on then 'PERIOD_ENDS_BEFORE_IT_STARTS'
        when v.treatment <> 'mode' and c.reference_mean is null then 'REFERENCE_MEAN_MISSING'
        when v.treatment = 'mode' and c.level_code is null then 'LEVEL_MISSING'
        when c.level_code is not null and i.item_code is not null and a.answer is null then 'UNKNOWN_LEVEL'
    end as fault
from cleaned as c
left join known_name as k on k.name = c.measure_name
left join {{ ref('adjustment_variable') }} as v on v.family = k.family and v.variable = c.variable
left join (select distinct family, item_code from item_answer) as i on i.family = k.family and i.item_code = v.column_names
left join item_answer as a on a.family = k.family and a.item_code = v.column_names and a.answer = c.level_code
