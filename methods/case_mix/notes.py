"""What a reader of a case-mix result must know, in sentences.

Belongs here: one note per defined outcome of poor data (few rows, silent items, adjusters without spread).
Does not belong here: deciding those outcomes; the step that meets them does.
"""

from __future__ import annotations

import numpy as np

from methods.case_mix.clean import Prepared
from methods.case_mix.regress import ItemFit
from methods.case_mix.result import Note

FEW_ROWS = 100  # the program warns below 100 usable rows and keeps the entity


def of(data: Prepared, options, fits: list[ItemFit]) -> list[Note]:
    """Notes of a run in the order a reader needs them: what is absent, what is unsure."""
    found = [*_entities(data), *_items(data, options, fits)]
    if len(data.entities) and options.adjusters:
        found += _adjusters(data, options, fits)
    return found


def _entities(data: Prepared) -> list[Note]:
    notes = []
    if data.n_without_entity:
        notes.append(Note("ROWS_WITHOUT_ENTITY", f"{data.n_without_entity} rows name no entity and count nowhere"))
    notes += [
        Note(code, f"entity {entity} is left out: {reason} ({usable} of {n} rows usable)")
        for entity, n, usable, code, reason in zip(*data.dropped.values())
    ]
    if len(data.entities) == 0:
        notes.append(Note("NO_ENTITY", "no entity has two usable rows: there is no result"))
    elif len(data.entities) == 1:
        notes.append(Note("ONE_ENTITY", "only one entity remains: nothing to compare with, unadjusted score only"))
    few = data.n_usable < FEW_ROWS
    notes += [
        Note("FEW_ROWS", f"entity {entity} has fewer than {FEW_ROWS} usable rows ({n})")
        for entity, n in zip(data.entities[few], data.n_usable[few])
    ]
    return notes


def _items(data: Prepared, options, fits: list[ItemFit]) -> list[Note]:
    notes = []
    for item, fit in zip(options.items, fits):
        if len(fit.n) == 0:
            continue
        if not fit.n.any():
            notes.append(Note("ITEM_WITHOUT_ANSWERS", f"nobody answered {item}: it is left out of the measure"))
            continue
        silent = data.entities[fit.n == 0]
        notes += [
            Note(
                "ITEM_MISSING_IN_ENTITY", f"entity {entity} has no answer to {item}: its weight goes to the other items"
            )
            for entity in silent
        ]
    return notes


def _adjusters(data: Prepared, options, fits: list[ItemFit]) -> list[Note]:
    notes = []
    for j, (name, adjuster) in enumerate(zip(options.adjuster_names, options.adjusters)):
        values = data.adjusters[:, j]
        if adjuster.lowest is None and adjuster.highest is None:
            limits = f"{values.min():g} to {values.max():g}"
            notes.append(
                Note("ADJUSTER_UNCHECKED", f"{name} has no declared range: values from {limits} are used as they are")
            )
        low, high = np.full(len(data.entities), np.inf), np.full(len(data.entities), -np.inf)
        np.minimum.at(low, data.code, values)
        np.maximum.at(high, data.code, values)
        if (low == high).all():
            notes.append(Note("ADJUSTER_CONSTANT", f"{name} is constant within every entity and adjusts nothing"))
        else:
            notes += [
                Note(
                    "ADJUSTER_CONSTANT_IN_ENTITY",
                    f"{name} is constant in entity {entity}: its slope comes from the others",
                )
                for entity in data.entities[low == high]
            ]
    k = len(options.adjusters)
    deficient = [(i, f) for i, f in zip(options.items, fits) if f.n.any() and f.rank < k]
    notes += [
        Note("RANK_DEFICIENT", f"{item}: {k} adjusters carry {fit.rank} independent ones; minimum-norm coefficients")
        for item, fit in deficient
    ]
    return notes
