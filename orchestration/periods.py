"""Periods as people write them: 2026-03, 2026-Q1.

Belongs here: from text to window and last day, and saying what is wrong with the text.
Does not belong here: which periods have data (commands/show.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import click


def asked_window(windows: Sequence[str], period: str | None, window: str | None) -> str:
    """The window that is meant: the one named, what the period says, else the shortest of the KPI. Raises UsageError."""
    meant = window or ("quarter" if period and _quarter(period) else None)
    if meant is None and period:
        meant = "month" if "month" in windows else None
    meant = meant or windows[0]
    if meant not in windows:
        raise click.UsageError(f"this KPI has no {_words(meant)} values; it has {', '.join(map(_words, windows))} (--window {windows[0]})")
    return meant


def period_end(period: str, window: str) -> date:
    """Last day of the period. Raises UsageError for a text that is no period, or none of this window."""
    if quarter := _quarter(period):
        if window == "month":
            raise click.UsageError(f"'{period}' is a quarter and the window is month; name a month such as {quarter[0]}-{3 * quarter[1]:02d}, or --window quarter")
        return month_end(quarter[0], 3 * quarter[1])
    match = re.fullmatch(r"(\d{4})-(\d{1,2})(-\d{1,2})?", period)
    if not match or not 1 <= int(match[2]) <= 12:
        raise click.UsageError(f"'{period}' is not a period; write a month as 2026-03 or a quarter as 2026-Q1")
    year, month = int(match[1]), int(match[2])
    if window == "quarter" and month % 3:
        raise click.UsageError(f"no quarter ends in {year}-{month:02d}; it lies in {year}-Q{(month + 2) // 3}: --period {year}-Q{(month + 2) // 3}")
    return month_end(year, month)


def period_words(grain: str, start: date) -> str:
    """The period as it is asked for: 2026-03, 2026-Q1; a rolling window is named by its last month."""
    names = {"month": f"{start:%Y-%m}", "quarter": f"{start.year}-Q{(start.month + 2) // 3}"}
    return names.get(grain) or f"12 months to {date.fromordinal(start.replace(year=start.year + 1).toordinal() - 1):%Y-%m}"


def month_end(year: int, month: int) -> date:
    """Last day of a month."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1)


def _quarter(period: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d{4})-?[Qq]([1-4])", period)
    return (int(match[1]), int(match[2])) if match else None


def _words(window: str) -> str:
    return window.replace("_", " ")
