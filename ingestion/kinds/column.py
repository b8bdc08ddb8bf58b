"""What a canonical column is, and the few that several kinds share.

Belongs here: the shape of a column and columns of more than one kind.
Does not belong here: the kinds themselves (the other modules of this folder).
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One canonical column: its DuckDB type, its meaning, and whether every row must have it."""

    type: str
    description: str
    is_required: bool = False


Columns = dict[str, Column]

TEXT, DATE, TIMESTAMP, INTEGER, BOOLEAN, NUMBER = "VARCHAR", "DATE", "TIMESTAMP", "INTEGER", "BOOLEAN", "DOUBLE"

PLACE: Columns = {
    "facility_code": Column(TEXT, "Facility as the vendor writes it"),
    "unit_code": Column(TEXT, "Unit as the vendor writes it"),
}


def moment(name: str, what: str, is_required: bool = False) -> Columns:
    """A moment is kept twice: in UTC, and as the local date of the facility the feed speaks of."""
    return {
        f"{name}_at": Column(TIMESTAMP, f"When {what}, UTC", is_required),
        f"{name}_on": Column(DATE, f"Local date on which {what}"),
    }
