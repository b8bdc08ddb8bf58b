"""Which answers an item may carry: the code tables of dbt_project/seeds, read for conforming.

Belongs here: item codes of an instrument family and their permitted answers.
Does not belong here: scoring, or anything that changes the code tables.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

SEEDS_DIR = Path(__file__).parents[1] / "dbt_project" / "seeds"

# How a missing answer is kept beside the codes as delivered (see docs/naming.md).
MISSING_ANSWERS = {"M": -1, "H": -2, "S": -3}


@cache
def permitted_answers(family: str, seeds_dir: Path = SEEDS_DIR) -> dict[str, tuple[int, ...]]:
    """Item code -> every code its instruments permit, scale and extra codes together."""
    instruments = {row["instrument_id"] for row in _rows(seeds_dir, "instrument") if row["family"] == family}
    answers: dict[str, set[int]] = {}
    scales: dict[str, set[int]] = {}
    for row in _rows(seeds_dir, "scale_answer"):
        scales.setdefault(row["scale_id"], set()).add(int(row["answer"]))
    for row in _rows(seeds_dir, "instrument_item"):
        if row["instrument_id"] in instruments:
            answers.setdefault(row["item_code"], set()).update(scales.get(row["scale_id"], ()))
    for row in _rows(seeds_dir, "item_extra_code"):
        if row["item_code"] in answers:
            answers[row["item_code"]].add(int(row["code"]))
    return {item: tuple(sorted(codes)) for item, codes in answers.items()}


def _rows(seeds_dir: Path, table: str) -> list[dict[str, str]]:
    with (seeds_dir / f"{table}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
