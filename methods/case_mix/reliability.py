"""Reliability: how much of the spread between entities is real.

Belongs here: the overall reliability of the program's instructions and a reliability per entity.
Does not belong here: minimum numbers of surveys (policy of the warehouse).

Standing: the overall value is verified. The value per entity is PRODUCT-DEFINED: the printed source subtracts
the variance of one respondent where the variance of a mean belongs; here v / (N / D) is subtracted.
"""

from __future__ import annotations

import numpy as np

STANDING_OVERALL, STANDING_ENTITY = "verified", "product-defined"
POOR_BELOW, HIGH_ABOVE = 0.70, 0.90


def overall_reliability(f: float) -> tuple[float, str]:
    """(1 - 1/F, 'poor' | 'adequate' | 'high'); NaN and '' without F. Below 0 when F < 1: no signal at all."""
    if not f > 0:
        return float("nan"), ""
    value = 1 - 1 / f
    return value, "poor" if value < POOR_BELOW else "high" if value > HIGH_ABOVE else "adequate"


def variance_components(score: np.ndarray, variance: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """(between entities b, of one respondent v) from scores, their variances and rows, each (D,).

    m = sum n m_p / N; v = sum n (n s2_p) / N; b = max(sum n (m_p - m)^2 / (N (1 - 1/D)) - v / (N/D), 0).
    """
    total, n_entities = n.sum(), len(n)
    if n_entities < 2:
        return float("nan"), float("nan")
    mean = (n * score).sum() / total
    respondent = float((n * n * variance).sum() / total)
    observed = float((n * (score - mean) ** 2).sum() / (total * (1 - 1 / n_entities)))
    return max(observed - respondent * n_entities / total, 0.0), respondent


def entity_reliability(score: np.ndarray, variance: np.ndarray, n: np.ndarray) -> np.ndarray:
    """b / (b + s2_p) per entity (D,); NaN where neither entities nor answers vary, and with one entity."""
    between, _ = variance_components(score, variance, n)
    whole = between + variance
    return np.divide(between, whole, out=np.full(len(n), np.nan), where=whole > 0)


def reliability_at(n_respondents, score, variance, n):
    """Reliability to expect with `n_respondents` per entity: b / (b + v / r). Scalar or array."""
    between, respondent = variance_components(*(np.asarray(a, dtype=float) for a in (score, variance, n)))
    noise = respondent / np.asarray(n_respondents, dtype=float)
    return np.divide(between, between + noise, out=np.full(noise.shape, np.nan), where=between + noise > 0)[()]
