"""Funnel plots: units compared in one period, many comparisons at once.

Belongs here: exact limits, overdispersion, bands. Does not belong here: which units a mart compares, control charts over time.

Arrays are groups x units (or units alone): one group is one funnel, padded with nulls. Limits are in events per opportunity.
Limits are predictive: where a unit of this size would fall if it were like all others. Three other constructions exist and give
other numbers: normal limits, the interval of the expected count (SR of FunnelPlotR), and the inverse test.
Sources: Spiegelhalter 2005 (limits with interpolation; winsorised phi, additive tau2, on the natural scale); Hyndman and Fan 1996
(quantile type 7).
"""
from dataclasses import dataclass

import numpy as np

TAILS = {"lcl998": 0.001, "lcl95": 0.025, "ucl95": 0.975, "ucl998": 0.999}
Z = {"lcl998": -3.090232, "lcl95": -1.959964, "ucl95": 1.959964, "ucl998": 3.090232}     # six decimals, as published with the method
WINSOR = 0.1            # share of z scores pulled in at each end
BANDS = ("within", "above_95", "below_95", "above_998", "below_998")
FLAGS = ("none", "alert", "alarm")
FLAG_OF_BAND = np.array([0, 1, 1, 2, 2], np.int8)


@dataclass(frozen=True)
class Funnel:
    """One funnel per group. rate .. band: groups x units; centre, phi, tau2, n_units: per group.

    expected: events at the centre rate · z, z_winsorised, z_adjusted: without, winsorised, with overdispersion ·
    exact: exact limits as computed, the lower ones may be negative for small units · adjusted: limits with overdispersion, cut to
    the range of the value · used: the limits that judge, cut likewise. Each is a dict with the keys of TAILS ·
    band: index into BANDS, 0 also for nulls, and for a share of 100 % whose exact limit lies above n - 1 events of n.
    """

    rate: np.ndarray
    expected: np.ndarray
    centre: np.ndarray
    exact: dict
    adjusted: dict
    used: dict
    z: np.ndarray
    z_winsorised: np.ndarray
    z_adjusted: np.ndarray
    phi: np.ndarray
    tau2: np.ndarray
    n_units: np.ndarray
    band: np.ndarray


def funnel(numerator, denominator, *, kind="rate", adjust=False, model="additive"):
    """Funnel of counts over opportunities.

    kind: rate (Poisson) or proportion (binomial) · adjust: judge by the limits with overdispersion instead of the exact ones ·
    model of overdispersion: additive, centre +- z x sqrt(variance + tau2), or multiplicative, centre +- z x sqrt(variance x
    max(1, phi)). A unit with a missing count or a denominator of 0 is null and takes no part.
    ValueError for negative counts, a proportion above 1 or an unknown option.
    """
    alone = np.ndim(numerator) == 1
    c, n = _counts(numerator, denominator, kind)
    n_units = np.count_nonzero(~np.isnan(c), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (np.nansum(c, axis=1) / np.nansum(n, axis=1))[:, None]
        unit_variance = centre * (1 - centre) if kind == "proportion" else centre
        y, variance = c / n, unit_variance / n
        z = _in_errors(y - centre, np.sqrt(variance))
        winsorised, phi = _winsorised(z, n_units)
        tau2 = _tau2(phi, n, unit_variance[:, 0], n_units)
        spread, z_adjusted = _widen(model, variance, z, phi, tau2, y - centre)
    top = 1.0 if kind == "proportion" else np.inf
    exact = exact_limits(centre, n, kind)
    adjusted = {key: np.clip(centre + q * spread, 0.0, top) for key, q in Z.items()}
    used = adjusted if adjust else {key: np.clip(value, 0.0, top) for key, value in exact.items()}
    judge = used if adjust else {key: _reached(value, n, top) if key.startswith("ucl") else value for key, value in used.items()}
    found = Funnel(rate=y, expected=centre * n, centre=centre[:, 0], exact=exact, adjusted=adjusted, used=used, z=z,
                   z_winsorised=winsorised, z_adjusted=z_adjusted, phi=phi, tau2=tau2, n_units=n_units, band=_band(y, judge))
    return _alone(found) if alone else found


def _in_errors(difference, error):
    """Distance in standard errors. Where chance leaves no room (all units at 0, or at 100 %) every unit lies at the centre: 0."""
    return np.where((error == 0) & (difference == 0), 0.0, difference / error)


def _reached(upper, n, top):
    """The upper limit that judges a share: between n - 1 and n events only more than all would lie beyond it, so nothing does. The line
    as interpolated would flag units that have 100 % by right: at 98 % on average and 10 cases, four in five."""
    return np.where((upper * n > n - 1) & (top == 1.0), top, upper)


def _alone(found):
    """The first group only."""
    return Funnel(**{key: {k: v[0] for k, v in value.items()} if isinstance(value, dict) else value[0]
                     for key, value in vars(found).items()})


def exact_limits(centre, denominator, kind="rate"):
    """Exact predictive limits at the tails 0.001, 0.025, 0.975, 0.999: dict of arrays shaped as centre and denominator together.

    r = smallest count with F(r) >= p; the limit interpolates between r - 1 and r by how far F(r) overshoots p. With r = 0 it
    is negative; cut it at 0 only to show it.
    """
    centre, n = np.broadcast_arrays(np.asarray(centre, float), np.asarray(denominator, float))
    known = ~np.isnan(centre) & (n > 0)
    shown = np.full(centre.shape, np.nan)
    out = {}
    for key, p in TAILS.items():
        out[key] = shown.copy()
        out[key][known] = _interpolated(p, centre[known], n[known], kind) / n[known]
    return out


def _interpolated(p, centre, n, kind):
    """The search starts at the Cornish-Fisher quantile, at most a few counts off; inverting the distribution takes ten times as long."""
    r = np.clip(np.ceil(_quantile_near(p, centre, n, kind)), 0.0, n if kind == "proportion" else np.inf)
    at, below = _cdf(r, centre, n, kind), _cdf(r - 1, centre, n, kind)
    while (high := (r > 0) & (below >= p)).any():
        r = np.where(high, r - 1, r)
        at, below = np.where(high, below, at), _renewed(below, high, r - 1, centre, n, kind)
    while (low := at < p).any():
        r = np.where(low, r + 1, r)
        at, below = _renewed(at, low, r, centre, n, kind), np.where(low, at, below)
    return r - (at - p) / (at - below)


def _quantile_near(p, centre, n, kind):
    from scipy.special import ndtri
    z, q = ndtri(p), 1 - centre if kind == "proportion" else 1.0
    return centre * n + z * np.sqrt(centre * n * q) + (z ** 2 - 1) / 6 * (2 * q - 1) - 0.5


def _cdf(r, centre, n, kind):
    """P(events <= r), 0 below 0: incomplete beta and gamma functions."""
    from scipy.special import betainc, gammaincc
    inside = np.maximum(r, 0.0)
    if kind == "proportion":
        found = np.where(inside >= n, 1.0, betainc(np.maximum(n - inside, 1e-300), inside + 1, 1 - centre))
    else:
        found = gammaincc(inside + 1, centre * n)
    return np.where(r < 0, 0.0, found)


def _renewed(values, where, r, centre, n, kind):
    out = values.copy()
    out[where] = _cdf(r[where], centre[where], n[where], kind)
    return out


def _winsorised(z, n_units):
    """z pulled in to its 10 % and 90 % quantiles (type 7), and phi, the mean of their squares, per group."""
    ordered = np.sort(z, axis=1)                 # nulls go last
    low, high = (_quantile(ordered, n_units, share)[:, None] for share in (WINSOR, 1 - WINSOR))
    squares = np.clip(ordered, low, high) ** 2   # summed in order of size, so the order of the units cannot matter
    return np.clip(z, low, high), np.where(n_units > 0, np.nansum(squares, axis=1) / n_units, np.nan) + 0 * low[:, 0]


def _quantile(ordered, n_units, share):
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    place = np.maximum(n_units - 1, 0) * share
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(n_units - 1, 0))
    group = np.arange(len(ordered))
    start, end = ordered[group, below], ordered[group, above]
    return start + (place - below) * (end - start)


def _tau2(phi, n, unit_variance, n_units):
    """Between-unit variance by the method of moments; 0 when the z scores scatter no more than chance (w = n / unit variance)."""
    excess = n_units * phi - (n_units - 1)
    all_n = np.nansum(n, axis=1)
    weights = (all_n - np.nansum(n ** 2, axis=1) / all_n) / unit_variance
    return np.where(np.isnan(phi), np.nan, np.where((excess > 0) & (n_units > 1), excess / weights, 0.0))      # null: no unit at all


def _widen(model, variance, z, phi, tau2, difference):
    """Standard error with overdispersion, and the z score that goes with it."""
    if model == "additive":
        spread = np.sqrt(variance + tau2[:, None])
        return spread, _in_errors(difference, spread)
    if model == "multiplicative":
        factor = np.sqrt(np.maximum(1.0, phi))[:, None]
        return np.sqrt(variance) * factor, z / factor
    raise ValueError(f"unknown model of overdispersion {model!r}; known: additive, multiplicative")


def _band(y, limits):
    beyond = [y > limits["ucl998"], y < limits["lcl998"], y > limits["ucl95"], y < limits["lcl95"]]
    return np.select(beyond, [3, 4, 1, 2], 0).astype(np.int8)


def _counts(numerator, denominator, kind):
    c, n = (np.atleast_2d(np.asarray(values, float)) for values in (numerator, denominator))
    if kind not in ("rate", "proportion"):
        raise ValueError(f"unknown kind {kind!r}; known: rate, proportion")
    if (c < 0).any() or (n < 0).any():
        raise ValueError("counts and denominators must not be negative")
    if kind == "proportion" and (c > np.where(n > 0, n, np.inf)).any():
        raise ValueError("the numerator of a proportion must not exceed its denominator")
    known = ~np.isnan(c) & (n > 0)
    return np.where(known, c, np.nan), np.where(known, n, np.nan)
