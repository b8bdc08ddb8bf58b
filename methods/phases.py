"""The base set of a control chart: parts (rebase), freeze and excluded points.

Belongs here: which points of which series take part in what. Does not belong here: limits, rules, dates.

A part is treated as a series of its own, so a series with three parts becomes three rows that are
masked outside their part; everything downstream then only knows rows. Points are numbered 1..N over the whole series.
Source: reference of the statistics, sections 3 and 7 (after qicharts2 0.8.1 and NHSRplotthedots 0.2.2).
"""
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Phases:
    """Series cut into rows. T points, S series, R rows (R = S where nothing is cut)."""

    series: np.ndarray | None   # (R,) series of each row; None where nothing is cut
    row: np.ndarray | None      # (T, S) row of each point; None where nothing is cut
    number: np.ndarray          # (T, S) number of the part, from 1
    inside: np.ndarray          # (T, R) the point belongs to the row
    included: np.ndarray        # (T, R) inside and not excluded
    base: np.ndarray            # (T, R) base set: included and in the baseline

    def spread(self, values):
        """(T, S) or (S,) -> (T, R) or (R,): the values of the series of each row."""
        return values if self.series is None else values[..., self.series]

    def gather(self, values):
        """(T, R) or (R,) -> (T, S): what each point gets from its row."""
        if self.series is None:
            return np.broadcast_to(values, self.number.shape)
        if values.ndim == 1:
            return values[self.row]
        return np.take_along_axis(values, self.row, axis=1)


def cut(shape, *, length=None, parts=None, phase=None, freeze=None, exclude=None, freeze_each_part=False):
    """Phases of `shape` = (T, S).

    length: (S,) points of each series, the rest is padding · parts: positions of the last point of a part, for all series ·
    phase: (T, S) or (T,) any value that changes where a new part starts (wins over parts) · freeze: points in the
    baseline, a number or (S,), null or 0 for all · exclude: positions from 1, for all series, or (T, S) true/false.
    In a series that is cut freeze is ignored, unless freeze_each_part: then it counts from the start of each part.
    """
    position = np.arange(1, shape[0] + 1)[:, None]
    real = position <= (shape[0] if length is None else np.asarray(length)[None, :])
    real = np.broadcast_to(real, shape)
    number = _numbers(shape, parts, phase)
    cut_at_all = number is not None
    number = np.broadcast_to(np.int32(1), shape) if number is None else number
    excluded = _excluded(shape, exclude)
    frozen = _frozen(shape[1], freeze)
    last = np.where(real, number, 1).max(axis=0, initial=1) if cut_at_all else np.ones(shape[1], np.int32)
    if (last == 1).all():
        base = real & ~excluded & (position <= frozen)
        return Phases(None, None, number, real, real & ~excluded, base)
    series = np.repeat(np.arange(shape[1]), last)
    first_row = np.cumsum(last) - last
    row = first_row + np.minimum(number, last) - 1
    inside = real[:, series] & (row[:, series] == np.arange(series.size))
    included = inside & ~excluded[:, series]
    place = np.cumsum(inside, axis=0) if freeze_each_part else np.broadcast_to(position, inside.shape)
    limit = frozen if freeze_each_part else np.where(last > 1, np.inf, frozen)
    return Phases(series, row, number, inside, included, included & (place <= limit[series]))


def _numbers(shape, parts, phase):
    """Number of the part of each point, or None where nothing is cut."""
    if phase is not None:
        phase = np.asarray(phase)
        phase = np.broadcast_to(phase[:, None] if phase.ndim == 1 else phase, shape)
        changes = np.zeros(shape, bool)
        changes[1:] = phase[1:] != phase[:-1]
        return 1 + np.cumsum(changes, axis=0, dtype=np.int32) if changes.any() else None
    if parts is None:
        return None
    last_points = np.unique([p for p in np.atleast_1d(parts) if p > 0])
    number = 1 + np.searchsorted(last_points, np.arange(shape[0]), side="right").astype(np.int32)
    return np.broadcast_to(number[:, None], shape)


def _excluded(shape, exclude):
    if exclude is None:
        return np.zeros(shape, bool)
    exclude = np.asarray(exclude)
    if exclude.dtype == bool:
        return np.broadcast_to(exclude[:, None] if exclude.ndim == 1 else exclude, shape)
    return np.broadcast_to(np.isin(np.arange(1, shape[0] + 1), exclude)[:, None], shape)


def _frozen(n_series, freeze):
    frozen = np.asarray(np.nan if freeze is None else freeze, float)
    return np.broadcast_to(np.where(frozen > 0, frozen, np.inf), (n_series,))


class View:
    """Series x time arrays opened as time x rows, one row per part, and closed again; one series alone stays alone."""

    def __init__(self, y, *, length=None, phase=None, included=None):
        self.alone = np.ndim(y) == 1
        excluded = None if included is None else ~_time_major(included, bool)
        self.rows = cut(_time_major(y).shape, length=length, exclude=excluded,
                        phase=None if phase is None else _time_major(phase))

    def open(self, values):
        """Series x time -> time x rows; what lies outside the row is not blanked (mask with rows.included or rows.inside)."""
        return self.rows.spread(_time_major(values))

    def close(self, values):
        """Time x rows, or one value per row, -> the shape of the y the view was made from."""
        values = self.rows.gather(values)
        return values[:, 0] if self.alone else values.T


def _time_major(values, dtype=None):
    return np.atleast_2d(np.asarray(values, dtype)).T
