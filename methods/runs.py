"""Counting runs and windows along time, for the run rules of signals.py and making_data_count.py.

Belongs here: loops over time that treat all series at once. Does not belong here: what a run means, or thresholds.
Shape everywhere: time x rows (a row is one part of one series); signs are int8 of -1, 0, 1.
"""
import numpy as np


def side(y, centre):
    """1 above, -1 below, 0 on the centre line or null, as int8."""
    y, centre = np.asarray(y, float), np.asarray(centre, float)
    return (y > centre).astype(np.int8) - (y < centre)


def run_length(signs, skip=None):
    """Length of the run of equal non-zero signs each cell belongs to; 0 where it belongs to none.

    A zero breaks a run; a cell in `skip` neither counts nor breaks.
    """
    running = np.zeros(signs.shape, np.int32)
    run, last = np.zeros(signs.shape[1], np.int32), np.zeros(signs.shape[1], np.int8)
    for t, s in enumerate(signs):
        passed = np.False_ if skip is None else skip[t]
        run = np.where(passed, run, np.where(s == 0, 0, np.where(s == last, run + 1, 1)))
        last = np.where(passed, last, s)
        running[t] = np.where(passed, 0, run)
    return _whole(running)


def _whole(running):
    """Length of the run up to each cell (0: in none) -> length of its whole run."""
    out = running.copy()
    next_running, next_whole = (np.zeros(running.shape[1], running.dtype) for _ in range(2))
    for t in range(len(running) - 1, -1, -1):
        member = running[t] > 0
        out[t] = np.where(member & (next_running == running[t] + 1), next_whole, running[t])
        next_running = np.where(member, running[t], next_running)
        next_whole = np.where(member, out[t], next_whole)
    return out


def crossings(signs):
    """Changes of sign per row, zeros dropped: (T, R) -> (R,) int."""
    last = np.zeros(signs.shape[1], np.int8)
    found = np.zeros(signs.shape[1], np.int32)
    for s in signs:
        found += (s != 0) & (s == -last)
        last = np.where(s != 0, s, last)
    return found


def differences(y, known):
    """Sign of the difference to the point before, and whether both points are known: two (T, R) arrays, first row 0 and false."""
    both = np.zeros(y.shape, bool)
    both[1:] = known[1:] & known[:-1]
    steps = np.zeros(y.shape, np.int8)
    steps[1:] = np.where(both[1:], side(y[1:], y[:-1]), 0)
    return steps, both


def ends(steps):
    """Points at either end of the marked steps, where step t leads from point t - 1 to point t: (T, R) -> (T, R)."""
    points = steps.copy()
    points[:-1] |= steps[1:]
    return points


def in_window(beyond, size, needed, allowed):
    """Cells of `beyond` in some window of `size` cells, all allowed, at least `needed` of them beyond: true/false."""
    out = np.zeros(beyond.shape, bool)
    for start in range(len(beyond) - size + 1):
        window = slice(start, start + size)
        hit = allowed[window].all(axis=0) & (np.count_nonzero(beyond[window], axis=0) >= needed)
        out[window] |= hit & beyond[window]
    return out
