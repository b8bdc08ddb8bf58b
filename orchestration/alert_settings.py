"""Where alerts go.

Belongs here: the section `alerts` of config/settings.yml. Does not belong here: sending (alerts.py).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ingestion.feed import Strict

Kind = Literal["new_signal", "target_missed_twice", "grievance_overdue", "feed_late", "unmapped_code", "held_delivery"]


class AlertSettings(Strict):
    """urls: receivers as Apprise writes them (mailto://, workflows:// for Teams, slack://, json:// ...); PXW_ALERT_URLS, blank separated, wins.

    kinds: which alerts are sent; absent: all. only_concerns: leave out signals that are improvements.
    """

    urls: list[str] = Field(default_factory=list)
    kinds: list[Kind] | None = None
    only_concerns: bool = True
