"""Strata: units that were adjusted apart and are reported together.

Belongs here: combining strata with population shares and testing the combined units.
Does not belong here: the shares themselves, weights of respondents.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from methods.case_mix import significance
from methods.case_mix.errors import CaseMixError
from methods.case_mix.result import CaseMix, Note


def combine_strata(result: CaseMix, strata: Mapping[object, tuple[object, float]]) -> CaseMix:
    """Combine adjusted strata into units: a = sum W a_s, V = sum W^2 V_s, then the tests over the units.

    `result`: a run whose entities are the strata. `strata`: stratum -> (unit, population or share); shares of
    a unit are scaled to 1 over its strata in the result. Returns tables entities, overall and strata.
    A single unit has nothing to compare with: unadjusted only, note ONE_UNIT, is_adjusted False (section 6).
    CaseMixError for a stratum without a unit, a negative share, or a unit whose shares are all 0.
    Source: case-mix.md, section 2 (strata, verified in text).
    """
    table = result["entities"]
    if missing := [s for s in table["entity"] if s not in strata]:
        raise CaseMixError(f"no unit and share are given for stratum {missing[0]}")
    units = np.array([strata[s][0] for s in table["entity"]], dtype=object)
    size = np.array([strata[s][1] for s in table["entity"]], dtype=float)
    if not (np.isfinite(size) & (size >= 0)).all():
        raise CaseMixError("population shares are numbers of 0 or more")
    names = sorted(set(units))
    code = np.array([names.index(unit) for unit in units], dtype=np.intp)
    total = np.bincount(code, weights=size, minlength=len(names))
    if (total == 0).any():
        raise CaseMixError(f"the shares of unit {names[int(np.argmin(total))]} add up to 0")
    share = size / total[code]

    def combined(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return np.bincount(code, weights=values * weight, minlength=len(names))

    ones = np.ones(len(share))
    unadjusted, adjusted = combined(table["unadjusted"], share), combined(table["adjusted"], share)
    if len(names) == 1:
        adjusted = np.full(1, np.nan)
    variance, n = combined(table["variance"], share**2), combined(table["n_usable"], ones).astype(int)
    settings = result.settings
    compared, star, overall = significance.compare(
        adjusted, variance, int(n.sum()), len(settings["adjusters"]), (settings["valid_values"][0], settings["valid_values"][-1]),
        **{name: settings[name] for name in ("alpha", "change", "mean_difference")},
    )  # fmt: skip
    entities = {
        "entity": np.array(names, dtype=object), "n_all": combined(table["n_all"], ones).astype(int), "n_usable": n,
        "unadjusted": unadjusted, "adjusted": adjusted, **compared, "variance": variance, "star": star,
    }  # fmt: skip
    tables = {
        "entities": entities,
        "overall": {name: np.array([v]) for name, v in overall.items()},
        "strata": {"stratum": table["entity"], "entity": units, "share": share},
    }
    return CaseMix(tables, {**settings, "is_stratified": True}, _notes(result, strata, names), len(names) > 1)


def _notes(result: CaseMix, strata: Mapping[object, tuple[object, float]], units: list) -> list[Note]:
    """Strata with a share but no result (their unit rests on the others), and a unit that stands alone."""
    present = set(result["entities"]["entity"])
    gone = [
        f"stratum {s} has no result: unit {u} rests on its other strata"
        for s, (u, _) in strata.items()
        if s not in present
    ]
    notes = [*result.notes, *(Note("STRATUM_ABSENT", text) for text in gone)]
    if len(units) == 1:
        notes.append(Note("ONE_UNIT", f"all strata belong to unit {units[0]}: nothing to compare with, unadjusted score only"))
    return notes
