-- How fast valid cases were acknowledged, answered and resolved, per entity and window of receipt. Open cases are not
-- dropped: those past their target count against the share in target, and the Kaplan-Meier median takes the time an
-- open case has waited as "at least so long", so a growing backlog cannot make a number look better. Cases of feeds that
-- do not tell the day of a step are counted beside (n_not_reported) and enter no share and no duration.
-- Quantiles interpolate linearly between the values around (n - 1) x p (type 7 of Hyndman and Fan 1996).
-- Kaplan and Meier 1958: S(t) = product over days of 1 - done / at risk; the median is the first day with S <= 1/2.
-- Day counts are binned first, so the cost follows the days that occur, not the cases times their windows.
{%- set series_of = "case %s when 'acknowledge' then 0 when 'respond' then 2 else 4 end" %}
with clock as (
    select
        unit_key, month_start_on, step_code, state, limit_n is not null as has_target, n_days, n_business_days,
        case standing when 'unverified' then 3 when 'product-defined' then 2 when 'corroborated' then 1 else 0 end as doubt
    from {{ ref('complaint_clock') }}
    where step_code in ('acknowledge', 'respond', 'resolve')
),

-- Step and kind of day as one number: grouping and sorting millions of days by it costs half of doing so by their names.
binned as (
    select unit_key, month_start_on, {{ series_of | format('step_code') }} as series, n_days as n_days,
        count(*) filter (state in ('in_target', 'late', 'done')) as n_done, count(*) as n_all
    from clock where n_days is not null group by all
    union all
    select unit_key, month_start_on, {{ series_of | format('step_code') }} + 1, n_business_days,
        count(*) filter (state in ('in_target', 'late', 'done')), count(*)
    from clock where n_business_days is not null group by all
),

by_day as (
    {{ sums_per_window('binned', ['series', 'n_days'], ['n_done', 'n_all']) }}
),

ranked as (
    select
        *,
        sum(n_done) over one_series as total_done,
        sum(n_done) over (one_series order by n_days) as done_so_far,
        sum(n_all) over one_series - sum(n_all) over (one_series order by n_days) + n_all as at_risk
    from by_day
    window one_series as (partition by window_number, series)
),

survived as (
    select *, product(1 - n_done::double / at_risk) over (
        partition by window_number, series order by n_days
    ) as survival
    from ranked
),

quantile as (
    select
        window_number, series,
        sum(n_done * n_days)::double / nullif(any_value(total_done), 0) as mean_days,
        {%- for name, p in [('median', '0.5'), ('p90', '0.9')] %}
        {%- set at = p ~ '::double * (total_done - 1)' %}
        case when any_value(total_done) > 0 then
            min(n_days) filter (done_so_far > floor({{ at }}))
            + (any_value({{ at }}) - floor(any_value({{ at }})))
            * (min(n_days) filter (done_so_far > ceil({{ at }})) - min(n_days) filter (done_so_far > floor({{ at }})))
        end as {{ name }}_days,
        {%- endfor %}
        min(n_days) filter (survival <= 0.5 + 1e-12) as survival_median_days
    from survived
    group by all
),

flagged as (
    select unit_key, month_start_on, step_code,
        count(*) as n_cases,
        count(*) filter (state in ('in_target', 'late', 'done')) as n_done,
        count(*) filter (state = 'in_target') as n_in_target,
        count(*) filter (state = 'late') as n_late,
        count(*) filter (state in ('open', 'open_past_target')) as n_open,
        count(*) filter (state in ('open', 'open_past_target') and has_target) as n_open_with_target,
        count(*) filter (state = 'open_past_target') as n_open_past_target,
        count(*) filter (state = 'fault') as n_fault,
        count(*) filter (state = 'not_reported') as n_not_reported,
        count(*) filter (has_target) as n_with_target,
        count(*) filter (doubt = 3) as n_unverified, count(*) filter (doubt = 2) as n_product_defined,
        count(*) filter (doubt = 1) as n_corroborated
    from clock group by all
),

total as (
    {{ sums_per_window('flagged', ['step_code'], ['n_cases', 'n_done', 'n_in_target', 'n_late', 'n_open', 'n_open_with_target',
        'n_open_past_target', 'n_fault', 'n_not_reported', 'n_with_target', 'n_unverified', 'n_product_defined', 'n_corroborated']) }}
)

select
    {{ entity_period_columns('p') }},
    t.step_code, t.n_cases, t.n_done, t.n_in_target, t.n_late, t.n_open, t.n_open_past_target, t.n_fault, t.n_not_reported, t.n_with_target,
    {{ percent('t.n_in_target', '(t.n_in_target + t.n_late + t.n_open_past_target)') }} as in_target_pct,
    {{ percent('t.n_in_target', '(t.n_in_target + t.n_late)') }} as done_in_target_pct,
    {{ percent('t.n_open_past_target', 't.n_open_with_target') }} as open_past_target_pct,
    c.mean_days, c.median_days, c.p90_days,
    c.survival_median_days::integer as kaplan_meier_median_days,
    b.mean_days as mean_business_days,
    b.median_days as median_business_days,
    b.p90_days as p90_business_days,
    -- The least certain of the rules behind the row.
    case when t.n_unverified > 0 then 'unverified' when t.n_product_defined > 0 then 'product-defined'
        when t.n_corroborated > 0 then 'corroborated' else 'verified' end as standing,
    case when t.n_with_target = 0 then 'NO_TARGET'
        when t.n_in_target + t.n_late + t.n_open_past_target > 0 then null
        when t.n_not_reported > 0 then 'NOT_REPORTED' else 'NOTHING_DECIDED' end as reason,
    o.as_of_on
from total as t
inner join {{ entity_periods('total') }} as p using (window_number)
left join quantile as c
    on c.window_number = t.window_number and c.series = {{ series_of | format('t.step_code') }}
left join quantile as b
    on b.window_number = t.window_number and b.series = {{ series_of | format('t.step_code') }} + 1
cross join {{ complaint_as_of() }} as o
