"""Box percentages: the share of answers in each class of the scale.

Belongs here: 0/1 indicators of the boxes, unadjusted shares, clipping for reports (step 16).
Does not belong here: the adjustment of the indicators; that is the ordinary algorithm on another outcome.
"""

from __future__ import annotations

import numpy as np

from methods.case_mix.scale import Scale


def indicators(answers: np.ndarray, scale: Scale) -> np.ndarray:
    """0/1 columns (n, boxes) of valid answers (n,)."""
    return np.column_stack([np.isin(answers, box) for box in scale.boxes]).astype(float)


def unadjusted_shares(item_shares: np.ndarray) -> np.ndarray:
    """Unweighted mean over the items with answers: (P, I, boxes) with NaN -> (P, boxes)."""
    known = ~np.isnan(item_shares)
    return np.where(known, item_shares, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def within_bounds(shares: np.ndarray) -> np.ndarray:
    """Adjusted shares for a report: none below 0 or above 1, each row still adding up to what it did.

    What a box is short of 0 is taken from its larger neighbour, what it has above 1 goes to its smaller one.
    Never applied to stored results. `shares`: (entities, boxes).
    """
    clipped = np.array(shares, dtype=float)
    last = clipped.shape[1] - 1
    for row in clipped:
        for _ in range(last + 1):
            wrong = np.flatnonzero((row < 0) | (row > 1))
            if not len(wrong):
                break
            box = int(wrong[0])
            neighbours = [n for n in (box - 1, box + 1) if 0 <= n <= last]
            target = max(neighbours, key=lambda n: row[n]) if row[box] < 0 else min(neighbours, key=lambda n: row[n])
            excess = row[box] - min(max(row[box], 0.0), 1.0)
            row[box] -= excess
            row[target] += excess
    return clipped
