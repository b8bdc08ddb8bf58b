"""Reading the published marts the way a BI tool does.

Belongs here: opening the published file safely, small queries that several commands share.
Does not belong here: formatting.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from ingestion.home import Home
from ingestion.told import Told

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class NothingPublished(Told):
    """There are no published marts yet."""


@contextlib.contextmanager
def open_marts(home: Home) -> Iterator[DuckDBPyConnection]:
    """A read-only connection to the published file that can touch nothing else on this machine."""
    import duckdb

    path = home.published / "px.duckdb"
    if not path.exists():
        raise NothingPublished(f"nothing is published in {home.root}; run `pxw run` first")
    locked = {"enable_external_access": "false", "lock_configuration": "true"}
    with duckdb.connect(str(path.resolve()), read_only=True, config=locked) as con:
        yield con


def manifest(home: Home) -> dict[str, Any]:
    """The manifest of what is published; empty when nothing is, or when nobody can read it."""
    try:
        return json.loads((home.published / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}


def last_closed_month(con: DuckDBPyConnection, kpi_id: str = "complaint_rate") -> date | None:
    """The newest month for which any facility has a publishable value of the KPI."""
    return con.execute(
        "select max(period_start_on) from marts.kpi_value where kpi_id = ? and period_grain = 'month' and level = 'facility' "
        "and is_publishable", [kpi_id]).fetchone()[0]
