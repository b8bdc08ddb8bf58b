"""What a person asks for, as ids: a KPI, a level, a period, a place.

Belongs here: from words to ids, what to say about words nobody knows, the condition on rows of marts.kpi_value.
Does not belong here: which KPIs there are (kpi_names.py), periods as people write them (periods.py), answers (commands/).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from orchestration.kpi_names import KpiName, find, published_kpis
from orchestration.periods import asked_window, period_end

_SHOWN = 12


def level_of(unit: str | None) -> str:
    """The level that is meant when none is named."""
    return "unit" if unit else "facility"


def resolve_kpi(con: Any, kpi: str) -> str:
    """The id of the published KPI of that name. Raises UsageError with the nearest ones when there is none."""
    return find(published_kpis(con), kpi).kpi_id


def check_question(kpi: KpiName, level: str, facility: str | None, unit: str | None) -> None:
    """Raise UsageError where level and places cannot be meant together."""
    if level not in kpi.levels:
        raise click.UsageError(f"{kpi.kpi_id} has no level {level}; it has {', '.join(kpi.levels)}")
    if facility and level == "enterprise":
        raise click.UsageError("--facility narrows facilities, service lines or units; the enterprise has no facility: add --level facility")
    if unit and level != "unit":
        raise click.UsageError(f"--unit narrows units, and --level is {level}: add --level unit")


def resolve_period(con: Any, kpi_id: str, level: str, period: str | None, window: str | None) -> tuple[str, date | None]:
    """Window and last day of the period asked for; without one the newest publishable. Raises UsageError."""
    grain = asked_window(published_kpis(con)[kpi_id].windows, period, window)
    return grain, period_end(period, grain) if period else _newest(con, kpi_id, level, grain)


def resolve_place(con: Any, facility: str | None, unit: str | None) -> tuple[str | None, str | None]:
    """Ids of a facility and a unit given by id or name; a unit may name its facility itself: F1/4W. Raises UsageError."""
    if unit and not facility and "/" in unit:
        facility, _, unit = unit.partition("/")
    facility_id = unit_id = None
    if facility:
        facility_id = _one("facility", facility, con.execute("select facility_id, facility_name from marts.dim_facility order by 1").fetchall())
    if unit:
        unit_id = _one("unit", unit, con.execute(
            "select distinct unit_id, unit_name from marts.dim_unit where ? is null or facility_id = ? order by 1", [facility_id, facility_id]).fetchall())
    return facility_id, unit_id


def rows_of(kpi_id: str, level: str, grain: str, end_on: date | None, **places: str | None) -> tuple[str, list[Any]]:
    """Condition on marts.kpi_value with its values; `places` by column, None for all."""
    wanted = {"kpi_id": kpi_id, "level": level, "period_grain": grain, "period_end_on": end_on} | {name: one for name, one in places.items() if one is not None}
    return " and ".join(["segment_type = 'all'", *(f"{name} = ?" for name in wanted)]), list(wanted.values())


def _one(what: str, wanted: str, known: list[tuple[str, str | None]]) -> str:
    """The id whose id or name is `wanted`, in any case."""
    for identity, name in known:
        if wanted.casefold() in (identity.casefold(), (name or "").casefold()):
            return identity
    listed = ", ".join(f"{identity} ({name})" if name and name != identity else identity for identity, name in known[:_SHOWN])
    raise click.UsageError(f"there is no {what} '{wanted}'; there are {listed}{', ...' if len(known) > _SHOWN else ''}")


def _newest(con: Any, kpi_id: str, level: str, grain: str) -> date | None:
    return con.execute(
        "select coalesce(max(period_end_on) filter (is_publishable), max(period_end_on)) from marts.kpi_value "
        "where kpi_id = ? and level = ? and period_grain = ?", [kpi_id, level, grain]).fetchone()[0]
