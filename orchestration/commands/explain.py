"""`pxw explain`: the definition of a KPI in words.

Belongs here: options and output.
Does not belong here: the sentences (audit/definition.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ingestion.home import Home
from orchestration.commands.options import AS_JSON

if TYPE_CHECKING:
    from orchestration.audit.definition import Explanation


@click.command("explain")
@click.argument("kpi")
@AS_JSON
def explain(kpi: str, as_json: bool) -> None:
    """Say in words how KPI is defined: items, weights, denominator, windows, validity, targets, an example, its versions."""
    from orchestration.audit.definition import explain as explained

    found = explained(Home.from_env(), kpi)
    if as_json:
        told = {"kpi_id": found.kpi.kpi_id, "measure_id": found.measure.measure_id, "definition_sha256": found.measure.definition_sha256}
        facts = {name: value for name, value in asdict(found).items() if name not in ("kpi", "measure")}
        click.echo(json.dumps(told | facts, indent=1, default=str))
    else:
        _print(found)


def _print(found: Explanation) -> None:
    from orchestration.commands.console import console as new_console
    from orchestration.commands.console import table as new_table

    console = new_console()
    console.print(f"[bold]{found.kpi.kpi_id}[/]")
    for heading, lines in found.sections.items():
        console.print(f"\n[bold]{heading}[/]")
        for line in lines:
            console.print(f"  {line}", markup=False)
    same = {}
    for item, weights in found.weights.items():
        same.setdefault(tuple(weights.items()), []).append(item)
    for weights, items in same.items():
        console.print(f"\n[bold]Weights of {', '.join(items)}[/]")
        table = new_table("", "answer", "weight")
        for answer, weight in weights:
            table.add_row(answer, weight)
        console.print(table)
    console.print("\n[bold]Where it stands[/]")
    for what, place in found.places.items():
        console.print(f"  {what}: {place}", markup=False)
    console.print("\n[bold]Versions this warehouse has seen[/]")
    for one in found.versions:
        what = "first seen" if one["old"] is None else "removed" if one["new"] is None else f"{one['old'][:12]} to {one['new'][:12]}"
        console.print(f"  {one['at'][:19]} {one['file']}: {what}, noted by {one['user']}, file of {one.get('owner') or 'unknown'}, {one['modified_at'] or '-'}, code {one['code_version']}", markup=False)
        for line in one["lines"]:
            console.print(f"      {line}", markup=False)
    if not found.versions:
        console.print("  none yet: a run writes them down")
