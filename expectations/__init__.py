"""Judging deliveries: is a file as a whole what its feed usually sends?

Belongs here: what is measured of a delivery, what is compared with earlier deliveries, the
expectations over it, Data Docs, the settings a feed may write under `expectations:`.
Does not belong here: single rows (ingestion/conform.py), the ledger, holding and releasing
(orchestration/). This room only gives verdicts.

Importing this package is cheap; Great Expectations is imported inside `judge`, once per process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.verdict import DeliveryRaw, Failure, Verdict

if TYPE_CHECKING:
    from ingestion.feed import Feed

__all__ = ["DeliveryRaw", "Failure", "Verdict", "judge", "prepare"]


def prepare() -> None:
    """Import what `judge` needs (4 to 19 s), for callers who have time to spare before there is anything to judge."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import expectations.docs
    import expectations.duckdb_engine
    import expectations.judging  # noqa: F401


def judge(
    feeds: dict[str, Feed], new: list[DeliveryRaw], history: list[DeliveryRaw], docs_dir: Path, work_dir: Path
) -> list[Verdict]:
    """One verdict per delivery of `new`, in the order of `new`; an empty list costs nothing.

    `history` holds the deliveries that count as accepted (released ones too) of the same feeds. The
    verdict on a delivery depends on those deliveries of `history` and `new` alone that come before it
    in delivery order and were themselves found good, whatever the order in which they arrived.

    Writes Data Docs into `docs_dir` and a cache of measured deliveries into `work_dir`; both may be
    deleted at any time. Raises SettingsError for a fault in a feed's `expectations`.
    """
    if not new:
        return []
    prepare()
    from expectations.judging import judge_deliveries

    return judge_deliveries(feeds, new, history, Path(docs_dir), Path(work_dir))
