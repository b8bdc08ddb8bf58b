"""What a home may set about complaints: section `complaints` of config/settings.yml, and what SQL reads of it.

Belongs here: keys and defaults of the section, the Parquet file that carries them into a build.
Does not belong here: rules that are code tables (dbt_project/seeds) or feeds (limits, words, schemes); docs/complaints.md explains both.

A changed setting changes numbers, so the section is part of the fingerprint of a build.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from ingestion.feed import Strict
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class ComplaintSettings(Strict):
    """reopened_within_days: a closed case opened again within so many days counts as reopened (60, product-defined)."""

    reopened_within_days: int = Field(default=60, ge=1, le=3660)

    def fingerprint(self) -> str:
        """The section as text, the same for the same settings."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def write_complaint_settings(con: DuckDBPyConnection, settings: ComplaintSettings, folder: Path) -> None:
    """Write complaint_setting (one row) below `folder`."""
    con.execute("create or replace temp table complaint_setting as select ?::integer as reopened_within_days", [settings.reopened_within_days])
    con.execute(f"copy complaint_setting to {literal(str(folder / 'complaint_setting.parquet'))} (format parquet)")
