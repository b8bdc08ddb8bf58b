"""The evidence of one KPI row, read from the build file fast.

Belongs here: cutting the facts to the units and months of the row before marts.kpi_evidence looks at them.
Does not belong here: what counts and by which rule: that is the view's own SQL, used here word for word.

The view spans every KPI, unit and month, and DuckDB cannot push a unit and a month through all of its
joins and unpivots. So the views are made again in memory over facts that are cut first, over the one KPI, and
without what cannot be behind it (branches.py). `make bench` prints what a trace takes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ingestion.home import Home
from ingestion.sql import NO_TYPE_PUSHDOWN, identifier, literal
from orchestration.audit.branches import narrowed
from orchestration.built import NothingBuilt

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SCHEMAS = ("core", "marts", "seeds", "staging")
_NAMES = re.compile(rf'\b({"|".join(_SCHEMAS)})\."?([A-Za-z_][A-Za-z0-9_]*)"?')
_INPUT = re.compile(r"'(?:[^']|'')*/build/input/")
_VIEW = "marts.kpi_evidence"


@dataclass(frozen=True)
class Cut:
    """What a KPI row is about: its KPI with source and instrument family of its measure, its units, its months (first days, both included)."""

    kpi_id: str
    measure_id: str
    source: str
    family: str | None
    unit_keys: tuple[str, ...]
    first_month: date
    last_month: date


@contextlib.contextmanager
def open_build(home: Home) -> Iterator[DuckDBPyConnection]:
    """An empty catalogue in memory with the build file attached read-only as `built`. Raises NothingBuilt."""
    import duckdb

    if not home.build_file.exists():
        raise NothingBuilt(f"there is no build file in {home.build}; `pxw run` makes it again from landing")
    with duckdb.connect(config={"disabled_optimizers": NO_TYPE_PUSHDOWN}) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach {literal(str(home.build_file))} as built (read_only)")
        # Some of the stored views name the catalogue they were made in: `px`, so theirs is the name of this one.
        con.execute("attach ':memory:' as px")
        con.execute("use px")
        yield con


def cut_evidence(con: DuckDBPyConnection, home: Home, cut: Cut) -> None:
    """Make `marts.kpi_evidence` in memory, over the facts of `cut` only."""
    # Views name the files of build/input where the home was when it was built; it may have been moved since.
    views = {name: _INPUT.sub(lambda _: literal(f"{home.input}/")[:-1], sql) for name, sql in con.execute(
        "select schema_name || '.' || view_name, sql from duckdb_views() where database_name = 'built' and not internal").fetchall()}
    columns: dict[str, list[str]] = {}
    for table, column in con.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() where database_name = 'built' and not internal "
        "order by column_index").fetchall():
        columns.setdefault(table, []).append(column)
    con.execute("create temp table wanted_unit as select unnest(?::varchar[]) as unit_key", [list(cut.unit_keys)])
    for schema in _SCHEMAS:
        con.execute(f"create schema if not exists {schema}")
    for name in _needed(con, _VIEW, views, cut, _items(con, views, cut)):
        sql = _one_kpi(views[name], cut) if name in views else _table(name, columns[name], cut)
        con.execute(sql)


def _needed(con: DuckDBPyConnection, name: str, views: dict[str, str], cut: Cut, items: set[str], seen: dict[str, None] | None = None) -> list[str]:
    """`name` and everything it reads, parents first. `views` then hold those without what cannot be behind the KPI."""
    seen = {} if seen is None else seen
    if name in views:
        views[name] = narrowed(con, views[name], cut.source, cut.family, items)
    for schema, table in _NAMES.findall(views.get(name, "").partition(" AS ")[2]):
        parent = f"{schema}.{table}"
        if parent not in seen and parent != name:
            _needed(con, parent, views, cut, items, seen)
    seen[name] = None
    return list(seen)


def _one_kpi(sql: str, cut: Cut) -> str:
    """The view as it is, over the definition of one KPI. Every definition table has kpi_id or measure_id."""
    def of_the_kpi(found: re.Match) -> str:
        key, value = ("kpi_id", cut.kpi_id) if found[2].startswith("kpi") else ("measure_id", cut.measure_id)
        return f"(select * from {found[1]} where {key} = {literal(value)})"

    return re.sub(r"(read_parquet\('(?:[^']|'')*/definitions/(\w+)\.parquet'\))", of_the_kpi, sql)


def _table(name: str, columns: list[str], cut: Cut) -> str:
    schema, _, table = name.partition(".")
    where = []
    if "unit_key" in columns:
        where.append("unit_key in (select unit_key from wanted_unit)")
    if "month_start_on" in columns:
        where.append(f"month_start_on between date '{cut.first_month}' and date '{cut.last_month}'")
    return (f"create view {schema}.{identifier(table)} as select * from built.{schema}.{identifier(table)}"
            + (f" where {' and '.join(where)}" if where else ""))


def _items(con: DuckDBPyConnection, views: dict[str, str], cut: Cut) -> set[str]:
    """Items of the measure; empty for one that counts no answers."""
    found = re.search(r"read_parquet\('((?:[^']|'')*/definitions/)measure_item\.parquet'\)", views[_VIEW])
    if found is None:
        return set()
    rows = con.execute(f"select item_code from read_parquet('{found[1]}measure_item.parquet') where measure_id = ?", [cut.measure_id]).fetchall()
    return {row[0] for row in rows}
