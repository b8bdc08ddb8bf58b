"""What the code tables say about the items of an instrument family, for the SQL that is generated from them.

Belongs here: reading the seeds of instruments, items, scales; refusing tables that contradict each other.
Does not belong here: texts of dbt files (dbt_files.py), scoring (definitions_data/).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Item:
    """One item of an instrument family, as its instruments ask it. Codes are those of the questionnaire."""

    item_code: str
    label: str
    answers: tuple[int, ...]
    extra_codes: tuple[int, ...]
    instruments: tuple[str, ...]
    counted_in: tuple[str, ...]
    screener_item_code: str | None
    skip_codes: tuple[int, ...]


def known_families(seeds_dir: Path) -> set[str]:
    """Every instrument family of the code tables."""
    return {row["family"] for row in _rows(seeds_dir, "instrument")} if (seeds_dir / "instrument.csv").exists() else set()


def family_instruments(family: str, seeds_dir: Path) -> list[dict[str, str]]:
    """The instruments of a family, oldest first. Raises ValueError when there is none."""
    found = [row for row in _rows(seeds_dir, "instrument") if row["family"] == family]
    if not found:
        raise ValueError(f"no instrument of family '{family}' in {seeds_dir / 'instrument.csv'}")
    return sorted(found, key=lambda row: row["valid_from_on"])


def family_items(family: str, seeds_dir: Path) -> list[Item]:
    """Items of a family in the order of the table. Raises ValueError when its instruments contradict each other."""
    instruments = [row["instrument_id"] for row in family_instruments(family, seeds_dir)]
    scales: dict[str, list[int]] = {}
    for row in _rows(seeds_dir, "scale_answer"):
        scales.setdefault(row["scale_id"], []).append(int(row["answer"]))
    extra: dict[str, list[int]] = {}
    for row in _rows(seeds_dir, "item_extra_code"):
        extra.setdefault(row["item_code"], []).append(int(row["code"]))
    asked: dict[str, list[dict[str, str]]] = {}
    for row in _rows(seeds_dir, "instrument_item"):
        if row["instrument_id"] in instruments:
            asked.setdefault(row["item_code"], []).append(row)
    return [_item(code, rows, scales, extra.get(code, [])) for code, rows in asked.items()]


def _item(code: str, asked: list[dict[str, str]], scales: dict[str, list[int]], extra: list[int]) -> Item:
    screeners = {(row["screener_item_code"], row["screener_skip_answers"]) for row in asked}
    if len(screeners) > 1:
        raise ValueError(f"item {code} has another screener in another instrument of its family: {sorted(screeners)}")
    screener, skips = screeners.pop()
    return Item(
        item_code=code,
        label=asked[-1]["label"],
        answers=tuple(sorted({answer for row in asked for answer in scales[row["scale_id"]]})),
        extra_codes=tuple(sorted(extra)),
        instruments=tuple(row["instrument_id"] for row in asked),
        counted_in=tuple(row["instrument_id"] for row in asked if row["is_counted_for_completeness"] == "true"),
        screener_item_code=screener or None,
        skip_codes=tuple(int(code) for code in skips.replace(";", " ").split()),
    )


def _rows(seeds_dir: Path, table: str) -> list[dict[str, str]]:
    with (seeds_dir / f"{table}.csv").open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))
