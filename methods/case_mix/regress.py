"""Regression of one item on the adjusters, centred within entities.

Belongs here: entity means, centring, minimum-norm least squares with its rank, R squared (steps 6, 7, 10, 18).
Does not belong here: combining items (compose.py), tests (significance.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_EPS = np.finfo(float).eps
# Rounding leaves up to a few units in the last place of the uncentred value in a centred one.
_NOISE = 16 * _EPS
_BLOCK = 512  # rows decomposed at a time: what fits the cache, and too little for BLAS to start threads that wait for each other


@dataclass(frozen=True)
class ItemFit:
    """One item over P entities, for m outcomes (the score and, if asked, the 0/1 indicator of each box)."""

    n: np.ndarray  # (P,) answers
    mean: np.ndarray  # (P, m) unadjusted entity means, NaN without answers
    adjusted: np.ndarray  # (P, m) step 7
    beta: np.ndarray  # (k, m)
    residual: np.ndarray  # (answers, m)
    rank: int
    r_squared: float  # of the first outcome
    adjusted_r_squared: float


def fit_item(y: np.ndarray, x: np.ndarray, code: np.ndarray, n_entities: int) -> ItemFit:
    """Fit outcomes y (n, m) on adjusters x (n, k) of the rows that answered, entity in `code` (n,).

    Ordinary least squares without intercept on values centred within the entity: the same slopes as
    entity fixed effects. a_p = ybar_p - (xbar_p - mean over entities of xbar_p) . beta
    """
    n = np.bincount(code, minlength=n_entities)
    y_mean, x_mean = entity_means(y, code, n), entity_means(x, code, n)
    y_centred, x_centred = y - y_mean[code], x - x_mean[code]
    beta, rank = least_squares(x_centred, y_centred, _noise(x))
    residual = y_centred - _product(x_centred, beta)
    has_answers = n > 0
    adjustment = (x_mean - x_mean[has_answers].mean(axis=0) if has_answers.any() else x_mean) @ beta
    r_squared, adjusted_r_squared = _r_squared(y_centred[:, 0], residual[:, 0], rank, _noise(y)[0])
    return ItemFit(n, y_mean, y_mean - adjustment, beta, residual, rank, r_squared, adjusted_r_squared)


def entity_means(values: np.ndarray, code: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Means of the columns of `values` (rows, c) per entity: (P, c), NaN where an entity has no rows."""
    divisor = np.where(n > 0, n, np.nan)
    sums = [np.bincount(code, weights=column, minlength=len(n)) for column in values.T]
    return np.column_stack(sums) / divisor[:, None] if sums else np.empty((len(n), 0))


def least_squares(x: np.ndarray, y: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, int]:
    """Minimum-norm solution of x beta = y (n, k), (n, m) and the rank of x.

    `noise` (k,): size of a rounding error in one value of each column. A column that is all noise (an
    adjuster constant within every entity) is zero; singular values below the noise do not count.
    x is reduced by a QR decomposition first, which keeps its singular values at k x k cost.
    """
    k = x.shape[1]
    if k == 0 or len(x) == 0:
        return np.zeros((k, y.shape[1])), 0
    is_noise = np.abs(x).max(axis=0) <= noise
    r = _triangle(np.hstack([np.where(is_noise, 0.0, x) if is_noise.any() else x, y]))
    triangle, target = r[:k, :k], r[:k, k:]
    u, singular, vt = np.linalg.svd(triangle, full_matrices=False)
    smallest = max(singular[0] * _EPS * max(x.shape), noise.max() * np.sqrt(len(x)))
    inverse = np.where(singular > smallest, 1.0 / np.where(singular > smallest, singular, 1.0), 0.0)
    return vt.T @ (inverse[:, None] * (u.T @ target)), int((singular > smallest).sum())


def _triangle(a: np.ndarray) -> np.ndarray:
    """R of the QR decomposition of a tall matrix (n, c): of the R of its blocks, a third of the CPU time of all rows at once."""
    rows, columns = a.shape
    whole = rows // _BLOCK * _BLOCK
    if whole <= _BLOCK or columns * 2 > _BLOCK:
        return np.linalg.qr(a, mode="r")
    blocks = np.linalg.qr(a[:whole].reshape(-1, _BLOCK, columns), mode="r").reshape(-1, columns)
    return _triangle(np.concatenate([blocks, a[whole:]]))


def _product(x: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """x (n, k) times beta (k, m), adjuster by adjuster: a handful of columns is a tenth of the CPU time of BLAS."""
    total = np.zeros((len(x), beta.shape[1]))
    for column, slopes in zip(x.T, beta, strict=True):
        total += column[:, None] * slopes
    return total


def _r_squared(y: np.ndarray, residual: np.ndarray, rank: int, noise: float) -> tuple[float, float]:
    """1 - RSS / TSS after centring, and adjusted for `rank` slopes as SAS does it: n - 1 over n - rank - 1."""
    n, total = len(y), float(y @ y)
    if n == 0 or total <= n * noise**2:
        return float("nan"), float("nan")
    unexplained = float(residual @ residual) / total
    adjusted = 1 - unexplained * (n - 1) / (n - rank - 1) if n > rank + 1 else float("nan")
    return 1 - unexplained, adjusted


def _noise(values: np.ndarray) -> np.ndarray:
    return _NOISE * np.abs(values).max(axis=0) if len(values) else np.zeros(values.shape[1])
