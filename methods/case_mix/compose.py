"""From items to a composite score and its variance.

Belongs here: item weights, the centred composite, recentring, linearised contributions (steps 8 to 11).
Does not belong here: the regression (regress.py), tests (significance.py).
"""

from __future__ import annotations

import numpy as np


def item_weights(n: np.ndarray, k: float = 1) -> np.ndarray:
    """Weights of the items (P, I) from their answers n (P, I): min(n, K) / sum of min(n, K).

    K <= 1: equal weights over the items with answers, 0 for the others. K > 1 takes weight from an item
    with fewer than K answers. A row without any answer has weights 0.
    """
    limited = np.minimum(n, max(k, 1.0)).astype(float)
    total = limited.sum(axis=1, keepdims=True)
    return np.divide(limited, total, out=np.zeros_like(limited), where=total > 0)


def compose(item_means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Composite (P,) from item means (P, I), NaN = no answers, and weights (P, I).

    Items are combined as differences from their mean over the entities, mu_i, and the mean of the mu_i is
    added back: an entity without an item is not moved by how easy that item is. An item without answers
    anywhere is left out. With equal weights this is the plain mean.
    """
    asked = ~np.isnan(item_means).all(axis=0)
    if not asked.any():
        return np.full(len(item_means), np.nan)
    means, weights = item_means[:, asked], weights[:, asked]
    known = ~np.isnan(means)
    overall = np.where(known, means, 0.0).sum(axis=0) / known.sum(axis=0)
    return (weights * np.where(known, means - overall, 0.0)).sum(axis=1) + overall.mean()


def recentre(adjusted: np.ndarray, unadjusted: np.ndarray) -> np.ndarray:
    """Add one constant, so that the mean over entities equals that of the unadjusted scores."""
    return adjusted + (unadjusted.mean() - adjusted.mean()) if len(adjusted) else adjusted


def add_contribution(
    contribution: np.ndarray,
    rows: np.ndarray,
    residual: np.ndarray,
    weight: np.ndarray,
    n: np.ndarray,
    code: np.ndarray,
) -> None:
    """Add one item to the linearised contributions d_j (N, m) in place: w_ip e_ij / n_ip.

    `rows`: respondents that answered; `residual` (answers, m); `code`: their entity; `weight`, `n`: (P,).
    """
    factor = np.divide(weight, n, out=np.zeros(len(n)), where=n > 0)
    contribution[rows] += residual * factor[code][:, None]


def variances(contribution: np.ndarray, code: np.ndarray, n_entities: int) -> np.ndarray:
    """VP (P, m): sum of squared contributions of the entity's respondents, without a factor n / (n - 1)."""
    return np.column_stack([np.bincount(code, weights=d * d, minlength=n_entities) for d in contribution.T])
