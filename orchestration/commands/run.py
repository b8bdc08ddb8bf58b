"""`pxw run`: from the inbox to the published marts, with progress and a closing table.

Belongs here: deciding whether there is anything to do, running the job, exit codes.
Does not belong here: the steps (pipeline.py), the graph (definitions.py), the table (summary.py).
"""

from __future__ import annotations

import gc
import json
import time
from datetime import date

import click

from ingestion.catalogue import Delivery, read_catalogue
from ingestion.feed import Feed, load_feeds
from ingestion.home import Home
from ingestion.known_files import Known, Look, look, sight, why_unplaced
from ingestion.ledger import Ledger
from ingestion.sources import SourceFile, safe_url
from orchestration import alerts, pipeline
from orchestration.ahead import HeadStart
from orchestration.build_input import DBT_SOURCE, plan_build
from orchestration.settings import open_inboxes

_SHOWN_UNPLACED = 5
# New objects before Python looks for garbage (700 by default). Most of a run's stay: dbt's manifest, Dagster's graph, parsed SQL;
# going through them again and again took 5 of the 55 CPU seconds of a small run. Costs 30 MB.
_GARBAGE_AFTER = 100_000


def run(home: Home, named: list[str], as_of: date | None, force: bool, sample_if_empty: bool) -> int:
    """Run everything that is due; 0 when the marts are published or nothing was new, 1 when the run failed."""
    started = time.monotonic()
    feeds = load_feeds()
    with pipeline.exclusive(home):
        inboxes = open_inboxes(home, named)
        if sample_if_empty:
            _sample(home, inboxes)
        found, deliveries = look(home, inboxes, feeds), read_catalogue(home, feeds)
        if not deliveries and not found.unseen:  # empty marts would look like a success
            _report_nothing(inboxes, found.unplaced)
            _list_locked(found.locked, err=True)
            return 1
        if not (force or found.unseen or pipeline.has_work(home, feeds, deliveries) or plan_build(home, feeds, as_of, deliveries).is_changed):
            click.echo(f"nothing new since the last run ({time.monotonic() - started:.1f} s); published marts are unchanged")
            _report(home, feeds, deliveries, found)
            alerts.send_waiting(home, click.echo)
            return 0
        gc.set_threshold(_GARBAGE_AFTER, 20, 100)
        tell = _progress(started)
        with HeadStart(home, feeds, inboxes, tell) as head_start:
            _check_definitions()
            tell("loading the graph" if home.dbt.exists() else "preparing the dbt project and the graph (once per home)")
            from orchestration.run_job import run_job

            outcome = run_job(home, inboxes=inboxes, as_of=as_of, force=force, progress=tell, head_start=head_start)
        (home.build / "seconds.json").write_text(json.dumps({"wall": outcome.seconds, "cpu": outcome.cpu_seconds}))
    if not outcome.is_ok:
        click.echo("\nthe run failed; what was published before stays as it is", err=True)
        for failure in outcome.failures:
            click.echo(f"  {failure}", err=True)
        return 1
    _report(home, feeds, read_catalogue(home, feeds), found)
    parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in outcome.seconds.items() if seconds >= 1)
    click.echo(f"done in {time.monotonic() - started:.0f} s ({parts})")
    return 0


def _check_definitions() -> None:
    """Tell a fault in a measure or KPI at once, not when the models are due half a minute later; files are landed meanwhile. Raises DefinitionError."""
    from orchestration.definitions_data import load, own_definition_folders

    load(DBT_SOURCE, own_definition_folders())


def _report_nothing(inboxes: list[str], strangers: list[tuple[str, list[str]]]) -> None:
    what = f"hold {len(strangers)} files, none of which a feed takes" if strangers else "are empty" if len(inboxes) > 1 else "is empty"
    what = what.replace("hold ", "holds ", 1) if len(inboxes) == 1 else what
    click.echo(f"nothing to do: {' and '.join(map(safe_url, inboxes))} {what}, and nothing was ever delivered to this warehouse; nothing is published", err=True)
    _list_unplaced(strangers, err=True)
    click.echo("put files there, or name another inbox with --inbox; `pxw check FILE` says what a feed makes of a file, "
               "docs/add_a_feed.md how to add one", err=True)


def _sample(home: Home, inboxes: list[str]) -> None:
    """First `make run` without files of one's own: synthetic deliveries, so that there is something to see."""
    if inboxes != [str(home.inbox)] or any(home.inbox.iterdir()) or (home.ledger / "ledger.jsonl").exists():
        return
    from ingestion.samples import write_samples

    click.echo("the inbox is empty: writing synthetic sample deliveries (name your own with INBOX=... or --inbox)")
    write_samples(home.inbox, "hospital", 1, progress=lambda _: None)


def _progress(started: float):
    def show(line: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {line}")

    return show


def _report(home: Home, feeds: dict[str, Feed], deliveries: list[Delivery], found: Look) -> None:
    from orchestration.commands.summary import print_summary

    print_summary(home, feeds, deliveries)
    _list_unplaced(found.unplaced)
    _list_left(home, found.unseen)
    _list_locked(found.locked)


def _list_locked(folders: list[str], *, err: bool = False) -> None:
    for folder in folders:
        click.echo(f"not read   {folder}/: a folder that may not be looked into; files in it do not come in", err=err)


def _list_left(home: Home, files: list[SourceFile]) -> None:
    """Files of feeds that did not come in: half written, or not to be read; the reason stands in the progress of the run."""
    seen = Known.read(Ledger(home.ledger)).seen if files else set()
    left = [file.relative_path for file in files if sight(file) not in seen]
    for path in left[:_SHOWN_UNPLACED]:
        click.echo(f"not read   {path}: it could not be taken in whole, see above; the next run tries again")
    if len(left) > _SHOWN_UNPLACED:
        click.echo(f"... and {len(left) - _SHOWN_UNPLACED} more files that could not be read")


def _list_unplaced(left: list[tuple[str, list[str]]], *, err: bool = False) -> None:
    for path, owners in left[:_SHOWN_UNPLACED]:
        click.echo(f"not taken  {path}: {why_unplaced(path, owners)}", err=err)
    if len(left) > _SHOWN_UNPLACED:
        click.echo(f"... and {len(left) - _SHOWN_UNPLACED} more files that were not taken: pxw status", err=err)
    if any(not owners for _, owners in left):
        click.echo("a feed takes files by their names: `pxw check FILE` says which feed a file fits and what it must be called", err=err)
