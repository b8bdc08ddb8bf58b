"""What every place that speaks to DuckDB needs.

Belongs here: quoting of names and texts, rows by column name, rows into a table, a setting every reader of files needs.
Does not belong here: statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# An optimizer to disable: DuckDB 2.0 moves a try_cast into the reader of a file, where it is strict: a cell that is no number then ends the query.
NO_TYPE_PUSHDOWN = "type_pushdown"


def identifier(name: str) -> str:
    """A quoted column or table name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted text value."""
    return "'" + text.replace("'", "''") + "'"


def dicts(con: DuckDBPyConnection, query: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of a query by column name."""
    cursor = con.execute(query, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def insert_rows(con: DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Put rows into a table as whole columns; one at a time takes 0.5 ms each."""
    if not rows:
        return
    types = [row[0] for row in con.execute(f"select column_type from (describe {identifier(table)})").fetchall()]
    columns = [list(column) for column in zip(*rows, strict=True)]
    con.execute(f"insert into {identifier(table)} select {', '.join(f'unnest(?::{kind}[])' for kind in types)}", columns)
