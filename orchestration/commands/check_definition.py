"""`pxw check` of a definition: whether a feed, measure, KPI or study that somebody wrote is whole, without a run.

Belongs here: which folder a file belongs to and saying the result.
Does not belong here: the checks themselves (ingestion/feed.py, definitions_data/).
"""

from __future__ import annotations

from pathlib import Path

import click

from ingestion.feed import FEEDS_DIR, load_feeds
from ingestion.strict_yaml import OWN_FEEDS, own_folders
from orchestration.build_input import DBT_SOURCE
from orchestration.definitions_data import load, own_definition_folders


def check_definition(file: Path) -> int:
    """0 when the definition and all others are whole. Raises DefinitionError with file and line, UsageError for a file of no known folder."""
    folder = file.absolute().parent
    if any(folder.samefile(one) for one in (FEEDS_DIR, *own_folders(OWN_FEEDS))):
        feed = load_feeds()[file.stem]
        click.echo(f"{file.name}: the feed is whole; it takes {', '.join(feed.files)}. Try a file of it: pxw check FILE")
        return 0
    roots = [root for root in (DBT_SOURCE, *own_definition_folders()) if root.is_dir()]
    if not any(root.absolute() in folder.parents for root in roots):
        raise click.UsageError(f"{file} is in no folder that definitions are read from: {', '.join(f'{root}/measures or kpis' for root in roots)}; "
                               "feeds: " + ", ".join(map(str, (FEEDS_DIR, *own_folders(OWN_FEEDS)))) + " (your own: config/feeds and config/definitions of the home, PXW_FEEDS, PXW_DEFINITIONS)")
    measures, kpis = load(DBT_SOURCE, own_definition_folders())
    makes = [("measure", name) for name, one in measures.items() if _is(one.path, file)] + [("KPI", name) for name, one in kpis.items() if _is(one.path, file)]
    for what in ("measure", "KPI"):
        if names := [name for kind, name in makes if kind == what]:
            click.echo(f"{file.name}: {what}{'s' * (len(names) > 1)} {', '.join(names)}")
    asked = {kpi.measure_id for kpi in kpis.values()}
    if idle := [name for kind, name in makes if kind == "measure" and name not in asked]:
        click.echo(f"not in kpi_value, because no KPI asks for it: {', '.join(idle)} (docs/add_a_kpi.md)")
    click.echo(f"whole, and every worked example comes out: {len(measures)} measures, {len(kpis)} KPIs; the next `pxw run` computes them")
    return 0


def _is(path: Path | None, file: Path) -> bool:
    return path is not None and path.absolute() == file.absolute()
