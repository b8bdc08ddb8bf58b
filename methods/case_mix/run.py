"""The whole case-mix run over a table.

Belongs here: the options, the order of the steps, the tables of the result.
Does not belong here: the arithmetic of a step (the modules named after the steps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from methods.case_mix import boxes, clean, compose, notes, regress, reliability, significance
from methods.case_mix.clean import Adjuster, Prepared
from methods.case_mix.errors import CaseMixError
from methods.case_mix.regress import ItemFit
from methods.case_mix.result import METHOD, CaseMix, Table
from methods.case_mix.scale import Scale


@dataclass(frozen=True)
class _Options:
    """Settings of a run, checked once."""

    items: tuple[str, ...]
    entity: str
    scale: Scale
    adjusters: tuple[Adjuster, ...]
    impute: bool
    k: float
    alpha: float
    change: float
    mean_difference: float
    adjust_boxes: bool
    reverse: tuple[str, ...]

    def __post_init__(self) -> None:
        names = [*self.items, *(a.name for a in self.adjusters)]
        if not self.items:
            raise CaseMixError("a measure needs at least one item")
        if len(set(names)) < len(names):
            raise CaseMixError("items and adjusters need different names; one of them is given twice")
        if both := {a.column for a in self.adjusters} & set(self.items):
            raise CaseMixError(f"'{min(both)}' is an item of the measure and cannot adjust it as well")
        if unknown := set(self.reverse) - set(self.items):
            raise CaseMixError(f"'{min(unknown)}' is to be reversed but is not an item")
        if not 0 < self.alpha < 1 or min(self.k, self.change, self.mean_difference) < 0:
            raise CaseMixError("alpha lies between 0 and 1; k, change and mean_difference are not negative")

    @property
    def adjuster_names(self) -> list[str]:
        return [a.name for a in self.adjusters]


def case_mix(
    table, *, items: Sequence[str], entity: str, scale: Scale, adjusters: Sequence[Adjuster | str] = (),
    impute: bool = True, k: float = 1, alpha: float = 0.05, change: float = 0.0, mean_difference: float = 0.0,
    adjust_boxes: bool = False, reverse: Sequence[str] = (), keep_contributions: bool = False,
) -> CaseMix:  # fmt: skip
    """Case-mix adjusted scores per entity with variances, tests, boxes and missing shares.

    table: columns by name, one row per respondent. items: columns of the measure, best answer = highest value
    (`reverse` names items to be turned over first). entity: column of the unit compared; rows without one count
    nowhere. adjusters: plain numbers, not categories; a text is a column without limits. impute: a missing
    adjuster becomes the entity's mean over all its rows; otherwise such rows are left out. k: full weight of an
    item needs k answers. alpha, change, mean_difference: conditions of the stars.
    adjust_boxes: run the algorithm on the 0/1 indicator of every box as well.

    Raises CaseMixError for a request that cannot be computed as asked. What the data lack is in `notes` and
    `dropped`. Source: AHRQ CAHPS Analysis Program 4.1c (case-mix.md), without respondent weights.
    """
    chosen = tuple(a if isinstance(a, Adjuster) else Adjuster(a, a) for a in adjusters)
    options = _Options(
        tuple(items), entity, scale, chosen, impute, k, alpha, change, mean_difference, adjust_boxes, tuple(reverse)
    )
    data = clean.prepare(table, options.items, entity, chosen, scale, impute, options.reverse)
    fits, weights, variance, contribution = _fit(data, options)
    tables = _tables(data, options, fits, weights, variance)
    if keep_contributions:
        labels = data.entities[data.code]
        tables["contributions"] = {"row": data.row, "entity": labels, "contribution": contribution[:, 0]}
    return CaseMix(tables, _settings(options), notes.of(data, options, fits), len(data.entities) > 1)


def _fit(data: Prepared, options: _Options) -> tuple[list[ItemFit], np.ndarray, np.ndarray, np.ndarray]:
    """Item fits, weights (P, I), variances (P, m) and contributions (N, m); outcome 0 is the score."""
    n_entities, n_items = len(data.entities), len(options.items)
    answered = ~np.isnan(data.answers)
    n = np.column_stack([np.bincount(data.code[a], minlength=n_entities) for a in answered.T])
    weights = compose.item_weights(n, options.k)
    n_outcomes = 1 + (len(options.scale.boxes) if options.adjust_boxes else 0)
    contribution = np.zeros((len(data.code), n_outcomes))
    fits = []
    for i in range(n_items):
        rows = np.flatnonzero(answered[:, i])
        code, y = data.code[rows], data.answers[rows, i]
        outcomes = np.column_stack([y, boxes.indicators(y, options.scale)]) if n_outcomes > 1 else y[:, None]
        fit = regress.fit_item(outcomes, data.adjusters[rows], code, n_entities)
        compose.add_contribution(contribution, rows, fit.residual, weights[:, i], fit.n, code)
        fits.append(fit)
    return fits, weights, compose.variances(contribution, data.code, n_entities), contribution


def _tables(data: Prepared, options: _Options, fits: list[ItemFit], weights, variance) -> dict[str, Table]:
    mean = np.stack([fit.mean for fit in fits], axis=1)  # (P, I, m)
    adjusted = np.stack([fit.adjusted for fit in fits], axis=1)
    names, scale = options.adjuster_names, options.scale
    entities, overall = _entities(data, options, mean[:, :, 0], adjusted[:, :, 0], weights, variance[:, 0], scale)
    tables = {
        "entities": entities,
        "overall": {name: np.array([value]) for name, value in overall.items()},
        "coefficients": {"adjuster": np.array(names, dtype=object)}
        | {item: np.where(fit.n.sum() > 0, fit.beta[:, 0], np.nan) for item, fit in zip(options.items, fits)},
        "r_squared": _r_squared(options.items, fits),
        "items": _items(data, options.items, fits, weights),
        "percent_missing": {"entity": data.entities, "n_all": data.n_all}
        | dict(zip([*options.items, *names], data.missing.T)),
        "response_distribution": _boxes(data, scale),
        "dropped": data.dropped,
    }
    if options.adjust_boxes:
        tables["box_coefficients"] = _box_coefficients(names, scale.box_labels, options.items, fits)
        tables["box_entities"] = _add_adjusted_boxes(data, options, mean, adjusted, weights, variance, tables)
    return tables


def _entities(data, options, mean, adjusted, weights, variance, scale) -> tuple[Table, dict]:
    """Table `entities` and the overall test for one outcome; `mean`, `adjusted`: (P, I)."""
    unadjusted = compose.compose(mean, weights)
    a = compose.recentre(compose.compose(adjusted, weights), unadjusted)
    if len(a) == 1:  # nothing to compare with: raw only
        a = np.full(1, np.nan)
    compared, star, overall = significance.compare(
        a, variance, int(data.n_usable.sum()), len(options.adjusters), (float(scale.lowest), float(scale.highest)),
        alpha=options.alpha, change=options.change, mean_difference=options.mean_difference,
    )  # fmt: skip
    own = reliability.entity_reliability(a, variance, data.n_usable)
    table = {
        "entity": data.entities,
        "n_all": data.n_all,
        "n_usable": data.n_usable,
        "unadjusted": unadjusted,
        "adjusted": a,
    }
    table |= {name: compared[name] for name in ("delta", "se", "ci95")} | {"variance": variance}
    table |= {"t": compared["t"], "p_value": compared["p_value"], "star": star, "reliability": own}
    return table, overall


def _boxes(data: Prepared, scale: Scale) -> Table:
    """Unadjusted shares per entity, counted from the answers."""
    n_entities = len(data.entities)
    shares = np.full((n_entities, data.answers.shape[1], len(scale.boxes)), np.nan)
    for i, y in enumerate(data.answers.T):
        rows = np.flatnonzero(~np.isnan(y))
        n = np.bincount(data.code[rows], minlength=n_entities)
        shares[:, i] = regress.entity_means(boxes.indicators(y[rows], scale), data.code[rows], n)
    shared = boxes.unadjusted_shares(shares)
    table = {"entity": data.entities, "n_all": data.n_all, "n_usable": data.n_usable}
    return table | {f"box_{b}": shared[:, b - 1] for b in range(1, len(scale.boxes) + 1)}


def _add_adjusted_boxes(data, options, mean, adjusted, weights, variance, tables) -> Table:
    """Fill adjusted_1... into `response_distribution` and return the table `box_entities`."""
    is_share = Scale((0, 1), ((0,), (1,)))
    parts = []
    for b, label in enumerate(options.scale.box_labels, 1):
        part, _ = _entities(data, options, mean[:, :, b], adjusted[:, :, b], weights, variance[:, b], is_share)
        tables["response_distribution"][f"adjusted_{b}"] = part["adjusted"]
        parts.append({"box": np.full(len(data.entities), label, dtype=object)} | part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _box_coefficients(adjusters: list[str], boxes: Sequence[str], items: Sequence[str], fits: list[ItemFit]) -> Table:
    """Slopes of the share of each box, one row per box and adjuster."""
    table = {"box": np.repeat(np.array(boxes, dtype=object), len(adjusters)), "adjuster": np.array(adjusters * len(boxes), dtype=object)}
    return table | {item: np.where(fit.n.sum() > 0, fit.beta[:, 1:].T.ravel(), np.nan) for item, fit in zip(items, fits)}


def _r_squared(items: Sequence[str], fits: list[ItemFit]) -> Table:
    return {
        "item": np.array(items, dtype=object),
        "n": np.array([int(fit.n.sum()) for fit in fits]),
        "rank": np.array([fit.rank for fit in fits]),
        "r_squared": np.array([fit.r_squared for fit in fits]),
        "adjusted_r_squared": np.array([fit.adjusted_r_squared for fit in fits]),
    }


def _items(data: Prepared, items: Sequence[str], fits: list[ItemFit], weights: np.ndarray) -> Table:
    return {
        "entity": np.tile(data.entities, len(items)),
        "item": np.repeat(np.array(items, dtype=object), len(data.entities)),
        "n": np.concatenate([fit.n for fit in fits]),
        "weight": weights.T.ravel(),
        "unadjusted": np.concatenate([fit.mean[:, 0] for fit in fits]),
        "adjusted": np.concatenate([fit.adjusted[:, 0] for fit in fits]),
    }


def _settings(options: _Options) -> dict:
    return {
        "method": METHOD, "items": list(options.items), "entity": options.entity,
        "valid_values": list(options.scale.values), "boxes": list(options.scale.box_labels),
        "adjusters": [vars(a) for a in options.adjusters], "impute": options.impute, "k": options.k,
        "alpha": options.alpha, "change": options.change, "mean_difference": options.mean_difference,
        "adjust_boxes": options.adjust_boxes, "reverse": list(options.reverse),
        "reliability_standing": {"overall": reliability.STANDING_OVERALL, "entity": reliability.STANDING_ENTITY},
    }  # fmt: skip
