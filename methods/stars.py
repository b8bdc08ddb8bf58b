"""Star ratings of patient experience.

Belongs here: measure stars from cut points, the HCAHPS summary star, the patient-experience group score of
the Overall Hospital Quality Star Rating.
Does not belong here: the significance stars 1-3 of the case-mix program (case_mix/), cut points (they are
data of a release and come from the user).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from methods.scoring import round_half_up

N_HCAHPS_COMPOSITES = 6
# Equal values leave a deviation of about 1e-16 of their size: rounding noise, not spread.
_NO_SPREAD = 1e-12


def measure_stars(scores, cut_points: Sequence[float], is_rounded: bool = False):
    """Stars 1-5 from linear mean scores (0-100) and four cut points, the lowest scores of 2, 3, 4 and 5 stars.

    Scores are rounded half up to whole points first, as they are published, unless `is_rounded`.
    Scalar or array; NaN (no score) stays NaN. ValueError unless the cut points are four and increasing.
    Source: surveys.md section 10. The cut points of each release come from the user.
    """
    cuts = np.asarray(cut_points, dtype=float)
    if cuts.shape != (4,) or not (np.diff(cuts) > 0).all():
        raise ValueError("measure stars need four increasing cut points: the lowest scores of 2, 3, 4 and 5 stars")
    values = np.asarray(scores if is_rounded else round_half_up(scores), dtype=float)
    stars = np.where(np.isnan(values), np.nan, 1.0 + np.searchsorted(cuts, values, side="right"))
    return float(stars) if stars.ndim == 0 else stars


def summary_star(composites, cleanliness, quietness, rating, recommend):
    """HCAHPS summary star of the 29-item form: round_half_up of the mean of eight numbers.

    The eight are the six composite stars, mean(cleanliness, quietness) and mean(rating, recommend); the mean
    of the ten stars is a different, wrong number. `composites`: shape (6,) or (hospitals, 6); the others
    scalar or (hospitals,). NaN unless all ten are given. Source: surveys.md section 10, step 2 (verified).
    The roll-up of the 32-item form is unknown, so another number of composites is refused.
    """
    six = np.asarray(composites, dtype=float)
    if six.shape[-1] != N_HCAHPS_COMPOSITES:
        raise ValueError(f"the summary star takes {N_HCAHPS_COMPOSITES} composite stars, not {six.shape[-1]}")
    singles = [np.asarray(star, dtype=float) for star in (cleanliness, quietness, rating, recommend)]
    individual, overall = (singles[0] + singles[1]) / 2, (singles[2] + singles[3]) / 2
    return round_half_up((six.sum(axis=-1) + individual + overall) / (N_HCAHPS_COMPOSITES + 2))


def standardise(values) -> np.ndarray:
    """z = (x - mean) / standard deviation per column over the rows that have a value (sample deviation, n - 1).

    Shape (rows,) or (rows, columns). A column without spread tells hospitals nothing apart: z = 0.
    With fewer than two values there is no deviation and z is NaN.
    """
    x = np.asarray(values, dtype=float)
    known = ~np.isnan(x)
    n = known.sum(axis=0)
    mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(n, 1)
    centred = np.where(known, x - mean, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=0) / np.where(n > 1, n - 1, np.nan))
    flat = deviation <= _NO_SPREAD * np.abs(mean)
    z = np.where(flat, 0.0, centred / np.where(flat, 1.0, deviation))
    return np.where(known, z, np.nan)


def patient_experience_group_score(stars) -> np.ndarray:
    """Patient-experience group score of the Overall Hospital Star, one per hospital.

    `stars`: shape (hospitals, columns): six composite stars, mean(rating, recommend), mean(clean, quiet);
    NaN = not reported. Standardise each column, average a hospital's available z, standardise that average.
    NaN for a hospital without any star. Source: surveys.md section 10, step 3 (verified on 2021 and 2022).
    """
    z = standardise(np.asarray(stars, dtype=float))
    known = ~np.isnan(z)
    n = known.sum(axis=1)
    average = np.where(n > 0, np.where(known, z, 0.0).sum(axis=1) / np.maximum(n, 1), np.nan)
    return standardise(average)
