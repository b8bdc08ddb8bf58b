"""Control charts of all series at once: from kpi_value to limits and signals, by methods.charts_by_setting.

Belongs here: which rows are points, which decisions mark them. Does not belong here: formulas (methods/), names and texts (kpi_trend.sql).

A point is null where its value may not be published, or where the definition changed in its middle. Months that are still open
are no points yet. A part begins with the first period that starts on or after the date of the decision or of the break.
"""

POINTS = """
    select
        s.setting, s.series_number, v.period_start_on, v.period_end_on,
        case when v.is_publishable and x.start_on is null then v.value end as value,
        -- Composites have several denominators: the mean stands for the share of the people who answered most.
        case when v.is_publishable and x.start_on is null
            then case when v.denominator = v.n then v.numerator else v.value / s.scale_factor * v.n end end as numerator,
        case when v.is_publishable and x.start_on is null then v.n::double end as denominator,
        v.target, v.numerator as kpi_numerator, v.denominator as kpi_denominator,
        case when x.start_on is not null then 'DEFINITION_CHANGED' else v.reason end as reason
    from kpi_value as v
    inner join series as s
        on s.kpi_id = v.kpi_id and s.period_grain = v.period_grain and s.level = v.level
        and s.facility_id is not distinct from v.facility_id and s.unit_id is not distinct from v.unit_id
        and s.service_line is not distinct from v.service_line
    left join measure_break as x
        on x.measure_id = v.measure_id and x.start_on > v.period_start_on and x.start_on <= v.period_end_on
    where s.is_charted and v.segment_type = 'all' and v.reason is distinct from 'PERIOD_OPEN'
"""

# Decisions about a facility hold for everything inside it. The last period that a baseline holds ends with its last date at the latest.
MARKS = """
    with decision as (
        select s.series_number, s.period_grain, e.event, e.event_on, e.reason || ' (decided by ' || e.decided_by || ')' as reason
        from series as s
        inner join chart_event as e
            on e.kpi_id = s.kpi_id and s.is_charted
            and (e.facility_id is null or e.facility_id = s.facility_id) and (e.unit_id is null or e.unit_id = s.unit_id)
        union all
        select s.series_number, s.period_grain, 'rebase', b.start_on, 'DEFINITION_CHANGED: ' || b.note
        from series as s inner join measure_break as b on b.measure_id = s.measure_id and s.is_charted
    ),

    period as (
        select *,
            case period_grain when 'month' then date_trunc('month', event_on) else date_trunc('quarter', event_on) end::date as starts_on,
            case period_grain when 'month' then interval 1 month else interval 3 months end as length
        from decision
    )

    select
        series_number,
        case
            when event = 'rebase' and starts_on < event_on then (starts_on + length)::date
            when event = 'freeze' and (starts_on + length)::date - 1 > event_on then (starts_on - length)::date
            else starts_on
        end as period_start_on,
        bool_or(event = 'freeze') as is_last_frozen,
        bool_or(event = 'rebase') as is_new_part,
        bool_or(event = 'exclude') as is_left_out,
        string_agg(reason, '; ' order by reason) filter (event = 'rebase') as part_reason,
        string_agg(reason, '; ' order by reason) filter (event = 'exclude') as exclusion_reason
    from period
    group by all
"""

MARKED = """
    select
        p.*,
        coalesce(p.period_start_on <= f.frozen_to, false) as is_frozen,
        coalesce(m.is_new_part, false) as is_new_part,
        coalesce(m.is_left_out, false) as is_left_out
    from points as p
    left join marks as m on m.series_number = p.series_number and m.period_start_on = p.period_start_on
    left join (
        select series_number, max(period_start_on) as frozen_to from marks where is_last_frozen group by series_number
    ) as f on f.series_number = p.series_number
    order by p.setting, p.series_number, p.period_start_on
"""

SETTINGS = """
    select distinct
        setting, replace(replace(chart, 'u_prime', 'u'''), 'p_prime', 'p''') as chart, rule_set as rules, direction, scale_factor as scale,
        screen_mr, laney_floor, period_grain as every,
        case when is_share then 'proportion' else 'rate' end as kind,
        chart in ('run', 'i', 'xmr') as is_value
    from series where is_charted
    order by setting
"""

RESULT = """
    select
        p.series_number, p.period_start_on, p.period_end_on, f.point, p.kpi_numerator as numerator, p.kpi_denominator as denominator,
        f.y as value, p.reason, p.target, replace(f.chart, '''', '_prime') as chart, f.chart_note,
        f.centre, f.lcl, f.lcl95, f.ucl95, f.ucl, f.limits_status, f.phase, m.part_reason, f.is_base, f.is_excluded, m.exclusion_reason,
        p.is_frozen, f.n_base, f.n_excluded, f.base_from as base_from_on, f.base_to as base_to_on,
        f.signal, f.label, f.point_type, f.is_outside, f.runs_signal, f.n_useful, f.longest_run, f.longest_run_max,
        f.n_crossings, f.n_crossings_min, f.variation, f.assurance, f.icon_reason
    from found as f
    inner join points as p on p.series_number = f.series_number and p.period_start_on = f.period
    left join marks as m on m.series_number = f.series_number and m.period_start_on = f.period
"""


def model(dbt, session):
    dbt.config(materialized="table")
    from methods.settings import charts_by_setting

    series, kpi_value = dbt.ref("kpi_series"), dbt.ref("kpi_value")                                     # noqa: F841 (DuckDB reads them by name)
    chart_event, measure_break = dbt.source("definition", "kpi_chart_event"), dbt.source("definition", "measure_break")    # noqa: F841
    marks = session.sql(MARKS).to_arrow_table()
    points = session.sql(POINTS).to_arrow_table()
    points = session.sql(MARKED).to_arrow_table()
    names = [column[0] for column in session.sql(SETTINGS).description]
    settings = [dict(zip(names, row, strict=True)) for row in session.sql(SETTINGS).fetchall()]
    found = charts_by_setting(points, settings, series="series_number", period="period_start_on")
    return session.sql(RESULT).to_arrow_table()
