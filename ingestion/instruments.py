"""Which answers an item may carry: the code tables of dbt_project/seeds, read for conforming.

Belongs here: item codes of an instrument family, their permitted answers, the labels of their scales.
Does not belong here: scoring, or anything that changes the code tables.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

SEEDS_DIR = Path(__file__).parents[1] / "dbt_project" / "seeds"

# How a missing answer is kept beside the codes as delivered (see docs/naming.md).
MISSING_ANSWERS = {"M": -1, "H": -2, "S": -3}


class ItemAnswers(NamedTuple):
    """What an item may be answered with, over all instruments of its family."""

    scales: tuple[str, ...]
    answers: tuple[int, ...]  # codes of its scales
    extra_codes: tuple[int, ...]  # such as 'not applicable'
    labels: dict[str, int]  # label of the scale in small letters -> code; labels with two meanings are left out

    @property
    def permitted(self) -> tuple[int, ...]:
        """Every code that may be delivered."""
        return tuple(sorted({*self.answers, *self.extra_codes}))


@cache
def item_answers(family: str, seeds_dir: Path = SEEDS_DIR) -> dict[str, ItemAnswers]:
    """Item code -> what it may be answered with, in the order of the code table; empty for an unknown family."""
    instruments = {row["instrument_id"] for row in seed_rows(seeds_dir, "instrument") if row["family"] == family}
    labels: dict[str, list[tuple[int, str]]] = {}
    for row in seed_rows(seeds_dir, "scale_answer"):
        labels.setdefault(row["scale_id"], []).append((int(row["answer"]), row["label"]))
    scales: dict[str, list[str]] = {}
    for row in seed_rows(seeds_dir, "instrument_item"):
        if row["instrument_id"] in instruments and row["scale_id"] not in scales.setdefault(row["item_code"], []):
            scales[row["item_code"]].append(row["scale_id"])
    extra: dict[str, list[int]] = {}
    for row in seed_rows(seeds_dir, "item_extra_code"):
        extra.setdefault(row["item_code"], []).append(int(row["code"]))
    return {item: _answers(used, [pair for scale in used for pair in labels.get(scale, ())], extra.get(item, []))
            for item, used in scales.items()}


def permitted_answers(family: str, seeds_dir: Path = SEEDS_DIR) -> dict[str, tuple[int, ...]]:
    """Item code -> every code its instruments permit, scale and extra codes together."""
    return {item: found.permitted for item, found in item_answers(family, seeds_dir).items()}


@cache
def answered_dispositions(program: str, seeds_dir: Path = SEEDS_DIR) -> tuple[str, ...]:
    """Disposition codes of a programme that say the survey was completed."""
    return tuple(row["disposition_code"] for row in seed_rows(seeds_dir, "disposition")
                 if row["program_code"] == program and row["disposition_group"] == "complete")


def _answers(scales: list[str], pairs: list[tuple[int, str]], extra: list[int]) -> ItemAnswers:
    meanings: dict[str, set[int]] = {}
    for answer, label in pairs:
        meanings.setdefault(" ".join(label.split()).casefold(), set()).add(answer)
    labels = {label: answers.pop() for label, answers in meanings.items() if len(answers) == 1 and label}
    return ItemAnswers(tuple(scales), tuple(sorted({answer for answer, _ in pairs})), tuple(extra), labels)


def seed_rows(seeds_dir: Path, table: str) -> list[dict[str, str]]:
    """The rows of a code table."""
    with (seeds_dir / f"{table}.csv").open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))
