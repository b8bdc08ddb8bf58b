"""What a home may set about complaints: section `complaints` of config/settings.yml, and what SQL reads of it.

Belongs here: keys and defaults of the section, the Parquet file that carries them into a build.
Does not belong here: rules that are code tables (dbt_project/seeds) or feeds (limits, words, schemes); docs/complaints.md explains both.

A changed setting changes numbers, so the section is part of the fingerprint of a build.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from ingestion.feed import Strict
from ingestion.sql import insert_rows, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class ComplaintSettings(Strict):
    """All three are product-defined.

    reopened_within_days: a closed case opened again within so many days counts as reopened (60).
    awaited_months: a facility's months stay open for a feed, and the enterprise's for a facility, that is at most so many months
    behind another; 0 waits for none (3).
    ended_feeds: feed -> last day it was kept; months that end later do not wait for it.
    """

    reopened_within_days: int = Field(default=60, ge=1, le=3660)
    awaited_months: int = Field(default=3, ge=0, le=120)
    ended_feeds: dict[str, date] = Field(default_factory=dict)

    def fingerprint(self) -> str:
        """The section as text, the same for the same settings."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def write_complaint_settings(con: DuckDBPyConnection, settings: ComplaintSettings, folder: Path) -> None:
    """Write complaint_setting (one row) and complaint_feed_ended (a row per feed) below `folder`."""
    con.execute("create or replace temp table complaint_setting as select ?::integer as reopened_within_days, ?::integer as awaited_months",
                [settings.reopened_within_days, settings.awaited_months])
    con.execute("create or replace temp table complaint_feed_ended (feed varchar, ended_on date)")
    insert_rows(con, "complaint_feed_ended", sorted(settings.ended_feeds.items()))
    for table in ("complaint_setting", "complaint_feed_ended"):
        con.execute(f"copy {table} to {literal(str(folder / f'{table}.parquet'))} (format parquet)")
