"""Patient-mix and mode adjustment with coefficients that somebody published.

Belongs here: the formula, over means of entities and a table of coefficients.
Does not belong here: estimating coefficients from one's own surveys (case_mix/), the coefficients themselves (they are
data of a release and come from the user), reading surveys.

Source: surveys.md section 9, steps 1 and 2 (order corroborated): per quarter, item and box
adjusted = raw - sum over v of beta_v x (mean_v of the entity - reference mean_v) + effect of the survey mode.
"""

from __future__ import annotations

import numpy as np


def patient_mix_shift(means, coefficients, reference_means) -> np.ndarray:
    """What the mix of patients adds to a raw score: sum over variables of coefficient x (mean - reference mean).

    `means`: shape (..., variables), the entity's mean of each variable, or the share of patients with a code;
    `coefficients`, `reference_means`: shape (variables,). Unit: that of the coefficients (percentage points or points).
    NaN where an entity has no mean of a variable. ValueError when the shapes do not fit.
    """
    x, beta, centre = (np.asarray(values, dtype=float) for values in (means, coefficients, reference_means))
    if beta.ndim != 1 or beta.shape != centre.shape or x.shape[-1:] != beta.shape:
        raise ValueError(f"{beta.shape} coefficients and {centre.shape} reference means do not fit means of shape {x.shape}")
    return ((x - centre) * beta).sum(axis=-1)


def mode_effect(shares, effects) -> np.ndarray:
    """What the survey mode adds in the end: the effect of each mode by the share of surveys in it.

    `shares`: shape (..., modes), adding up to 1 (a hospital has one mode in a quarter, so one of them is 1);
    `effects`: shape (modes,). ValueError when shares do not add up to 1, or the shapes do not fit.
    """
    part, effect = np.asarray(shares, dtype=float), np.asarray(effects, dtype=float)
    if effect.ndim != 1 or part.shape[-1:] != effect.shape:
        raise ValueError(f"{effect.shape} mode effects do not fit shares of shape {part.shape}")
    total = part.sum(axis=-1)
    if not np.allclose(total[~np.isnan(total)], 1.0, atol=1e-9):
        raise ValueError("shares of modes must add up to 1: a survey has a mode without an effect")
    return (part * effect).sum(axis=-1)


def adjusted_score(raw, shift, effect=0.0) -> np.ndarray:
    """raw - shift + effect; scalars or arrays. Not cut off at 0 and 100: that belongs to publication."""
    return np.asarray(raw, dtype=float) - np.asarray(shift, dtype=float) + np.asarray(effect, dtype=float)
