"""Which levels of severity, stage and harm a scheme of complaints has: seed complaint_scheme_level, read for conforming.

Belongs here: the levels, and the SQL condition that a level is none of them.
Does not belong here: what a level means (the seed), schemes of a site (they have categories, no levels of ours).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ingestion.instruments import SEEDS_DIR, seed_rows
from ingestion.sql import literal


@cache
def scheme_levels(seeds_dir: Path = SEEDS_DIR) -> dict[tuple[str, str], tuple[int, ...]]:
    """(scheme, dimension) -> its levels over all versions. Severity 0 is "not present" in every scheme."""
    found: dict[tuple[str, str], set[int]] = {}
    for row in seed_rows(seeds_dir, "complaint_scheme_level"):
        if row["dimension"] in ("severity", "stage", "harm") and row["level"]:
            found.setdefault((row["scheme_id"], row["dimension"]), {0} if row["dimension"] == "severity" else set()).add(int(row["level"]))
    return {key: tuple(sorted(levels)) for key, levels in found.items()}


def outside_scheme(columns: dict[str, str]) -> str:
    """SQL: the level in a column is none of those of the row's scheme_id. `columns` is dimension -> column, or
    `*` -> column where the row's `dimension` says which it is. A scheme without levels permits every one."""
    found = []
    for (scheme, dimension), levels in scheme_levels().items():
        column, where = columns.get(dimension), ""
        if column is None and "*" in columns:
            column, where = columns["*"], f" and lower(dimension) = {literal(dimension)}"
        if column:
            listed = ", ".join(map(str, levels))
            found.append(f"(lower(trim(scheme_id)) = {literal(scheme)}{where} and {column} not in ({listed}))")
    return " or ".join(found)
