"""Finding a KPI, and listing what there is.

Belongs here: the published definitions of KPIs, their levels and windows, the nearest names to a word.
Does not belong here: places and periods (question.py), values (commands/show.py).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal, get_args

import click

UNITS = {"percent": "%", "points": "points 0-100", "per_1000": "per 1,000 encounters"}
Level = Literal["enterprise", "facility", "service_line", "unit"]
Window = Literal["month", "quarter", "rolling_12_months"]
LEVELS: tuple[str, ...] = get_args(Level)
GRAINS: tuple[str, ...] = get_args(Window)
_NEAREST = 5


@dataclass(frozen=True)
class KpiName:
    """One published KPI definition."""

    kpi_id: str
    label: str
    unit: str
    direction: str
    levels: tuple[str, ...]
    windows: tuple[str, ...]
    minimum_denominator: int

    @property
    def unit_text(self) -> str:
        return UNITS.get(self.unit, self.unit)

    @property
    def direction_text(self) -> str:
        """Which way is better, for a person."""
        return {"increase": "higher is better", "decrease": "lower is better"}.get(self.direction, "")


def published_kpis(con: Any) -> dict[str, KpiName]:
    """All KPIs of the published file by id."""
    rows = con.execute("select kpi_id, label, unit, direction, levels, windows, minimum_denominator from marts.dim_kpi order by kpi_id").fetchall()
    return {row[0]: KpiName(*row[:4], _split(row[4]), tuple(g for g in GRAINS if g in _split(row[5])), row[6]) for row in rows}


def find(kpis: dict[str, KpiName], wanted: str) -> KpiName:
    """The KPI of that id. Raises UsageError with the nearest names."""
    if wanted.lower() in kpis:
        return kpis[wanted.lower()]
    near = [one for one in kpis if wanted.lower() in one] or difflib.get_close_matches(wanted.lower(), kpis, _NEAREST)
    hint = f"; nearest: {', '.join(near[:_NEAREST])}{', ...' if len(near) > _NEAREST else ''}" if near else ""
    raise click.UsageError(f"there is no KPI '{wanted}'{hint}; `pxw kpis` lists all {len(kpis)}, `pxw kpis WORD` those with a word")


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
