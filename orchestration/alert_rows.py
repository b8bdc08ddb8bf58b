"""What is open, as published, and what has become late by the clock since.

Belongs here: reading the mart alert, adding feeds that are late today, choosing among the rows. Does not belong here: what else is an
alert (alert.sql), sending (alerts.py), the list on a terminal (commands/alerts.py).

A mart reads no clock, so that the same deliveries give the same table; when all intake stops no new mart comes either. So whoever
reads compares `feed_status.late_after_on` with today. The words and ids are those of alert.sql: one event, whoever saw it first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from ingestion.home import Home

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COLUMNS = ("alert_id", "alert_kind", "subject_id", "first_seen_on", "kpi_id", "facility_id", "unit_id", "feed", "is_concern", "message")
_LATE = """
    with late as (
        select feed, late_after_on + 1 as first_seen_on, md5('feed_late|' || feed || ' ' || late_after_on) as subject_id, next_due_on
        from marts.feed_status where late_after_on < ?
    )
    select substr(md5(subject_id || '|' || first_seen_on), 1, 16), 'feed_late', subject_id, first_seen_on, null, null, null, feed, true,
        'Feed ' || feed || ' is late: the next delivery was due on ' || next_due_on
    from late"""
# What small cells leave of an alert: the deadline, not of whom.
_HIDDEN = "A grievance in {facility_id} is past its due day; unit and step are not shown (small cells)"


def published_alerts(home: Home, today: date | None = None) -> list[dict[str, Any]]:
    """What is open, oldest first. `today` judges late feeds: by default the day the publication is as of, else now (UTC).

    Empty where the project has no mart of alerts. A publication that hides small cells holds no alert that would tell of one. Raises NothingPublished.
    """
    from orchestration.published import manifest, open_marts

    if today is None:
        as_of = manifest(home).get("as_of")
        today = date.fromisoformat(as_of) if as_of else datetime.now(UTC).date()
    with open_marts(home) as con:
        marts = {row[0] for row in con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()}
        if "alert" not in marts:
            return []
        rows = con.execute(f"select {', '.join(COLUMNS)} from marts.alert").fetchall()
        rows += _late(con, today) if "feed_status" in marts else []
    found = {row[COLUMNS.index("subject_id")]: dict(zip(COLUMNS, row, strict=True)) for row in reversed(rows)}   # the mart's own row wins
    for one in found.values():
        one["message"] = one["message"] or _HIDDEN.format(**one)
    return sorted(found.values(), key=lambda one: (one["first_seen_on"], one["alert_id"]))


def _late(con: DuckDBPyConnection, today: date) -> list[tuple[Any, ...]]:
    return con.execute(_LATE, [today]).fetchall()


def chosen(alerts: Iterable[dict[str, Any]], *, kinds: Iterable[str] = (), facility_id: str | None = None, unit_id: str | None = None,
           since: date | None = None) -> list[dict[str, Any]]:
    """Those of the kinds (none: all), the place, and first seen on `since` or later. What is about no place is of none."""
    wanted = set(kinds)
    return [one for one in alerts
            if (not wanted or one["alert_kind"] in wanted) and (facility_id is None or one["facility_id"] == facility_id)
            and (unit_id is None or one["unit_id"] == unit_id) and (since is None or one["first_seen_on"] >= since)]
