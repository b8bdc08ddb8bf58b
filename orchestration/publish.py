"""The published layer: what BI tools read, written whole and swapped in by one rename.

Belongs here: copying the marts with their keys, checks and comments, Parquet twins, the manifest.
Does not belong here: what is in a mart (dbt_project/models/marts), which numbers are left out (small_cells.py).

`published` is a link to `publications/<run id>`: renaming a new link over it replaces file, folder
and manifest together. A reader that has the old file open keeps it; the one before is kept too.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.home import Home, fsync_dir, sha256_of
from ingestion.sql import identifier, literal
from orchestration.built import connect_to_build
from orchestration.small_cells import suppression_of
from orchestration.suppression import Suppression

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from orchestration.build_input import BuildPlan

STORAGE_VERSION = "v1.2.0"  # the oldest format that keeps comments, and that every DuckDB 1.2+ driver reads
_KEPT = 2
_OF_THE_BUILD = "where database_name = 'build' and schema_name = 'marts'"


@dataclass
class PublishReport:
    """What was published: rows and SHA-256 of the Parquet twin per table."""

    run_id: str
    folder: Path
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    suppression: Suppression = field(default_factory=Suppression)


def publish(home: Home, plan: BuildPlan, deliveries: list[dict[str, Any]],
            timed: Callable[[str], AbstractContextManager] = nullcontext) -> PublishReport:
    """Publish the marts of the build file. Nothing is visible before everything is written. `timed` measures parts by name."""
    from orchestration.audit.history import record
    from orchestration.audit.record import note_publication
    from orchestration.build_input import code_version

    shelf = home.publications
    shelf.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".next-", dir=shelf))
    try:
        tables, suppression = _write_tables(home, fresh)
        published_at = datetime.now(UTC).isoformat(timespec="seconds")
        with timed("history"):
            history = record(home, plan, fresh, published_at, hides_small_cells=suppression.smallest_shown is not None)
        tables |= history.tables
        manifest = {
            "run_id": plan.run_id, "fingerprint": plan.fingerprint, "code_version": code_version(),
            "as_of": plan.as_of.isoformat() if plan.as_of else None, "published_at": published_at,
            "small_cells": suppression.facts(), "tables": tables, "file_sha256": sha256_of(fresh / "px.duckdb"), "deliveries": deliveries,
        }
        (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        manifest_sha256 = sha256_of(fresh / "manifest.json")
        fresh.chmod(0o755)
        final = _place(shelf, fresh, plan.run_id)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    # Before the swap: a crash between the two leaves an entry without effect, never a publication without an entry.
    note_publication(home, manifest, manifest_sha256, history.facts)
    _swap(home, final)
    _forget_old(shelf, final)
    return PublishReport(plan.run_id, final, tables, suppression)


def _write_tables(home: Home, fresh: Path) -> tuple[dict[str, dict[str, Any]], Suppression]:
    (fresh / "marts").mkdir()
    with connect_to_build(home) as con:
        con.execute(f"attach {literal(str(fresh / 'px.duckdb'))} as px (storage_version {literal(STORAGE_VERSION)})")
        con.execute("create schema px.marts")
        ddl = dict(con.execute(f"select table_name, sql from duckdb_tables() {_OF_THE_BUILD} order by estimated_size desc, table_name").fetchall())
        keys = {name: (text, columns) for name, text, columns in con.execute(
            f"select table_name, constraint_text, constraint_column_names from duckdb_constraints() {_OF_THE_BUILD} and constraint_type = 'PRIMARY KEY'").fetchall()}
        suppression = suppression_of(con, home, list(ddl))
        # Side by side, the largest first: sorting and compressing one table keeps little more than one processor busy.
        shown = {name: text for name, text in ddl.items() if name not in suppression.left_out}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            written = {name: pool.submit(_write_table, con.cursor(), name, text, keys.get(name), suppression.select(name), fresh / "marts" / f"{name}.parquet")
                       for name, text in shown.items()}
        tables = {name: written[name].result() for name in sorted(written)}
        _copy_comments(con)
        con.execute("checkpoint px")
        con.execute("detach px")
    return tables, suppression


def _write_table(con: DuckDBPyConnection, name: str, ddl: str, key: tuple[str, list[str]] | None, relation: str, parquet: Path) -> dict[str, Any]:
    """Rows sorted by the key (without one, by all columns), so that equal content gives equal bytes.

    The key is added to the filled table: kept up row by row it takes a third of the time of a publication.
    """
    table = f"px.marts.{identifier(name)}"
    if key:
        ddl = ddl.replace(f", {key[0]}", "", 1)
    con.execute(ddl.replace(ddl[: ddl.index("(")], f"create table {table}", 1))
    order = ", ".join(map(identifier, key[1])) if key else "all"
    n_rows = con.execute(f"insert into {table} select * from {relation} order by {order}").fetchone()[0]
    con.execute(f"copy (select * from {table}) to {literal(str(parquet))} (format parquet, compression zstd)").fetchall()
    if key:
        con.execute(f"alter table {table} add primary key ({order})")
    return {"n_rows": n_rows, "sha256": sha256_of(parquet)}


def _copy_comments(con: DuckDBPyConnection) -> None:
    """In one transaction: a thousand of them would each be written to disk, half a minute on a busy one."""
    wanted = f"{_OF_THE_BUILD} and comment is not null and table_name in (select table_name from duckdb_tables() where database_name = 'px')"
    tables = con.execute(f"select table_name, comment from duckdb_tables() {wanted}").fetchall()
    columns = con.execute(f"select table_name, column_name, comment from duckdb_columns() {wanted}").fetchall()
    con.execute("begin")
    for table, comment in tables:
        con.execute(f"comment on table px.marts.{identifier(table)} is {literal(comment)}")
    for table, column, comment in columns:
        con.execute(f"comment on column px.marts.{identifier(table)}.{identifier(column)} is {literal(comment)}")
    con.execute("commit")


def _place(shelf: Path, fresh: Path, run_id: str) -> Path:
    """Give the finished folder its name; the same inputs published again get a number."""
    final, number = shelf / run_id, 1
    while final.exists():
        number += 1
        final = shelf / f"{run_id}-{number}"
    fresh.rename(final)
    for path in final.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
    fsync_dir(shelf)
    return final


def _swap(home: Home, final: Path) -> None:
    link = home.root / ".published.next"
    link.unlink(missing_ok=True)
    link.symlink_to(final.relative_to(home.root), target_is_directory=True)
    link.replace(home.published)
    fsync_dir(home.root)


def _forget_old(shelf: Path, current: Path) -> None:
    others = sorted((p for p in shelf.iterdir() if p != current and not p.name.startswith(".")), key=lambda p: p.stat().st_mtime)
    for old in others[: len(others) - (_KEPT - 1)]:
        shutil.rmtree(old, ignore_errors=True)
