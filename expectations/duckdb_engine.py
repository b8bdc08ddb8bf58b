"""Great Expectations inside DuckDB: an execution engine that keeps its connection, and a data source for it.

Belongs here: everything that knows how GX reaches a database.
Does not belong here: expectations or deliveries. This module imports Great Expectations: import it
inside functions only.

Through its plain SQL data source GX gives the connection back before it fetches the result, and
DuckDB then has nothing left to fetch. GX keeps the connection for some dialects it knows by name;
DuckDB is not among them, so the engine does it here. tests/expectations/test_duckdb_engine.py guards this.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from great_expectations.datasource.fluent.sql_datasource import QueryAsset, SQLDatasource, TableAsset
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

from ingestion.sql import literal

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext
    from sqlalchemy import Connection


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """The SQL engine of GX on one connection that stays open."""

    @contextlib.contextmanager
    def get_connection(self) -> Iterator[Connection]:
        """The one connection; opened at first use, closed by `close`."""
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def close(self) -> None:
        """Give the connection back and drop the pool."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        super().close()


class DuckDBDatasource(SQLDatasource):
    """A fluent data source over DuckDB: `context.data_sources.add_duckdb(name, connection_string=...)`."""

    asset_types: ClassVar[list[type]] = [TableAsset, QueryAsset]
    type: Literal["duckdb"] = "duckdb"
    connection_string: str

    @property
    def execution_engine_type(self) -> type[DuckDBExecutionEngine]:
        """The engine above."""
        return DuckDBExecutionEngine


@contextlib.contextmanager
def open_database(context: AbstractDataContext, spill_dir: Path) -> Iterator[tuple[DuckDBDatasource, Any]]:
    """A fresh in-memory database as (data source of GX, DuckDB connection to the same database).

    Autocommit, so that GX sees tables made after its first query. Spilled data goes to `spill_dir`.
    """
    name = f"pxw_{uuid.uuid4().hex}"
    source = context.data_sources.add_duckdb(
        name, connection_string=f"duckdb:///:memory:{name}", create_temp_table=False, kwargs={"isolation_level": "AUTOCOMMIT"})
    connection = source.get_engine().raw_connection()
    try:
        con = connection.driver_connection
        con.execute("set TimeZone = 'UTC'").fetchall()
        con.execute(f"set temp_directory = {literal(str(spill_dir))}").fetchall()
        yield source, con
    finally:
        connection.close()
        source.get_engine().dispose()
        source.get_execution_engine().close()
        context.data_sources.delete(name)


def whole_table(source: DuckDBDatasource, table: str, name: str | None = None) -> Any:
    """All rows of a table as GX knows it, under `name` (default: that of the table)."""
    known = {asset.name for asset in source.assets}
    asset = source.get_asset(name or table) if (name or table) in known else source.add_table_asset(name or table, table_name=table)
    definition = asset.batch_definitions[0] if asset.batch_definitions else asset.add_batch_definition_whole_table("rows")
    return definition.get_batch()


@atexit.register
def _let_go_of_duckdb() -> None:
    """Empty the dialect's modules at exit.

    GX outlives the interpreter's clean-up and holds SQLAlchemy, which holds the dialect, which holds
    DuckDB: without this DuckDB prints fifty lines about leaked instances when a run is over.
    """
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "duckdb_sqlalchemy":
            vars(module).clear()
