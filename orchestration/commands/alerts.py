"""`pxw alerts`: what needs a person now, and whether the receivers can be reached.

Belongs here: options, exit codes, the list. Does not belong here: sending (alerts.py), what is an alert (alert.sql).
"""

from __future__ import annotations

import json

import click

from ingestion.home import Home


@click.command("alerts")
@click.option("--test", "is_test", is_flag=True, help="Send a test message to every receiver of the settings; changes nothing.")
@click.option("--send", "is_send", is_flag=True, help="Send now what the receivers have not got, as a run does at its end.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def alerts(is_test: bool, is_send: bool, as_json: bool) -> None:
    """List what needs a person: signals, missed targets, overdue grievances, late feeds, unmapped codes, held deliveries.

    Receivers are Apprise URLs under `alerts: urls:` in config/settings.yml, or in PXW_ALERT_URLS.
    """
    from orchestration import alerts as sending
    from orchestration.published import NothingPublished
    from orchestration.settings import load_settings

    home = Home.from_env()
    settings = load_settings(home).alerts
    if is_test:
        raise click.exceptions.Exit(_test(sending.receivers(settings)))
    try:
        found = sending.published_alerts(home)
    except NothingPublished as nothing:
        raise click.ClickException(str(nothing)) from None
    if is_send:
        from ingestion.ledger import Ledger

        outcomes = sending.send_new(Ledger(home.ledger), settings, found)
        for receiver, outcome in outcomes:
            click.echo(f"{receiver.name}: {outcome}")
        if not outcomes:
            click.echo("nothing to send" if sending.receivers(settings) else "no receivers: name them under 'alerts: urls:' in config/settings.yml")
        return
    if as_json:
        click.echo(json.dumps(found, indent=1, default=str))
        return
    for one in found:
        click.echo(f"{one['first_seen_on']}  {one['alert_id']}  {one['alert_kind']:<20} {one['message']}")
    click.echo(f"{len(found)} open" if found else "nothing needs a person")


def _test(receivers: list) -> int:
    """0 when every receiver took the test message."""
    from orchestration.alerts import notify

    if not receivers:
        raise click.ClickException("no receivers: name them under 'alerts: urls:' in config/settings.yml or in PXW_ALERT_URLS")
    reached = [(one, notify(one, "Patient Experience Warehouse: test", "Alerts will arrive here.")) for one in receivers]
    for one, is_reached in reached:
        click.echo(f"{one.name}: {'reached' if is_reached else 'could not be reached'}")
    return 0 if all(is_reached for _, is_reached in reached) else 1
