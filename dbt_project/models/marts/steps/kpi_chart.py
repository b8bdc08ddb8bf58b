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
        v.target, v.value as kpi_value, v.numerator as kpi_numerator, v.denominator as kpi_denominator,
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

# Decisions about a facility hold for everything inside it.
DECISIONS = """
    select s.series_number, s.period_grain, e.event, e.event_on, e.reason || ' (decided by ' || e.decided_by || ')' as reason
    from series as s
    inner join chart_event as e
        on e.kpi_id = s.kpi_id and s.is_charted
        and (e.facility_id is null or e.facility_id = s.facility_id) and (e.unit_id is null or e.unit_id = s.unit_id)
    union all
    select s.series_number, s.period_grain, case i.action_code when 'rebase' then 'rebase' else 'annotate' end, i.start_on,
        i.initiative_id || ' ' || i.initiative_name
    from series as s
    inner join initiative as i
        on i.kpi_id = s.kpi_id and s.is_charted and i.fault is null
        and (i.facility_id is null or i.facility_id = s.facility_id) and (i.unit_id is null or i.unit_id = s.unit_id)
    union all
    select s.series_number, s.period_grain, 'rebase', b.start_on, 'DEFINITION_CHANGED: ' || b.note
    from series as s inner join measure_break as b on b.measure_id = s.measure_id and s.is_charted
"""

# The last period of a baseline ends with its last date at the latest.
MARKS = """
    with period as (
        select *,
            case period_grain when 'month' then date_trunc('month', event_on) else date_trunc('quarter', event_on) end::date as starts_on,
            case period_grain when 'month' then interval 1 month else interval 3 months end as length
        from decision
        where period_grain <> 'event'
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
        string_agg(reason, '; ' order by reason) filter (event = 'exclude') as exclusion_reason,
        string_agg(reason, '; ' order by reason) filter (event = 'annotate') as annotation
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

# Rare events: how far each lies from the one before, in encounters or days. The first has nothing before it and is no point; nor has
# an event a distance when a month between lacks its encounters. auto draws them where a series per month says too little.
EVENTS = """
    with drawn as (
        select s.series_number, s.setting, s.chart
        from series as s
        where s.period_grain = 'event' and (s.declared_chart <> 'auto' or exists (
            select 1 from found as f inner join series as m on m.series_number = f.series_number
            where f.chart_note = 'RARE_EVENTS' and m.period_grain = 'month' and m.kpi_id = s.kpi_id and m.level = s.level
                and m.entity_code = s.entity_code))
    ),

    distance as (
        select
            d.setting, d.series_number, c.event_on, c.event_number - 1 as point, lag(c.event_on) over series as previous_on,
            case d.chart
                when 't' then (c.event_on - lag(c.event_on) over series)::double
                else case when c.n_gaps = lag(c.n_gaps) over series
                    then round(c.n_encounters_before - lag(c.n_encounters_before) over series) end
            end as numerator
        from kpi_case as c
        inner join drawn as d on d.series_number = c.series_number
        window series as (partition by d.series_number order by c.event_number)
    )

    select
        p.setting, p.series_number, p.event_on as period_start_on, p.point, p.numerator, null::double as target,
        coalesce(bool_or(e.event = 'freeze' and p.event_on <= e.event_on), false) as is_frozen,
        coalesce(bool_or(e.event = 'rebase' and e.event_on > p.previous_on and e.event_on <= p.event_on), false) as is_new_part,
        coalesce(bool_or(e.event = 'exclude' and e.event_on = p.event_on), false) as is_left_out,
        string_agg(e.reason, '; ' order by e.reason) filter (e.event = 'rebase' and e.event_on > p.previous_on and e.event_on <= p.event_on) as part_reason,
        string_agg(e.reason, '; ' order by e.reason) filter (e.event = 'exclude' and e.event_on = p.event_on) as exclusion_reason,
        string_agg(e.reason, '; ' order by e.reason) filter (e.event = 'annotate' and e.event_on > p.previous_on and e.event_on <= p.event_on) as annotation
    from distance as p
    left join decision as e on e.series_number = p.series_number
    where p.point > 0
    group by all
    order by p.setting, p.series_number, p.point
"""

# At a null point the centre line is drawn through and there are no limits, whatever the chart.
LIMITS = ", ".join(["f.centre", *(f"case when f.y is not null then f.{line} end as {line}" for line in ("lcl", "lcl95", "ucl95", "ucl"))]) + """,
        f.limits_status, f.phase, m.part_reason, f.is_base, f.is_excluded,
        m.exclusion_reason, m.annotation, p.is_frozen, f.n_base, f.n_excluded, f.base_from as base_from_on, f.base_to as base_to_on,
        f.signal, f.label, f.point_type, f.is_outside, f.runs_signal, f.n_useful, f.longest_run, f.longest_run_max,
        f.n_crossings, f.n_crossings_min, f.variation, f.assurance, f.icon_reason"""

RESULT = f"""
    select
        p.series_number, p.period_start_on, p.period_end_on, f.point, p.kpi_numerator as numerator, p.kpi_denominator as denominator,
        p.numerator as n_events, p.denominator as n_opportunities,
        case when f.chart = 'c' or f.y is null then f.y else p.kpi_value end as value, p.reason, p.target, replace(f.chart, '''', '_prime') as chart, f.chart_note, {LIMITS}
    from found as f
    inner join points as p on p.series_number = f.series_number and p.period_start_on = f.period
    left join marks as m on m.series_number = f.series_number and m.period_start_on = f.period
    union all
    select
        p.series_number, p.period_start_on, p.period_start_on, f.point, null, null, null, null,
        f.y, case when f.y is null then 'DENOMINATOR_INCOMPLETE' end, null, f.chart, f.chart_note, {LIMITS.replace(" m.", " p.")}
    from found_events as f
    inner join events as p on p.series_number = f.series_number and p.point = f.point
"""


def model(dbt, session):
    dbt.config(materialized="table")
    from methods.settings import SERIES, charts_by_setting, settings_of

    # DuckDB reads these by name.
    series, kpi_value, initiative, kpi_case = dbt.ref("kpi_series"), dbt.ref("kpi_value"), dbt.ref("initiative"), dbt.ref("kpi_case")   # noqa: F841
    chart_event, measure_break = dbt.source("definition", "kpi_chart_event"), dbt.source("definition", "measure_break")    # noqa: F841

    settings = settings_of(session.sql(f"select distinct {', '.join(SERIES)} from series where is_charted").to_arrow_table())
    decision = session.sql(DECISIONS).to_arrow_table()         # noqa: F841
    marks = session.sql(MARKS).to_arrow_table()                # noqa: F841
    points = session.sql(POINTS).to_arrow_table()
    points = session.sql(MARKED).to_arrow_table()
    found = charts_by_setting(points, settings, series="series_number", period="period_start_on")
    events = session.sql(EVENTS).to_arrow_table()
    found_events = (charts_by_setting(events, settings, series="series_number", period="period_start_on")     # noqa: F841
                    if len(events) else found.slice(0, 0))
    return session.sql(RESULT).to_arrow_table()
