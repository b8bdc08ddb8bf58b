"""`pxw status`: what came, what waits, what is published.

Belongs here: one line per feed, the deliveries that need a person.
Does not belong here: changing anything.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from ingestion.catalogue import Delivery, read_catalogue
from ingestion.feed import Feed, load_feeds
from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.published import manifest


def status(home: Home, as_json: bool) -> None:
    """Print the state of the home."""
    feeds = load_feeds()
    deliveries = read_catalogue(home, feeds)
    facts = {
        "home": str(home.root),
        "published": {key: manifest(home).get(key) for key in ("run_id", "published_at", "as_of")},
        "feeds": [_feed_facts(feed, deliveries) for feed in feeds.values()],
        "held": [_delivery_facts(d) for d in deliveries if d.status == "held"],
        "refused": [_delivery_facts(d) for d in deliveries if d.status == "refused"],
        "unplaced": _unplaced(home, feeds),
    }
    if as_json:
        click.echo(json.dumps(facts, indent=1, default=str))
    else:
        _print(facts, deliveries)


def _feed_facts(feed: Feed, deliveries: list[Delivery]) -> dict[str, Any]:
    own = [d for d in deliveries if d.feed == feed.feed]
    waiting = sum(d.status in ("landed", "conformed") for d in own)
    return {
        "feed": feed.feed, "cadence": feed.cadence, **{state: n for state, n in sorted(Counter(d.status for d in own).items())}, **({"waiting": waiting} if waiting else {}),
        "newest_delivered_at": max((d.delivered_at for d in own), default=None),
        "n_rows": sum(d.conformed.get("n_rows", 0) for d in own), "n_quarantined": sum(d.conformed.get("n_quarantined", 0) for d in own),
    }


def _delivery_facts(delivery: Delivery) -> dict[str, Any]:
    return {"delivery_id": delivery.delivery_id, "feed": delivery.feed, "file_name": delivery.file_name,
            "delivered_at": delivery.delivered_at, "reason": delivery.reason}


def _unplaced(home: Home, feeds: dict[str, Feed]) -> list[dict[str, Any]]:
    """Files that belonged to no feed, or to several, when they were last seen."""
    return [
        {"file_name": entry["file_name"], "source_url": entry["source_url"], "feeds": entry["feeds"]}
        for entry in Ledger(home.ledger).entries() if entry["kind"] == "unplaced"
    ]


def _print(facts: dict[str, Any], deliveries: list[Delivery]) -> None:
    from orchestration.console import console as new_console
    from orchestration.console import table as new_table
    from orchestration.summary import print_troubles

    console = new_console()
    table = new_table(f"feeds of {facts['home']}", "feed", "cadence", "accepted", "waiting", "held", "refused", "rows", "quarantined", "newest delivery", n_text=2)
    for feed in facts["feeds"]:
        newest = feed["newest_delivered_at"]
        table.add_row(feed["feed"], feed["cadence"], *(str(feed.get(state, "")) for state in ("accepted", "waiting", "held", "refused")),
                      f"{feed['n_rows']:,}", f"{feed['n_quarantined']:,}", f"{newest:%Y-%m-%d}" if newest else "")
    console.print(table)
    print_troubles(console, deliveries)
    for file in facts["unplaced"]:
        owners = " and ".join(file["feeds"]) or "no feed"
        console.print(f"[yellow]not taken[/] {file['file_name']}: matches {owners}; see 'files' in the feeds")
    told = facts["published"]
    console.print(f"published: run {told['run_id']} at {told['published_at']}" if told["run_id"] else "published: nothing yet")
