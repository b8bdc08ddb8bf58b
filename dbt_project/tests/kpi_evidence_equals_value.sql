-- The sum over the evidence is the KPI, for every row of kpi_value. It reads every answer once per KPI, so daily runs
-- at large scale leave it out by its tag; CI and `pxw verify` run it.
{{ config(tags=['all_evidence']) }}
with unit_month as (
    select kpi_id, facility_id, unit_id, service_line, {{ month_number('month_start_on') }} as month_number,
        sum(numerator) as numerator, sum(denominator) as denominator,
        count(*) filter (not is_counted and (numerator <> 0 or denominator <> 0)) as n_counted_wrongly
    from {{ ref('kpi_evidence') }}
    group by all
),

unit_period as (
    select e.*, p.period_grain, p.end_month
    from unit_month as e
    cross join lateral (
        select 'month' as period_grain, e.month_number as end_month
        union all
        select 'quarter', e.month_number // 3 * 3 + 2
        union all
        select 'rolling_12_months', unnest(range(e.month_number, e.month_number + 12))
    ) as p
),

entity_period as (
    select kpi_id, period_grain, end_month, facility_id, unit_id, service_line,
        case when grouping(facility_id) = 1 then 'enterprise' when grouping(service_line) = 1 then 'facility'
            when grouping(unit_id) = 1 then 'service_line' else 'unit' end as level,
        sum(numerator) as numerator, sum(denominator) as denominator, sum(n_counted_wrongly) as n_counted_wrongly
    from unit_period
    group by grouping sets (
        (kpi_id, period_grain, end_month),
        (kpi_id, period_grain, end_month, facility_id),
        (kpi_id, period_grain, end_month, facility_id, service_line),
        (kpi_id, period_grain, end_month, facility_id, service_line, unit_id)
    )
)

select v.kpi_key, v.numerator, e.numerator as evidence_numerator, v.denominator, e.denominator as evidence_denominator
from {{ ref('kpi_value') }} as v
left join entity_period as e
    on e.kpi_id = v.kpi_id and e.level = v.level and e.period_grain = v.period_grain
    and e.end_month = {{ month_number('v.period_end_on') }}
    and e.facility_id is not distinct from v.facility_id and e.unit_id is not distinct from v.unit_id
    and e.service_line is not distinct from v.service_line
where v.numerator <> coalesce(e.numerator, 0)::double
    or v.denominator <> coalesce(e.denominator, 0)::double
    or coalesce(e.n_counted_wrongly, 0) > 0
