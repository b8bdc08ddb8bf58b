"""From a table to clean numbers: valid answers, adjusters in range, entities, usable rows.

Belongs here: steps 1 to 5 of the algorithm (clean, count all, impute, usable rows, drop entities).
Does not belong here: regression and everything after it, reading files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from methods.case_mix.errors import CaseMixError
from methods.case_mix.scale import Scale

# Reasons why an entity is not in the result.
NO_ANSWERS, ADJUSTER_MISSING, ONE_USABLE = "NO_ANSWERS", "ADJUSTER_MISSING", "ONE_USABLE_ROW"
REASONS = {
    NO_ANSWERS: "no row answers an item of the measure",
    ADJUSTER_MISSING: "no row with an answer has every adjuster",
    ONE_USABLE: "only one usable row: a mean without a variance cannot be compared",
}


@dataclass(frozen=True)
class Adjuster:
    """One adjuster: its name in the result, its column, and the range of valid values (None = no limit)."""

    name: str
    column: str
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True)
class Prepared:
    """Usable rows of the entities that stay. Entities are coded 0..P-1 in the order of `entities`."""

    entities: np.ndarray  # (P,) labels
    n_all: np.ndarray  # (P,) all rows of the entity
    n_usable: np.ndarray  # (P,)
    missing: np.ndarray  # (P, items + adjusters) share of all rows without a valid value
    code: np.ndarray  # (N,) entity of each usable row
    row: np.ndarray  # (N,) position of the usable row in the table, 0-based
    answers: np.ndarray  # (N, I)
    adjusters: np.ndarray  # (N, k)
    dropped: dict[str, np.ndarray]
    n_without_entity: int


def prepare(
    table, items: Sequence[str], entity: str, adjusters: Sequence[Adjuster], scale: Scale, impute: bool,
    reverse: Sequence[str] = (),
) -> Prepared:  # fmt: skip
    """Steps 1 to 5 of case-mix.md, in this order: imputing after dropping rows gives other means."""
    labels, code = entity_codes(column(table, entity))
    y = np.column_stack([valid_answers(numbers(table, item), scale, item in reverse) for item in items])
    x = _matrix([in_range(numbers(table, a.column), a) for a in adjusters], len(code))
    if len(y) != len(code) or len(x) != len(code):
        raise CaseMixError("the columns of the table have different lengths")
    belongs = np.flatnonzero(code >= 0)
    n_without_entity = len(code) - len(belongs)
    code, y, x = code[belongs], y[belongs], x[belongs]

    n_entities = len(labels)
    n_all = np.bincount(code, minlength=n_entities)
    missing = _missing_shares(code, np.hstack([y, x]), n_all)
    if impute and x.shape[1]:
        x = impute_entity_means(x, code, n_entities)
    answered = ~np.isnan(y).all(axis=1)
    usable = answered & ~np.isnan(x).any(axis=1)
    n_usable = np.bincount(code[usable], minlength=n_entities)
    n_answered = np.bincount(code[answered], minlength=n_entities)

    kept = n_usable > 1
    new_code = np.cumsum(kept) - 1
    rows = np.flatnonzero(usable & kept[code])
    return Prepared(
        labels[kept], n_all[kept], n_usable[kept], missing[kept], new_code[code[rows]], belongs[rows],
        y[rows], x[rows], _dropped(labels, n_all, n_usable, n_answered, kept), n_without_entity,
    )  # fmt: skip


def column(table, name: str) -> np.ndarray:
    """One column as a numpy array; CaseMixError when the table does not have it."""
    try:
        values = table[name]
    except (KeyError, IndexError, ValueError, TypeError):
        raise CaseMixError(f"the table has no column '{name}'") from None
    if isinstance(values, np.ma.MaskedArray):
        return (
            values.filled(np.nan)
            if values.dtype.kind == "f"
            else np.where(values.mask, None, values.data.astype(object))
        )
    if type(values).__module__.split(".")[0] == "pandas" and not isinstance(values.dtype, np.dtype):
        return values.to_numpy(dtype=object, na_value=None)  # pandas' own missing value is neither None nor NaN
    return np.asarray(values)


def numbers(table, name: str) -> np.ndarray:
    """One column as floats, blank = NaN. Text that is not a number is refused, naming the row, not the text."""
    values = column(table, name)
    if values.dtype.kind in "fiub":
        return values.astype(float)
    if values.dtype.kind in "mM":
        raise CaseMixError(f"column '{name}' holds dates or times, not numbers")
    try:
        return np.array([_number(value) for value in values.tolist()], dtype=float)
    except (ValueError, TypeError):
        wrong = [row for row, value in enumerate(values.tolist(), 1) if not _is_number(value)]
        raise CaseMixError(
            f"column '{name}' holds {len(wrong)} values that are not numbers, the first in data row {wrong[0]}"
        ) from None


def valid_answers(values: np.ndarray, scale: Scale, is_reversed: bool = False) -> np.ndarray:
    """Values outside the scale become NaN; a reverse-coded item is turned over (1-4: new = 5 - old)."""
    cleaned = np.where(np.isin(values, scale.values), values, np.nan)
    return scale.lowest + scale.highest - cleaned if is_reversed else cleaned


def in_range(values: np.ndarray, adjuster: Adjuster) -> np.ndarray:
    """Adjuster values outside the declared range become NaN, infinities too."""
    lowest = -np.inf if adjuster.lowest is None else adjuster.lowest
    highest = np.inf if adjuster.highest is None else adjuster.highest
    return np.where(np.isfinite(values) & (values >= lowest) & (values <= highest), values, np.nan)


def entity_codes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(sorted distinct labels, code per row); numbers first, 2 before 10; code -1 where the label is blank."""
    if labels.dtype.kind in "iu":  # whole numbers have no blanks; half a million of them take no loop
        whole, code = np.unique(labels, return_inverse=True)
        return whole.astype(object), code.astype(np.intp)
    found: dict = {}
    code = np.array([-1 if _is_blank(v) else found.setdefault(v, len(found)) for v in labels.tolist()], dtype=np.intp)
    order = sorted(found, key=_sort_key)
    rank = np.empty(len(found) + 1, dtype=np.intp)
    rank[[found[label] for label in order]] = np.arange(len(order))
    rank[-1] = -1
    names = np.empty(len(order), dtype=object)
    names[:] = order
    return names, rank[code]


def impute_entity_means(x: np.ndarray, code: np.ndarray, n_entities: int) -> np.ndarray:
    """Missing adjusters become the mean over all rows of the entity; NaN stays where the entity has no value."""
    filled = x.copy()
    for j in range(x.shape[1]):
        known = ~np.isnan(x[:, j])
        n = np.bincount(code[known], minlength=n_entities)
        total = np.bincount(code[known], weights=x[known, j], minlength=n_entities)
        means = np.where(n > 0, total / np.maximum(n, 1), np.nan)
        filled[~known, j] = means[code[~known]]
    return filled


def _missing_shares(code: np.ndarray, values: np.ndarray, n_all: np.ndarray) -> np.ndarray:
    counts = [np.bincount(code[np.isnan(v)], minlength=len(n_all)) for v in values.T]
    return np.column_stack(counts) / np.maximum(n_all, 1)[:, None]


def _dropped(labels, n_all, n_usable, n_answered, kept) -> dict[str, np.ndarray]:
    gone = ~kept
    codes = np.where(n_usable == 1, ONE_USABLE, np.where(n_answered == 0, NO_ANSWERS, ADJUSTER_MISSING))[gone]
    return {
        "entity": labels[gone], "n_all": n_all[gone], "n_usable": n_usable[gone],
        "reason_code": codes.astype(object), "reason": np.array([REASONS[c] for c in codes], dtype=object),
    }  # fmt: skip


def _matrix(columns: list[np.ndarray], n_rows: int) -> np.ndarray:
    return np.column_stack(columns) if columns else np.empty((n_rows, 0))


def _sort_key(label) -> tuple:
    if isinstance(label, str):
        return (0, int(label), label) if label.isdecimal() else (1, 0, label)
    return (0, label, "")


def _is_blank(value) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _number(value) -> float:
    return float("nan") if _is_blank(value) else float(value)


def _is_number(value) -> bool:
    try:
        _number(value)
    except (ValueError, TypeError):
        return False
    return True
