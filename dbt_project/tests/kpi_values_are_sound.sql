-- What must be true of every published number, whatever the data.
select kpi_key,
    case
        when (value is null) <> (coalesce(reason, 'BELOW_MINIMUM') not in ('BELOW_MINIMUM', 'DSRS_UNWEIGHTED'))
            then 'a value is missing without a reason, or there in spite of one'
        when is_publishable <> (reason is null) then 'publishable and reason contradict each other'
        when value is not null and (denominator <= 0 or n <= 0) then 'a value without a denominator'
        when m.source <> 'adjusted' and m.unit in ('percent', 'points') and value not between -1e-9 and 100 + 1e-9 then 'outside 0 to 100'
        -- A regression may take a small entity below 0 or above 100; such a value is cut off in reports only.
        when denominator < 0 or (m.unit <> 'net_points' and m.source <> 'adjusted' and (value < 0 or numerator < 0))
            or (m.unit = 'net_points' and value not between -100 - 1e-9 and 100 + 1e-9) then 'negative'
        when m.interval_method <> 'none' and value is not null
            and (ci_low is null or ci_high is null or ci_low > value + 1e-9 or ci_high < value - 1e-9) then 'value outside its interval'
        when (m.interval_method = 'none' or value is null) and (ci_low is not null or ci_high is not null) then 'an interval without a value'
        when m.source <> 'answers' and value is not null and abs(value - m.scale_factor * numerator / denominator) > 1e-9
            then 'not scale x numerator / denominator'
        when period_start_on > period_end_on then 'period ends before it starts'
    end as fault
from {{ ref('kpi_value') }} as v
inner join {{ ref('dim_measure') }} as m using (measure_id)
where fault is not null
union all
select 'scorecard', 'unit-months without a line: ' || count(*)
from (
    select distinct facility_id, unit_id, period_start_on from {{ ref('kpi_value') }} where level = 'unit' and period_grain = 'month'
    except
    select facility_id, unit_id, month_start_on from {{ ref('kpi_scorecard') }}
)
having count(*) > 0
