"""Before and after every initiative: effect with interval, and what a chart with the baseline frozen at the start shows.

Belongs here: which periods are before and after. Does not belong here: formulas (methods/), names (initiative_effect.sql).

The finest window that the KPI has is taken, the series of exactly the initiative's place. Before: up to twelve closed periods that end before
the start; after: up to twelve that begin on or after it, and not after its end. The period in which it starts counts on neither side unless it
starts with it. Points left out by decision count on neither side. Nor do periods that a change of the definition lies between and the start:
they tell of another measure.
"""

PERIODS = """
    with placed as (
        select i.initiative_id, i.kpi_id, i.start_on, i.end_on, s.*,
            row_number() over (partition by i.initiative_id, i.kpi_id, i.facility_id, i.unit_id
                order by case s.period_grain when 'month' then 1 when 'quarter' then 2 end) as nth
        from initiative as i
        inner join series as s
            on s.kpi_id = i.kpi_id and s.is_charted and s.period_grain in ('month', 'quarter')
            and s.facility_id is not distinct from i.facility_id and s.unit_id is not distinct from i.unit_id
            and s.level = case when i.unit_id is not null then 'unit' when i.facility_id is not null then 'facility' else 'enterprise' end
        where i.fault is null
    ),

    broken as (
        select p.initiative_id, p.series_number,
            max(b.start_on) filter (b.start_on <= p.start_on) as since_on, min(b.start_on) filter (b.start_on > p.start_on) as until_on
        from placed as p
        inner join measure_break as b on b.measure_id = p.measure_id
        group by p.initiative_id, p.series_number
    ),

    sided as (
        select p.initiative_id, p.start_on, p.setting, p.series_number, p.scale_factor, p.is_share, p.unit,
            c.period_start_on, c.period_end_on, coalesce(c.period_start_on < b.since_on or c.period_end_on >= b.until_on, false) as is_other_definition,
            c.value, c.is_excluded, c.n_events as numerator, c.n_opportunities as n,
            case
                when c.period_end_on < p.start_on then 'before'
                when c.period_start_on >= p.start_on and c.period_start_on <= coalesce(p.end_on, date '9999-12-31') then 'after'
            end as side
        from placed as p
        inner join chart as c on c.series_number = p.series_number
        left join broken as b on b.initiative_id = p.initiative_id and b.series_number = p.series_number
        where p.nth = 1
    )

    select * replace (case when not is_other_definition then value end as value, case when not is_other_definition then numerator end as numerator,
            case when not is_other_definition then n end as n),
        dense_rank() over (order by initiative_id, series_number)::integer as subject
    from sided
    where side is not null
    qualify row_number() over (
        partition by initiative_id, series_number, side order by case side when 'before' then -1 else 1 end * (period_start_on - date '1900-01-01')
    ) <= 12
"""

def _sides():
    parts = []
    for side in ("before", "after"):
        here = f"filter (counts and side = '{side}')"
        parts.append(f"""count(*) {here} as n_{side}, min(period_start_on) {here} as {side}_from_on, max(period_end_on) {here} as {side}_to_on,
            sum(numerator::decimal(38, 9)) {here}::double as numerator_{side}, sum(n::decimal(38, 0)) {here}::double as denominator_{side},
            avg(value::decimal(38, 12)) {here}::double as mean_{side}, list_var_samp(list(value order by period_start_on) {here}) as variance_{side}""")
    return f"""
        select subject, any_value(initiative_id) as initiative_id, any_value(series_number) as series_number,
            bool_or(is_other_definition) as is_cut,
            any_value(scale_factor) as scale_factor, any_value(is_share) as is_share, any_value(unit = 'per_1000') as is_rate, {", ".join(parts)}
        from (select *, not is_excluded and value is not null as counts from period)
        group by subject order by subject"""


POINTS = """
    select setting, subject, period_start_on, value, numerator, n as denominator, null::double as target,
        side = 'before' as is_frozen, false as is_new_part, is_excluded as is_left_out
    from period order by setting, subject, period_start_on
"""

RESULT = """
    with after_start as (
        select f.subject, f.period, f.point, f.signal, f.point_type, f.n_base, f.runs_signal
        from found as f inner join period as p on p.subject = f.subject and p.period_start_on = f.period and p.side = 'after'
    ),

    shown as (
        select subject, any_value(n_base) as n_base, min(period) filter (signal <> 'none') as first_signal_on,
            arg_min(signal, point) filter (signal <> 'none') as first_signal,
            arg_max(point_type, point) filter (signal <> 'none') as last_type,
            count(*) filter (signal <> 'none') as n_signals
        from after_start group by subject
    )

    select s.* exclude (subject, is_share, is_rate, scale_factor), e.* exclude (subject), c.* exclude (subject)
    from side as s
    inner join effect as e on e.subject = s.subject
    left join shown as c on c.subject = s.subject
"""


def _effects(side):
    """Effect, interval and method per subject: ratio of rates, difference of shares (percentage points) or of means."""
    import numpy as np
    import pyarrow as pa

    from methods import intervals

    def numbers(name):
        return np.array(side.column(name).to_pylist(), float)

    share, rate = (np.array(side.column(name).to_pylist(), bool) for name in ("is_share", "is_rate"))
    counts = [numbers(f"{part}_{when}") for when in ("after", "before") for part in ("numerator", "denominator")]
    moments = [numbers(f"{part}_{when}") for when in ("after", "before") for part in ("mean", "variance", "n")]
    found = np.full((3, len(side)), np.nan)
    for which, one in ((rate & ~share, lambda i: intervals.rate_ratio(*(c[i] for c in counts))[:3]),
                       (share, lambda i: [100 * value for value in intervals.share_difference(*(c[i] for c in counts))]),
                       (~rate & ~share, lambda i: intervals.mean_difference(*(m[i] for m in moments)))):
        if which.any():
            found[:, which] = one(np.flatnonzero(which))
    kinds = np.where(share, "difference", np.where(rate, "rate_ratio", "mean_difference")).tolist()

    def column(values):
        return pa.array(values, pa.float64(), mask=~np.isfinite(values))

    return pa.table({"subject": side.column("subject"), "effect_kind": pa.array(kinds, pa.string()), "effect": column(found[0]),
                     "effect_low": column(found[1]), "effect_high": column(found[2])})


def model(dbt, session):
    dbt.config(materialized="table")
    from methods.settings import SERIES, charts_by_setting, settings_of

    series, chart, initiative = dbt.ref("kpi_series"), dbt.ref("kpi_chart"), dbt.ref("initiative")      # noqa: F841
    measure_break = dbt.source("definition", "measure_break")      # noqa: F841

    period = session.sql(PERIODS).to_arrow_table()
    side = session.sql(_sides()).to_arrow_table()
    effect = _effects(side)         # noqa: F841 (DuckDB reads it by name)
    settings = settings_of(session.sql(f"select distinct {', '.join(SERIES)} from series where is_charted and period_grain <> 'event'").to_arrow_table())
    found = charts_by_setting(session.sql(POINTS).to_arrow_table(), settings, series="subject", period="period_start_on")     # noqa: F841
    return session.sql(RESULT).to_arrow_table()
