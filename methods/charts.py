"""Control limits of many series at once: run, i, xmr, mr, c, u, u', p, p', ip, g and t charts.

Belongs here: from counts to lines. Does not belong here: the formulas (chart_kinds.py), run rules (signals.py,
making_data_count.py), tables (control.py), what a KPI declares.

Limits follow qicharts2 0.8.1; xmr follows NHSRplotthedots 0.2.2 (2.66 mean ranges instead of 3/1.128, freeze counted in each
part). Everything is in events per opportunity; multiply by 1,000 only to show.
"""
from dataclasses import dataclass, replace

import numpy as np

from methods import arrays, phases
from methods.chart_kinds import CHARTS, G_MEDIAN, T_POWER, Points, code


@dataclass(frozen=True)
class Limits:
    """Chart of S series of T points. Every array is series x time (or time alone, when one series was given).

    y, centre, lcl, lcl95, ucl95, ucl, lcl68, ucl68: float, null where unknown: lines at 3, 2 and 1 sigma. At a null
    point the centre line is drawn through, and so are limits that are one number for the part (i, xmr, mr, c, g, t);
    limits that hang on the point's own denominator (u, p, their primes, ip) are null · phase: number of the part · included, base: true/false ·
    n_base: points with a value in the base set of the part.
    """

    chart: str
    y: np.ndarray
    centre: np.ndarray
    lcl: np.ndarray
    lcl95: np.ndarray
    lcl68: np.ndarray
    ucl68: np.ndarray
    ucl95: np.ndarray
    ucl: np.ndarray
    phase: np.ndarray
    included: np.ndarray
    base: np.ndarray
    n_base: np.ndarray


def limits(chart, numerator, denominator=None, *, length=None, freeze=None, parts=None, phase=None, exclude=None, centre=None,
           screen_mr=True, laney_floor=False, zero_time=0.5):
    """Limits of many series.

    numerator, denominator: series x time (or time alone for one series), counts; null, or a denominator of 0, makes the
    point null. Without a denominator the numerator is the plotted value itself (run, i, xmr, mr, c, g, t). For g it is the
    number of encounters between events, for t the time between events (a time of 0 becomes zero_time).
    length: points of each series, beyond it is padding · freeze, parts, phase, exclude: see phases.cut, series x time too ·
    centre: centre line given instead of estimated, one or per series · screen_mr: drop large moving ranges once ·
    laney_floor: sigma_z of the prime charts at least 1.
    Raises ValueError: unknown chart, missing denominator, infinite, negative or impossible counts.
    """
    name = code(chart)
    kind = CHARTS[name]
    c, n, alone = _matrices(name, numerator, denominator)
    rows = phases.cut(c.shape, length=length, parts=parts, phase=_time_major(phase), freeze=freeze, exclude=_time_major(exclude),
                      freeze_each_part=name == "xmr")
    y = _values(name, c, n, zero_time)
    given = np.broadcast_to(np.asarray(np.nan if centre is None else centre, float), c.shape[1:])
    points = _points(kind, y, c, n, rows, given, screen_mr, laney_floor)
    if name == "mr":
        points = replace(points, y=arrays.moving_ranges(points.y, rows.inside))
        points = replace(points, base=rows.base & ~np.isnan(points.y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return _assemble(name, points, rows, alone)


def _assemble(name, points, rows, alone):
    kind = CHARTS[name]
    middle, sigma = kind.lines(points)
    start = 0.0 if name == "mr" else middle      # the range chart counts its limits from 0, not from its centre

    def line(k):
        edge = start + k * sigma
        edge = np.clip(edge if kind.power == 1 else np.maximum(edge, 0.0) ** kind.power, kind.floor, kind.ceiling)
        return _series_major(rows.gather(np.where(rows.inside, edge, np.nan)), alone)

    y = rows.gather(points.y)
    if kind.power != 1:
        y = y ** kind.power      # the way back rounds as the centre's does: equal times stay on their centre line
    as_is = {"y": y, "phase": rows.number, "centre": rows.gather(_shown_centre(name, points, middle)),
             "included": rows.gather(rows.included), "base": rows.gather(rows.base),
             "n_base": rows.gather(arrays.count(points.base))}
    lines = {"lcl": line(-3), "lcl95": line(-2), "lcl68": line(-1), "ucl68": line(1), "ucl95": line(2), "ucl": line(3)}
    return Limits(chart=name, **{key: _series_major(value, alone) for key, value in as_is.items()}, **lines)


def _shown_centre(name, points, middle):
    if name == "t":
        return middle ** T_POWER
    if name == "g":
        return np.where(np.isnan(points.given), arrays.median(points.y, points.base), G_MEDIAN * points.given)
    return middle


def _points(kind, y, c, n, rows, given, screen_mr, laney_floor):
    y = np.where(rows.inside, rows.spread(y), np.nan)
    if kind.power != 1:
        y, given = y ** (1 / kind.power), given ** (1 / kind.power)
    return Points(y=y, numerator=rows.spread(c), denominator=None if n is None else rows.spread(n),
                  base=rows.base & ~np.isnan(y), member=rows.base, given=rows.spread(given),
                  screen=screen_mr, laney_floor=laney_floor)


def _values(name, c, n, zero_time):
    """The plotted value, (T, S)."""
    if name == "t":
        return np.where(c == 0, zero_time, c)
    if n is None or not CHARTS[name].is_rate:
        return c
    with np.errstate(invalid="ignore", divide="ignore"):
        return c / n


def _matrices(name, numerator, denominator):
    """Counts as (T, S) arrays with both null where the point is null, and whether one series was given alone."""
    kind = CHARTS[name]
    if kind.needs_denominator and denominator is None:
        raise ValueError(f"chart {name} needs a denominator")
    alone = np.ndim(numerator) == 1
    c = _time_major(numerator, float)
    _refuse(np.isinf(c), "an infinite numerator")
    if name not in ("run", "i", "xmr", "mr", "ip"):
        _refuse(c < 0, f"a negative numerator, impossible on chart {name}")
    if denominator is None or not kind.is_rate:
        return c, None, alone
    n = _time_major(denominator, float)
    if n.shape != c.shape:
        raise ValueError("numerator and denominator must have the same shape")
    _refuse(np.isinf(n) | (n < 0), "a negative or infinite denominator")
    if kind.ceiling == 1.0:
        _refuse(c > np.where(n > 0, n, np.inf), f"a numerator above its denominator, impossible on chart {name}")
    known = (n > 0) & ~np.isnan(c)
    return np.where(known, c, np.nan), np.where(known, n, np.nan), alone


def _refuse(wrong, what):
    if wrong.any():
        t, s = (int(i[0]) for i in np.nonzero(wrong))
        raise ValueError(f"{what}: series {s}, point {t + 1} ({np.count_nonzero(wrong)} in all)")


def _time_major(values, dtype=None):
    """Series x time, or time alone, -> time x series; a position list or a mask along time stays as it is."""
    if values is None:
        return None
    values = np.asarray(values, dtype)
    if values.ndim == 1:
        return values[:, None] if dtype else values
    return np.ascontiguousarray(values.T)


def _series_major(values, alone):
    return values[:, 0] if alone else values.T
