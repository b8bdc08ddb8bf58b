"""Sending alerts after a run: each event once to each receiver, and never at the cost of the run.

Belongs here: what is new for whom, the message, calling Apprise. Does not belong here: what is an alert (alert.sql, alert_rows.py), the
command (commands/alerts.py), the ledger's words (alert_state.py).

A receiver is known by a hash of its URL, since URLs hold secrets: neither ledger nor output shows one. A message holds KPI, place,
feed and numbers as published, never a person or a free text.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.alert_rows import published_alerts
from orchestration.alert_settings import AlertSettings
from orchestration.alert_state import record_open, sent_alerts
from orchestration.settings import load_settings

_SHOWN = 25     # lines in one message; the rest is counted


@dataclass(frozen=True)
class Receiver:
    """One place to send to. `name` is safe to print: scheme and a hash."""

    url: str

    @property
    def name(self) -> str:
        return f"{self.url.partition(':')[0]}:{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"


def receivers(settings: AlertSettings) -> list[Receiver]:
    """The receivers of a home: environment first, then settings."""
    return [Receiver(url) for url in dict.fromkeys(os.environ.get("PXW_ALERT_URLS", "").split() or settings.urls)]


def after_run(home: Home, tell: Callable[[str], None]) -> None:
    """Note what is open and send what is new. Whatever goes wrong is told and never raised: the marts are published already."""
    try:
        ledger, settings = Ledger(home.ledger), load_settings(home).alerts
        alerts = published_alerts(home)
        n_opened, n_closed = record_open(ledger, alerts)
        if n_opened or n_closed:
            tell(f"alerts: {n_opened} new, {n_closed} over, {len(alerts)} open (pxw alerts)")
        for receiver, outcome in send_new(ledger, settings, alerts):
            tell(f"alerts to {receiver.name}: {outcome}")
    except Exception as error:      # sending is a courtesy; the cause may hold a URL, so only its kind is told
        tell(f"alerts were not sent ({type(error).__name__}); pxw alerts shows them")


def send_waiting(home: Home, tell: Callable[[str], None]) -> None:
    """Try again what a receiver has not got; for runs that publish nothing. Never raises, and costs nothing without receivers."""
    try:
        settings = load_settings(home).alerts
        if receivers(settings) and (home.published / "px.duckdb").exists():
            for receiver, outcome in send_new(Ledger(home.ledger), settings, published_alerts(home)):
                tell(f"alerts to {receiver.name}: {outcome}")
    except Exception as error:
        tell(f"alerts were not sent ({type(error).__name__}); pxw alerts shows them")


def wanted(settings: AlertSettings, alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alerts that the settings let pass."""
    return [one for one in alerts
            if (settings.kinds is None or one["alert_kind"] in settings.kinds) and (one["is_concern"] or not settings.only_concerns)]


def send_new(ledger: Ledger, settings: AlertSettings, alerts: list[dict[str, Any]]) -> list[tuple[Receiver, str]]:
    """Send each receiver what it has not got yet, in one message, and note it; outcomes in words."""
    places = receivers(settings)
    if not places:
        return []
    sent, outcomes = sent_alerts(ledger), []
    for receiver in places:
        new = [one for one in wanted(settings, alerts) if one["alert_id"] not in sent.get(receiver.name, set())]
        if not new:
            continue
        is_sent = notify(receiver, *message(new))
        if is_sent:
            ledger.append("alert_sent", receiver=receiver.name, alert_ids=[one["alert_id"] for one in new])
        outcomes.append((receiver, f"{len(new)} sent" if is_sent else f"{why_not(receiver)}; {len(new)} wait for the next run"))
    return outcomes


def message(alerts: list[dict[str, Any]]) -> tuple[str, str]:
    """Title and text."""
    lines = [f"- {one['message']} (since {one['first_seen_on']})" for one in alerts[:_SHOWN]]
    if len(alerts) > _SHOWN:
        lines.append(f"... and {len(alerts) - _SHOWN} more: pxw alerts, or the mart alert")
    return f"Patient Experience Warehouse: {len(alerts)} new alert{'s' * (len(alerts) > 1)}", "\n".join(lines)


def why_not(receiver: Receiver) -> str:
    """What to say of a receiver that did not take a message: a URL that nobody can read is not a place that is away."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return "could not be reached" if apprise.Apprise.instantiate(receiver.url) else "its URL is of no known kind, or incomplete"


def notify(receiver: Receiver, title: str, body: str) -> bool:
    """Whether the receiver took the message. Apprise logs URLs, so its log is off."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    with contextlib.suppress(Exception):
        sender = apprise.Apprise()
        return bool(sender.add(receiver.url) and sender.notify(title=title, body=body))
    return False
