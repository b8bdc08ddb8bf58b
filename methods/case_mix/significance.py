"""Tests of entities: overall F test, difference from the mean, stars 1 to 3.

Belongs here: steps 12 to 15 of the algorithm on adjusted scores and their variances, whether they are of entities or of
units made of strata.
Does not belong here: where the scores come from.
"""

from __future__ import annotations

import numpy as np

from methods.case_mix.reliability import overall_reliability

SMALLEST_P = 0.0001  # the program prints no smaller overall p value
CONFIDENCE_FACTOR = 1.96


def compare(
    adjusted: np.ndarray, variance: np.ndarray, n_usable: int, n_adjusters: int, ends: tuple[float, float], *,
    alpha: float, change: float, mean_difference: float,
) -> tuple[dict[str, np.ndarray], np.ndarray, dict]:  # fmt: skip
    """Differences and stars of the entities, each (P,), and the overall test with its reliability. `ends`: of the scale; others as in stars."""
    test = overall_test(adjusted, variance, n_usable, n_adjusters)
    found = differences(adjusted, variance, test["df2"])
    star = stars(found["delta"], found["p_value"], test["overall"], *ends, alpha, change, mean_difference)
    value, label = overall_reliability(test["f"])
    return found, star, {"n_entities": len(adjusted), "n_usable": n_usable} | test | {"reliability": value, "reliability_class": label}


def overall_test(adjusted: np.ndarray, variance: np.ndarray, n_usable: int, n_adjusters: int) -> dict[str, float]:
    """Overall mean, grand mean and F test that all entities are equal.

    `adjusted`, `variance`: (P,). df1 = P - 1, df2 = N - P - k, at least 1. An entity without variance has no
    defined weight and is left out of the grand mean and of F, but stays in the degrees of freedom.
    """
    from scipy.special import fdtrc

    n_entities = len(adjusted)
    df1, df2 = n_entities - 1, max(n_usable - n_entities - n_adjusters, 1)
    spread = variance > 0
    a, v = adjusted[spread], variance[spread]
    if n_entities == 0:
        nan = float("nan")
        return {"overall": nan, "grand_mean": nan, "df1": nan, "df2": nan, "f": nan, "p_value": nan}
    grand_mean = float((a / v).sum() / (1 / v).sum()) if len(a) else float("nan")
    f = float(((a - grand_mean) ** 2 / v).sum() / df1) if len(a) and df1 > 0 else float("nan")
    p_value = max(float(fdtrc(df1, df2, f)), SMALLEST_P) if f == f else float("nan")
    return {
        "overall": float(adjusted.mean()),
        "grand_mean": grand_mean,
        "df1": df1,
        "df2": df2,
        "f": f,
        "p_value": p_value,
    }


def differences(adjusted: np.ndarray, variance: np.ndarray, df: float) -> dict[str, np.ndarray]:
    """Difference of each entity from the mean of all: delta, se, half-width of the 95 % interval, t, p value.

    SE = sqrt(VP (1 - 2/P) + sum of all VP / P squared); t is 0 where SE is 0; two-sided p from t with df.
    """
    from scipy.special import stdtr

    n_entities = len(adjusted)
    if n_entities == 0:
        return {name: np.empty(0) for name in ("delta", "se", "ci95", "t", "p_value")}
    delta = adjusted - adjusted.mean()
    se = np.sqrt(np.maximum(variance * (1 - 2 / n_entities) + variance.sum() / n_entities**2, 0.0))
    se = np.where(np.isnan(delta), np.nan, se)
    t = np.divide(delta, se, out=np.where(np.isnan(delta), np.nan, 0.0), where=se > 0)
    return {"delta": delta, "se": se, "ci95": CONFIDENCE_FACTOR * se, "t": t, "p_value": 2 * stdtr(df, -np.abs(t))}


def stars(
    delta: np.ndarray, p_value: np.ndarray, overall: float, lowest: float, highest: float,
    alpha: float = 0.05, change: float = 0.0, mean_difference: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """3 above, 1 below, 2 not different: p < alpha and |delta| at least `change` times the distance from the
    overall mean to the nearer end of the scale and at least `mean_difference` ("greater or equal", as the program).
    NaN where there is no p value.
    """
    size = np.abs(delta)
    needed = change * min(overall - lowest, highest - overall)
    different = (p_value < alpha) & (size >= needed) & (size >= mean_difference)
    return np.where(np.isnan(p_value), np.nan, np.where(different, np.where(delta >= 0, 3.0, 1.0), 2.0))
