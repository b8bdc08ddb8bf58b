"""`pxw audit report`: a folder an auditor can keep.

Belongs here: options, exit codes.
Does not belong here: the parts of the report (audit/report.py).

Exit codes: 0 written, everything holds · 1 nothing to report, or the report says that something does not hold · 2 wrong words.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from ingestion.home import Home
from orchestration.commands.options import LEVEL


@click.group("audit")
def audit() -> None:
    """Reports for auditors."""


@audit.command("report")
@click.argument("out_dir", type=click.Path(path_type=Path, file_okay=False))
@click.option("--kpi", "kpis", multiple=True, help="Repeatable. Default: all KPIs.")
@click.option("--period", metavar="2026 | 2026-Q1 | 2026-03", help="Default: this year.")
@click.option("--level", "levels", multiple=True, type=LEVEL, help="Repeatable. Default: enterprise and facility.")
def report(out_dir: Path, kpis: tuple[str, ...], period: str | None, levels: tuple[str, ...]) -> None:
    """Write values, definitions, evidence counts, data quality, holds, restatements, lineage and hashes into OUT_DIR.

    The folder opens in a browser without a network: OUT_DIR/index.html.
    """
    from orchestration.audit.report import collect, period_of, write
    from orchestration.kpi_names import published_kpis
    from orchestration.published import open_marts
    from orchestration.question import resolve_kpi

    home = Home.from_env()
    if out_dir.exists() and any(out_dir.iterdir()) and not (out_dir / "SHA256SUMS").exists():
        raise click.UsageError(f"{out_dir} holds other files; name an empty or new folder")
    first_on, last_on = period_of(period or str(datetime.now(UTC).year))
    with open_marts(home) as con:
        chosen = [resolve_kpi(con, kpi) for kpi in kpis] or list(published_kpis(con))
    made = collect(home, chosen, first_on, last_on, levels or ("enterprise", "facility"))
    files = write(made, out_dir, home)
    n_different = sum(one["is_equal"] is False for one in made.tables["evidence_counts"])
    faults = [fault for finding in made.findings for fault in finding.faults]
    click.echo(f"{out_dir / 'index.html'}: {len(made.tables['values']):,} values of {len(made.kpis)} KPIs, {len(files)} files")
    for fault in faults:
        click.echo(f"  does not hold: {fault}", err=True)
    if n_different:
        click.echo(f"  {n_different} values are not those of their evidence: see data/evidence_counts.csv", err=True)
    sys.exit(1 if faults or n_different else 0)
