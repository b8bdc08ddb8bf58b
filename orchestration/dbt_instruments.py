"""What the code tables say about the items of an instrument family, for the SQL that is generated from them.

Belongs here: reading the seeds of instruments, items, scales; refusing tables that contradict each other.
Does not belong here: texts of dbt files (dbt_files.py), scoring (definitions_data/).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ingestion.instruments import seed_rows


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
    screeners: tuple[tuple[str, tuple[int, ...]], ...] = ()  # own screener, then the screeners that rule it out in turn
    ineligible_answers: tuple[int, ...] = ()
    is_reportable: bool = False
    section_code: str | None = None
    points: tuple[tuple[int, float], ...] = ()  # answer -> points 0 to 100, of items in sections only


def known_families(seeds_dir: Path) -> set[str]:
    """Every instrument family of the code tables."""
    return {row["family"] for row in seed_rows(seeds_dir, "instrument")} if (seeds_dir / "instrument.csv").exists() else set()


def family_instruments(family: str, seeds_dir: Path) -> list[dict[str, str]]:
    """The instruments of a family, oldest first, with the flag of their cleaning rules. ValueError when there is none."""
    found = [row for row in seed_rows(seeds_dir, "instrument") if row["family"] == family]
    rules = {row["rule_set"]: row["is_screener_believed"] == "true" for row in seed_rows(seeds_dir, "cleaning_rule_set")}
    for row in found:
        if row["cleaning_rule_set"] not in rules:
            raise ValueError(f"instrument {row['instrument_id']} names unknown cleaning rules '{row['cleaning_rule_set']}'")
        row["is_screener_believed"] = rules[row["cleaning_rule_set"]]
    if not found:
        raise ValueError(f"no instrument of family '{family}' in {seeds_dir / 'instrument.csv'}")
    return sorted(found, key=lambda row: row["valid_from_on"])


def family_segments(family: str, seeds_dir: Path) -> dict[str, list[dict]]:
    """Segment type -> rules in the order they are tried: column, codes (empty = any), value (None = the code)."""
    found: dict[str, list[dict]] = {}
    known = {row["item_code"] for row in seed_rows(seeds_dir, "instrument_item")}
    for row in sorted(seed_rows(seeds_dir, "segment_value"), key=lambda row: int(row["priority"])):
        if row["family"] == family:
            codes = [] if row["codes"] == "*" else row["codes"].split(";")
            is_item = row["column_name"] in known
            found.setdefault(row["segment_type"], []).append({
                "priority": int(row["priority"]), "column": row["column_name"], "is_item": is_item,
                "codes": [int(code) for code in codes] if is_item else codes,
                "value": None if row["segment_value"] == "*" else row["segment_value"],
            })
    return dict(sorted(found.items()))


def family_items(family: str, seeds_dir: Path) -> list[Item]:
    """Items of a family in the order of the table. Raises ValueError when its instruments contradict each other."""
    instruments = [row["instrument_id"] for row in family_instruments(family, seeds_dir)]
    scales: dict[str, dict[int, str]] = {}
    for row in seed_rows(seeds_dir, "scale_answer"):
        scales.setdefault(row["scale_id"], {})[int(row["answer"])] = row["linear"]
    extra: dict[str, list[int]] = {}
    for row in seed_rows(seeds_dir, "item_extra_code"):
        extra.setdefault(row["item_code"], []).append(int(row["code"]))
    asked: dict[str, list[dict[str, str]]] = {}
    for row in seed_rows(seeds_dir, "instrument_item"):
        if row["instrument_id"] in instruments:
            asked.setdefault(row["item_code"], []).append(row)
    items = {code: _item(code, rows, scales, extra.get(code, [])) for code, rows in asked.items()}
    return [replace(item, screeners=_screeners(item, items)) for item in items.values()]


def _screeners(item: Item, items: dict[str, Item]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Forward cleaning goes down the form: what rules out a screener rules out its dependants too."""
    found: list[tuple[str, tuple[int, ...]]] = []
    while item.screener_item_code:
        if item.screener_item_code not in items or any(name == item.screener_item_code for name, _ in found):
            raise ValueError(f"item {item.item_code} has a screener that is not in its family, or screens itself: {item.screener_item_code}")
        found.append((item.screener_item_code, item.skip_codes))
        item = items[item.screener_item_code]
    return tuple(found)


def _item(code: str, asked: list[dict[str, str]], scales: dict[str, dict[int, str]], extra: list[int]) -> Item:
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
        skip_codes=_codes(skips),
        ineligible_answers=_codes(asked[-1]["ineligible_answers"]),
        is_reportable=any(row["is_reportable"] == "true" for row in asked),
        section_code=asked[-1]["section_code"] or None,
        points=_points(scales[asked[-1]["scale_id"]]) if asked[-1]["section_code"] else (),
    )


def _points(scale: dict[int, str]) -> tuple[tuple[int, float], ...]:
    return tuple((answer, float(points)) for answer, points in sorted(scale.items()) if points)


def _codes(text: str) -> tuple[int, ...]:
    return tuple(int(code) for code in text.replace(";", " ").split())
