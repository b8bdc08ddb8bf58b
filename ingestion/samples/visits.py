"""Single visits: FHIR Encounter resources of one clinic, and a small file in the layout of Synthea.

Belongs here: the fhir_encounters and synthea_encounters files and their traps.
Does not belong here: counts (workbook.py, encounters.py).

FHIR timestamps carry the offset of the facility. Visits that were cancelled, planned, or are part of another
one must not be counted; a visit in progress at the end of one file is finished in the next.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ingestion.samples import names
from ingestion.samples.delivery import Inbox
from ingestion.samples.organisation import SYNTHEA_NAMESPACE, UNIT_KINDS, Facility
from ingestion.samples.scale import Scale, delivered, half_years, next_month

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FHIR_FACILITY = 2
_DAY_SENT, _SYNTHEA_DAY_SENT = 7, 6
_VIRTUAL, _CHILD, _CANCELLED, _PLANNED = 0.15, 0.05, 0.04, 0.03
_SYNTHEA_PER_MONTH = {"virtual": 8, "home": 6}
_SYNTHEA_HEADER = ("Id", "START", "STOP", "PATIENT", "ORGANIZATION", "PROVIDER", "PAYER", "ENCOUNTERCLASS", "CODE", "DESCRIPTION",
                   "BASE_ENCOUNTER_COST", "TOTAL_CLAIM_COST", "PAYER_COVERAGE", "REASONCODE", "REASONDESCRIPTION")


def write_fhir(inbox: Inbox, con: DuckDBPyConnection, scale: Scale, places: list[Facility], seed: int) -> None:
    """A file after each March and September with the visits since the last one; the second holds a broken line."""
    place = next(one for one in places if one.number == FHIR_FACILITY)
    chance = random.Random(f"{seed}:fhir")
    counts = "select month_on, sum(n_fhir)::integer from unit_month where facility_no = ? group by month_on"
    wanted = dict(con.execute(counts, [FHIR_FACILITY]).fetchall())
    months, started = list(scale.months), 0
    unfinished: dict | None = None
    for number, last in enumerate(half_years(months)):
        covered = [month for month in months[started:] if month <= last]
        started += len(covered)
        resources = [resource for month in covered for resource in _visits(chance, place, month, wanted[month])]
        n_counted = sum(wanted[month] for month in covered)
        if unfinished:
            start = unfinished["period"]["start"]
            end = (datetime.fromisoformat(start) + timedelta(minutes=25)).isoformat()
            resources.insert(0, unfinished | {"status": "finished", "period": {"start": start, "end": end}})
        unfinished = _resource(chance, place, "AMB", "in-progress", _at(place, next_month(last) - timedelta(days=1), 15, 0), None)
        resources.append(unfinished)
        statuses = [resource["status"] for resource in resources]
        planted = {
            "counted_visits": n_counted + int(number > 0), "cancelled_visits": statuses.count("cancelled"),
            "planned_visits": statuses.count("planned"), "unfinished_visits": statuses.count("in-progress"),
            "child_visits": sum("partOf" in resource for resource in resources), "malformed_json": int(number == 1),
        }
        sent = delivered(last, _DAY_SENT)
        inbox.add("fhir_encounters", f"{place.facility_id}_Encounter_{last:%Y%m}_{sent:%Y%m%d}.ndjson", sent,
                  lambda part, r=resources, broken=number == 1: _write_ndjson(part, r, broken), planted)


def write_synthea(inbox: Inbox, scale: Scale, places: list[Facility], seed: int) -> None:
    """Virtual and home visits of facility 1, all months in one file; the last line has no usable start."""
    place, chance = places[0], random.Random(f"{seed}:synthea")
    sent = delivered(scale.months[-1], _SYNTHEA_DAY_SENT)
    rows = [row for month in scale.months for row in _synthea_rows(chance, place, month)]
    rows.append(["not-a-visit", "2026-99-99T00:00:00Z", *rows[0][2:]])
    path = f"synthea_encounters_{scale.months[-1]:%Y%m}_{sent:%Y%m%d}.csv"
    inbox.add("synthea_encounters", path, sent, lambda part: _write_csv(part, rows), {"bad_date": 1})


def _visits(chance: random.Random, place: Facility, month: date, wanted: int) -> Iterator[dict]:
    """`wanted` countable visits of a month and those that must not be counted; the first is virtual and ends after midnight."""
    last_day = next_month(month) - timedelta(days=1)
    for number in range(wanted):
        if number == 0:
            visit = _resource(chance, place, "VR", "finished", _at(place, last_day, 23, 30), 40)
        else:
            start = _at(place, month + timedelta(days=chance.randrange(last_day.day)), 8 + chance.randrange(9), 5 * chance.randrange(12))
            visit = _resource(chance, place, "VR" if chance.random() < _VIRTUAL else "AMB", "finished", start, 10 + chance.randrange(45))
        yield visit
        begun = datetime.fromisoformat(visit["period"]["start"])
        if chance.random() < _CHILD:
            yield _resource(chance, place, "AMB", "finished", begun, 5) | {"partOf": {"reference": f"Encounter/{visit['id']}"}}
        if chance.random() < _CANCELLED:
            yield _resource(chance, place, "AMB", "cancelled", begun, 15)
        if chance.random() < _PLANNED:
            yield _resource(chance, place, "AMB", "planned", begun + timedelta(days=60), None)


def _resource(chance: random.Random, place: Facility, code: str, status: str, start: datetime, minutes: int | None) -> dict:
    """One R4 Encounter, with names in it that no feed may load."""
    number = f"SYN{chance.randrange(10**8):08d}"
    person = f"{chance.choice(names.SYNTHETIC_GIVEN)} {chance.choice(names.SYNTHETIC_FAMILY)}"
    period = {"start": start.isoformat()}
    if minutes is not None:
        period["end"] = (start + timedelta(minutes=minutes)).isoformat()
    return {
        "resourceType": "Encounter",
        "id": _uuid(chance),
        "status": status,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code},
        "subject": {"reference": f"Patient/{number}", "display": person},
        "participant": [{"individual": {"display": chance.choice(names.SYNTHETIC_STAFF)}}],
        "period": period,
        "location": [{"location": {"display": "Registration"}}, {"location": {"display": f"{place.name} {UNIT_KINDS['CL'].name}"}}],
        "serviceProvider": {"reference": f"Organization/{place.facility_id}", "display": place.name},
    }


def _at(place: Facility, day: date, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(place.zone))


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _write_ndjson(part: Path, resources: list[dict], is_broken: bool) -> int:
    lines = [json.dumps(resource, separators=(",", ":")) for resource in resources]
    if is_broken:
        lines.insert(3, lines[2][: len(lines[2]) // 2])
    part.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return len(lines)


def _synthea_rows(chance: random.Random, place: Facility, month: date) -> Iterator[list[str]]:
    days = (next_month(month) - month).days
    for word, count in _SYNTHEA_PER_MONTH.items():
        for _ in range(count):
            start = datetime(month.year, month.month, 1 + chance.randrange(1, days - 1), 14 + chance.randrange(8), chance.randrange(60))
            stop = start + timedelta(minutes=15 + chance.randrange(30))
            yield [_uuid(chance), f"{start.isoformat()}Z", f"{stop.isoformat()}Z", _uuid(chance), place.synthea_id,
                   SYNTHEA_NAMESPACE + "0" * 12, SYNTHEA_NAMESPACE + "9" * 12, word, "185349003", f"Encounter for check up ({word})",
                   "85.55", "85.55", "0.00", "", ""]


def _write_csv(part: Path, rows: list[list[str]]) -> int:
    import csv

    with part.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_SYNTHEA_HEADER)
        writer.writerows(rows)
    return len(rows)
