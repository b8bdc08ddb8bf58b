"""Rates and their confidence intervals: exact Poisson, Byar, the PHE rule, Wilson, exact binomial, ratio of two rates, differences.

Belongs here: closed formulas over arrays of counts. Does not belong here: which KPI uses which interval, adjusted scores.

Every function takes numbers or arrays that broadcast together and returns float arrays. Nulls (NaN) and a denominator of 0
give null. ValueError for negative counts, a numerator above its denominator where it is a proportion, or a confidence outside
0..1. Intervals are (lower, upper) in events per opportunity; `per` multiplies for display (1,000 for complaint rates).
Sources: Garwood 1936; Breslow and Day 1987 (Byar); Wilson 1927; Clopper and Pearson 1934; public-health practice (PHE) for the
choice between Garwood and Byar; Newcombe 1998; Welch 1947.
"""
import numpy as np

PHE_SWITCH = 10         # events from which Byar's approximation replaces the exact interval
SAME_PROBABILITY = 1 + 1e-7     # outcomes this close to the observed one count as equally probable


def rate(count, denominator, per=1.0):
    """per x count / denominator; null when the denominator is missing or 0."""
    c, n = _counts(count, denominator)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, per * c / n, np.nan)


def garwood(count, denominator=1.0, confidence=0.95, per=1.0):
    """Exact Poisson interval: lower chi2(a/2; 2c)/2, upper chi2(1 - a/2; 2c + 2)/2, as inverse gamma integrals."""
    from scipy.special import gammainccinv, gammaincinv
    c, n = _counts(count, denominator)
    tail = _tail(confidence)
    lower = np.where(c == 0, 0.0, gammaincinv(np.where(c > 0, c, 1.0), tail))
    upper = gammainccinv(c + 1, tail)
    return _per(np.where(np.isnan(c), np.nan, lower), n, per), _per(upper, n, per)


def byar(count, denominator=1.0, confidence=0.95, per=1.0):
    """Byar's approximation to the Poisson interval, lower from c, upper from c + 1 (not the variant with c + 0.5)."""
    c, n = _counts(count, denominator)
    z = _z(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = np.where(c == 0, 0.0, c * (1 - 1 / (9 * c) - z / (3 * np.sqrt(c))) ** 3)
        upper = (c + 1) * (1 - 1 / (9 * (c + 1)) + z / (3 * np.sqrt(c + 1))) ** 3
    return _per(lower, n, per), _per(upper, n, per)


def phe(count, denominator=1.0, confidence=0.95, per=1.0):
    """The product's interval of every published rate: Garwood below 10 events, Byar from 10 on."""
    c, _ = _counts(count, denominator)
    exact, near = garwood(count, denominator, confidence, per), byar(count, denominator, confidence, per)
    return tuple(np.where(c < PHE_SWITCH, e, b) for e, b in zip(exact, near))


def wilson(count, denominator, confidence=0.95, per=1.0):
    """Wilson's score interval of a proportion, without continuity correction; the product's interval of top-box shares."""
    x, n = _proportion(count, denominator)
    z = _z(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = x / n
        centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n)
        half = z / (1 + z ** 2 / n) * np.sqrt(p * (1 - p) / n + z ** 2 / (4 * n ** 2))
    return per * np.where(x == 0, 0.0, centre - half), per * np.where(x == n, 1.0, centre + half)


def clopper_pearson(count, denominator, confidence=0.95, per=1.0):
    """Exact binomial interval from the inverse incomplete beta function."""
    from scipy.special import betainccinv, betaincinv
    x, n = _proportion(count, denominator)
    tail = _tail(confidence)
    lower = np.where(x == 0, 0.0, betaincinv(np.where(x > 0, x, 1.0), n - x + 1, tail))
    upper = np.where(x == n, 1.0, betainccinv(x + 1, np.where(x < n, n - x, 1.0), tail))
    known = ~np.isnan(x)
    return per * np.where(known, lower, np.nan), per * np.where(known, upper, np.nan)


METHODS = {"garwood": garwood, "byar": byar, "phe": phe, "wilson": wilson, "clopper_pearson": clopper_pearson}


def interval(method, count, denominator, confidence=0.95, per=1.0):
    """Interval by name: garwood, byar, phe, wilson or clopper_pearson; ValueError for another name."""
    if method not in METHODS:
        raise ValueError(f"unknown interval {method!r}; known: {', '.join(METHODS)}")
    return METHODS[method](count, denominator, confidence, per)


def rate_ratio(count_1, denominator_1, count_2, denominator_2, confidence=0.95):
    """Exact comparison of two Poisson rates, conditional on the sum of the events.

    Returns ratio, lower, upper, p (two-sided). The ratio is infinite when count_2 is 0 and null when both counts are.
    """
    c1, n1 = _counts(count_1, denominator_1)
    c2, n2 = _counts(count_2, denominator_2)
    c1, n1, c2, n2 = np.broadcast_arrays(c1, n1, c2, n2)
    known = ~np.isnan(c1 + c2) & (n1 > 0) & (n2 > 0)
    c1, n1, c2, n2 = (np.where(known, values, np.nan) for values in (c1, n1, c2, n2))
    low, high = clopper_pearson(c1, np.where(c1 + c2 > 0, c1 + c2, np.nan), confidence)
    nothing = known & (c1 + c2 == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (c1 / n1) / (c2 / n2)
        lower = np.where(nothing, 0.0, low / (1 - low) * n2 / n1)
        upper = np.where(nothing, np.inf, high / (1 - high) * n2 / n1)
    return ratio, lower, upper, binomial_p(c1, c1 + c2, n1 / (n1 + n2))


def share_difference(count_1, denominator_1, count_2, denominator_2, confidence=0.95):
    """Difference of two proportions, first minus second, with Newcombe's hybrid score interval (1998, method 10: from Wilson's limits).

    Returns difference, lower, upper; null where a denominator is missing or 0.
    """
    x1, n1 = _proportion(count_1, denominator_1)
    x2, n2 = _proportion(count_2, denominator_2)
    (low1, high1), (low2, high2) = wilson(x1, n1, confidence), wilson(x2, n2, confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        p1, p2 = x1 / n1, x2 / n2
        difference = p1 - p2
        return (difference, difference - np.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2),
                difference + np.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2))


def mean_difference(mean_1, variance_1, n_1, mean_2, variance_2, n_2, confidence=0.95):
    """Difference of two means, first minus second, with Welch's interval (1947; degrees of freedom by Satterthwaite).

    variance: sample variances with n - 1; below two values on a side, or without any scatter, the interval is null.
    """
    from scipy.special import stdtrit
    m1, v1, n1, m2, v2, n2 = np.broadcast_arrays(*(np.asarray(values, float) for values in (mean_1, variance_1, n_1, mean_2, variance_2, n_2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        s1, s2 = v1 / n1, v2 / n2
        freedom = (s1 + s2) ** 2 / (s1 ** 2 / (n1 - 1) + s2 ** 2 / (n2 - 1))
        half = np.where((n1 > 1) & (n2 > 1) & (s1 + s2 > 0), stdtrit(freedom, 1 - _tail(confidence)) * np.sqrt(s1 + s2), np.nan)
        return m1 - m2, m1 - m2 - half, m1 - m2 + half


def binomial_p(count, trials, probability):
    """Two-sided exact binomial p: the sum of the probabilities not larger than that of the observed count.

    The far tail begins where the probability has fallen to the observed one; it is found by bisection, so the
    cost grows with the logarithm of the number of trials.
    """
    from scipy.stats import binom
    x, m, p = np.broadcast_arrays(*(np.asarray(values, float) for values in (count, trials, probability)))
    known = ~np.isnan(x + m + p)
    x, m, p = np.where(known, x, 0.0), np.where(known, m, 0.0), np.where(known, p, 0.5)
    limit = binom.pmf(x, m, p) * SAME_PROBABILITY
    low_side = x < m * p
    mirror_x, mirror_p = np.where(low_side, x, m - x), np.where(low_side, p, 1 - p)     # observed on the low side
    near, far = np.floor(m * mirror_p), m + 1       # last outcome known too probable, first known rare
    while (far - near > 1).any():
        middle = np.floor((near + far) / 2)
        rare = binom.pmf(middle, m, mirror_p) <= limit
        near, far = np.where(rare, near, middle), np.where(rare, middle, far)
    both = binom.cdf(mirror_x, m, mirror_p) + binom.sf(far - 1, m, mirror_p)
    return np.where(known, np.where(x == m * p, 1.0, np.minimum(both, 1.0)), np.nan)


def _tail(confidence):
    confidence = np.asarray(confidence, float)
    if not ((confidence > 0) & (confidence < 1)).all():
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return (1 - confidence) / 2


def _z(confidence):
    from scipy.special import ndtri
    return -ndtri(_tail(confidence))


def _counts(count, denominator):
    c, n = np.broadcast_arrays(np.asarray(count, float), np.asarray(denominator, float))
    if (c < 0).any() or (n < 0).any():
        raise ValueError("counts and denominators must not be negative")
    return c, n


def _proportion(count, denominator):
    x, n = _counts(count, denominator)
    if (x > n).any():
        raise ValueError("the numerator of a proportion must not exceed its denominator")
    known = ~np.isnan(x) & (n > 0)
    return np.where(known, x, np.nan), np.where(known, n, np.nan)


def _per(events, n, per):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, per * events / n, np.nan)
