"""Tables that the case-mix tests share: the hand fixture of the reference and synthetic surveys."""

import numpy as np

from methods.case_mix import NEVER_ALWAYS, case_mix

NAN = float("nan")
HAND = {
    "entity": np.array(list("AAAAABBBBB"), dtype=object),
    "Q1": [2, 3, 4, 4, 3, 3, NAN, 2, 3, 7],
    "Q2": [4, NAN, 2, 3, 3, 3, NAN, 2, 2, 3],
    "A1": [1, 2, 3, NAN, 2, 2, 4, 5, 6, 3],
    "A2": [1, 2, NAN, NAN, 3, 3, 5, 4, 3, 3],
}


def hand(**options):
    return case_mix(HAND, items=["Q1", "Q2"], entity="entity", scale=NEVER_ALWAYS, **options)


def codes(result) -> set[str]:
    return {note.code for note in result.notes}


def surveys(n: int = 600, n_entities: int = 7, seed: int = 5) -> dict[str, np.ndarray]:
    """Answers 1-4 to two items with entity and adjuster effects and holes."""
    random = np.random.default_rng(seed)
    entity = random.integers(0, n_entities, n)
    table = {"entity": entity, "A1": random.integers(1, 6, n).astype(float), "A2": random.normal(50, 15, n)}
    level = 2 + entity / n_entities + table["A1"] / 5 - table["A2"] / 100
    for item in ("Q1", "Q2"):
        answer = np.clip(np.round(level + random.normal(0, 0.7, n)), 1, 4)
        table[item] = np.where(random.random(n) < 0.2, NAN, answer)
    table["A1"][random.random(n) < 0.1] = NAN
    return table


def adjusted_of(table, adjusters=("A1", "A2"), **options):
    items = options.pop("items", ["Q1", "Q2"])
    return case_mix(table, items=items, entity="entity", scale=NEVER_ALWAYS, adjusters=adjusters, **options)
