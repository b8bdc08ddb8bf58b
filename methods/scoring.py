"""Scores from answers and counts that need no regression.

Belongs here: boxes, linear means and composites, the Press Ganey style mean score, Net Promoter Score,
Friends and Family Test, and the two roundings of the field.
Does not belong here: case-mix adjustment (case_mix/), star ratings (stars.py), points of payment programs
(hvbp.py), reading files, the warehouse.

Missing is NaN everywhere; a score without any answer is None or NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# 1-5 answers to 0-100 points, the vendors' usual recoding (surveys.md section 16, standing: unverified).
FIVE_POINT_TO_100 = {1: 0.0, 2: 25.0, 3: 50.0, 4: 75.0, 5: 100.0}


def round_half_up(values, digits: int = 0):
    """Round to `digits` decimals, halves towards plus infinity: floor(x + 0.5).

    Scalar in, float out; array in, array out; NaN stays NaN. Python and SQL `round` differ at halves.
    The half is judged on the fraction, so 0.49999999999999994 is 0 although adding 0.5 would give 1.
    """
    scaled = np.asarray(values, dtype=float) * 10.0**digits
    whole = np.floor(scaled)
    rounded = (whole + (scaled - whole >= 0.5)) / 10.0**digits
    return float(rounded) if rounded.ndim == 0 else rounded


def largest_remainder(shares: Sequence[float], total: int = 100) -> list[int]:
    """Whole numbers that add up to `total` and lie within 1 of their shares (Hamilton's method).

    `shares`: non-negative numbers on any scale. Ties go to the earlier entry. For published tables only:
    product-defined, and never to be stored in a base table. ValueError for a negative, missing or all-zero list.
    """
    values = np.asarray(shares, dtype=float)
    if values.size == 0 or not np.isfinite(values).all() or (values < 0).any() or values.sum() == 0:
        raise ValueError("largest remainder rounding needs non-negative numbers with a positive sum")
    exact = values / values.sum() * total
    whole = np.floor(exact).astype(int)
    # Nine decimals: equal remainders differ by about 1e-15 after the division and are ties all the same.
    order = np.argsort(-np.round(exact - whole, 9), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole.tolist()


def weighted_mean(counts: Mapping[float, float], weights: Mapping[float, float]) -> float | None:
    """Mean of `weights[answer]` over `counts[answer]` answers; answers without a weight are not answers.

    Top box: weights 1 and 0. Linear mean: weights 0-100. None when nothing was answered.
    """
    answered = {answer: n for answer, n in counts.items() if answer in weights}
    total = sum(answered.values())
    if total == 0:
        return None
    return sum(n * weights[answer] for answer, n in answered.items()) / total


def box_shares(counts: Mapping[float, float], boxes: Sequence[Sequence[float]]) -> list[float] | None:
    """Share (0-1) of the valid answers in each box; an answer in no box is not valid. None without answers."""
    in_box = [sum(counts.get(answer, 0) for answer in box) for box in boxes]
    total = sum(in_box)
    return None if total == 0 else [n / total for n in in_box]


def composite(item_scores):
    """Unweighted mean over items, leaving out items without a score (surveys.md section 3, steps 4 and 5).

    `item_scores`: shape (items,) or (entities, items), NaN = no answers. NaN when no item has a score.
    """
    scores = np.asarray(item_scores, dtype=float)
    return _mean_of_known(scores, axis=-1)


def linear_from_three_boxes(top, middle):
    """Linear mean 0-100 of a three-box scale from percents: top + middle / 2 (exact for equidistant scales)."""
    return np.asarray(top, dtype=float) + np.asarray(middle, dtype=float) / 2


def mean_score(points, sections: Sequence[Sequence[int]]) -> tuple[list[float], float]:
    """Vendor style mean score: a patient's answered items per section, then sections, then patients.

    `points`: shape (patients, items), 0-100, NaN = not answered (recode 1-5 with FIVE_POINT_TO_100).
    `sections`: item positions per section. Returns (mean per section over patients, overall mean).
    Source: surveys.md section 16 (Press Ganey style, standing unverified).
    """
    values = np.asarray(points, dtype=float)
    per_patient = np.column_stack([_mean_of_known(values[:, list(items)], axis=1) for items in sections])
    overall = _mean_of_known(_mean_of_known(per_patient, axis=1), axis=0)
    return _mean_of_known(per_patient, axis=0).tolist(), float(overall)


def net_promoter_score(promoters: float, passives: float, detractors: float) -> float | None:
    """Percent promoters (9-10) minus percent detractors (0-6), -100 to 100. None without answers.

    Takes the three counts, so that units are added up before the score and never averaged after it.
    """
    counts = (promoters, passives, detractors)
    if any(n < 0 for n in counts):
        raise ValueError("counts of promoters, passives and detractors cannot be negative")
    total = sum(counts)
    return None if total == 0 else 100.0 * (promoters - detractors) / total


def promoter_groups(answers) -> tuple[int, int, int]:
    """(promoters, passives, detractors) among answers on the 0-10 scale; anything else is not an answer."""
    values = np.asarray(answers, dtype=float)
    valid = values[(values >= 0) & (values <= 10) & (values == np.floor(values))]
    return int((valid >= 9).sum()), int(((valid >= 7) & (valid <= 8)).sum()), int((valid <= 6).sum())


def friends_and_family(counts: Mapping[int, float]) -> dict[str, float | None]:
    """NHS Friends and Family Test: percent positive (1, 2) and negative (4, 5) of all responses 1-6.

    Neither (3) and Don't know (6) stay in the denominator (surveys.md section 15, verified).
    """
    total = sum(counts.get(answer, 0) for answer in range(1, 7))
    if total == 0:
        return {"n": 0, "positive_pct": None, "negative_pct": None}
    positive, negative = counts.get(1, 0) + counts.get(2, 0), counts.get(4, 0) + counts.get(5, 0)
    return {"n": total, "positive_pct": 100.0 * positive / total, "negative_pct": 100.0 * negative / total}


def _mean_of_known(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over the entries that are not NaN; NaN where there are none (without numpy's warning)."""
    known = ~np.isnan(values)
    n = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
