"""`pxw kpis`: which KPIs are published.

Belongs here: the list.
Does not belong here: values (commands/show.py), definitions that are not published yet.
"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from ingestion.home import Home
from orchestration.kpi_names import LEVELS, published_kpis
from orchestration.published import open_marts


def kpis(home: Home, word: str, as_json: bool) -> int:
    """0 when something is listed, 1 when no KPI has the word."""
    with open_marts(home) as con:
        listed = [one for one in published_kpis(con).values() if word.lower() in f"{one.kpi_id} {one.label}".lower()]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in listed], indent=1))
    elif not listed:
        click.echo(f"no published KPI has '{word}' in its id or label; `pxw kpis` lists all", err=True)
    else:
        _print(listed)
    return 0 if listed else 1


def _print(listed: list) -> None:
    from orchestration.commands.console import console, table

    shown = table(f"{len(listed)} KPI{'s' * (len(listed) != 1)}", "KPI", "label", "unit", "better", "levels", "windows", n_text=6)
    for one in listed:
        levels = "all levels" if len(one.levels) == len(LEVELS) else ", ".join(one.levels)
        shown.add_row(one.kpi_id, one.label, one.unit_text, one.direction_text.removesuffix(" is better"), levels, ", ".join(one.windows).replace("rolling_12_months", "12 months"))
    for column in shown.columns[1:]:
        column.no_wrap = False
    console().print(shown)
    console().print("values: pxw show KPI [--level ...] [--window ...] [--period ...]")
