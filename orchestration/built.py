"""What the build file holds: the plan it was built from, the rows of its tables, the deliveries used.

Belongs here: facts about a finished build, read by whoever reports or publishes it.
Does not belong here: building (dbt_run.py), publishing (publish.py).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from ingestion.home import Home, replacing
from ingestion.sql import dicts, literal
from ingestion.told import Told

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from orchestration.build_input import BuildPlan


class NothingBuilt(Told):
    """There is no finished build to publish."""


def keep_plan(home: Home, plan: BuildPlan) -> None:
    """Remember what the build file was built from; called when a build has succeeded."""
    facts = asdict(plan) | {"as_of": plan.as_of.isoformat() if plan.as_of else None}
    with replacing(home.build / "plan.json") as part:
        part.write_text(json.dumps(facts, indent=1))


def kept_plan(home: Home) -> BuildPlan:
    """The plan of the build file. Raises NothingBuilt when there was no good build."""
    from orchestration.build_input import BuildPlan

    facts = _kept_facts(home)
    return BuildPlan(**facts | {"as_of": date.fromisoformat(facts["as_of"]) if facts["as_of"] else None})


def run_of_build(home: Home) -> str:
    """The run that made the build file. Raises NothingBuilt when there was no good build."""
    return _kept_facts(home)["run_id"]


def _kept_facts(home: Home) -> dict[str, Any]:
    try:
        return json.loads((home.build / "plan.json").read_text())
    except FileNotFoundError:
        raise NothingBuilt(f"no finished build in {home.build}; run the whole warehouse first") from None


def connect_to_build(home: Home) -> DuckDBPyConnection:
    """An empty database in memory with the build file attached as `build`, read only; times in UTC.

    Under the limit a build has (profiles.yml): without one DuckDB takes up to 80 % of the machine, and publishing
    10 million surveys was the 7.1 GB peak of the whole run. What does not fit is spilled beside the build file.
    """
    import duckdb

    con = duckdb.connect(config={"memory_limit": os.environ.get("PXW_MEMORY_LIMIT", "4GB"), "temp_directory": str(home.build / "spill")})
    con.execute("set TimeZone = 'UTC'")
    con.execute(f"attach {literal(str(home.build_file))} as build (read_only)")
    return con


def row_counts(home: Home) -> dict[str, int]:
    """Rows by `schema.table` of the build file, from its own statistics."""
    import duckdb

    with duckdb.connect(str(home.build_file), read_only=True) as con:
        rows = con.execute("select schema_name, table_name, estimated_size from duckdb_tables()").fetchall()
    return {f"{schema}.{table}": n_rows for schema, table, n_rows in rows}


def deliveries_used(home: Home) -> list[dict[str, Any]]:
    """The accepted deliveries the build read, in their order."""
    import duckdb

    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        return dicts(
            con, "select delivery_id, feed, sha256, strftime(delivered_at, '%Y-%m-%dT%H:%M:%SZ') as delivered_at, delivery_sequence, "
            f"n_rows, n_accepted, n_quarantined from {literal(str(home.input / 'delivery.parquet'))} "
            "where status = 'accepted' order by delivery_order")
