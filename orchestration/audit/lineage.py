"""Where every column comes from: from the marts through core and staging to headers of vendor files and definitions.

Belongs here: the graph of columns of the last build, walking it.
Does not belong here: reading SQL (orchestration/column_lineage.py), pages and events made from it.

A dataset is written schema.table for tables of the build, raw.<feed> for delivered rows, file.<feed> for the
vendor's own headers, definition.<table>, warehouse.<table> (the catalogue of deliveries), seeds.<table>,
ledger.<entries>, and sql.<model> for constants and counts of rows: their definition is the model itself, and
what is counted are the rows of its parents, written as the column (rows).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestion.feed import Feed
from ingestion.home import Home
from orchestration.column_lineage import declared

Column = tuple[str, str]  # dataset, column
# Where a walk may end: a header of a vendor's file, or something people wrote.
ROOTS = ("file.", "definition.", "seeds.", "warehouse.", "ledger", "sql.")
ROWS = "(rows)"


@dataclass
class Lineage:
    """`parents` of every column; `described` says what a column means; `models` the datasets in the order of the build."""

    parents: dict[Column, list[Column]] = field(default_factory=dict)
    described: dict[Column, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)  # dataset -> description
    _ends: dict[Column, frozenset[Column]] = field(default_factory=dict, repr=False, compare=False)

    def roots(self, column: Column) -> list[Column]:
        """Where the walk back from a column ends, in order; what is no root is a missing edge. The graph must be whole by then."""
        return sorted(self._ends_of(column))

    def _ends_of(self, column: Column) -> frozenset[Column]:
        """Each column is looked at once: columns of marts share nearly all that lies above them."""
        if column not in self._ends:
            self._ends[column] = frozenset()  # a column that leads back to itself adds nothing
            above = self.parents.get(column, [])
            self._ends[column] = frozenset().union(*map(self._ends_of, above)) if above else frozenset([column])
        return self._ends[column]

    def missing(self, column: Column) -> list[Column]:
        """Ends of the walk that are neither a vendor's header nor a definition."""
        return [end for end in self.roots(column) if not end[0].startswith(ROOTS)]

    def columns(self, dataset: str) -> list[str]:
        """Columns of a dataset, as declared."""
        return [column for name, column in self.described if name == dataset]


def read_lineage(home: Home, manifest: Mapping[str, Any], feeds: Mapping[str, Feed]) -> Lineage:
    """The graph of the last build: its compiled SQL, what Python steps declare, and the feeds."""
    cache = home.build / "column_lineage.json"
    found = json.loads(cache.read_text()) if cache.exists() else {}
    known = manifest["nodes"] | manifest["sources"]
    lineage = Lineage()
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] != "model" or node["config"].get("materialized") == "ephemeral":
            continue
        dataset = dataset_of(node)
        counted = [(dataset_of(known[i]), ROWS) for i in node["depends_on"]["nodes"] if i in known]
        lineage.parents[dataset, ROWS] = counted or [(f"sql.{node['name']}", ROWS)]
        lineage.models[dataset] = node.get("description") or ""
        columns = (found.get(unique_id) or {}).get("columns") or {}
        columns = columns | declared(node, known)
        for column in dict.fromkeys([*node["columns"], *columns]):
            lineage.described[dataset, column] = (node["columns"].get(column) or {}).get("description") or ""
            if column in columns:
                above = [(dataset_of(known[i]) if i in known else i, name) for i, name in columns[column]]
                lineage.parents[dataset, column] = above or [(f"sql.{node['name']}", column), *counted]
    for feed in feeds.values():
        _add_feed(lineage, feed)
    return lineage


def dataset_of(node: Mapping[str, Any]) -> str:
    """What a dbt node is called in the graph."""
    if node["resource_type"] == "source":
        return f"{node['source_name']}.{node['name']}"
    return f"{node['config'].get('schema') or node['resource_type'] + 's'}.{node['name']}"


def _add_feed(lineage: Lineage, feed: Feed) -> None:
    """Our column -> the headers that may carry it; provenance -> the file and the ledger."""
    raw, file = f"raw.{feed.feed}", f"file.{feed.feed}"

    def add(column: str, parents: list[Column]) -> None:
        lineage.parents.setdefault((raw, column), [])
        lineage.parents[raw, column] += [parent for parent in parents if parent not in lineage.parents[raw, column]]

    for name, spec in feed.all_columns.items():
        headers = [(file, header) for header in spec.headers]
        for column in dict.fromkeys((name, *spec.raw_names(name))):
            add(column, headers)
    for name in re.compile(feed.from_file_name or "").groupindex:
        add(name, [("ledger.delivery", "file_name")])
    for constant in feed.constants:
        add(constant, [(f"definition.feed {feed.feed}", constant)])
    if feed.items:
        for generation in feed.items.generations:
            for item, header in generation.columns.items():
                add(item, [(file, header)])
    everything = [(file, "every column")]
    add(ROWS, [(file, "every record")])
    for name in ("row_number", "problems", "warnings"):
        add(name, [(file, "record number")] if name == "row_number" else everything)
    for name in ("delivery_id", "delivered_at", "delivery_sequence"):
        add(name, [("ledger.delivery", name)])
    # Items of the family that no layout of this vendor asks stay blank: the feed's definition says so.
    for name in _also_expected(feed):
        if (raw, name) not in lineage.parents:
            add(name, [(f"definition.feed {feed.feed}", "items")])


def _also_expected(feed: Feed) -> list[str]:
    from ingestion.instruments import permitted_answers

    return [item for family in (feed.items.families if feed.items else ()) for item in permitted_answers(family)]
