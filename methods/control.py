"""Control charts from a table: (unit, period, numerator, denominator) to limits and signals, all units at once.

Belongs here: reading the options, putting chart, run rules and icons together, laying them out as columns.
Does not belong here: formulas (charts.py, signals.py, making_data_count.py), the warehouse.
"""
from dataclasses import dataclass, replace

import numpy as np

from methods import arrays, charts, choice, grid, making_data_count, phases, signals

RULES = {"anhoej": (), "nhs": ("shift", "trend"), "western_electric": ("shift",), "ihi": ("shift", "trend")}   # and their options
LINES = ("centre", "lcl", "lcl95", "ucl95", "ucl")
ANHOEJ = ("runs_signal", "n_obs", "n_useful", "longest_run", "longest_run_max", "n_crossings", "n_crossings_min")
BLOCK = 4096            # series computed together
VARIATION = (*making_data_count.VARIATION, "runs_signal")


@dataclass(frozen=True)
class Options:
    """What one call of control_chart asks for; see there."""

    chart: str
    kind: str
    rules: str
    direction: str
    scale: float
    screen_mr: bool
    laney_floor: bool
    minimum_points: int
    shift: int | None
    trend: int | None

    def __post_init__(self):
        if self.rules not in RULES:
            raise ValueError(f"unknown rules {self.rules!r}; known: {', '.join(RULES)}")
        if self.direction not in making_data_count.DIRECTIONS:
            raise ValueError(f"unknown direction {self.direction!r}; known: {', '.join(making_data_count.DIRECTIONS)}")
        if wrong := self.points().keys() - set(RULES[self.rules]):
            raise ValueError(f"rules {self.rules} have no option {', '.join(sorted(wrong))}")

    def points(self):
        """The points a shift and a trend need, where the call sets them."""
        return {key: value for key, value in (("shift", self.shift), ("trend", self.trend)) if value is not None}


def control_chart(table, *, unit="unit", period="period", numerator="numerator", denominator="denominator", value=None,
                  chart="auto", kind="rate", rules="anhoej", direction="neutral", target=None, scale=1.0, every="month",
                  freeze=None, rebase=None, exclude=None, centre=None, screen_mr=True, laney_floor=False,
                  minimum_points=choice.RUN_ONLY, shift=None, trend=None):
    """Limits and signals of every unit in a table; returns an Arrow table, one row per unit and period.

    table: Arrow, pandas or DuckDB relation, or a dict of columns, one row per unit and period in any order.
    unit: key column or columns of a series · period: dates, ISO text or integers · numerator, denominator: counts; pass
    denominator=None for plain counts and for g and t charts (numerator = encounters, or time, between events) · value: a column to
    chart as it is, instead of the two · every: month (default), day, week, quarter: missing ones become null points; None: no calendar.
    chart: run i xmr mr c u u' p p' ip g t, or auto (choice.choose; xmr under nhs, run under ihi). Rare events under auto get a run chart and
    the note RARE_EVENTS: count encounters or time between them instead · kind: rate or proportion, for auto.
    rules: anhoej, nhs (Making Data Count), western_electric, ihi · shift, trend: points they need, else the usual ones.
    direction: improvement is increase or decrease, or neutral · target: number or column, for the assurance icon.
    scale: 1000 for events per 1,000; applied to y, limits and target's comparison, never to counts or `value`.
    freeze: number of points, or last period, of the baseline, or a true/false column; a series that begins after it is judged by all its
    points · rebase: periods that start a new part, or a true/false column · exclude: periods, or a true/false column. A period may be
    written by any date in it, or as 2026-03; a part starts with the first point on or after the date · centre: a given centre line.
    minimum_points: base points below which a part is a run chart (median, no limits); 0 draws limits always.
    ValueError: unknown option, repeated rows, impossible counts, exclusion under the NHS rules (use rebase or freeze),
    a baseline or an exclusion that meets no point.

    >>> import methods
    >>> found = methods.control_chart(
    ...     {"unit": ["4W"] * 12, "period": [f"2026-{m:02}" for m in range(1, 13)],
    ...      "numerator": [12, 9, 14, 11, 10, 13, 12, 8, 11, 15, 31, 12], "denominator": [2500] * 12},
    ...     chart="u'", scale=1000, direction="decrease")
    >>> [str(row["period"]) for row in found.to_pylist() if row["is_outside"]]
    ['2026-11-01']
    """
    options = Options(chart if chart == "auto" else charts.code(chart), kind, rules, direction, scale if value is None else 1.0,
                      screen_mr, laney_floor, minimum_points, shift, trend)
    events = options.chart in ("g", "t")
    rows = grid.arrow(table)
    keys = [unit] if isinstance(unit, str) else list(unit)
    series = grid.build(rows, keys, period, None if events else every, repeats=events)
    base = _base(series, rows, freeze, rebase, exclude)
    if rules == "nhs" and base["exclude"].any():
        raise ValueError("Making Data Count has no exclusion of points: use rebase or freeze")
    counts = _counts(rows, series, numerator, denominator, value)
    base["centre"] = np.full(series.length.shape, np.nan if centre is None else float(centre))
    goal = series.place(_numbers(rows, target)) if isinstance(target, str) else np.full(series.shape, np.nan if target is None else target)
    return _in_blocks(series, counts, base, goal, options, value is not None)


def _in_blocks(series, counts, base, goal, options, is_value):
    """The result in blocks of series, so that the arrays of a block stay in the cache and memory stays small."""
    import pyarrow as pa

    from methods.control_columns import columns
    tables = []
    for start in range(0, max(len(series.length), 1), BLOCK):
        here = slice(start, start + BLOCK)
        block = series.block(start, start + BLOCK)
        c, n = (None if values is None else values[:block.shape[0], here] for values in counts)
        part = {key: values[here] if values.ndim == 1 else values[:block.shape[0], here] for key, values in base.items()}
        wanted = _wanted(options, (c, n), part, block)
        names = np.unique(wanted) if wanted.size else ["run"]
        found = [_one_chart(name, np.flatnonzero(wanted == name), options, (c, n), part, block) for name in names]
        merged = found[0] if len(found) == 1 else _merge(found, block.shape)
        shown = (np.full(c.shape, np.nan), None) if is_value else (c, n)
        tables.append(columns(block, shown, merged, wanted, options, goal[:block.shape[0], here]))
    return pa.concat_tables(tables)


def _counts(rows, series, numerator, denominator, value):
    """Numerator and denominator as (T, S), or the value and no denominator."""
    c = series.place(_numbers(rows, numerator if value is None else value))
    return c, series.place(_numbers(rows, denominator)) if denominator is not None and value is None else None


def _numbers(rows, name):
    import pyarrow as pa
    return np.asarray(rows.column(name).combine_chunks().cast(pa.float64()).fill_null(float("nan")))


def _flags(rows, series, name):
    import pyarrow as pa
    column = rows.column(name).combine_chunks().cast(pa.bool_()).fill_null(False)
    return series.place(column.to_numpy(zero_copy_only=False), empty=False)


def _base(series, rows, freeze, rebase, exclude):
    """Phase and exclusion (T, S), points in the baseline (S,), from period values or true/false columns."""
    def marked(periods, hit):
        out = np.zeros(series.shape, bool)
        if isinstance(periods, str) and periods in rows.column_names:
            return _flags(rows, series, periods)
        for one in [periods] if isinstance(periods, str) or not np.iterable(periods) else periods:
            out |= hit(one)
        return out

    def first_from(period):      # a part starts at the first point of the series on or after the date
        later = series.stamps >= series.stamp(period)
        return later & (np.cumsum(later, axis=0) == 1)

    starts = np.zeros(series.shape, bool) if rebase is None else marked(rebase, first_from)
    excluded = np.zeros(series.shape, bool) if exclude is None else marked(exclude, lambda one: _one_period(series, one))
    return {"phase": np.cumsum(starts, axis=0, dtype=np.int32) if starts.any() else starts, "exclude": excluded, "freeze": _frozen(series, rows, freeze)}


def _one_period(series, period):
    first, last = series.span(period)
    hit = (series.stamps >= first) & (series.stamps <= last)
    if hit.size and not hit.any():
        raise ValueError("a period to exclude is in no series")
    return hit


def _frozen(series, rows, freeze):
    """Points in the baseline of each series; 0 for all, also where a series begins after the baseline."""
    if freeze is None or isinstance(freeze, (int, np.integer)):
        return np.full(series.length.shape, freeze or 0)
    if isinstance(freeze, str) and freeze in rows.column_names:
        inside = _flags(rows, series, freeze)
    else:
        inside = (series.stamps <= series.span(freeze)[1]) & (series.stamps != grid.NEVER)
        if inside.size and not inside.any():
            raise ValueError("the baseline to freeze ends before every series begins")
    return np.where(inside, np.arange(1, series.shape[0] + 1)[:, None], 0).max(axis=0, initial=0)


def _wanted(options, counts, base, series):
    """Chart of each series, (S,) text."""
    if options.chart != "auto":
        return np.full(series.length.shape, options.chart, "<U3")
    plain = {"nhs": "xmr", "ihi": "run"}.get(options.rules)
    if counts[1] is None or plain == "run":
        plain = plain or "i"
        return np.full(series.length.shape, plain, "<U3")
    rows = phases.cut(series.shape, length=series.length, **{key: base[key] for key in ("phase", "exclude", "freeze")})
    chosen = choice.choose(counts[0].T, counts[1].T, rows.gather(rows.base).T, options.kind).astype("<U3")
    chosen = np.where(chosen == "g", "rare", chosen)
    return chosen if plain is None else np.where(chosen == "rare", chosen, plain)


def _one_chart(name, which, options, counts, base, series):
    """Limits, codes and Anhoej's numbers of the series of one chart: dict of (T, S) arrays, and which series they are."""
    c, n = counts
    every = which.size == series.length.size
    part = (lambda a: a) if every else (lambda a: a[..., which])
    length, phase = part(series.length), part(base["phase"])
    drawn = "run" if name == "rare" else name
    centre = part(base["centre"]) / (options.scale if charts.CHARTS[drawn].is_rate else 1.0)
    found = charts.limits(drawn, part(c).T, None if n is None else part(n).T, length=length, phase=phase.T,
                          freeze=part(base["freeze"]), exclude=part(base["exclude"]).T, centre=centre,
                          screen_mr=options.screen_mr, laney_floor=options.laney_floor)
    found = _run_only(found, length, options.minimum_points)
    out = {key: getattr(found, key).T for key in ("y", *LINES, "phase", "included", "base", "n_base")}
    out["status"] = np.where((drawn == "run") | (found.n_base < options.minimum_points), np.minimum(choice.status(found.n_base), 1),
                             choice.status(found.n_base)).T
    out.update(_signals(found, length, options))
    return {"which": which, **out}


def _run_only(found, length, minimum):
    """The limits, with parts of too few base points turned into run charts: median, no lines."""
    few = found.n_base < minimum
    if not few.any():
        return found
    view = phases.View(found.y, length=length, phase=found.phase)
    y = view.open(found.y)
    middle = view.close(arrays.median(y, view.open(found.base) & view.rows.inside & ~np.isnan(y)))
    lines = {key: np.where(few, np.nan, getattr(found, key)) for key in ("lcl", "lcl95", "lcl68", "ucl68", "ucl95", "ucl")}
    return replace(found, centre=np.where(few, middle, found.centre), **lines)


def _signals(found, length, options):
    out = {"beyond": signals.outside(found.y, found.lcl, found.ucl).T}
    if options.rules == "anhoej":
        runs = signals.anhoej(found.y, found.centre, length=length, phase=found.phase, included=found.included)
        if found.chart == "mr":     # neighbouring ranges share a point, so their runs mean nothing: qicharts2 tests limits alone
            runs = replace(runs, **{key: np.zeros_like(getattr(runs, key)) for key in ("runs_signal", "in_long_run")})
        return out | {"codes": signals.anhoej_codes(found, runs).T} | {key: getattr(runs, key).T for key in ANHOEJ}
    rules = {"nhs": making_data_count.rules, "western_electric": signals.western_electric, "ihi": signals.ihi_run_chart}
    return out | {"codes": rules[options.rules](found, length=length, **options.points()).T}


def _merge(found, shape):
    """Results of several charts side by side."""
    out = {}
    for key in found[0].keys() - {"which"}:
        out[key] = np.empty(shape, found[0][key].dtype)
        for one in found:
            out[key][:, one["which"]] = one[key]
    return out
