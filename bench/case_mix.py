"""Timing of the case-mix run: 1 million surveys x 10 items x 5 adjusters x 3,000 entities.

    python bench/case_mix.py [surveys]

Belongs here: synthetic arrays with a fixed seed and wall-clock times. Does not belong here: assertions.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from methods.case_mix import NEVER_ALWAYS, Adjuster, case_mix


def surveys(n: int, n_items: int = 10, n_adjusters: int = 5, n_entities: int = 3000) -> dict[str, np.ndarray]:
    """Answers 1-4 that depend on entity and adjusters, with 15 % of answers and 3 % of adjusters missing."""
    random = np.random.default_rng(20240101)
    entity = random.integers(0, n_entities, n)
    level = random.normal(0, 0.2, n_entities)[entity]
    table: dict[str, np.ndarray] = {"entity": entity}
    for j in range(n_adjusters):
        x = random.integers(1, 7, n).astype(float)
        level += 0.05 * (x - 3.5)
        table[f"a{j}"] = np.where(random.random(n) < 0.03, np.nan, x)
    for i in range(n_items):
        answer = np.clip(np.round(3.2 + level + random.normal(0, 0.8, n)), 1, 4)
        table[f"q{i}"] = np.where(random.random(n) < 0.15, np.nan, answer)
    return table


def main(n: int) -> None:
    table = surveys(n)
    items = [name for name in table if name.startswith("q")]
    adjusters = [Adjuster(name, name, 1, 6) for name in table if name.startswith("a")]
    for adjust_boxes in (False, True):
        start = time.perf_counter()
        result = case_mix(
            table, items=items, entity="entity", scale=NEVER_ALWAYS, adjusters=adjusters, adjust_boxes=adjust_boxes
        )
        seconds = time.perf_counter() - start
        boxes = "with adjusted boxes" if adjust_boxes else "without adjusted boxes"
        print(f"{n:,} surveys, {len(result['entities']['entity']):,} entities, {boxes}: {seconds:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
