"""Hospital Value-Based Purchasing: points of the Person and Community Engagement domain.

Belongs here: achievement, improvement, dimension, base, consistency and domain points from rates and the
standards of a fiscal year.
Does not belong here: the standards themselves (data of a fiscal year), reading published files into tables,
the payment formula.

Rates and standards are percents (0-100) with all published decimals, never rounded before scoring. All
functions take scalars or arrays; NaN = not available. Source: surveys.md section 11 (verified, FY 2024).
"""

from __future__ import annotations

import numpy as np

# Rates have four decimals, so a value that is not whole misses the next whole number by more than 1e-6;
# floating point misses it by about 1e-13. Anything closer than this is a whole number.
_SNAP = 1e-9


def achievement_points(performance, threshold, benchmark) -> np.ndarray:
    """0 below the threshold, 10 from the benchmark, between them R(9 (pe - t) / (b - t) + 0.5)."""
    pe, t, b = _floats(performance, threshold, benchmark)
    between = _round_half_up(9 * _ratio(pe - t, b - t) + 0.5)
    points = np.where(pe >= b, 10.0, np.where(pe < t, 0.0, between))
    return _known_only(points, pe, t, b)


def improvement_points(performance, baseline, benchmark) -> np.ndarray:
    """0 without improvement (tested first), 9 from the benchmark, else R(10 (pe - ba) / (b - ba) - 0.5) in 0-9."""
    pe, ba, b = _floats(performance, baseline, benchmark)
    between = np.clip(_round_half_up(10 * _ratio(pe - ba, b - ba) - 0.5), 0.0, 9.0)
    points = np.where(pe <= ba, 0.0, np.where(pe >= b, 9.0, between))
    return _known_only(points, pe, ba, b)


def dimension_points(achievement, improvement) -> np.ndarray:
    """The larger of the two; achievement alone when there is no improvement score (no baseline)."""
    achieved, improved = _floats(achievement, improvement)
    return np.where(np.isnan(achieved), np.nan, np.fmax(achieved, improved))


def base_points(dimensions) -> np.ndarray:
    """Sum over the dimensions, 0-80 with eight. Shape (..., dimensions) -> (...). NaN if one is missing."""
    return np.asarray(dimensions, dtype=float).sum(axis=-1)


def consistency_points(performance, floor, threshold) -> np.ndarray:
    """0-20 points for the weakest dimension: m = smallest (pe - f) / (t - f); 20 if m >= 1, else R(20 m - 0.5).

    Shape (..., dimensions) -> (...). NaN if one dimension has no rate.
    """
    pe, f, t = _floats(performance, floor, threshold)
    reached = np.where(t == f, pe >= t, _ratio(pe - f, t - f))
    weakest = _known_only(reached, pe, f, t).min(axis=-1)
    points = np.where(weakest >= 1, 20.0, np.clip(_round_half_up(20 * weakest - 0.5), 0.0, 20.0))
    return np.where(np.isnan(weakest), np.nan, points)


def domain_points(base, consistency) -> np.ndarray:
    """Base + consistency, 0-100."""
    total, consistent = _floats(base, consistency)
    return total + consistent


def score_hospitals(performance, baseline, floor, threshold, benchmark) -> dict[str, np.ndarray]:
    """All points of hospitals at once.

    `performance`, `baseline`: shape (hospitals, dimensions); the standards (dimensions,) or the same shape.
    Cleanliness and Quietness are one dimension: the mean of their two top boxes. Returns achievement,
    improvement, dimension (hospitals, dimensions) and base, consistency, domain (hospitals,).
    A hospital with a dimension without a performance rate gets NaN for base, consistency and domain.
    """
    achievement = achievement_points(performance, threshold, benchmark)
    improvement = improvement_points(performance, baseline, benchmark)
    dimension = dimension_points(achievement, improvement)
    base, consistency = base_points(dimension), consistency_points(performance, floor, threshold)
    return {
        "achievement": achievement, "improvement": improvement, "dimension": dimension,
        "base": base, "consistency": consistency, "domain": domain_points(base, consistency),
    }  # fmt: skip


def _floats(*values) -> list[np.ndarray]:
    return [np.asarray(value, dtype=float) for value in values]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole; where the whole is 0 the tests before it decide, the ratio itself has no meaning."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)


def _round_half_up(values: np.ndarray) -> np.ndarray:
    """floor(x + 0.5) of a value that is exact up to floating point noise."""
    return np.floor(values + 0.5 + _SNAP)


def _known_only(values: np.ndarray, *inputs: np.ndarray) -> np.ndarray:
    missing = np.isnan(sum(inputs[1:], inputs[0]))
    return np.where(missing, np.nan, values)
