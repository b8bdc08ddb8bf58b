"""The static page of column lineage: docs/lineage/index.html of a home.

Belongs here: what stands on the page, writing it when something on it has changed.
Does not belong here: the graph (lineage.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestion.feed import Feed
from ingestion.home import Home, replacing
from ingestion.ledger import Ledger
from orchestration.audit.lineage import Lineage
from orchestration.audit.pages import write_page
from orchestration.audit.record import DEFINITIONS

_ORDER = ("marts", "core", "staging", "restricted")


def page_path(home: Home) -> Path:
    """Where the page is."""
    return home.docs / "lineage" / "index.html"


def write_lineage(home: Home, lineage: Lineage, feeds: Mapping[str, Feed], run_id: str, as_of: str | None) -> bool:
    """Write the page unless it shows the same already; whether it was written."""
    facts = {"tables": _tables(lineage), "feeds": _feeds(feeds), "definitions": _definitions(home)}
    state = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    stamp = page_path(home).with_name("state.txt")
    if page_path(home).exists() and stamp.exists() and stamp.read_text() == state:
        return False
    write_page(page_path(home), "lineage.html", "Column lineage", run_id=run_id, as_of=as_of, names=set(lineage.models) | {f"raw.{name}" for name in feeds}, **facts)
    with replacing(stamp) as part:
        part.write_text(state)
    return True


def _tables(lineage: Lineage) -> list[dict[str, Any]]:
    ordered = sorted(lineage.models, key=lambda name: (_ORDER.index(name.split(".")[0]) if name.split(".")[0] in _ORDER else len(_ORDER), name))
    columns: dict[str, list[str]] = {}
    for dataset, column in lineage.described:
        columns.setdefault(dataset, []).append(column)
    return [
        {"name": name, "schema": name.partition(".")[0], "rank": number, "description": lineage.models[name], "is_mart": name.startswith("marts."),
         "columns": [_column(lineage, name, column) for column in columns.get(name, ())]}
        for number, name in enumerate(ordered)
    ]


def _column(lineage: Lineage, dataset: str, column: str) -> dict[str, Any]:
    told: dict[str, Any] = {"name": column, "description": lineage.described[dataset, column], "parents": lineage.parents.get((dataset, column), []),
                            "roots": [], "missing": []}
    if dataset.startswith("marts."):
        missing = lineage.missing((dataset, column))
        by_dataset: dict[str, list[str]] = {}
        for end in lineage.roots((dataset, column)):
            if end not in missing:
                by_dataset.setdefault(end[0], []).append(end[1])
        told |= {"roots": [(name, _few(names)) for name, names in sorted(by_dataset.items())], "missing": [".".join(end) for end in missing]}
    return told


def _few(names: list[str], shown: int = 12) -> list[str]:
    return names if len(names) <= shown else [*names[:shown], f"and {len(names) - shown} more"]


def _feeds(feeds: Mapping[str, Feed]) -> list[dict[str, Any]]:
    return [
        {"name": feed.feed, "label": feed.label, "files": list(feed.files), "version": feed.version,
         "columns": [(name, [*spec.source] or [" + ".join(spec.join)]) for name, spec in feed.all_columns.items() if spec.privacy != "drop"]}
        for feed in sorted(feeds.values(), key=lambda feed: feed.feed)
    ]


def _definitions(home: Home) -> list[dict[str, Any]]:
    known: dict[str, dict[str, Any]] = {}
    for entry in Ledger(home.ledger).entries(DEFINITIONS):
        for change in entry["changes"]:
            known[change["file"]] = {"at": entry["at"], "user": entry["user"], "owner": None, **change}
    return [one for _, one in sorted(known.items()) if one["new"]]
