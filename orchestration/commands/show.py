"""`pxw show`: published values of a KPI.

Belongs here: which rows are meant, what to say when there are none, one table with names.
Does not belong here: computing anything; periods as people write them (periods.py).
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import click

from ingestion.home import Home
from orchestration.kpi_names import KpiName, find, published_kpis
from orchestration.periods import asked_window, period_end
from orchestration.published import NothingPublished, open_marts

_COLUMNS = ("kpi_key", "kpi_id", "level", "facility_id", "unit_id", "service_line", "period_grain", "period_start_on", "period_end_on",
            "numerator", "denominator", "value", "ci_low", "ci_high", "n", "is_publishable", "reason", "target")
_NAMES = ("facility_name", "unit_name")
_PLACES = {"enterprise": (), "facility": ("facility_id",), "service_line": ("facility_id", "service_line"), "unit": ("facility_id", "unit_id")}
_SHOWN = 12


def show(home: Home, kpi: str, level: str | None, period: str | None, window: str | None, facility: str | None, unit: str | None, as_json: bool) -> int:
    """Print the rows; 0 when there are some, 1 when there are none. Raises UsageError for a question that cannot be meant."""
    level = level or level_of(unit)
    try:
        with open_marts(home) as con:
            found = find(published_kpis(con), kpi)
            _check_question(found, level, facility, unit)
            facility_id, unit_id = resolve_place(con, facility, unit)
            grain, end_on = resolve_period(con, found.kpi_id, level, period, window)
            rows = _rows(con, found.kpi_id, level, grain, end_on, facility_id, unit_id)
            missing = "" if rows else _why_empty(con, found.kpi_id, level, grain, end_on, facility_id, unit_id)
    except NothingPublished as nothing:
        raise click.ClickException(str(nothing)) from None
    if as_json:
        click.echo(json.dumps([{name: row[name] for name in (*_COLUMNS, *_NAMES)} for row in rows], indent=1, default=str))
    elif rows:
        _print(found, level, rows)
    else:
        click.echo(missing, err=True)
    return 0 if rows else 1


def level_of(unit: str | None) -> str:
    """The level that is meant when none is named."""
    return "unit" if unit else "facility"


def resolve_kpi(con: Any, kpi: str) -> str:
    """The id of the published KPI of that name. Raises UsageError with the nearest ones when there is none."""
    return find(published_kpis(con), kpi).kpi_id


def resolve_period(con: Any, kpi_id: str, level: str, period: str | None, window: str | None) -> tuple[str, date | None]:
    """Window and last day of the period asked for; without one the newest publishable. Raises UsageError."""
    grain = asked_window(published_kpis(con)[kpi_id].windows, period, window)
    return grain, period_end(period, grain) if period else _newest(con, kpi_id, level, grain)


def _check_question(kpi: KpiName, level: str, facility: str | None, unit: str | None) -> None:
    if level not in kpi.levels:
        raise click.UsageError(f"{kpi.kpi_id} has no level {level}; it has {', '.join(kpi.levels)}")
    if facility and level == "enterprise":
        raise click.UsageError("--facility narrows facilities, service lines or units; the enterprise has no facility: add --level facility")
    if unit and level != "unit":
        raise click.UsageError(f"--unit narrows units, and --level is {level}: add --level unit")


def resolve_place(con: Any, facility: str | None, unit: str | None) -> tuple[str | None, str | None]:
    """Ids of a facility and a unit given by id or name; a unit may name its facility itself: F1/4W. Raises UsageError."""
    if unit and not facility and "/" in unit:
        facility, _, unit = unit.partition("/")
    facility_id = resolve_facility(con, facility) if facility else None
    return facility_id, resolve_unit(con, facility_id, unit) if unit else None


def resolve_facility(con: Any, wanted: str) -> str:
    return _one("facility", wanted, con.execute("select facility_id, facility_name from marts.dim_facility order by 1").fetchall())


def resolve_unit(con: Any, facility_id: str | None, wanted: str) -> str:
    rows = con.execute("select distinct unit_id, unit_name from marts.dim_unit where ? is null or facility_id = ? order by 1", [facility_id, facility_id]).fetchall()
    return _one("unit", wanted, rows)


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


def _rows(con: Any, kpi_id: str, level: str, grain: str, end_on: date | None, facility: str | None, unit: str | None) -> list[dict[str, Any]]:
    where, values = "kpi_id = ? and level = ? and period_grain = ? and period_end_on = ? and segment_type = 'all'", [kpi_id, level, grain, end_on]
    for column, wanted in (("k.facility_id", facility), ("k.unit_id", unit)):
        if wanted is not None:
            where += f" and {column} = ?"
            values.append(wanted)
    columns = ", ".join(f"k.{name}" for name in _COLUMNS)
    rows = con.execute(
        f"select {columns}, f.facility_name, u.unit_name from marts.kpi_value k left join marts.dim_facility f using (facility_id) "
        f"left join marts.dim_unit u on u.facility_id = k.facility_id and u.unit_id = k.unit_id where {where} "
        "order by k.facility_id, k.unit_id, k.service_line", values).fetchall()
    return [dict(zip((*_COLUMNS, *_NAMES), row, strict=True)) for row in rows]


def _why_empty(con: Any, kpi_id: str, level: str, grain: str, end_on: date | None, facility: str | None, unit: str | None) -> str:
    """What there is instead."""
    first, last = con.execute("select min(period_start_on), max(period_end_on) from marts.kpi_value where kpi_id = ? and level = ? and period_grain = ?",
                              [kpi_id, level, grain]).fetchone()
    if first is None:
        return f"{kpi_id} has no {grain.replace('_', ' ')} rows at level {level} yet: none of its data has been delivered"
    if end_on is None or not first <= end_on <= last:
        return f"{kpi_id} has no {grain.replace('_', ' ')} ending {end_on} at level {level}; there is {first} to {last}"
    place = " ".join(part for part in (facility, unit) if part)
    return f"{kpi_id} has no row for {place or level} in the {grain.replace('_', ' ')} ending {end_on}: none of its data was delivered from there by then"


def _print(kpi: KpiName, level: str, rows: list[dict[str, Any]]) -> None:
    from orchestration.commands.console import console, table

    first = rows[0]
    unit = f"{kpi.unit_text}, {kpi.direction_text}" if kpi.direction_text else kpi.unit_text
    title = (f"{kpi.label}\n{kpi.kpi_id}, {unit}\n"
             f"{first['period_grain'].replace('_', ' ')} {first['period_start_on']} to {first['period_end_on']}")
    places = _PLACES[level]
    shown = table(title, *(place.removesuffix("_id").replace("_", " ") for place in places), "value", "95 % interval", "numerator", "denominator", "n",
                  "target", "note", n_text=len(places))
    for row in rows:
        interval = f"{row['ci_low']:.2f} - {row['ci_high']:.2f}" if row["ci_low"] is not None else ""
        mark = "" if row["is_publishable"] or row["value"] is None else "*"
        shown.add_row(*(_place(row, place) for place in places), f"{_number(row['value'], 2)}{mark}", interval, _number(row["numerator"], 0),
                      _number(row["denominator"], 0), _number(row["n"], 0), _number(row["target"], 2), (row["reason"] or "").lower().replace("_", " "))
    out = console()
    out.print(shown)
    if any(not row["is_publishable"] for row in rows):
        out.print(f"* or no value: not publishable, do not pass it on; the note says why (smallest n of this KPI: {kpi.minimum_denominator:,})")


def _place(row: dict[str, Any], place: str) -> str:
    name = row.get(place.replace("_id", "_name")) if place.endswith("_id") else None
    identity = str(row[place] or "")
    return identity if not name or name == identity else f"{identity} {name}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
