"""Which alerts are open and which were sent, as the ledger tells.

Belongs here: replaying and writing the ledger entries `alert_change` and `alert_sent`.
Does not belong here: what is an alert (dbt_project/models/marts/alert.sql), sending (alerts.py).

An event keeps its id while it lasts. Its id comes from the data when it is first published; from then on the ledger holds it, so
that a limit that moves with the next month makes no new event of an old one. Subjects are hashes: no code or case number enters the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.ledger import Ledger


def open_alerts(ledger: Ledger, as_of: date | None = None) -> dict[str, dict[str, str]]:
    """subject_id -> alert_id and first_seen_on of what was open at the last publication (up to the end of `as_of`)."""
    found: dict[str, dict[str, str]] = {}
    for entry in ledger.entries("alert_change"):
        if as_of and entry["at"][:10] > as_of.isoformat():
            continue
        for subject in entry["closed"]:
            found.pop(subject, None)
        for one in entry["opened"]:
            found[one["subject_id"]] = {"alert_id": one["alert_id"], "first_seen_on": one["first_seen_on"]}
    return found


def record_open(ledger: Ledger, alerts: Iterable[dict[str, Any]]) -> tuple[int, int]:
    """Write what opened and closed since the last entry; how many of each. Nothing is written when nothing changed."""
    before = open_alerts(ledger)
    now = {one["subject_id"]: one for one in alerts}
    opened = [{"subject_id": key, "alert_id": one["alert_id"], "first_seen_on": str(one["first_seen_on"])}
              for key, one in sorted(now.items()) if before.get(key, {}).get("alert_id") != one["alert_id"]]
    closed = sorted(before.keys() - now.keys())
    if opened or closed:
        ledger.append("alert_change", opened=opened, closed=closed)
    return len(opened), len(closed)


def sent_alerts(ledger: Ledger) -> dict[str, set[str]]:
    """Receiver -> ids of the alerts it got."""
    found: dict[str, set[str]] = {}
    for entry in ledger.entries("alert_sent"):
        found.setdefault(entry["receiver"], set()).update(entry["alert_ids"])
    return found
