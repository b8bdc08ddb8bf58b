-- Parts add up to totals: units to facilities to the enterprise, cubes to the facts they count.
with level_sum as (
    select kpi_id, period_grain, period_start_on, level,
        sum(numerator::decimal(38, 6)) as numerator, sum(denominator::decimal(38, 6)) as denominator
    from {{ ref('kpi_value') }}
    where period_grain <> 'rolling_12_months'  -- a closed unit is inside the twelve months of its facility without a row of its own
    group by all
),

case_count as (
    select count(*) filter (is_valid_case) as n_all, count(*) filter (is_valid_case and is_grievance) as n_grievance
    from {{ ref('fct_complaint') }}
)

select 'levels of ' || t.kpi_id as what, t.period_grain || ' ' || t.period_start_on || ' ' || p.level as item,
    t.numerator::double as expected, p.numerator::double as found
from level_sum as t
inner join level_sum as p using (kpi_id, period_grain, period_start_on)
where t.level = 'enterprise' and p.level <> 'enterprise'
    and (abs(t.numerator - p.numerator) > 0.001 or t.denominator <> p.denominator)
union all
select 'surveys counted', s.family, s.n, c.n
from (select family, count(*) as n from {{ ref('fct_survey') }} group by family) as s
left join (select family, sum(n_sampled + n_outside_sample) as n from {{ ref('survey_counts') }} group by family) as c using (family)
where s.n is distinct from c.n
union all
select 'eligible = sampled - ineligible', unit_key, n_sampled - n_ineligible, n_eligible
from {{ ref('survey_counts') }}
where n_eligible <> n_sampled - n_ineligible or n_complete + n_break_off > n_eligible
union all
select 'cases counted', m.measure_id, case m.numerator_rule when 'all' then any_value(c.n_all) else any_value(c.n_grievance) end, sum(x.numerator)
from {{ source('definition', 'measure') }} as m
inner join {{ ref('measure_month') }} as x using (measure_id)
cross join case_count as c
where m.source = 'cases' and m.valid_from_on is null and m.valid_to_on is null
    and m.measure_id not in (select n.measure_id from {{ source('definition', 'measure_condition') }} as n)  -- those count fewer
group by m.measure_id, m.numerator_rule
having sum(x.numerator) <> case m.numerator_rule when 'all' then any_value(c.n_all) else any_value(c.n_grievance) end
union all
-- Classes add up to the total, severity bands too: a case has one of each.
select 'cases of ' || t.segment_type || ' by ' || p.part, t.entity_number || ' ' || t.end_month, t.numerator, p.numerator
from (select * from {{ ref('complaint_rate_count') }} where rate_class = 'total' and n_months = 1 and segment_type in ('all', 'grievance')) as t
inner join (
    select entity_number, end_month, segment_type, 'class' as part, sum(numerator) as numerator
    from {{ ref('complaint_rate_count') }} where rate_class <> 'total' and n_months = 1 and segment_type in ('all', 'grievance') group by all
    union all
    select entity_number, end_month, 'all', 'severity', sum(numerator)
    from {{ ref('complaint_rate_count') }} where n_months = 1 and segment_type = 'severity' group by all
) as p using (entity_number, end_month, segment_type)
where t.numerator <> p.numerator
union all
select 'issues belong to cases', i.feed, count(*), 0
from {{ ref('fct_complaint') }} as c
left join (select distinct feed, case_id from {{ ref('fct_complaint_issue') }}) as i on i.feed = c.feed and i.case_id = c.case_id
where i.case_id is null
group by i.feed
