"""The snapshot of public holidays in dbt_project/seeds/holiday.csv: making it, extending it, comparing it.

Belongs here: which calendars there are and which days the library says are holidays.
Does not belong here: counting business days (dbt_project/models/core/dim_business_day.sql).

The warehouse never asks the library: holidays of a year once in the snapshot stay as they are, so a new
version of the library cannot change a number of the past. `python -m methods.holiday_calendar 2031`
adds the years up to 2031 and prints where the library now differs from the snapshot; a difference is
taken over by editing the row. The library is `holidays` (MIT, several hundred calendars, released monthly).
"""

from __future__ import annotations

import csv
import sys
from datetime import date
from pathlib import Path

SNAPSHOT = Path(__file__).parents[1] / "dbt_project" / "seeds" / "holiday.csv"
# Our calendar -> country and subdivision of the library. Weekends are no holidays of their own.
CALENDARS = {"US": ("US", None), "GB-ENG": ("GB", "ENG"), "GB-SCT": ("GB", "SCT"), "IE": ("IE", None), "CA-ON": ("CA", "ON")}
FIRST_YEAR = 2015
HEADER = ("calendar_code", "holiday_on", "label", "library_version", "standing")
Row = tuple[str, str, str, str, str]


def library_rows(first_year: int, last_year: int) -> list[Row]:
    """Holidays on weekdays from first_year to last_year (both included) by the installed library, in file order."""
    import holidays

    years = range(first_year, last_year + 1)
    return [
        (code, day.isoformat(), label, holidays.__version__, "corroborated")
        for code, (country, part) in CALENDARS.items()
        for day, label in sorted(holidays.country_holidays(country, subdiv=part, years=years, language="en_US").items())
        if day.weekday() < 5 and first_year <= day.year <= last_year
    ]


def read(path: Path = SNAPSHOT) -> list[Row]:
    """The rows of the snapshot; none where there is no file yet."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as text:
        return [tuple(row[name] for name in HEADER) for row in csv.DictReader(text)]


def extended(kept: list[Row], last_year: int) -> list[Row]:
    """The snapshot with the years after its own up to last_year added; what is there stays as it is."""
    newest = max((date.fromisoformat(row[1]).year for row in kept), default=FIRST_YEAR - 1)
    return sorted([*kept, *library_rows(newest + 1, last_year)]) if last_year > newest else sorted(kept)


def differences(kept: list[Row]) -> list[str]:
    """Where the installed library says otherwise than the snapshot, one sentence a day; empty when nowhere."""
    years = [date.fromisoformat(row[1]).year for row in kept]
    ours = {row[:2] for row in kept}
    theirs = {row[:2] for row in library_rows(min(years), max(years))}
    return [f"{code} {day}: a holiday in the snapshot, not in the library" for code, day in sorted(ours - theirs)] + [
        f"{code} {day}: a holiday in the library, not in the snapshot" for code, day in sorted(theirs - ours)
    ]


def main(last_year: int) -> None:
    """Write the snapshot with the years up to last_year and print what the library would now say otherwise."""
    rows = extended(read(), last_year)
    with SNAPSHOT.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)
    print("\n".join(differences(rows)) or "snapshot and library agree")


if __name__ == "__main__":
    main(int(sys.argv[1]))
