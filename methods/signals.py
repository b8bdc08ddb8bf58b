"""Run rules over many series: outside the limits, Anhoej, Western Electric, IHI run chart; the codes of all signals.

Belongs here: rules that need only the points, the centre line and the sigma lines. Does not belong here: limits (charts.py),
NHS Making Data Count with labels and icons (making_data_count.py), tables (control.py).

Arrays in and out are series x time, or time alone for one series. A null point never signals and breaks every window
(Anhoej's rules drop it). Rule sets are never mixed: each further rule adds false alarms.
Sources: Anhoej and Olesen 2014, Schilling 2012, Chen 2010; Western Electric, Statistical Quality Control Handbook 1956;
Perla, Provost and Murray 2011 (IHI run chart).
"""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from methods import runs
from methods.phases import View

CODES = ("none", "astronomical_high", "astronomical_low", "trend_up", "trend_down", "two_in_three_high", "two_in_three_low",
         "shift_high", "shift_low", "four_in_five_high", "four_in_five_low")     # odd = high or up, even = low or down
ASTRONOMICAL, TREND, TWO_IN_THREE, SHIFT, FOUR_IN_FIVE = 1, 3, 5, 7, 9


def outside(y, lcl, ucl):
    """1 strictly above ucl, -1 strictly below lcl, else 0 (also for nulls), as int8."""
    y, lcl, ucl = (np.asarray(values, float) for values in (y, lcl, ucl))
    return (y > ucl).astype(np.int8) - (y < lcl)


def first_of(*found):
    """Codes from (rule, signs) pairs, the first pair with a sign wins: index into CODES, int8."""
    codes = np.zeros(found[0][1].shape, np.int8)
    for rule, signs in reversed(found):
        codes = np.where(signs != 0, rule + (signs < 0), codes).astype(np.int8)
    return codes


@dataclass(frozen=True)
class Anhoej:
    """Anhoej's two tests per part, repeated on each of its points; integers, series x time.

    runs_signal: a run is too long or the centre line is crossed too seldom · n_obs: included points · n_useful: those
    neither null nor on the centre line · in_long_run: side of the points of a run that is too long, else 0.
    With n_useful = 0 there is no signal and the other numbers are 0.
    """

    runs_signal: np.ndarray
    n_obs: np.ndarray
    n_useful: np.ndarray
    longest_run: np.ndarray
    longest_run_max: np.ndarray
    n_crossings: np.ndarray
    n_crossings_min: np.ndarray
    in_long_run: np.ndarray


def anhoej(y, centre, *, length=None, phase=None, included=None):
    """Longest run above round(log2 n) + 3, or fewer crossings than the 5 % point of n - 1 tosses of a fair coin.

    length: points of each series · phase: changes where a new part starts · included: false for excluded points, which leave the runs.
    """
    view = View(y, length=length, phase=phase, included=included)
    signs = np.where(view.rows.included, view.open(runs.side(y, centre)), 0)
    n_useful = np.count_nonzero(signs, axis=0)
    lengths = runs.run_length(signs, skip=signs == 0)
    longest, crossings = lengths.max(axis=0, initial=0), runs.crossings(signs)
    longest_max, crossings_min = anhoej_thresholds(n_useful)
    found = {"runs_signal": (longest > longest_max) | (crossings < crossings_min),
             "n_obs": np.count_nonzero(view.rows.included, axis=0), "n_useful": n_useful,
             "longest_run": longest, "longest_run_max": longest_max, "n_crossings": crossings,
             "n_crossings_min": crossings_min, "in_long_run": np.where(lengths > longest_max, signs, 0)}
    return Anhoej(**{key: view.close(value) for key, value in found.items()})


def anhoej_thresholds(n_useful):
    """Longest run and fewest crossings without a signal, for numbers of useful points: (n,) -> two (n,) ints, 0 for 0 points."""
    n = np.asarray(n_useful)
    longest = np.where(n > 0, np.rint(np.log2(np.maximum(n, 1))) + 3, 0).astype(np.int32)
    return longest, _crossings_table(1 << int(n.max(initial=1)).bit_length())[np.maximum(n - 1, 0)]


@lru_cache
def _crossings_table(size):
    """Smallest q with P(Binomial(m, 1/2) <= q) >= 1/20 for m = 0 .. size - 1, in exact integers.

    From m to m + 1 the sum of the first q + 1 binomial coefficients doubles less C(m, q), and q grows by at most 1.
    """
    table = np.zeros(size, np.int32)
    q, chosen, below = 0, 1, 1                  # C(m, q) and C(m, 0) + ... + C(m, q) at m = 0
    for m in range(1, size):
        below = 2 * below - chosen
        chosen = chosen * m // (m - q)
        if 20 * below < 1 << m:
            chosen = chosen * (m - q) // (q + 1)
            below += chosen
            q += 1
        table[m] = q
    return table


def western_electric(limits, *, length=None, shift=8):
    """Zone tests on a charts.Limits: one beyond 3 sigma; 2 of 3 beyond 2 sigma, 4 of 5 beyond 1 sigma, 8 running on one side.

    Index into CODES per point. All points that make a pattern are flagged; the gravest rule wins, in that order. An excluded
    point is tested against the limits only, and breaks the patterns.
    """
    view = View(limits.y, length=length, phase=limits.phase, included=limits.included)
    y, signs = view.open(limits.y), view.open(runs.side(limits.y, limits.centre))
    known = view.rows.included & ~np.isnan(y)
    two, four = (_zone(y, known, view.open(low), view.open(high), size) for low, high, size in
                 ((limits.lcl95, limits.ucl95, 3), (limits.lcl68, limits.ucl68, 5)))
    signs = np.where(known, signs, 0)
    long = np.where(runs.run_length(signs) >= shift, signs, 0)
    patterns = first_of((TWO_IN_THREE, two), (FOUR_IN_FIVE, four), (SHIFT, long))
    return with_outside(limits, view.close(patterns))


def _zone(y, known, low, high, size):
    """Side of the points beyond a zone line, all but one of a window of `size` on that side; 0 elsewhere."""
    above, below = (runs.in_window(known & beyond, size, size - 1, known) for beyond in (y > high, y < low))
    return above.astype(np.int8) - below


def ihi_run_chart(limits, *, length=None, shift=6, trend=5):
    """Run-chart rules: `shift` points running on one side of the median, `trend` points running up or down.

    Points on the median and repeated values neither count nor break (Perla 2011). Some programs use 8 and 6. No limits are used.
    """
    view = View(limits.y, length=length, phase=limits.phase, included=limits.included)
    y = view.open(limits.y)
    known = view.rows.included & ~np.isnan(y)
    signs = np.where(known, view.open(runs.side(limits.y, limits.centre)), 0)
    long = np.where(runs.run_length(signs, skip=known & (signs == 0)) >= shift, signs, 0)
    steps, both = runs.differences(y, known)
    rising = np.where(runs.run_length(steps, skip=both & (steps == 0)) >= trend - 1, steps, 0)
    up, down = runs.ends(rising > 0), runs.ends(rising < 0)
    return view.close(first_of((SHIFT, long), (TREND, up.astype(np.int8) - (down & ~up))))


def anhoej_codes(limits, found):
    """Codes under Anhoej's rules: outside the limits, else member of a run that is too long (`found` from anhoej)."""
    return with_outside(limits, first_of((SHIFT, found.in_long_run)))


def with_outside(limits, codes):
    """The codes, replaced by astronomical where a point lies outside its limits (excluded points are tested as well)."""
    beyond = outside(limits.y, limits.lcl, limits.ucl)
    return np.where(beyond != 0, first_of((ASTRONOMICAL, beyond)), codes)
