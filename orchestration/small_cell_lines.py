"""What entries of `meta.small_cells` of several marts have in common.

Belongs here: the lines of places and windows, and the short form for several cells, both written out for small_cells.py.
Does not belong here: finding and hiding cells (small_cells.py), which columns of a mart are counts (its .yml).

lines: [windows]          places inside places, months in quarters and longer windows, windows less windows; for marts with level,
                          facility_id, unit_id, service_line, period_grain, period_start_on, period_end_on, as in kpi_value
lines: [sparse_windows]   the same where rows of nought are absent
lines: [places]           the first alone, of marts with day_on instead of a window
cells: [SQL text, ...]    columns that are hidden with any of these cells, whichever entry or mart counts them
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLACE = ("level || ':' || coalesce(facility_id, '') || '/' || coalesce(unit_id, '') || case level when 'service_line' then ':' || coalesce(service_line, '') else '' end")
_LONG = "period_grain not in ('month', 'quarter')"


def _places(when: str) -> list[dict[str, Any]]:
    """Facilities make the enterprise, service lines their facility, units their service line and their facility."""
    return [
        {"part": f"case level when 'facility' then 'enterprise' when 'service_line' then facility_id when 'unit' then facility_id || '/' || service_line end || ':' || {when}",
         "total": f"case level when 'enterprise' then 'enterprise' when 'facility' then facility_id when 'service_line' then facility_id || '/' || service_line end || ':' || {when}"},
        {"part": f"case level when 'unit' then facility_id end || ':' || {when}", "total": f"case level when 'facility' then facility_id end || ':' || {when}"},
    ]


# Months make quarters, months and quarters make twelve months.
_PERIODS = [
    {"part": f"case period_grain when 'month' then date_trunc('quarter', period_start_on)::date || {_PLACE} end",
     "total": f"case period_grain when 'quarter' then period_start_on || {_PLACE} end"},
    {"parts": f"case period_grain when 'month' then list_transform(range(12), lambda i: last_day(period_start_on + to_months(i::int)) || {_PLACE}) end",
     "total": f"case when {_LONG} then period_end_on || {_PLACE} end"},
    {"parts": f"case period_grain when 'quarter' then list_transform(range(4), lambda i: last_day(period_end_on + to_months(3 * i::int)) || {_PLACE}) end",
     "total": f"case when {_LONG} then period_end_on || {_PLACE} end"},
]
# Twelve months less the twelve months a month before are one month less another.
_STEPS = (f"case when period_grain = 'month' then [period_end_on, last_day(period_start_on + to_months(12))] "
          f"when {_LONG} then [period_end_on, last_day(period_end_on + to_days(1))] end.list_transform(lambda t: t || {_PLACE})")
_WINDOWS = _places("period_grain || period_start_on") + _PERIODS
_LINES = {"windows": [*_WINDOWS, {"chain": True, "parts": _STEPS}], "sparse_windows": [*_WINDOWS, {"chain": "sparse", "parts": _STEPS}],
          "places": _places("day_on")}


def written_out(entries: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The entries of a mart with every line in full, each of one cell per row."""
    for entry in entries:
        if "lines" in entry:
            entry = {**entry, "lines": [line for named in entry["lines"] for line in (_LINES[named] if isinstance(named, str) else [named])]}
        for cell in entry.get("cells", [None]):
            yield {key: value for key, value in entry.items() if key != "cells"} | {"cell": cell} if cell else entry
