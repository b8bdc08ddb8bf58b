"""`pxw as-of DATE show KPI`: a KPI as it stood on a date.

Belongs here: options, output, exit codes.
Does not belong here: building and comparing (audit/as_of.py).

Exit codes: 0 answered · 1 nothing was known or published · 2 wrong words · 3 a run holds the home.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from ingestion.home import Home
from orchestration.commands.options import AS_JSON, LEVEL, WINDOW

if TYPE_CHECKING:
    from orchestration.audit.as_of import AsOf


@click.group("as-of")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.option("--by", type=click.Choice(["landed", "delivered"]), help="What was known: what had landed by then (default), or by the files' own dates.")
@click.pass_context
def as_of(context: click.Context, day: datetime, by: str | None) -> None:
    """Ask what stood on DATE: as published then, and as built today from what was known then."""
    if day.date() > datetime.now(UTC).date():
        raise click.UsageError(f"{day:%Y-%m-%d} is in the future")
    context.obj = (day.date(), by)


@as_of.command("show")
@click.argument("kpi")
@click.option("--level", type=LEVEL, help="Default: unit where one is named, else facility.")
@click.option("--period", metavar="2026-03 | 2026-Q1", help="Default: the newest that was publishable.")
@click.option("--window", type=WINDOW)
@click.option("--facility", help="Only this facility, id or name.")
@click.option("--unit", help="Only this unit, id or name, or F1/4W.")
@AS_JSON
@click.pass_context
def show(context: click.Context, kpi: str, level: str | None, period: str | None, window: str | None, facility: str | None, unit: str | None, as_json: bool) -> None:
    """Print the values of KPI on the date, twice, and why they differ where they do."""
    from orchestration import pipeline
    from orchestration.audit.as_of import as_of as compare
    from orchestration.audit.as_of import build_as_of, way_of
    from orchestration.kpi_names import find, published_kpis
    from orchestration.published import open_marts
    from orchestration.question import check_question, level_of, resolve_kpi, resolve_period, resolve_place, rows_of

    level = level or level_of(unit)
    home, (on, wanted) = Home.from_env(), context.obj
    try:
        by, notes = way_of(home, on, wanted)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    with open_marts(home) as con:
        check_question(find(published_kpis(con), kpi), level, facility, unit)
    with pipeline.exclusive(home, "as-of"):
        other = build_as_of(home, on, by, lambda line: click.echo(f"  {line}", err=True))
    with open_marts(other) as con:
        kpi_id = resolve_kpi(con, kpi)
        grain, end_on = resolve_period(con, kpi_id, level, period, window)
        facility_id, unit_id = resolve_place(con, facility, unit)      # as the places were known then
    answer = compare(home, other, on, by, *rows_of(kpi_id, level, grain, end_on, facility_id=facility_id, unit_id=unit_id))
    answer.notes += notes
    if as_json:
        click.echo(_json(answer))
    else:
        _print(answer, kpi_id, grain, end_on)
    sys.exit(0 if answer.rows else 1)


def _json(answer: AsOf) -> str:
    told = {"as_of": answer.on, "by": answer.by, "publication": answer.publication and {
        name: answer.publication[name] for name in ("publication", "run_id", "published_at", "code_version")}, "causes": answer.causes, "notes": answer.notes,
        "rows": [{"kpi_key": row.kpi_key, "is_same": row.is_same, "published": row.published, "rebuilt": row.rebuilt} for row in answer.rows]}
    return json.dumps(told, indent=1, default=str)


def _print(answer: AsOf, kpi_id: str, grain: str, end_on: date | None) -> None:
    from orchestration.commands.console import console as new_console
    from orchestration.commands.console import table as new_table

    console = new_console()
    for note in answer.notes:
        console.print(f"[yellow]note[/]  {note}")
    stood = answer.publication
    if stood:
        console.print(f"published then: publication {stood['publication']}, run {stood['run_id']} of {stood['published_at']}, code {stood['code_version']}")
    else:
        console.print(f"published then: nothing had been published by {answer.on}")
    if not answer.rows:
        console.print(f"no rows of {kpi_id}, {grain} ending {end_on}")
        return
    table = new_table(f"{kpi_id}, {grain.replace('_', ' ')} ending {end_on}, as of {answer.on}", "place", "published then", "n", "built now from what was known", "n", "")
    for row in answer.rows:
        mark = "" if row.published is None else "same" if row.is_same else "[red]differs[/]"
        table.add_row(row.kpi_key.split(":")[4], _value(row.published), _count(row.published), _value(row.rebuilt), _count(row.rebuilt), mark)
    console.print(table)
    for cause in answer.causes:
        console.print(f"  why: {cause}", markup=False)


def _value(row: dict[str, Any] | None) -> str:
    if row is None:
        return "not published"
    value = "none" if row["value"] is None else f"{row['value']:.4g}"
    return f"{value} ({row['reason'].lower().replace('_', ' ')})" if row["reason"] else value


def _count(row: dict[str, Any] | None) -> str:
    return "" if row is None or row["n"] is None else f"{row['n']:,}"
