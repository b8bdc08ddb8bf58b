"""Arithmetic on many series at once, shared by charts.py and signals.py.

Belongs here: sums, means, medians and moving ranges over masked time-major arrays.
Does not belong here: anything that knows a chart, a rule or a table.

Shape everywhere: time x series, (T, S). Time runs down axis 0, so each step works on one contiguous vector
over all series, and one series gives bit for bit what it gives inside a batch of 150,000: the order of additions
does not depend on how many series there are or how far they are padded.

Sums are carried in the widest float of the platform (80 bits on x86, as R does), and means are refined by a second pass over
the residuals. Without that the mean of equal values can differ from them by one unit in the last place, and every
point of a flat series would then lie on one side of its own mean.
"""
import numpy as np

SCREEN = 3.267          # upper limit of a moving range of two, in mean ranges: D4 for n = 2 (Nelson 1982, Montgomery table VI)


def count(where):
    """Number of true cells per series: (T, S) -> (S,) int."""
    return np.count_nonzero(where, axis=0)


def total(values, where):
    """Sum of `values` over the true cells of `where`: (T, S) -> (S,) in wide precision."""
    out = np.zeros(values.shape[1], np.longdouble)
    for row, keep in zip(values, where):
        out += np.where(keep, row, 0.0)
    return out


def mean(values, where):
    """Mean over the true cells of `where`: (T, S) -> (S,), null where there is none."""
    n = count(where)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = total(values, where) / n
        rest = np.zeros_like(first)
        for row, keep in zip(values, where):
            rest += np.where(keep, row - first, 0.0)
        return (first + rest / n).astype(float)


def weighted_mean(values, weights, where):
    """sum(value x weight) / sum(weight) over the true cells: (T, S) -> (S,), null where the weights sum to 0."""
    n = total(weights, where)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = total(values * weights, where) / n
        rest = np.zeros_like(first)
        for row, weight, keep in zip(values, weights, where):
            rest += np.where(keep, (row - first) * weight, 0.0)
        return (first + rest / n).astype(float)


def ratio(numerator, denominator, where):
    """sum(numerator) / sum(denominator) over the true cells: (T, S) -> (S,), null where the denominator sums to 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n = total(denominator, where).astype(float)
        return np.where(n > 0, total(numerator, where).astype(float) / n, np.nan)


def median(values, where):
    """Median over the true cells, mean of the middle two when even: (T, S) -> (S,), null where there is none."""
    n = count(where)
    if not values.size:
        return np.full(n.shape, np.nan)
    ordered = np.sort(np.where(where, values, np.inf).T, axis=1)
    series = np.arange(n.size)
    low = ordered[series, np.maximum(n - 1, 0) // 2]
    high = ordered[series, np.minimum(n // 2, values.shape[0] - 1)]
    return np.where(n > 0, np.where(n % 2 == 1, low, low / 2 + high / 2), np.nan)


def moving_ranges(values, member):
    """Absolute differences of neighbouring members of each series: (T, S) -> (T, S), null where there is no range.

    A cell outside `member` is taken out first, so its neighbours meet. A null member stays and voids both its ranges.
    """
    out = np.full(values.shape, np.nan)
    previous = np.full(values.shape[1], np.nan)
    for t, (row, keep) in enumerate(zip(values, member)):
        out[t] = np.where(keep, np.abs(row - previous), np.nan)
        previous = np.where(keep, row, previous)
    return out


def screened_mean(ranges, screen, limit=SCREEN):
    """Mean of the ranges, (T, S) -> (S,); with `screen`, those at or above limit x mean are dropped once (Nelson 1982).

    A series whose ranges are all 0 loses them all to the screen and has no mean: null, as in qicharts2.
    """
    known = ~np.isnan(ranges)
    average = mean(ranges, known)
    if not screen:
        return average
    with np.errstate(invalid="ignore"):
        return mean(ranges, known & (ranges < limit * average))
