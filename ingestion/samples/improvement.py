"""What others keep and what is done to improve: monthly metrics per unit, a list of initiatives.

Belongs here: the metrics and initiatives files. Does not belong here: answers, cases, encounters.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

from ingestion.samples.delivery import Inbox
from ingestion.samples.organisation import Facility
from ingestion.samples.scale import Scale, delivered

_DAY_SENT = 9
_DONE_BY = 18       # months from the first to the last training course


def write_metrics(inbox: Inbox, scale: Scale, places: list[Facility], seed: int) -> None:
    """One file per month: training completed (share), staff engagement (value), nursing hours (numerator over patient days)."""
    for number, month_on in enumerate(scale.months):
        sent = delivered(month_on, _DAY_SENT)
        chance = random.Random(f"{seed}:metrics:{number}")
        rows = [row for place in places for row in _month(place, f"{month_on:%Y-%m}", number, chance)]
        inbox.add("metrics", f"metrics_{month_on:%Y%m}_{sent:%Y%m%d}.csv", sent, lambda part, rows=rows: _write(
            part, ("Metric", "Facility", "Unit", "Month", "Numerator", "Denominator", "Value"), rows))


def _month(place: Facility, month: str, number: int, chance: random.Random) -> list[tuple]:
    found = []
    for kind in place.units:
        staff = round(40 * kind.weight * place.size) + 12
        share = min(0.95, 0.25 + 0.7 * number / _DONE_BY)
        trained = sum(chance.random() < share for _ in range(staff))
        engagement = min(max(68 + place.quality / 400 + chance.gauss(0, 2), 0), 100)
        found.append(("training_completion", place.facility_id, kind.unit_id, month, trained, staff, ""))
        found.append(("staff_engagement", place.facility_id, kind.unit_id, month, "", staff, f"{engagement:.1f}"))
        if kind.encounter == "inpatient":
            days = round(520 * kind.weight * place.size) + 30
            found.append(("nursing_hours", place.facility_id, kind.unit_id, month, f"{days * chance.gauss(8.4, 0.4):.1f}", days, ""))
    return found


def write_initiatives(inbox: Inbox, scale: Scale, places: list[Facility]) -> None:
    """Three initiatives: of a unit, of a facility (a declared process change) and of the whole group."""
    start = scale.months[len(scale.months) * 2 // 3]
    first = places[0]
    rows = [
        ("INI-1", "Hourly rounding", first.facility_id, first.units[0].unit_id, "complaint_rate", start, "", "nurse manager", "annotate"),
        ("INI-2", "Patient advocate on every floor", first.facility_id, "", "complaint_rate", start, "", "patient relations", "rebase"),
        ("INI-3", "Discharge call within two days", "", "", "hcahps_overall_rating_top_box", start, "", "chief nursing officer", "annotate"),
    ]
    sent = delivered(start, _DAY_SENT)
    inbox.add("initiatives", f"initiatives_{sent:%Y%m%d}.csv", sent, lambda part: _write(
        part, ("Initiative", "What", "Facility", "Unit", "Kpi", "Start", "End", "OwnerRole", "Chart"), rows))


def _write(path: Path, header: tuple[str, ...], rows: list[tuple]) -> int:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return len(rows)
