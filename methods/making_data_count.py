"""NHS Making Data Count: rules, labels, point types, variation and assurance icons, over many series.

Belongs here: what NHSRplotthedots 0.2.2 computes from points and limits. Does not belong here: the limits (charts.limits("xmr", ...)).
The types and icons serve the other rule sets too: they only need the codes of signals.CODES.

Arrays are series x time, or time alone for one series; icons are per series. Source: NHS England, Making Data Count;
two-thirds lines are the 2-sigma lines of the limits.
"""
import numpy as np

from methods import runs
from methods.phases import View
from methods.signals import ASTRONOMICAL, SHIFT, TREND, TWO_IN_THREE, first_of, outside

TYPES = ("common_cause", "special_cause_improvement", "special_cause_concern", "special_cause_neutral_high",
         "special_cause_neutral_low")
VARIATION = ("common_cause", "improvement_high", "improvement_low", "concern_high", "concern_low", "neutral_high", "neutral_low")
ASSURANCE = ("none", "consistent_pass", "consistent_fail", "inconsistent")
REASONS = ("", "LAST_PERIOD_MISSING", "NO_LIMITS")
DIRECTIONS = ("increase", "decrease", "neutral")


def rules(limits, *, length=None, shift=7, trend=7):
    """Code per point (index into signals.CODES): astronomical, then trend, two in three, shift, none.

    shift, trend: points needed (a trend of 7 points is 6 differences; other material uses 6). Nulls break every window.
    """
    view = View(limits.y, length=length, phase=limits.phase)
    y, centre, lcl, lcl95, ucl95, ucl = (view.open(values) for values in (
        limits.y, limits.centre, limits.lcl, limits.lcl95, limits.ucl95, limits.ucl))
    known = view.rows.inside & ~np.isnan(y)
    signs = np.where(known, runs.side(y, centre), 0).astype(np.int8)
    beyond = np.where(known, outside(y, lcl, ucl), 0)
    near = np.where(known & (beyond == 0), outside(y, lcl95, ucl95), 0)
    pair = sum(sign * runs.in_window(near == sign, 3, 2, signs == sign) for sign in (1, -1))
    long = np.where(runs.run_length(signs) >= shift, signs, 0)
    return view.close(first_of((ASTRONOMICAL, beyond), (TREND, _trend(y, known, trend)), (TWO_IN_THREE, pair), (SHIFT, long)))


def _trend(y, known, points):
    """Direction of the points in a trend, else 0: to the next point where that is in a trend too, else from the point before."""
    steps, _ = runs.differences(y, known)
    member = runs.ends(runs.run_length(steps) >= points - 1)
    onward = np.zeros(y.shape, bool)
    onward[:-1] = member[1:]
    following = np.zeros_like(steps)
    following[:-1] = steps[1:]
    rises = np.where(onward, following, steps) > 0     # equal neighbours between two trends count as falling, as in R
    return np.where(member, np.where(rises, 1, -1), 0)


def labels(shift=7, trend=7):
    """Label of each code, as NHSRplotthedots writes it: tuple parallel to signals.CODES."""
    return ("Common Cause", "Above UCL", "Below LCL", f"{trend} Point Trend (Increasing)", f"{trend} Point Trend (Decreasing)",
            "2 in 3 Above CL", "2 in 3 Below CL", f"{shift} Points Above CL", f"{shift} Points Below CL",
            "4 in 5 Above CL", "4 in 5 Below CL")


def point_types(codes, direction):
    """What each point means for an improvement direction (increase, decrease, neutral): index into TYPES, same shape."""
    sign = _sign(codes)
    if _known(direction) == "neutral":
        return np.select([sign > 0, sign < 0], [3, 4], 0).astype(np.int8)
    better = 1 if direction == "increase" else -1
    return np.select([sign == better, sign == -better], [1, 2], 0).astype(np.int8)


def variation_icons(last_codes, direction):
    """Variation icon from the code of the last point: (S,) -> index into VARIATION."""
    kind = point_types(last_codes, direction)
    high = _sign(last_codes) > 0
    return np.select([kind == 0, kind == 1, kind == 2], [0, np.where(high, 1, 2), np.where(high, 3, 4)],
                     np.where(high, 5, 6)).astype(np.int8)


def assurance_icons(lcl, ucl, target, direction):
    """Will the target be met, judged by the last limits: (S,) arrays -> index into ASSURANCE; equality is inconsistent.

    target: one or per series; null, or a neutral direction, gives none.
    """
    lcl, ucl, target = np.broadcast_arrays(np.asarray(lcl, float), ucl, np.asarray(np.nan if target is None else target, float))
    if _known(direction) == "neutral":
        return np.zeros(target.shape, np.int8)
    above, below = (2, 1) if direction == "increase" else (1, 2)
    return np.select([np.isnan(target), target > ucl, target < lcl], [0, above, below], 3).astype(np.int8)


def icon_reasons(last_y, last_ucl):
    """Why a series lacks icons: (S,) -> index into REASONS, 0 where it has both. Without limits only the assurance icon is lacking."""
    return np.select([np.isnan(last_y), np.isnan(last_ucl)], [1, 2], 0).astype(np.int8)


def _sign(codes):
    codes = np.asarray(codes)
    return np.where(codes == 0, 0, np.where(codes % 2 == 1, 1, -1))


def _known(direction):
    if direction not in DIRECTIONS:
        raise ValueError(f"unknown direction {direction!r}; known: {', '.join(DIRECTIONS)}")
    return direction
