-- Every KPI for every entity and period, with its parts, its interval and, where there is no value, the reason.
-- Scores: scale x numerator / denominator per component; a composite is the plain mean of its components (items).
-- Interval of a composite: Wilson with the mean as p and the largest component denominator as n, that is, the answers
-- of one person to several items are taken as perfectly correlated (product-defined, and conservative).
-- A retired measure keeps its rows for twelve months with the reason DEFINITION_CHANGED, so that the break is seen.
with kpi as (
    select
        row_number() over (order by k.kpi_id)::smallint as kpi_number, k.kpi_id, k.minimum_denominator, m.*,
        case m.source when 'cases' then 'complaint' when 'handled_cases' then 'complaint:handled' when 'metrics' then 'metric:' || m.measure_id
            else concat_ws(':', 'survey', m.instrument_family) end as kind,
        case m.source when 'cases' then m.measure_id end as whole_measure_id,
        {{ month_number("coalesce(m.valid_from_on, date '1900-01-01') - 1") }} + 1 as first_valid_month,
        {{ month_number("coalesce(m.valid_to_on, date '9999-11-30') + 1") }} - 1 as last_valid_month
    from {{ source('definition', 'kpi') }} as k
    inner join {{ source('definition', 'measure') }} as m using (measure_id)
    where m.source <> 'adjusted'
),

kpi_component as (
    select
        k.kpi_number, k.measure_id, k.kind, k.whole_measure_id, k.first_valid_month, k.last_valid_month, l.level,
        coalesce(i.item_code, 'all') as component_code,
        (dense_rank() over (order by k.kpi_number, i.item_code))::smallint as component_number
    from kpi as k
    inner join {{ source('definition', 'kpi_level') }} as l using (kpi_id)
    left join {{ source('definition', 'measure_item') }} as i using (measure_id)
),

kpi_period as (
    select k.kpi_number, w.period_grain,
        case w.period_grain when 'month' then 1 when 'quarter' then 3 when 'rolling_12_months' then 12 end as n_months
    from kpi as k inner join {{ source('definition', 'kpi_window') }} as w using (kpi_id)
),

entity as (
    select distinct entity_number, level, entity_code, facility_id, unit_id, service_line, is_unassigned
    from {{ ref('kpi_entity') }}
),

delivered as (
    select k.kind, o.facility_id, o.first_open_month, o.first_known_month
    from (select distinct kind, case kind when 'complaint:handled' then 'complaint' else kind end as closed_by from kpi) as k
    inner join {{ ref('open_month') }} as o on o.kind = k.closed_by
),

-- The data, and zeros for every month of the series: a window ends in every month, also in one without data.
month_sum as (
    select kpi_number, component_number, entity_number, month_number,
        sum(numerator) as numerator, sum(denominator)::bigint as denominator
    from (
        select c.kpi_number, c.component_number, e.entity_number, {{ month_number('m.month_start_on') }}::integer as month_number,
            m.numerator, m.denominator
        from {{ ref('measure_month') }} as m
        inner join {{ ref('kpi_entity') }} as e using (unit_key)
        inner join kpi_component as c
            on c.measure_id = m.measure_id and c.component_code = m.component_code and c.level = e.level
        union all
        select c.kpi_number, c.component_number, s.entity_number, s.month_number, 0, 0
        from {{ ref('kpi_month') }} as s
        inner join entity as e using (entity_number)
        inner join kpi_component as c
            on c.kind = s.kind and c.whole_measure_id is not distinct from s.measure_id and c.level = e.level
            and s.month_number between c.first_valid_month and c.last_valid_month + 12
    )
    group by all
),

windowed as (
    select kpi_number, component_number, entity_number, 1 as n_months, month_number as end_month, numerator, denominator
    from month_sum semi join (select kpi_number from kpi_period where n_months = 1) using (kpi_number)
    union all
    select kpi_number, component_number, entity_number, 3, month_number // 3 * 3 + 2, sum(numerator), sum(denominator)::bigint
    from month_sum semi join (select kpi_number from kpi_period where n_months = 3) using (kpi_number)
    group by all
    union all
    select kpi_number, component_number, entity_number, 12, month_number, sum(numerator) over twelve,
        (sum(denominator) over twelve)::bigint
    from month_sum semi join (select kpi_number from kpi_period where n_months = 12) using (kpi_number)
    window twelve as (
        partition by kpi_number, component_number, entity_number order by month_number range between 11 preceding and current row
    )
),

-- The mean is taken over decimals: added in any order it is the same to the last digit.
score as (
    select
        kpi_number, entity_number, n_months, end_month,
        sum(numerator)::double as numerator,
        sum(denominator)::double as denominator,
        max(denominator) as n,
        sum((numerator::double / nullif(denominator, 0))::decimal(38, 18))::double / nullif(count(*) filter (denominator > 0), 0) as mean
    from windowed
    group by all
),

span as (
    select kind, measure_id, entity_number, min(month_number) as first_month, max(month_number) as last_month
    from {{ ref('kpi_month') }} group by all
),

judged as (
    select
        s.*, p.period_grain, k.* exclude (kpi_number), e.* exclude (entity_number),
        case
            when e.is_unassigned then 'UNASSIGNED_UNIT'
            when s.end_month - s.n_months + 1 < k.first_valid_month or s.end_month > k.last_valid_month then 'DEFINITION_CHANGED'
            when s.end_month >= coalesce(d.first_open_month, 0) then 'PERIOD_OPEN'
            when s.n_months = 12 and not coalesce(m.is_rolling_whole, false) then 'WINDOW_INCOMPLETE'
            when s.n_months = 3 and not coalesce(m.is_quarter_whole, false) then 'WINDOW_INCOMPLETE'
            when k.source = 'cases' and s.end_month - s.n_months + 1 < d.first_known_month then 'NUMERATOR_INCOMPLETE'
            when s.denominator = 0 then case when k.source in ('answers', 'patient_means') then 'NO_ANSWERS'
                when k.source = 'handled_cases' then 'NOTHING_DECIDED' else 'DENOMINATOR_MISSING' end
            when s.n_months = 1 and k.source = 'cases' and not coalesce(m.is_whole, false) then 'DENOMINATOR_INCOMPLETE'
        end as obstacle,
        k.source in ('answers', 'patient_means') and u.kind is not null as is_unweighted
    from score as s
    inner join kpi as k using (kpi_number)
    inner join kpi_period as p on p.kpi_number = s.kpi_number and p.n_months = s.n_months
    inner join entity as e using (entity_number)
    inner join span as x
        on x.kind = k.kind and x.measure_id is not distinct from k.whole_measure_id and x.entity_number = s.entity_number
        and s.end_month >= x.first_month and s.end_month - case s.n_months when 3 then 2 else 0 end <= x.last_month
    left join {{ ref('kpi_month') }} as m
        on m.kind = k.kind and m.measure_id is not distinct from k.whole_measure_id
        and m.entity_number = s.entity_number and m.month_number = s.end_month
    left join delivered as d on d.kind = k.kind and d.facility_id is not distinct from e.facility_id
    left join {{ ref('unweighted_window') }} as u
        on u.kind = k.kind and u.facility_id is not distinct from e.facility_id and u.n_months = s.n_months and u.end_month = s.end_month
    where s.end_month >= k.first_valid_month and s.end_month - s.n_months + 1 <= k.last_valid_month + 12
),

valued as (
    select
        *,
        case when obstacle is null then mean end as p,
        {{ month_of_number('(end_month - n_months + 1)') }} as period_start_on,
        last_day({{ month_of_number('end_month') }}) as period_end_on,
        coalesce(obstacle, case when n < minimum_denominator then 'BELOW_MINIMUM' when is_unweighted then 'DSRS_UNWEIGHTED' end) as reason
    from judged
)

select
    v.kpi_id || ':' || v.period_grain || ':' || v.period_start_on || ':' || v.level || ':' || v.entity_code || ':all' as kpi_key,
    v.kpi_id, v.measure_id, v.measure_version, v.standing, v.level, v.facility_id, v.unit_id, v.service_line,
    'all' as segment_type,
    'all' as segment_value,
    v.period_grain, v.period_start_on, v.period_end_on, v.numerator, v.denominator,
    v.scale_factor * v.p as value,
    v.scale_factor * case v.interval_method
        when 'wilson' then {{ wilson('v.p', 'v.n', -1) }}
        when 'phe' then case when v.p is not null then {{ phe_count_lower('v.numerator', 'g') }} / v.denominator end
    end as ci_low,
    v.scale_factor * case v.interval_method
        when 'wilson' then {{ wilson('v.p', 'v.n', 1) }}
        when 'phe' then case when v.p is not null then {{ phe_count_upper('v.numerator', 'g') }} / v.denominator end
    end as ci_high,
    v.n,
    v.reason is null as is_publishable,
    v.reason,
    t.target,
    v.direction,
    r.run_id
from valued as v
left join {{ ref('garwood_limit') }} as g on g.confidence = 0.95 and g.n_events = v.numerator and v.interval_method = 'phe'
left join {{ source('definition', 'kpi_target') }} as t
    on t.kpi_id = v.kpi_id
    and v.period_end_on between coalesce(t.valid_from_on, date '0001-01-01') and coalesce(t.valid_to_on, date '9999-12-31')
cross join {{ source('warehouse', 'run') }} as r
union all
-- A regression over the whole group is no sum: its KPIs come ready from their step.
select * from {{ ref('kpi_adjusted') }}
