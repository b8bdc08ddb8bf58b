"""Which chart fits a series, and how far its limits may be trusted.

Belongs here: the `auto` rule and the labels by number of base points. Does not belong here: limits.
Both are rules of the product (reference of the statistics, section 3), not of a published method.
"""
import numpy as np

from methods import arrays

RARE = 1                # expected events per period below which a monthly chart says nothing
MANY = 10               # expected events per period from which a Laney chart is drawn, given
LARGE = 2000            # opportunities per period
TRIAL = 12              # base points below which limits are on trial
RUN_ONLY = 8            # base points below which there are no limits
STATUS = ("no_data", "run_only", "trial", "full")


def choose(numerator, denominator, base, kind="rate"):
    """Chart code per series, (S,) of text; "g" means rare events: count the encounters between them instead.

    numerator, denominator: (S, T) counts; base: (S, T) true for the base set; kind: rate or proportion.
    Rare below 1 expected event per period; u (p) to 10; u' (p') from 10 on with more than 2,000 opportunities per period, else u (p).
    """
    c, n = np.asarray(numerator, float).T, np.asarray(denominator, float).T
    known = np.asarray(base).T & (n > 0) & ~np.isnan(c)
    expected, size = arrays.mean(c, known), arrays.mean(n, known)
    plain = {"rate": "u", "proportion": "p"}[kind]
    chart = np.where((expected >= MANY) & (size > LARGE), plain + "'", plain)
    return np.where(expected < RARE, "g", chart)


def status(n_base):
    """Label of the limits by number of base points: index into STATUS, same shape."""
    n_base = np.asarray(n_base)
    return np.select([n_base == 0, n_base < RUN_ONLY, n_base < TRIAL], [0, 1, 2], 3).astype(np.int8)
