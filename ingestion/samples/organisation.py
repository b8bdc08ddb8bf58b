"""The invented hospital group: facilities, units, what each vendor calls them, and the org_units deliveries.

Belongs here: names, codes, sizes, quality effects, the dated mapping of vendor codes to ours.
Does not belong here: volumes per month (volumes.py).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ingestion.samples.delivery import Inbox
from ingestion.samples.scale import MOVED_ON, RENAMED_ON, Scale

MAPPED_SINCE = date(2018, 1, 1)
_DAY = timedelta(days=1)
UNMAPPED_UNIT = "ZZ9"  # in survey and complaint files, in no mapping
SYNTHEA_NAMESPACE = "b7e4c0de-0000-4000-8000-"  # organisation ids of the Synthea-like file
_ZONES = ("America/Chicago", "America/Chicago", "America/New_York", "America/Denver", "America/Los_Angeles")
_FIRST = ("North Harbor", "Cedar Falls", "Riverbend", "Lakeshore", "Prairie View", "Stonebridge", "Maple Grove", "Summit", "Bayside",
          "Fairmont")
_LAST = ("Hospital", "Medical Center", "Regional Hospital", "Community Hospital")
_HEADER = ("SourceSystem", "FacilityCode", "UnitCode", "FacilityId", "FacilityName", "UnitId", "UnitName", "ServiceLine",
           "TimeZone", "ValidFrom", "ValidTo")


@dataclass(frozen=True)
class UnitKind:
    """A kind of unit: our names, and the codes of the survey vendor, complaint system, workbook and daily file."""

    unit_id: str
    name: str
    service_line: str
    encounter: str  # inpatient | emergency | clinic
    weight: float
    survey_code: str
    department: str
    workbook_name: str
    daily_code: str


UNIT_KINDS = {
    kind.unit_id: kind
    for kind in (
        UnitKind("4W", "4 West Medicine", "medicine", "inpatient", 1.2, "4 WEST", "4 West", "4 West - Medicine", "4WMED"),
        UnitKind("5E", "5 East Surgery", "surgery", "inpatient", 1.0, "5 EAST", "5 East", "5 East - Surgery", "5ESUR"),
        UnitKind("3M", "3 Maternity", "maternity", "inpatient", 0.8, "3 MAT", "Maternity", "3rd floor Maternity", "3MAT"),
        UnitKind("6N", "6 North Oncology", "oncology", "inpatient", 0.6, "6 NORTH", "Oncology 6N", "6 North - Oncology", "6NONC"),
        UnitKind("ICU", "Intensive Care", "critical_care", "inpatient", 0.2, "ICU", "Intensive Care", "Intensive Care Unit", "ICU"),
        UnitKind("ED", "Emergency Department", "emergency", "emergency", 1.0, "", "Emergency Dept", "Emergency Department", "EDEPT"),
        UnitKind("CL", "Outpatient Clinic", "ambulatory", "clinic", 1.0, "", "Clinic", "Outpatient Clinic", "CLIN"),
    )
}
RENAMED_SURVEY_CODE = "4W TELE"  # unit 4W at the survey vendor from RENAMED_ON
MOVED_DEPARTMENT = "5 North"  # unit 5E until MOVED_ON, unit 4W from then on


@dataclass(frozen=True)
class Facility:
    """One facility. `ccn` is an invented certification number: state 00 does not exist."""

    number: int
    name: str
    ccn: str
    zone: str
    size: float
    quality: int  # shift of answers, of 65,536
    region: int
    units: tuple[UnitKind, ...]

    @property
    def facility_id(self) -> str:
        return f"F{self.number}"

    @property
    def synthea_id(self) -> str:
        return f"{SYNTHEA_NAMESPACE}{self.number:012d}"


def facilities(scale: Scale, seed: int) -> list[Facility]:
    """The facilities of a scale; the same for the same seed."""
    chance = random.Random(f"{seed}:facilities")
    found = []
    for number in range(1, scale.n_facilities + 1):
        first, last = _FIRST[(number - 1) % len(_FIRST)], _LAST[(number - 1) // len(_FIRST) % len(_LAST)]
        suffix = f" {number}" if number > len(_FIRST) * len(_LAST) else ""
        size = scale.sizes[number - 1] if number <= len(scale.sizes) else 0.6 + 0.8 * chance.random()
        units = tuple(UNIT_KINDS[unit] for unit in scale.units[(number - 1) % len(scale.units)])
        found.append(Facility(
            number, f"{first} {last}{suffix}", f"00F{number:03d}" if number == 2 else f"{number:06d}", _ZONES[(number - 1) % len(_ZONES)],
            size, round(chance.uniform(-1500, 1500)), (number - 1) % scale.n_regions, units,
        ))
    return found


def write_org_units(inbox: Inbox, scale: Scale, places: list[Facility]) -> None:
    """The mapping as first delivered, and as delivered again before the survey vendor renamed unit 4W."""
    first = scale.months[0]
    for sent, is_renamed in ((first, False), (date(2025, 6, 20), True)):
        rows = [row for place in places for row in _mapping(place, is_renamed)]
        inbox.add("org_units", f"org_units_{sent:%Y%m%d}.csv", sent, lambda part, rows=rows: _write_csv(part, rows),
                  {"mapping_rows": len(rows)})


def _mapping(place: Facility, is_renamed: bool) -> list[tuple]:
    """Rows of one facility: any feed, then each vendor."""
    rows = []

    def add(system: str, facility_code: str, unit_code: str, kind: UnitKind | None,
            start: date = MAPPED_SINCE, end: date | None = None) -> None:
        unit = (kind.unit_id, kind.name, kind.service_line) if kind else ("", "", "")
        rows.append((system, facility_code, unit_code, place.facility_id, place.name, *unit, place.zone, start, end or ""))

    add("*", place.facility_id, "", None)
    for kind in place.units:
        add("*", place.facility_id, kind.unit_id, kind)
        add("rl6_feedback", place.name, kind.department, kind)
        if kind.encounter != "clinic":
            add("encounter_counts", place.name, kind.workbook_name, kind)
        add("encounter_counts_daily", place.facility_id, kind.daily_code, kind)
        if kind.encounter == "clinic":
            add("fhir_encounters", place.name, f"{place.name} {kind.name}", kind)
        if kind.survey_code:
            is_4w = kind.unit_id == "4W" and is_renamed
            add("press_ganey_hcahps", place.ccn, kind.survey_code, kind, end=RENAMED_ON - _DAY if is_4w else None)
            if is_4w:
                add("press_ganey_hcahps", place.ccn, RENAMED_SURVEY_CODE, kind, RENAMED_ON)
    for system, code in (("press_ganey_hcahps", place.ccn), ("hcahps_xml", place.ccn), ("rl6_feedback", place.name),
                         ("encounter_counts", place.name), ("encounter_counts_daily", place.facility_id),
                         ("fhir_encounters", place.name), ("synthea_encounters", place.synthea_id)):
        add(system, code, "", None)
    by_id = {kind.unit_id: kind for kind in place.units}
    if place.number == 1:
        add("rl6_feedback", place.name, MOVED_DEPARTMENT, by_id["5E"], end=MOVED_ON - _DAY)
        add("rl6_feedback", place.name, MOVED_DEPARTMENT, by_id["4W"], MOVED_ON)
    return rows


def _write_csv(path: Path, rows: list[tuple]) -> int:
    import csv

    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_HEADER)
        writer.writerows(rows)
    return len(rows)
