"""Which scores go with an outcome, over respondents: Pearson and partial correlation per group, with intervals.

Belongs here: correlations of many groups at once from sums that can be added up. Does not belong here: which scores, which groups (the
warehouse), any causal claim.

Sources: Fisher 1915, 1921 (interval by the z transformation; a partial correlation given k variables has n - k - 3 in its variance).
"""
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
DIGITS = 10             # sums of floats end in digits that depend on the machine; these do not


@dataclass(frozen=True)
class Sums:
    """What correlations of a group need; two groups together are the sum of their Sums.

    n, s, q, c (V, V): pairwise counts, sums of the first and of its squares where both are known, sums of products ·
    n_whole, s_whole (V,), c_whole (V, V): the same over respondents with all of the `whole` scores.
    """

    n: np.ndarray
    s: np.ndarray
    q: np.ndarray
    c: np.ndarray
    n_whole: float
    s_whole: np.ndarray
    c_whole: np.ndarray

    def __add__(self, other):
        return Sums(*(getattr(self, key) + getattr(other, key) for key in self.__dataclass_fields__))


def sums(values, whole):
    """Sums of one group. values: respondents x scores, null where not answered · whole: (V,) scores that the partial correlations take in."""
    known = ~np.isnan(values)
    x, m = np.where(known, values, 0.0), known.astype(float)
    complete = known[:, whole].all(axis=1)
    z = x[complete] * whole
    return Sums(m.T @ m, x.T @ m, (x * x).T @ m, x.T @ x, float(complete.sum()), z.sum(axis=0), z.T @ z)


def pearson(total):
    """Correlation of every pair over the respondents who gave both: (V, V), null where one does not vary or fewer than 3 gave both."""
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = total.c - total.s * total.s.T / total.n
        spread = total.q - total.s ** 2 / total.n
        found = covariance / np.sqrt(spread * spread.T)
    flat = (spread <= 1e-9 * np.maximum(total.q, 1.0)) | (total.n < 3)
    return np.where(flat | flat.T, np.nan, np.clip(found, -1.0, 1.0))


def partial(total, whole, outcome):
    """Correlation of each of the `whole` scores with the outcome given all others of them, over complete respondents: (V,).

    Null for the outcome itself, for scores outside `whole`, where scores determine each other, or with too few respondents.
    """
    found = np.full(len(whole), np.nan)
    which = np.flatnonzero(whole)
    if not whole[outcome] or total.n_whole <= len(which) + 3:
        return found
    mean = total.s_whole[which] / total.n_whole
    covariance = total.c_whole[np.ix_(which, which)] / total.n_whole - np.outer(mean, mean)
    spread = np.sqrt(np.diag(covariance))
    if not (spread > 1e-9).all():
        return found
    correlation = covariance / np.outer(spread, spread)
    if np.linalg.cond(correlation) > 1e10:
        return found
    inverse = np.linalg.inv(correlation)
    place = int(np.flatnonzero(which == outcome)[0])
    found[which] = -inverse[:, place] / np.sqrt(np.diag(inverse) * inverse[place, place])
    found[outcome] = np.nan
    return np.clip(found, -1.0, 1.0)


def interval(r, n, n_given=0):
    """95 % interval of a correlation by Fisher's z; null below 4 + n_given respondents or at +-1."""
    r, n = np.asarray(r, float), np.asarray(n, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = np.where(n - n_given > 3, Z95 / np.sqrt(n - n_given - 3), np.nan)
        known = np.abs(r) < 1
        return np.where(known, np.tanh(np.arctanh(r) - half), np.nan), np.where(known, np.tanh(np.arctanh(r) + half), np.nan)


def priority(r, score):
    """Priority index: max(r, 0) x (100 - score), 0 to 100. High where a score goes with the outcome and has room to rise."""
    return np.maximum(np.asarray(r, float), 0.0) * (100.0 - np.asarray(score, float))
