"""`pxw show`: published values of a KPI.

Belongs here: what to say when there are no rows, one table with names.
Does not belong here: computing anything; which rows are meant (question.py).
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import click

from ingestion.home import Home
from ingestion.sql import dicts
from orchestration.kpi_names import KpiName, find, published_kpis
from orchestration.published import open_marts
from orchestration.question import check_question, level_of, resolve_period, resolve_place, rows_of

_COLUMNS = ("kpi_key", "kpi_id", "level", "facility_id", "unit_id", "service_line", "period_grain", "period_start_on", "period_end_on",
            "numerator", "denominator", "value", "ci_low", "ci_high", "n", "is_publishable", "reason", "target")
_NAMES = ("facility_name", "unit_name")
_PLACES = {"enterprise": (), "facility": ("facility_id",), "service_line": ("facility_id", "service_line"), "unit": ("facility_id", "unit_id")}


def show(home: Home, kpi: str, level: str | None, period: str | None, window: str | None, facility: str | None, unit: str | None, as_json: bool) -> int:
    """Print the rows; 0 when there are some, 1 when there are none. Raises UsageError for a question that cannot be meant."""
    level = level or level_of(unit)
    with open_marts(home) as con:
        found = find(published_kpis(con), kpi)
        check_question(found, level, facility, unit)
        facility_id, unit_id = resolve_place(con, facility, unit)
        grain, end_on = resolve_period(con, found.kpi_id, level, period, window)
        rows = _rows(con, found.kpi_id, level, grain, end_on, facility_id, unit_id)
        missing = "" if rows else _why_empty(con, found.kpi_id, level, grain, end_on, facility_id, unit_id)
    if as_json:
        click.echo(json.dumps([{name: row[name] for name in (*_COLUMNS, *_NAMES)} for row in rows], indent=1, default=str))
    elif rows:
        _print(found, level, rows)
    else:
        click.echo(missing, err=True)
    return 0 if rows else 1


def _rows(con: Any, kpi_id: str, level: str, grain: str, end_on: date | None, facility: str | None, unit: str | None) -> list[dict[str, Any]]:
    where, values = rows_of(kpi_id, level, grain, end_on, facility_id=facility, unit_id=unit)
    columns = ", ".join(f"k.{name}" for name in _COLUMNS)
    return dicts(
        con, f"select {columns}, f.facility_name, u.unit_name from (select * from marts.kpi_value where {where}) k left join marts.dim_facility f using (facility_id) "
        "left join marts.dim_unit u on u.facility_id = k.facility_id and u.unit_id = k.unit_id "
        "order by k.facility_id, k.unit_id, k.service_line", *values)


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
    return identity if not name or name.casefold() == identity.casefold() else f"{identity} {name}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
