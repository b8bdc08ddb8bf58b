"""`pxw verify` and `pxw ledger`: is everything still what it was, and the ledger as a table.

Belongs here: options, output, exit codes.
Does not belong here: the examinations (audit/verify.py), the chain (ingestion/ledger.py).

Exit codes: 0 everything holds · 1 something differs · 3 a run holds the home.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from ingestion.home import Home
from orchestration.commands.options import AS_JSON


@click.command("verify")
@click.option("--quick", is_flag=True, help="Leave out the rebuild, which takes as long as a first run.")
@AS_JSON
def verify(quick: bool, as_json: bool) -> None:
    """Hash every landed file again, check the ledger's chain and what is published, and rebuild it from landing."""
    from orchestration import pipeline
    from orchestration.audit.verify import examine

    home = Home.from_env()
    if not home.ledger.exists():
        raise click.ClickException(f"there is no warehouse in {home.root}")
    findings = []
    with pipeline.exclusive(home, "verify"), tempfile.TemporaryDirectory(prefix=".verify-", dir=home.root) as folder:
        for finding in examine(home, None if quick else Path(folder), lambda line: click.echo(f"  {line}", err=True)):
            findings.append(finding)
            if not as_json:
                _print(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) | {"is_ok": finding.is_ok} for finding in findings], indent=1))
    n = sum(len(finding.faults) for finding in findings)
    if not as_json:
        click.echo("everything holds" if n == 0 else f"{n} faults")
    sys.exit(1 if n else 0)


def _print(finding) -> None:
    click.echo(f"{'ok  ' if finding.is_ok else 'BAD '} {finding.what:10s} {finding.looked_at}")
    for fault in finding.faults:
        click.echo(f"       {fault}")
    for note in finding.notes:
        click.echo(f"       note: {note}")


@click.group("ledger")
def ledger() -> None:
    """The append-only log of everything that ever happened to this warehouse."""


@ledger.command("show")
@click.option("--kind", help="Only entries of this kind: delivery, verdict, release, run, publication, definitions, raw_access ...")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The lines as they are.")
def show(kind: str | None, last: int, as_json: bool) -> None:
    """Print the newest entries."""
    from ingestion.ledger import Ledger

    entries = list(Ledger(Home.from_env().ledger).entries(*([kind] if kind else [])))[-last:]
    for entry in entries:
        if as_json:
            click.echo(json.dumps(entry, ensure_ascii=False))
        else:
            facts = {key: value for key, value in entry.items() if key not in ("entry", "at", "kind", "previous")}
            text = json.dumps(facts, ensure_ascii=False)
            click.echo(f"{entry['entry']:6d}  {entry['at'][:19]}  {entry['kind']:12s} {text[:160]}{'...' if len(text) > 160 else ''}")
    if not entries:
        click.echo("no such entries", err=True)


@ledger.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(file: Path) -> None:
    """Write the whole chain, checked, to FILE: .parquet for DuckDB and BI tools, anything else as JSON lines."""
    from orchestration.audit.ledger_table import export as write

    home = Home.from_env()
    click.echo(f"{write(home, file):,} entries in {file}; the chain holds")


@ledger.command("view")
def view() -> None:
    """Print the SQL of a DuckDB view over the ledger as it lies there: pipe it into a session, then query `ledger`."""
    from orchestration.audit.ledger_table import view_sql

    click.echo(f"create or replace view ledger as {view_sql(Home.from_env()).strip()};")
