"""What of a stored view can hold rows of one measure.

Belongs here: leaving out, of every UNION ALL in the SQL of a view, the parts that ask for measures of another source
or read surveys of another family, and of every unpivot of answers the items that the measure does not ask for.
Does not belong here: cutting facts to units and months (evidence.py).

The evidence is one view over all kinds of measure. Planning it whole takes DuckDB a quarter of a second, whatever is
asked for, and every answer of a survey becomes a row: more than reading what is needed. DuckDB's own parser gives the SQL as a tree and takes it back, so nothing is
matched in text. A part is left out only when a condition that must hold there names another source, or when it
reads the facts of another family, which no measure of this one counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FAMILY_FACT = "fct_survey_"
_ITEM = "item_code"


def narrowed(con: DuckDBPyConnection, view_sql: str, source: str, family: str | None, items: Collection[str]) -> str:
    """CREATE VIEW ... of a view, without what cannot hold rows of a measure of this source, family and these items."""
    head, _, body = view_sql.partition(" AS ")
    if "UNION ALL" not in body and "UNPIVOT" not in body:
        return view_sql
    tree = json.loads(con.execute("select json_serialize_sql(?)", [body.strip().rstrip(";")]).fetchone()[0])
    if tree["error"]:
        return view_sql
    for node in _nodes(tree):
        if node.get("type") == "SET_OPERATION_NODE" and node["setop_type"] == "UNION" and node["setop_all"]:
            _narrow(node, source, family)
        if node.get("type") == "PIVOT" and items:
            for pivot in node["pivots"]:
                if pivot["unpivot_names"] == [_ITEM]:
                    pivot["entries"] = [one for one in pivot["entries"] if one["star_expr"]["column_names"][-1] in items] or pivot["entries"][:1]
    (text,) = con.execute("select json_deserialize_sql(?)", [json.dumps(tree)]).fetchone()
    return f"{head} AS {text}"


def _narrow(union: dict[str, Any], source: str, family: str | None) -> None:
    """Outer unions come before inner ones, so a part is judged by what it reads besides the unions in it."""
    first, parts = union["children"][0], [part for part in union["children"] if _can_hold(part, source, family)]
    if not parts or union["modifiers"] or union["cte_map"]["map"]:
        return
    if parts[0] is not first:   # the first part names the columns
        names = [one["alias"] or one["column_names"][-1] for one in first["select_list"]]
        for column, name in zip(parts[0]["select_list"], names, strict=True):
            column["alias"] = name
    if len(parts) > 1:
        union["children"] = parts
    else:   # one part is no union
        union.clear()
        union.update(parts[0])


def _can_hold(part: dict[str, Any], source: str, family: str | None) -> bool:
    if part.get("type") != "SELECT_NODE":
        return True
    conditions = [part.get("where_clause"), *(node.get("condition") for node in _joins(part.get("from_table")) if node["join_type"] == "INNER")]
    if any(named != source for condition in conditions for named in _sources(condition)):
        return False
    facts = {node["table_name"] for node in _nodes(part.get("from_table"), is_union_entered=False)
             if node.get("type") == "BASE_TABLE" and node["table_name"].startswith(_FAMILY_FACT)}
    return not family or not facts or _FAMILY_FACT + family in facts


def _joins(table: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The joins of a FROM clause, not those inside its subqueries."""
    if table and table.get("type") == "JOIN":
        yield table
        yield from _joins(table["left"])
        yield from _joins(table["right"])


def _sources(condition: dict[str, Any] | None) -> Iterator[str]:
    """The constants that a column `source` must equal for the condition to hold."""
    if not condition:
        return
    if condition["type"] == "CONJUNCTION_AND":
        for one in condition["children"]:
            yield from _sources(one)
    if condition["type"] == "COMPARE_EQUAL":
        sides = condition["left"], condition["right"]
        columns = [one["column_names"][-1] for one in sides if one["type"] == "COLUMN_REF"]
        texts = [one["literal"]["text"] for one in sides if one.get("literal", {}).get("kind") == "STRING"]
        if columns == ["source"] and len(texts) == 1:
            yield texts[0]


def _nodes(tree: Any, *, is_union_entered: bool = True) -> Iterator[dict[str, Any]]:
    """Every object of the tree, outer ones first."""
    if isinstance(tree, dict):
        yield tree
        if not is_union_entered and tree.get("type") == "SET_OPERATION_NODE":
            return
    for one in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(one, is_union_entered=is_union_entered)
