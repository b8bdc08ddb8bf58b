"""When the next delivery of a feed is due.

Belongs here: how long a cadence is, how much later than that is no delay yet, the two dates that follow.
Does not belong here: today's date; who asks brings it.

The mart feed_status holds the same two dates, computed in SQL from the same table (macro `cadence_days`
is rendered from it), so the command line and a BI tool never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

# cadence -> (days from one delivery to the next, days of grace): monthly files rarely come on the same day.
CADENCE_DAYS: dict[str, tuple[int, int]] = {"daily": (1, 1), "weekly": (7, 2), "monthly": (31, 8), "quarterly": (92, 22)}


@dataclass(frozen=True)
class Due:
    """`next_due_on`: when the next delivery is expected; `late_after_on`: from the day after this one it is late."""

    next_due_on: date
    late_after_on: date

    def days_late(self, today: date) -> int:
        """Days since the delivery was expected, 0 as long as the grace lasts."""
        return (today - self.next_due_on).days if today > self.late_after_on else 0


def due_after(cadence: str, last_accepted_at: datetime | None) -> Due | None:
    """The dates that follow from the newest accepted delivery; None without one or without a fixed rhythm."""
    if last_accepted_at is None or cadence not in CADENCE_DAYS:
        return None
    days, grace = CADENCE_DAYS[cadence]
    expected = last_accepted_at.date() + timedelta(days=days)
    return Due(expected, expected + timedelta(days=grace))
