"""A small build input written row by row, the dbt build over it, and reading what came out.

Belongs here: feeds of the tests, Parquet in the shapes that ingestion writes, one dbt call in process.
Does not belong here: the rows of a scenario and what is expected of them (conftest.py, test_*.py).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.feed import Feed
from ingestion.kinds import KINDS, PROVENANCE
from orchestration import definitions_data
from orchestration.complaint_settings import ComplaintSettings, write_complaint_settings
from orchestration.month_settings import MonthSettings, write_month_settings
from orchestration.dbt_files import delivered_columns
from orchestration.dbt_instruments import family_items
from orchestration.dbt_render import PROJECT_DIR, render
from orchestration.encounter_settings import EncounterSettings, write_encounter_settings

FAULTS = 'struct(rule varchar, "column" varchar, masked varchar)[]'


def feed(name: str, kind: str, columns: list[str], formats: tuple[str, ...] = ("%Y-%m-%d",), **more: Any) -> Feed:
    """A feed of `kind` whose file has the canonical names as headers."""
    known = KINDS[kind]
    specs: dict[str, dict[str, Any]] = {}
    for column in columns:
        spec: dict[str, Any] = {"from": column.upper()}
        if column == "narrative":
            spec["privacy"] = "free_text"
        elif known[column].type in ("DATE", "TIMESTAMP"):
            spec |= {"type": known[column].type.lower(), "formats": list(formats)}
        specs[column] = spec
    if kind == "survey":
        more.setdefault("items", {"family": "hcahps", "generations": [{"id": "any", "columns": {}}]})
    facts = {"feed": name, "label": name, "kind": kind, "files": "*", "format": {"type": "delimited"}, "columns": specs}
    return Feed(**(facts | more))


class Input:
    """Deliveries collected row by row, written as build/input."""

    def __init__(self, root: Path, feeds: list[Feed]) -> None:
        self.root, self.feeds = root, {one.feed: one for one in feeds}
        self.deliveries: list[dict[str, Any]] = []
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.open_alerts: list[dict[str, Any]] = []
        self.encounters = EncounterSettings()
        self.complaints, self.months = ComplaintSettings(), MonthSettings()

    def delivery(self, feed: str, on: str, rows: list[dict[str, Any]], sequence: int = 0, status: str = "accepted") -> str:
        """Add a delivery made at `on` (UTC); `problems` and `warnings` of a row are lists of (rule, column, masked)."""
        sha256 = hashlib.sha256(f"{feed}{on}{sequence}{len(self.deliveries)}".encode()).hexdigest()
        self.deliveries.append({
            "delivery_id": sha256[:16], "feed": feed, "kind": self.feeds[feed].kind, "status": status,
            "delivered_at": datetime.fromisoformat(on), "delivery_sequence": sequence, "sha256": sha256,
            "n_rows": len(rows), "n_quarantined": sum(bool(row.get("problems")) for row in rows),
        })
        self.rows[sha256[:16]] = rows
        return sha256[:16]

    def write(self) -> None:
        """Write every Parquet file of build/input."""
        with duckdb.connect() as con:
            self._write_catalogue(con)
            for name, feed in self.feeds.items():
                (self.root / name).mkdir(parents=True, exist_ok=True)
                _copy(con, self._columns(feed), [], self.root / name / "_empty.parquet")
                if feed.has_free_text:
                    columns = {"delivery_id": "VARCHAR", "row_number": "BIGINT", "column_name": "VARCHAR", "text": "VARCHAR"}
                    texts = [
                        {"delivery_id": d["delivery_id"], "row_number": n, "column_name": "narrative", "text": row["narrative"]}
                        for d in self.deliveries if d["feed"] == name
                        for n, row in enumerate(self.rows[d["delivery_id"]], 1) if row.get("narrative")
                    ]
                    (self.root / "restricted" / name).mkdir(parents=True, exist_ok=True)
                    _copy(con, columns, texts, self.root / "restricted" / name / "all.parquet")
            for delivery in self.deliveries:
                if delivery["status"] == "accepted":
                    self._write_delivery(con, delivery)
        definitions_data.write(PROJECT_DIR, self.root / "definitions")

    def _columns(self, feed: Feed) -> dict[str, str]:
        delivered = delivered_columns(feed)
        columns = {name: column.type for name, column in KINDS[feed.kind].items() if name in delivered}
        if feed.items:
            columns |= {item.item_code: "TINYINT" for family in feed.items.families for item in family_items(family, PROJECT_DIR / "seeds")}
        columns |= {name: column.type for name, column in PROVENANCE.items() if name != "feed"}
        return columns | {"problems": FAULTS, "warnings": FAULTS}

    def _write_delivery(self, con: duckdb.DuckDBPyConnection, delivery: dict[str, Any]) -> None:
        feed = self.feeds[delivery["feed"]]
        columns = self._columns(feed)
        rows = []
        for number, row in enumerate(self.rows[delivery["delivery_id"]], 1):
            if unknown := set(row) - set(columns) - {"narrative"}:
                raise KeyError(f"{feed.feed} has no columns {unknown}")
            faults = {name: [dict(zip(("rule", "column", "masked"), one, strict=True)) for one in row.get(name, ())]
                      for name in ("problems", "warnings")}
            same = {name: delivery[name] for name in ("delivery_id", "delivered_at", "delivery_sequence")}
            rows.append(feed.constants | row | faults | same | {"row_number": number})
        _copy(con, columns, rows, self.root / feed.feed / f"{delivery['delivery_id']}.parquet")

    def _write_catalogue(self, con: duckdb.DuckDBPyConnection) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        ordered = sorted(self.deliveries, key=lambda d: (d["delivered_at"], d["delivery_sequence"], d["delivery_id"]))
        rows = [d | {"delivery_order": n, "landed_at": d["delivered_at"], "n_accepted": d["n_rows"] - d["n_quarantined"],
                     "n_bytes": 1, "feed_version": "test"} for n, d in enumerate(ordered, 1)]
        text, big = "VARCHAR", "BIGINT"
        _copy(con, {
            "delivery_id": text, "feed": text, "kind": text, "status": text, "reason": text, "delivered_at": "TIMESTAMP",
            "delivery_sequence": "INTEGER", "landed_at": "TIMESTAMP", "n_rows": big, "n_accepted": big,
            "n_quarantined": big, "n_bytes": big, "sha256": text, "feed_version": text, "delivery_order": big,
        }, rows, self.root / "delivery.parquet")
        _copy(con, {"feed": text, "kind": text, "label": text, "cadence": text, "priority": "INTEGER", "time_zone": text},
              [vars(one) for one in self.feeds.values()], self.root / "feed.parquet")
        _copy(con, {"run_id": text, "started_at": "TIMESTAMP", "code_version": text, "as_of_on": "DATE"},
              [{"run_id": "run-1"}], self.root / "run.parquet")
        _copy(con, {"subject_id": text, "alert_id": text, "first_seen_on": "DATE"}, self.open_alerts, self.root / "alert_open.parquet")
        write_encounter_settings(con, self.encounters, self.root)
        write_complaint_settings(con, self.complaints, self.root)
        write_month_settings(con, self.months, self.root)


class Warehouse:
    """A rendered project and its build file under one folder."""

    def __init__(self, root: Path, feeds: list[Feed], seed_rows: dict[str, list[str]] | None = None) -> None:
        """`seed_rows`: lines that a site adds to our code tables, by table."""
        self.root, self.feeds, self.seed_rows = root, {one.feed: one for one in feeds}, seed_rows or {}
        self.input, self.project, self.file = root / "input", root / "dbt", root / "px.duckdb"

    def dbt(self, *arguments: str) -> Any:
        """Run a dbt command in process; its result, with failures raised."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        render(self.feeds, self.project, self._definitions())
        os.environ |= {"PXW_INPUT": str(self.input), "PXW_BUILD_FILE": str(self.file)}
        folders = ["--project-dir", str(self.project), "--profiles-dir", str(self.project)]
        result = dbtRunner().invoke([*arguments, *folders, "--quiet", "--no-use-colors"])
        DuckDBConnectionManager.close_all_connections()  # dbt keeps the file open in this process otherwise
        if not result.success:
            told = [f"{one.node.name}: {one.message}" for one in result.result or () if one.status not in ("success", "pass")]
            raise AssertionError("\n".join(told) or repr(result.exception))
        return result.result

    def _definitions(self) -> Path:
        if not self.seed_rows:
            return PROJECT_DIR
        folder = self.root / "definitions"
        shutil.copytree(PROJECT_DIR, folder, dirs_exist_ok=True)
        for table, lines in self.seed_rows.items():
            with (folder / "seeds" / f"{table}.csv").open("a", encoding="utf-8") as handle:
                handle.writelines(f"{line}\n" for line in lines)
        return folder

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The result of a query as dictionaries."""
        with duckdb.connect(str(self.file), read_only=True) as con:
            found = con.execute(query)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def row(self, query: str) -> dict[str, Any]:
        """The only row of a query."""
        found = self.rows(query)
        assert len(found) == 1, found
        return found[0]


def day(text: str) -> date:
    """A date from ISO text."""
    return date.fromisoformat(text)


def _copy(con: duckdb.DuckDBPyConnection, columns: dict[str, str], rows: list[dict[str, Any]], path: Path) -> None:
    lists = {f"c{n}": [row.get(name) for row in rows] for n, name in enumerate(columns)}
    unnested = ", ".join(f'unnest($c{n}::{kind}[]) as "{name}"' for n, (name, kind) in enumerate(columns.items()))
    con.execute(f"create or replace temp table t as select {unnested}", lists)
    con.execute(f"copy t to '{path}' (format parquet)")
