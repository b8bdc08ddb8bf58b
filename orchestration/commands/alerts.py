"""`pxw alerts`: what needs a person now, and whether the receivers can be reached.

Belongs here: options, exit codes, the list. Does not belong here: sending (alerts.py), what is an alert (alert.sql, alert_rows.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from itertools import groupby
from typing import Any

import click

from ingestion.home import Home

_WORDS = {
    "new_signal": ("signal", "signals"), "target_missed_twice": ("target missed twice", "targets missed twice"),
    "grievance_overdue": ("grievance overdue", "grievances overdue"), "feed_late": ("feed late", "feeds late"),
    "unmapped_code": ("code without a unit", "codes without a unit"), "held_delivery": ("held delivery", "held deliveries"),
}
_SHOWN = 10     # of one kind and facility, unless --all


@click.command("alerts")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(tuple(_WORDS)), help="Only these; may be repeated.")
@click.option("--facility", help="Only what is about this facility, id or name.")
@click.option("--unit", help="Only what is about this unit of it, id or name; or F1/4W.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Only what was first seen on this day or later.")
@click.option("--all", "is_all", is_flag=True, help=f"Every line; otherwise the newest {_SHOWN} of a kind and facility.")
@click.option("--test", "is_test", is_flag=True, help="Send a test message to every receiver of the settings; changes nothing.")
@click.option("--send", "is_send", is_flag=True, help="Send now what the receivers have not got, as a run does at its end.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, every one that is asked for.")
def alerts(kinds: tuple[str, ...], facility: str | None, unit: str | None, since: datetime | None, is_all: bool, is_test: bool, is_send: bool,
           as_json: bool) -> None:
    """List what needs a person: signals, missed targets, overdue grievances, late feeds, unmapped codes, held deliveries.

    Receivers are Apprise URLs under `alerts: urls:` in config/settings.yml, or in PXW_ALERT_URLS.
    """
    from orchestration import alerts as sending
    from orchestration.settings import load_settings

    home = Home.from_env()
    asked = bool(kinds or facility or unit or since)
    if asked and (is_test or is_send):
        raise click.UsageError("--kind, --facility, --unit and --since narrow the list; what is sent is set in config/settings.yml")
    if unit and not facility and "/" not in unit:
        raise click.UsageError("a unit needs its --facility, or is named with it: F1/4W")
    settings = load_settings(home).alerts
    if is_test:
        raise click.exceptions.Exit(_test(sending.receivers(settings)))
    found = _asked_for(home, kinds, facility, unit, since and since.date())
    if is_send:
        _send(home, settings, found)
    elif as_json:
        click.echo(json.dumps(found, indent=1, default=str))
    else:
        _print(found, is_all, asked)


def _asked_for(home: Home, kinds: Iterable[str], facility: str | None, unit: str | None, since: date | None) -> list[dict[str, Any]]:
    from orchestration.alert_rows import chosen, published_alerts
    from orchestration.published import open_marts
    from orchestration.question import resolve_place

    found = published_alerts(home)
    if facility or unit:
        with open_marts(home) as con:
            facility, unit = resolve_place(con, facility, unit)
    return chosen(found, kinds=kinds, facility_id=facility, unit_id=unit, since=since)


def _send(home: Home, settings: Any, found: list[dict[str, Any]]) -> None:
    from ingestion.ledger import Ledger
    from orchestration import alerts as sending

    outcomes = sending.send_new(Ledger(home.ledger), settings, found)
    for receiver, outcome in outcomes:
        click.echo(f"{receiver.name}: {outcome}")
    if not outcomes:
        click.echo("nothing to send" if sending.receivers(settings) else "no receivers: name them under 'alerts: urls:' in config/settings.yml")


def _print(found: list[dict[str, Any]], is_all: bool, asked: bool) -> None:
    """Counts first, then kind by kind and facility by facility, the newest first, what is good news last."""
    if not found:
        click.echo("nothing of that kind" if asked else "nothing needs a person")
        return
    order = list(_WORDS)
    counts = Counter(one["alert_kind"] for one in found)
    good = sum(not one["is_concern"] for one in found)
    click.echo(f"{len(found)} open: " + ", ".join(_counted(kind, counts[kind]) for kind in order if counts[kind])
               + (f"; {good} of the signals {'is' if good == 1 else 'are'} no concern" if good else ""))
    found = sorted(found, key=lambda one: (order.index(one["alert_kind"]), one["facility_id"] or "", not one["is_concern"],
                                           -one["first_seen_on"].toordinal(), one["message"]))
    for kind, of_kind in groupby(found, key=lambda one: one["alert_kind"]):
        click.echo(f"\n{_counted(kind, counts[kind])}")
        for place, group in groupby(of_kind, key=lambda one: one["facility_id"]):
            _print_group(kind, place, list(group), is_all)


def _print_group(kind: str, place: str | None, rows: list[dict[str, Any]], is_all: bool) -> None:
    indent = "  "
    if place or kind in ("new_signal", "target_missed_twice"):
        click.echo(f"  {place or 'enterprise'} ({len(rows)})")
        indent = "    "
    shown = rows if is_all or len(rows) <= _SHOWN + 1 else rows[:_SHOWN]
    for one in shown:
        click.echo(f"{indent}{one['first_seen_on']}  {one['alert_id']}  {one['message']}")
    if len(shown) < len(rows):
        narrowed = f" --facility '{place}'" if place else ""
        click.echo(f"{indent}... and {len(rows) - len(shown)} older or better: pxw alerts --kind {kind}{narrowed} --all")


def _counted(kind: str, n: int) -> str:
    return f"{n} {_WORDS[kind][n != 1]}"


def _test(receivers: list) -> int:
    """0 when every receiver took the test message."""
    from orchestration.alerts import notify, why_not

    if not receivers:
        raise click.ClickException("no receivers: name them under 'alerts: urls:' in config/settings.yml or in PXW_ALERT_URLS")
    reached = [(one, notify(one, "Patient Experience Warehouse: test", "Alerts will arrive here.")) for one in receivers]
    for one, is_reached in reached:
        click.echo(f"{one.name}: {'reached' if is_reached else why_not(one)}")
    return 0 if all(is_reached for _, is_reached in reached) else 1
