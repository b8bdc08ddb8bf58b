-- Rates at a fixed mix of encounter classes (encounters.md section 3): the sum over classes of weight x class rate. The
-- crude rate falls when the share of office visits grows; this one does not. Weights: those of the settings, else the
-- mix of all encounters in the standard year that is set, else in the first twelve whole months of the enterprise.
-- Interval: Dobson's, from the variance of the weighted sum and the limits of the number of cases.
with whole_month as (
    select c.end_month, row_number() over (order by c.end_month) as nth
    from {{ ref('complaint_rate_count') }} as c
    inner join (select distinct entity_number from {{ ref('kpi_entity') }} where level = 'enterprise') as e using (entity_number)
    where c.rate_class = 'total' and c.segment_type = 'all' and c.n_months = 1 and c.is_whole
),

class_month as (
    select e.encounter_class, {{ month_number('e.month_start_on') }} as month_number, sum(e.n_encounters)::bigint as n
    from {{ ref('fct_encounter_count') }} as e
    inner join {{ source('definition', 'measure_encounter_class') }} as m
        on m.encounter_class = e.encounter_class and m.measure_id = '{{ rate_measure() }}'
    group by all
),

standard_month as (
    select m.end_month as month_number, 'first twelve whole months of the enterprise' as standard
    from whole_month as m cross join {{ source('warehouse', 'encounter_setting') }} as s
    where s.standard_year is null and m.nth <= 12 and (select count(*) from whole_month) >= 12
    union all
    select distinct m.month_number, 'encounters of the enterprise in ' || s.standard_year
    from class_month as m inner join {{ source('warehouse', 'encounter_setting') }} as s on s.standard_year = m.month_number // 12
),

weight as (
    select encounter_class as rate_class, weight / sum(weight) over () as weight, 'weights of the settings' as standard
    from {{ source('warehouse', 'standard_weight') }} where weight > 0
    union all
    select encounter_class, n / sum(n) over (), standard
    from (
        select c.encounter_class, sum(c.n)::bigint as n
        from class_month as c inner join standard_month as s using (month_number)
        group by c.encounter_class
    )
    cross join (
        select min(standard) || ', ' || strftime({{ month_of_number('min(month_number)') }}, '%Y-%m') || ' to '
            || strftime({{ month_of_number('max(month_number)') }}, '%Y-%m') as standard
        from standard_month
    )
    where n > 0 and not exists (select 1 from {{ source('warehouse', 'standard_weight') }} where weight > 0)
),

numbered as (
    select *, 1 << (row_number() over (order by rate_class) - 1) as class_bit from weight
),

-- Terms are decimals: added in any order they give the same sum. The row of the total is there when no class is.
summed as (
    select
        c.entity_number, c.segment_type, c.segment_value, c.n_months, c.end_month,
        sum((k.weight * c.numerator / nullif(c.denominator, 0))::decimal(38, 24))::double as rate,
        sum((k.weight * k.weight * c.numerator / nullif(c.denominator::double * c.denominator, 0))::decimal(38, 30))::double as variance,
        coalesce(sum(c.numerator) filter (k.weight is not null), 0)::bigint as n_cases,
        coalesce(bit_or(k.class_bit) filter (c.denominator > 0), 0) as class_bits
    from {{ ref('complaint_rate_count') }} as c
    left join numbered as k on k.rate_class = c.rate_class
    where c.segment_type in ('all', 'grievance') and (k.weight is not null or c.rate_class = 'total')
    group by all
    having bool_or(c.rate_class = 'total')
),

absent as (
    select s.class_bits, any_value(k.standard) as standard,
        string_agg(k.rate_class, ', ' order by k.rate_class) filter (s.class_bits & k.class_bit = 0) as absent_classes
    from (select distinct class_bits from summed) as s
    cross join numbered as k
    group by s.class_bits
)

select
    s.entity_number, s.segment_type, s.segment_value, s.n_months, s.end_month, a.standard, s.n_cases, a.absent_classes,
    case when a.absent_classes is null then 1000 * s.rate end as standardised_rate,
    case when a.absent_classes is null and s.n_cases > 0
        then 1000 * (s.rate + sqrt(s.variance / s.n_cases) * (i.ci_low / 1000 - s.n_cases)) end as standardised_low,
    case when a.absent_classes is null and s.n_cases > 0
        then 1000 * (s.rate + sqrt(s.variance / s.n_cases) * (i.ci_high / 1000 - s.n_cases)) end as standardised_high
from summed as s
inner join absent as a using (class_bits)
left join {{ ref('complaint_rate_interval') }} as i
    on i.numerator = s.n_cases and i.denominator = 1 and i.last_year_denominator is null
