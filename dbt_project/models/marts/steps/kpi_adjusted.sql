-- KPIs of adjusted measures, in the shape of kpi_value: one row per entity of a study and window. The denominator is
-- the surveys that answer the measure, n those that could be used; there is no numerator, a regression has no parts.
with found as (
    select
        r.*, k.kpi_id, k.minimum_denominator, m.measure_id, m.measure_version, m.standing, m.direction, e.entity_code, e.service_line,
        case r.n_months when 3 then 'quarter' else 'rolling_12_months' end as period_grain,
        {{ month_of_number('r.first_month') }} as period_start_on,
        last_day({{ month_of_number('(r.first_month + r.n_months - 1)') }}) as period_end_on,
        coalesce(r.reason_code, case when r.n_usable < k.minimum_denominator then 'BELOW_MINIMUM' when u.kind is not null then 'DSRS_UNWEIGHTED' end) as reason
    from {{ ref('case_mix_result') }} as r
    inner join {{ source('definition', 'measure') }} as m
        on m.source = 'adjusted' and m.measure_name = r.measure_name || '_adjusted' and m.numerator_rule = r.case_mix_id
        and (m.statistic = r.score or (r.reason_code is not null and r.score = 'linear_mean'))
    inner join {{ source('definition', 'kpi') }} as k on k.measure_id = m.measure_id
    inner join {{ source('definition', 'kpi_level') }} as l on l.kpi_id = k.kpi_id and l.level = r.level
    inner join (
        select distinct level, entity_code, facility_id, unit_id, service_line from {{ ref('kpi_entity') }}
    ) as e on e.level = r.level and e.facility_id = r.facility_id and e.unit_id is not distinct from r.unit_id
    left join {{ ref('unweighted_window') }} as u
        on u.kind = 'survey:' || m.instrument_family and u.facility_id = r.facility_id and u.n_months = r.n_months and u.end_month = r.first_month + r.n_months - 1
    where r.row_kind = 'entity'
    -- An entity that could not be adjusted has one row, which speaks for every score, unless the score has its own.
    qualify row_number() over (
        partition by k.kpi_id, r.level, e.entity_code, r.n_months, r.first_month order by m.statistic <> r.score, r.case_mix_id
    ) = 1
)

select
    v.kpi_id || ':' || v.period_grain || ':' || v.period_start_on || ':' || v.level || ':' || v.entity_code || ':all' as kpi_key,
    v.kpi_id, v.measure_id, v.measure_version, v.standing, v.level, v.facility_id, v.unit_id, v.service_line,
    'all' as segment_type, 'all' as segment_value, v.period_grain, v.period_start_on, v.period_end_on,
    null::double as numerator,
    v.n_answered as denominator,
    v.adjusted as value,
    v.adjusted - {{ z95() }} * sqrt(v.variance) as ci_low,
    v.adjusted + {{ z95() }} * sqrt(v.variance) as ci_high,
    v.n_usable::bigint as n,
    v.reason is null as is_publishable,
    v.reason,
    t.target,
    v.direction,
    r.run_id
from found as v
inner join {{ source('definition', 'kpi_window') }} as w on w.kpi_id = v.kpi_id and w.period_grain = v.period_grain
left join {{ source('definition', 'kpi_target') }} as t
    on t.kpi_id = v.kpi_id
    and v.period_end_on between coalesce(t.valid_from_on, date '0001-01-01') and coalesce(t.valid_to_on, date '9999-12-31')
cross join {{ source('warehouse', 'run') }} as r
