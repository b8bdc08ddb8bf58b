"""Which columns of its parents a column of a model comes from, read out of the SQL that was run.

Belongs here: parsing compiled SQL, the cache of what was found.
Does not belong here: lineage between tables (dbt knows it), Dagster events (dbt_assets.py).

dagster-dbt works it out for every column of every model in every run and asks the database about
each model before. Here each statement is parsed once for all its columns, and only when it or the
columns of its parents have changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ingestion.home import Home, replacing
from ingestion.sql import literal

if TYPE_CHECKING:
    from dagster import AssetKey, TableColumnLineage

Columns = dict[str, str]  # name -> type
Found = dict[str, list[list[str]]]  # column -> [[unique id of the parent, its column], ...]

_VERSION = "3"  # changes when the way of finding changes
_DIALECT = "duckdb"


def column_lineage(
    home: Home, results: Iterable[Any], manifest: Mapping[str, Any], key_of: Callable[[Mapping[str, Any]], AssetKey],
) -> dict[str, TableColumnLineage]:
    """Lineage by unique id for every model that was built and whose SQL can be followed."""
    from dagster import TableColumnDep, TableColumnLineage

    models = [r.node for r in results if r.node.resource_type == "model" and getattr(r.node, "compiled_code", None)]
    known = manifest["nodes"] | manifest["sources"]

    def sources(found: list[list[str]]) -> list[TableColumnDep]:
        named = dict.fromkeys((key_of(known[parent]), _shown(known[parent], column)) for parent, column in found)
        return [TableColumnDep(key, column) for key, column in named]

    return {
        unique_id: TableColumnLineage({column: sources([one for one in found if one[0] in known]) for column, found in columns.items()})
        for unique_id, columns in _remembered(home, models, known).items()
    }


def _shown(parent: Mapping[str, Any], column: str) -> str:
    """Tables of the catalogue and the definitions share an asset, so their columns carry the table's name."""
    is_shared = parent["resource_type"] == "source" and parent["source_name"] in ("warehouse", "definition")
    return f"{parent['name']}.{column}" if is_shared else column


def declared(node: Mapping[str, Any], known: Mapping[str, Any]) -> Found:
    """What `config.meta.lineage` of a model says: for Python steps, and for columns that no SQL explains.

    A parent is written as name.column: a model, a seed or a table of definitions. Names that are not in the
    project (`ledger.publication`) are kept as they are.
    """
    told = (node["config"].get("meta") or {}).get("lineage") or {}
    ids = {one["name"]: unique_id for unique_id, one in known.items() if one["resource_type"] in ("model", "seed", "source")}
    return {column: [[ids.get(name, name), parent_column] for name, _, parent_column in (text.rpartition(".") for text in texts)] for column, texts in told.items()}


def _remembered(home: Home, models: list[Any], known: Mapping[str, Any]) -> dict[str, Found]:
    import sqlglot

    cache = home.build / "column_lineage.json"
    old = json.loads(cache.read_text()) if cache.exists() else {}
    new = {}
    reads = {node.unique_id: _tables(node.depends_on.nodes, known) for node in models}
    columns = _columns(home, {i: known[i] for ids in reads.values() for i in ids})
    for node in models:
        parents = {i: columns[i] for i in reads[node.unique_id]}
        text = json.dumps([_VERSION, sqlglot.__version__, node.compiled_code.replace(str(home.root), ""), parents], sort_keys=True)
        state = hashlib.sha256(text.encode()).hexdigest()
        entry = old.get(node.unique_id)
        new[node.unique_id] = entry if entry and entry["state"] == state else {"state": state, "columns": _find(node, parents, known)}
    if new != old:
        with replacing(cache) as part:
            part.write_text(json.dumps(new))
    return {unique_id: entry["columns"] for unique_id, entry in new.items() if entry["columns"]}


def _tables(parents: Iterable[str], known: Mapping[str, Any]) -> list[str]:
    """Parents that are tables, views or files: an ephemeral model stands in the SQL itself, so its parents count."""
    found: dict[str, None] = {}
    for unique_id in parents:
        node = known.get(unique_id)
        if node is not None and node["config"].get("materialized") == "ephemeral":
            found |= dict.fromkeys(_tables(node["depends_on"]["nodes"], known))
        elif node is not None:
            found[unique_id] = None
    return list(found)


def _find(node: Any, parents: Mapping[str, Columns], known: Mapping[str, Any]) -> Found:
    said = declared(known[node.unique_id], known)
    if node.language == "python":
        return said
    try:
        return find_columns(node.compiled_code, {i: _location(known[i]) for i in parents}, parents) | said
    except Exception as error:  # noqa: BLE001 - lineage describes; SQL its parser cannot follow must not fail a good build
        logging.getLogger(__name__).warning("no column lineage for %s: %s", node.name, str(error).splitlines()[0])
        return {}


def find_columns(sql: str, places: Mapping[str, str], parents: Mapping[str, Columns]) -> Found:
    """Columns of a SELECT -> columns of its parents.

    `places` says how each parent is written in the SQL (a relation or a table function), `parents`
    which columns it has, both by unique id. A column that comes from something else than a parent is left
    out; one that comes from no column (a constant, a count of rows) has an empty list. Raises SqlglotError
    when the SQL cannot be followed.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.lineage import lineage

    names = {_place(exp, sqlglot.parse_one(f"from {text}", dialect=_DIALECT).find(exp.Table)): i for i, text in places.items()}
    short = {unique_id: f"parent_{number}" for number, unique_id in enumerate(parents)}
    tree = sqlglot.parse_one(sql, dialect=_DIALECT)
    for table in list(tree.find_all(exp.Table)):
        unique_id = names.get(_place(exp, table))
        if unique_id is not None:
            alias = table.alias or table.name or short[unique_id]
            table.replace(exp.alias_(exp.to_table(short[unique_id]), alias, table=True))
    schema = {short[i]: columns for i, columns in parents.items()}
    long = {name: unique_id for unique_id, name in short.items()}
    found: Found = {}
    for column, root in lineage(None, tree, schema, dialect=_DIALECT, copy=False, trim_selects=False).items():
        # A function of the engine (its list of time zones) is no source of data.
        tables = [leaf for leaf in root.walk()
                  if not leaf.downstream and isinstance(leaf.expression, exp.Table) and not isinstance(leaf.expression.this, exp.Func)]
        leaves = {(long.get(leaf.expression.name, ""), exp.to_column(leaf.name).name) for leaf in tables}
        if any(not unique_id for unique_id, _ in leaves):
            continue
        found[column.lower()] = [[unique_id, name] for unique_id, name in sorted(leaves) if name != "*"]
    return found


def _place(exp: Any, table: Any) -> str:
    """A table expression without its alias, always written the same way."""
    bare = table.copy()
    bare.set("alias", None)
    return bare.sql(dialect=_DIALECT, normalize=True, identify=True)


def _location(node: Mapping[str, Any]) -> str:
    """How dbt-duckdb writes a parent into SQL: its relation, or the external location of a source."""
    external = (node.get("meta") or {}).get("external_location") or (node["config"].get("meta") or {}).get("external_location")
    if node["resource_type"] != "source" or not external:
        return node["relation_name"]
    text = external.format(name=node["name"], identifier=node["identifier"], schema=node["schema"])
    return text if "(" in text else literal(text)


def _columns(home: Home, parents: Mapping[str, Mapping[str, Any]]) -> dict[str, Columns]:
    """Columns of models and seeds as they stand in the build file, of sources as their files have them."""
    import duckdb

    tables: dict[tuple[str, str], Columns] = {}
    columns: dict[str, Columns] = {}
    with duckdb.connect(str(home.build_file), read_only=True) as con:
        for schema, table, column, data_type in con.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal "
            "order by schema_name, table_name, column_index"
        ).fetchall():
            tables.setdefault((schema, table), {})[column] = data_type
        for unique_id, node in parents.items():
            if node["resource_type"] != "source":
                columns[unique_id] = tables.get((node["schema"], node["alias"]), {})
            elif declared := node.get("columns"):
                columns[unique_id] = {name: column.get("data_type") or "varchar" for name, column in declared.items()}
            else:
                columns[unique_id] = {row[0]: row[1] for row in con.execute(f"describe from {_location(node)}").fetchall()}
    return columns
