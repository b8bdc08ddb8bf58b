"""What a home may set about the closing of months: section `months` of config/settings.yml, and what SQL reads of it.

Belongs here: keys and defaults of the section, the Parquet files that carry them into a build.
Does not belong here: how far a feed speaks (dbt steps complaint_reach, data_reach, open_month); docs/months.md explains both.

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


class MonthSettings(Strict):
    """Both are product-defined.

    awaited_months: a facility's months stay open for a complaint feed, and the enterprise's for a facility, that is at most so many
    months behind another; 0 waits for none (3).
    ended_feeds: feed -> last day it was kept; months that end later do not wait for it.
    """

    awaited_months: int = Field(default=3, ge=0, le=120)
    ended_feeds: dict[str, date] = Field(default_factory=dict)

    def fingerprint(self) -> str:
        """The section as text, the same for the same settings."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def write_month_settings(con: DuckDBPyConnection, settings: MonthSettings, folder: Path) -> None:
    """Write month_setting (one row) and feed_ended (a row per feed) below `folder`."""
    con.execute("create or replace temp table month_setting as select ?::integer as awaited_months", [settings.awaited_months])
    con.execute("create or replace temp table feed_ended (feed varchar, ended_on date)")
    insert_rows(con, "feed_ended", sorted(settings.ended_feeds.items()))
    for table in ("month_setting", "feed_ended"):
        con.execute(f"copy {table} to {literal(str(folder / f'{table}.parquet'))} (format parquet)")
