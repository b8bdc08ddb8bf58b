"""`pxw status`: what came, what waits, what is late, what is published.

Belongs here: one line per feed, the deliveries and files that need a person.
Does not belong here: changing anything.

Words for rows, here and in feed_status: delivered = accepted + quarantined + held.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import click

from ingestion.cadence import due_after
from ingestion.catalogue import Delivery, read_catalogue, row_facts
from ingestion.feed import Feed, load_feeds
from ingestion.home import Home
from ingestion.known_files import still_unplaced, why_unplaced
from ingestion.ledger import Ledger
from orchestration.commands.summary import print_troubles, print_unmapped
from orchestration.published import manifest
from orchestration.unmapped import awaited, reading_build, unmapped_feeds

_STATES = ("accepted", "waiting", "held", "refused")


def status(home: Home, as_json: bool) -> None:
    """Print the state of the home."""
    feeds = load_feeds()
    deliveries = read_catalogue(home, feeds)
    told = manifest(home)
    facts = {
        "home": str(home.root),
        "published": {key: told.get(key) for key in ("run_id", "published_at", "as_of")},
        "feeds": [_feed_facts(feed, deliveries, datetime.now(UTC).date()) for feed in feeds.values()],
        "held": [_delivery_facts(d) for d in deliveries if d.status == "held"],
        "refused": [_delivery_facts(d) for d in deliveries if d.status == "refused"],
        "no_day": [_delivery_facts(d) | {"no_day": d.no_day} for d in deliveries if d.no_day],
        "ahead": [_delivery_facts(d) | {"delivered_at": d.delivered_at} for d in deliveries if d.is_ahead],
        "unplaced": still_unplaced(Ledger(home.ledger), feeds),
    }
    with reading_build(home) as rows:
        facts["unmapped"] = [asdict(one) for one in unmapped_feeds(rows, feeds)]
        facts["awaited"] = [dict(zip(("facility_id", "feed", "last_closed_month"), one, strict=True)) for one in awaited(rows)]
    if as_json:
        click.echo(json.dumps(facts, indent=1, default=str))
    else:
        _print(home, facts, feeds, deliveries)


def _feed_facts(feed: Feed, deliveries: list[Delivery], today: date) -> dict[str, Any]:
    own = [d for d in deliveries if d.feed == feed.feed]
    waiting = sum(d.status in ("landed", "conformed") for d in own)
    due = due_after(feed.cadence, max((d.delivered_at for d in own if d.status == "accepted"), default=None))
    return {
        "feed": feed.feed, "cadence": feed.cadence, **{state: n for state, n in sorted(Counter(d.status for d in own).items())}, **({"waiting": waiting} if waiting else {}),
        "newest_delivered_at": max((d.delivered_at for d in own), default=None),
        **row_facts(own),
        "next_due_on": due.next_due_on if due else None, "late_after_on": due.late_after_on if due else None,
        "days_late": due.days_late(today) if due else None,
    }


def _delivery_facts(delivery: Delivery) -> dict[str, Any]:
    return {"delivery_id": delivery.delivery_id, "feed": delivery.feed, "file_name": delivery.file_name,
            "delivered_at": delivery.delivered_at, "reason": delivery.reason}


def _print(home: Home, facts: dict[str, Any], feeds: dict[str, Feed], deliveries: list[Delivery]) -> None:
    from rich.markup import escape

    from orchestration.commands.console import console as new_console

    console = new_console()
    used = [feed for feed in facts["feeds"] if feed["newest_delivered_at"]]
    _print_feeds(console, facts["home"], used)
    silent = [feed["feed"] for feed in facts["feeds"] if not feed["newest_delivered_at"]]
    if silent:
        console.print(f"never delivered: {', '.join(silent)}")
    print_troubles(console, deliveries)
    print_unmapped(console, home, feeds)
    for file in facts["unplaced"]:
        console.print(f"[yellow]not taken[/] {escape(file['file_name'])}: {why_unplaced(file['file_name'], file['feeds'])}", markup=True)
    told = facts["published"]
    console.print(f"published: run {told['run_id']} at {told['published_at']}" if told["run_id"] else "published: nothing yet")


def _print_feeds(console: Any, home: str, feeds: list[dict[str, Any]]) -> None:
    from orchestration.commands.console import table as new_table

    states = [state for state in _STATES if state == "accepted" or any(feed.get(state) for feed in feeds)]
    rows = ("delivered", "accepted", "quarantined", "held")
    table = new_table(f"feeds of {home}", "feed", "cadence", *(f"deliveries\n{state}" for state in states),
                      *(f"rows\n{what}" for what in rows), "newest", "next due", n_text=2)
    for feed in feeds:
        due = str(feed["next_due_on"] or "")
        table.add_row(feed["feed"], feed["cadence"], *(str(feed.get(state, "")) for state in states), *(f"{feed[f'n_rows_{what}']:,}" for what in rows),
                      f"{feed['newest_delivered_at']:%Y-%m-%d}", f"[red]{due}\n{feed['days_late']} days late[/]" if feed["days_late"] else due)
    for column in table.columns[2:]:
        column.no_wrap = True
    if feeds:
        console.print(table)
        console.print("deliveries by state; rows delivered = accepted + quarantined + held (each version of a row counts)")
    else:
        console.print(f"nothing was ever delivered to {home}")
