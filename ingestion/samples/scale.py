"""The sizes of a sample: how many facilities, units, months and surveys, and the calendar of deliveries.

Belongs here: numbers that differ between `small`, `hospital`, `system` and `national`, and dates.
Does not belong here: what a file looks like (surveys.py, complaints.py, encounters.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

INSTRUMENT_CHANGE = date(2025, 1, 1)  # discharges from here on answer the 32-item form
RENAMED_ON = date(2025, 7, 1)  # the survey vendor's code of unit 4W changes here
MOVED_ON = date(2026, 1, 1)  # the complaint system's "5 North" means another unit from here on


@dataclass(frozen=True)
class Scale:
    """One size. Means are per unit and month of a facility of size 1."""

    name: str
    units: tuple[tuple[str, ...], ...]  # unit templates per facility, used in turn
    n_facilities: int
    first_month: date
    last_month: date
    n_surveys: int  # sampled surveys of all sources together, at least
    sampled_share: float  # surveys per inpatient discharge
    emergency_mean: int
    outpatient_mean: int
    office_mean: int
    fhir_mean: int  # visits a month of the one facility that sends FHIR
    xml_facilities: tuple[int, ...]
    n_xml_months: int | None  # None: every month; else the first months, then the survey vendor takes over
    n_regions: int = 1
    sizes: tuple[float, ...] = ()  # relative sizes of the first facilities; others are drawn

    @property
    def months(self) -> list[date]:
        found = [self.first_month]
        while found[-1] < self.last_month:
            found.append(next_month(found[-1]))
        return found


_WARDS = ("4W", "5E", "3M", "6N")
SCALES = {
    scale.name: scale
    for scale in (
        Scale("small", (("4W", "5E", "ED", "CL"), ("4W", "3M", "ED", "CL")), 2, date(2024, 11, 1), date(2026, 9, 1),
              3_000, 0.30, 700, 900, 600, 45, (2,), 4, sizes=(1.3, 0.7)),
        Scale("hospital", ((*_WARDS, "ICU", "ED", "CL"),), 3, date(2024, 10, 1), date(2026, 9, 1),
              50_000, 0.60, 2_200, 2_600, 1_800, 300, (3,), None, sizes=(1.2, 0.8, 1.0)),
        Scale("system", ((*_WARDS, "ED", "CL"),), 40, date(2024, 10, 1), date(2026, 9, 1),
              1_000_000, 0.80, 2_200, 2_600, 1_800, 300, (3, 13, 23), None),
        Scale("national", (("4W", "5E", "ED", "CL"),), 1_000, date(2024, 7, 1), date(2025, 9, 1),
              10_000_000, 0.80, 2_200, 2_600, 1_800, 300, (3, 13, 23, 33, 43), None, n_regions=4),
    )
}


def next_month(month: date) -> date:
    """The first day of the month after `month`."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def delivered(month: date, day: int) -> date:
    """The day of the following month on which a file about `month` is sent."""
    return next_month(month).replace(day=day)


def half_years(months: list[date]) -> list[date]:
    """The last months of March and September: after each of them a cumulative file is sent."""
    return [month for month in months if month.month in (3, 9)]
