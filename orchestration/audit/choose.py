"""Which published KPI row a person means.

Belongs here: keys, and KPI with place and period, to one row of marts.kpi_value.
Does not belong here: what a period may be written as (periods.py), what stands behind the row (trace.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ingestion.sql import dicts
from orchestration.question import resolve_kpi, resolve_period, resolve_place, rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SHOWN = 8


class NoSuchRow(click.ClickException):
    """Nothing is published under what was asked for; exit code 1."""


@dataclass(frozen=True)
class Wanted:
    """A KPI (or a whole kpi_key) with what narrows it down to one row; facility and unit by id or name, a unit also as F1/4W."""

    kpi: str
    level: str | None = None
    facility: str | None = None
    unit: str | None = None
    service_line: str | None = None
    period: str | None = None
    window: str | None = None


def published_row(con: DuckDBPyConnection, wanted: Wanted) -> dict[str, Any]:
    """The row of marts.kpi_value. Raises NoSuchRow, or UsageError for words nobody knows."""
    return _by_key(con, wanted.kpi) if ":" in wanted.kpi else _by_place(con, wanted)


def _by_key(con: DuckDBPyConnection, key: str) -> dict[str, Any]:
    found = _rows(con, "kpi_key = ?", [key])
    if found:
        return found[0]
    kpi_id, _, rest = key.partition(":")
    resolve_kpi(con, kpi_id)
    if rest.count(":") != 4:
        raise click.UsageError(f"'{key}' is no kpi_key; one is written kpi:grain:first day:level:entity:segment, "
                               f"for example {_example(con, kpi_id)}")
    grain, start_on = rest.split(":")[:2]
    n = con.execute("select count(*) from marts.kpi_value where kpi_id = ? and period_grain = ? and period_start_on::varchar = ?",
                    [kpi_id, grain, start_on]).fetchone()[0]
    if n == 0:
        raise NoSuchRow(_never_published(con, kpi_id, f"{grain.replace('_', ' ')} from {start_on}"))
    raise NoSuchRow(f"{kpi_id} is published for that period, but not for this place; there are {n} rows: pxw show {kpi_id} --period {start_on[:7]}")


def _by_place(con: DuckDBPyConnection, wanted: Wanted) -> dict[str, Any]:
    kpi_id = resolve_kpi(con, wanted.kpi)
    level = wanted.level or _level(con, kpi_id, wanted)
    grain, end_on = resolve_period(con, kpi_id, level, wanted.period, wanted.window)
    facility_id, unit_id = resolve_place(con, wanted.facility, wanted.unit)
    found = _rows(con, *rows_of(kpi_id, level, grain, end_on, facility_id=facility_id, unit_id=unit_id, service_line=wanted.service_line))
    if not found and not _rows(con, *rows_of(kpi_id, level, grain, end_on)):
        raise NoSuchRow(_never_published(con, kpi_id, f"{grain.replace('_', ' ')} ending {end_on} at level {level}"))
    if not found:
        place = ", ".join(one for one in (facility_id, unit_id, wanted.service_line) if one is not None)
        raise NoSuchRow(f"{kpi_id}, {grain.replace('_', ' ')} ending {end_on}: nothing is published for {place}; "
                        f"look with: pxw show {kpi_id} --level {level} --period {end_on:%Y-%m}")
    if len(found) > 1:
        keys = "\n".join(f"  {row['kpi_key']}" for row in found[:_SHOWN])
        more = f"\n  ... and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        units = sorted({f"{row['facility_id']}/{row['unit_id']}" for row in found if row["unit_id"]})
        way = f"--facility, or --unit {units[0]}" if unit_id and units else "the facility"
        raise click.UsageError(f"{len(found)} rows fit; name {way}, or trace one of these keys:\n{keys}{more}")
    return found[0]


def _level(con: DuckDBPyConnection, kpi_id: str, wanted: Wanted) -> str:
    """The level that the named place has; the whole group when no place is named."""
    if wanted.unit:
        return "unit"
    if wanted.service_line:
        return "service_line"
    if wanted.facility:
        return "facility"
    has = [row[0] for row in con.execute("select distinct level from marts.kpi_value where kpi_id = ?", [kpi_id]).fetchall()]
    return next((level for level in ("enterprise", "facility", "service_line", "unit") if level in has), "enterprise")


def _rows(con: DuckDBPyConnection, where: str, values: list[Any]) -> list[dict[str, Any]]:
    return dicts(con, f"select * from marts.kpi_value where {where} order by kpi_key", *values)


def _never_published(con: DuckDBPyConnection, kpi_id: str, what: str) -> str:
    first, last, grains, levels = con.execute(
        "select min(period_start_on), max(period_end_on), string_agg(distinct period_grain, ', ' order by period_grain), "
        "string_agg(distinct level, ', ' order by level) from marts.kpi_value where kpi_id = ?", [kpi_id]).fetchone()
    if first is None:
        return f"{kpi_id} has no published row at all: no data of its kind has come"
    return f"{kpi_id} was never published for {what}; it is published from {first} to {last} ({grains}) at level {levels}"


def _example(con: DuckDBPyConnection, kpi_id: str) -> str:
    row = con.execute("select max(kpi_key) from marts.kpi_value where kpi_id = ?", [kpi_id]).fetchone()
    return row[0] or f"{kpi_id}:month:2026-03-01:unit:F1/4W:all"
