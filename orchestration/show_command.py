"""`pxw show`: published values of a KPI.

Belongs here: periods as people write them, one table.
Does not belong here: computing anything.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import click

from ingestion.home import Home
from orchestration.published import NothingPublished, open_marts

_COLUMNS = ("kpi_key", "kpi_id", "level", "facility_id", "unit_id", "service_line", "period_grain", "period_start_on", "period_end_on",
            "numerator", "denominator", "value", "ci_low", "ci_high", "n", "is_publishable", "reason", "target")


def show(home: Home, kpi: str, level: str, period: str | None, window: str | None, facility: str | None, unit: str | None, as_json: bool) -> int:
    """Print the rows; 0 when there are some, 1 when there are none, 2 for a KPI nobody knows."""
    try:
        with open_marts(home) as con:
            kpi_id = resolve_kpi(con, kpi)
            grain, end_on = resolve_period(con, kpi_id, level, period, window)
            rows = _rows(con, kpi_id, level, grain, end_on, facility, unit)
    except NothingPublished as nothing:
        raise click.ClickException(str(nothing)) from None
    if as_json:
        click.echo(json.dumps([dict(zip(_COLUMNS, row, strict=True)) for row in rows], indent=1, default=str))
    elif rows:
        _print(kpi_id, level, rows)
    else:
        click.echo(f"no rows of {kpi_id} at level {level}, {grain} ending {end_on}", err=True)
    return 0 if rows else 1


def resolve_kpi(con: Any, kpi: str) -> str:
    """The KPI of that name. Raises UsageError with the nearest ones when there is none."""
    known = [row[0] for row in con.execute("select kpi_id from marts.dim_kpi order by 1").fetchall()]
    if kpi in known:
        return kpi
    near = [one for one in known if kpi.lower() in one]
    hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise click.UsageError(f"there is no KPI '{kpi}'; {hint}")


def resolve_period(con: Any, kpi_id: str, level: str, period: str | None, window: str | None) -> tuple[str, date | None]:
    """Window and last day of the period asked for."""
    if period is None:
        grain = window or _finest_window(con, kpi_id, level)
        newest = con.execute(
            "select coalesce(max(period_end_on) filter (is_publishable), max(period_end_on)) from marts.kpi_value "
            "where kpi_id = ? and level = ? and period_grain = ?", [kpi_id, level, grain]).fetchone()[0]
        return grain, newest
    if quarter := re.fullmatch(r"(\d{4})-?[Qq]([1-4])", period):
        year, month = int(quarter[1]), 3 * int(quarter[2])
        return window or "quarter", _month_end(year, month)
    if month := re.fullmatch(r"(\d{4})-(\d{1,2})(-\d{1,2})?", period):
        if 1 <= int(month[2]) <= 12:
            return window or "month", _month_end(int(month[1]), int(month[2]))
    raise click.UsageError(f"'{period}' is not a period; write 2026-03 or 2026-Q1")


def _finest_window(con: Any, kpi_id: str, level: str) -> str:
    """The shortest window the KPI has at this level."""
    has = {row[0] for row in con.execute("select distinct period_grain from marts.kpi_value where kpi_id = ? and level = ?", [kpi_id, level]).fetchall()}
    return next((grain for grain in ("month", "quarter", "rolling_12_months") if grain in has), "month")


def _month_end(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1)


def _rows(con: Any, kpi_id: str, level: str, grain: str, end_on: date | None, facility: str | None, unit: str | None) -> list[tuple]:
    where, values = "kpi_id = ? and level = ? and period_grain = ? and period_end_on = ?", [kpi_id, level, grain, end_on]
    for column, wanted in (("facility_id", facility), ("unit_id", unit)):
        if wanted is not None:
            where += f" and {column} = ?"
            values.append(wanted)
    return con.execute(f"select {', '.join(_COLUMNS)} from marts.kpi_value where {where} order by facility_id, unit_id, service_line", values).fetchall()


def _print(kpi_id: str, level: str, rows: list[tuple]) -> None:
    from orchestration.console import console, table

    first = dict(zip(_COLUMNS, rows[0], strict=True))
    place = {"enterprise": [], "facility": ["facility_id"], "service_line": ["facility_id", "service_line"], "unit": ["facility_id", "unit_id"]}[level]
    title = f"{kpi_id}, {first['period_grain'].replace('_', ' ')} {first['period_start_on']} to {first['period_end_on']}"
    shown = table(title, *place, "value", "95 % interval", "numerator", "denominator", "n", "target", "note", n_text=len(place))
    for row in (dict(zip(_COLUMNS, one, strict=True)) for one in rows):
        interval = f"{row['ci_low']:.2f} - {row['ci_high']:.2f}" if row["ci_low"] is not None else ""
        shown.add_row(*(str(row[p] or "") for p in place), _number(row["value"], 2), interval, _number(row["numerator"], 0),
                      _number(row["denominator"], 0), _number(row["n"], 0), _number(row["target"], 2), (row["reason"] or "").lower().replace("_", " "))
    console().print(shown)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
