"""The code tables a measure is built from: instruments, items, scales, dispositions, encounter classes.

Belongs here: reading those seeds into memory and refusing tables that contradict themselves.
Does not belong here: what a measure makes of them (measures.py); seeds that only dbt reads.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ingestion.strict_yaml import DefinitionError
from orchestration.definitions_data.faults import Faults

MISSING_CODES = (-1, -2, -3)  # missing, more than one mark, properly skipped: never answers


@dataclass(frozen=True)
class Instrument:
    """One version of a questionnaire and the discharge dates on which it is used."""

    instrument_id: str
    family: str
    valid_from_on: date
    valid_to_on: date | None

    def overlaps(self, start: date | None, end: date | None) -> bool:
        """True if any discharge date of the period (ends included, None = open) uses this instrument."""
        return (end is None or self.valid_from_on <= end) and (
            start is None or self.valid_to_on is None or start <= self.valid_to_on
        )


@dataclass(frozen=True)
class Answer:
    """One answer of a scale; linear in points 0 to 100, None where the scale has no linear value."""

    box: str | None
    linear: float | None
    box_standing: str
    linear_standing: str | None


@dataclass(frozen=True)
class Codebook:
    """Code tables by their keys; item_scales is keyed by (instrument_id, item_code)."""

    instruments: dict[str, Instrument]
    item_scales: dict[tuple[str, str], str]
    item_sections: dict[tuple[str, str], str]  # items of vendor questionnaires only
    scales: dict[str, dict[int, Answer]]
    extra_codes: dict[str, frozenset[int]]
    disposition_groups: dict[str, bool]  # group -> is ineligible
    encounter_classes: frozenset[str]

    def family(self, family: str) -> list[Instrument]:
        """Instruments of a family, oldest first; empty if there is no such family."""
        found = [instrument for instrument in self.instruments.values() if instrument.family == family]
        return sorted(found, key=lambda instrument: instrument.valid_from_on)

    def family_or_fault(self, family: str, faults: Faults) -> list[Instrument]:
        """As `family`; one that does not exist is a fault of key `instrument`."""
        found = self.family(family)
        if not found:
            faults.unknown(("instrument",), "instrument", family, {form.family for form in self.instruments.values()})
        return found

    def known_codes(self, item_code: str, scale_id: str) -> set[int]:
        """Every code that may stand in a delivered answer to the item, answer or not."""
        return {*self.scales[scale_id], *self.extra_codes.get(item_code, ()), *MISSING_CODES}


def load_codebook(seeds_dir: Path) -> Codebook:
    """Read the seeds; DefinitionError names file and line of a repeated key or a broken reference."""
    scales: dict[str, dict[int, Answer]] = {}
    for row in _rows(seeds_dir / "scale_answer.csv", "scale_id", "answer"):
        scales.setdefault(row["scale_id"], {})[int(row["answer"])] = _answer(row)
    instruments = {
        row["instrument_id"]: _instrument(row) for row in _rows(seeds_dir / "instrument.csv", "instrument_id")
    }
    extra: dict[str, frozenset[int]] = {}
    for row in _rows(seeds_dir / "item_extra_code.csv", "item_code", "code"):
        extra[row["item_code"]] = extra.get(row["item_code"], frozenset()) | {int(row["code"])}
    classes = _rows(seeds_dir / "encounter_class_map.csv", "source_system", "source_code")
    items = seeds_dir / "instrument_item.csv"
    return Codebook(
        instruments=instruments,
        item_scales=_item_scales(items, instruments, scales),
        item_sections={(row["instrument_id"], row["item_code"]): row["section_code"]
                       for row in _rows(items, "instrument_id", "item_code") if row["section_code"]},
        scales=scales,
        extra_codes=extra,
        disposition_groups=_groups(seeds_dir / "disposition.csv"),
        encounter_classes=frozenset(row["encounter_class"] for row in classes),
    )


def _rows(path: Path, *key: str) -> Iterator[dict[str, str]]:
    """Rows of a seed; '_line' added. Text of the key compares without case and outer blanks."""
    if not path.is_file():
        raise DefinitionError(f"{path}: the seed is missing")
    seen: dict[tuple[str, ...], int] = {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        for row in reader:
            line = reader.line_num
            if None in row or None in row.values():
                raise DefinitionError(f"{path}:{line}: the row does not have the {len(reader.fieldnames)} columns")
            value = tuple(row[column].strip().lower() for column in key)
            if value in seen:
                raise DefinitionError(f"{path}:{line}: {', '.join(value)} stands already in line {seen[value]}")
            seen[value] = line
            yield {**row, "_line": str(line)}
    if not seen:
        raise DefinitionError(f"{path}: the seed has no rows")


def _answer(row: dict[str, str]) -> Answer:
    linear = float(row["linear"]) if row["linear"] else None
    return Answer(row["box"] or None, linear, row["box_standing"], row["linear_standing"] or None)


def _instrument(row: dict[str, str]) -> Instrument:
    end = date.fromisoformat(row["valid_to_on"]) if row["valid_to_on"] else None
    return Instrument(row["instrument_id"], row["family"], date.fromisoformat(row["valid_from_on"]), end)


def _item_scales(path: Path, instruments: dict, scales: dict) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for row in _rows(path, "instrument_id", "item_code"):
        for column, known in (("instrument_id", instruments), ("scale_id", scales)):
            if row[column] not in known:
                raise DefinitionError(f"{path}:{row['_line']}: unknown {column} '{row[column]}'")
        found[row["instrument_id"], row["item_code"]] = row["scale_id"]
    return found


def _groups(path: Path) -> dict[str, bool]:
    groups: dict[str, bool] = {}
    for row in _rows(path, "program_code", "disposition_code"):
        is_ineligible = row["is_ineligible"].strip().lower() == "true"
        if groups.setdefault(row["disposition_group"], is_ineligible) != is_ineligible:
            raise DefinitionError(
                f"{path}:{row['_line']}: group '{row['disposition_group']}' is eligible in one row and not in another"
            )
    return groups
