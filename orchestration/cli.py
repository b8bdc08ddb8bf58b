"""The `pxw` command.

Belongs here: arguments, exit codes, calling the steps.
Does not belong here: the steps themselves (pipeline.py), how results look (summary.py).

Heavy libraries are imported inside the commands, so `pxw --help` answers at once.
Exit codes: 0 done; 1 the run or a check failed; 2 wrong usage; 3 another run holds the home.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ingestion.home import Home
from ingestion.told import Told
from orchestration.commands.alerts import alerts
from orchestration.commands.as_of import as_of
from orchestration.commands.chart import chart
from orchestration.commands.explain import explain
from orchestration.commands.options import AS_JSON, LEVEL, WINDOW
from orchestration.commands.report import audit
from orchestration.commands.restatements import restatements
from orchestration.commands.score import score
from orchestration.commands.trace import trace
from orchestration.commands.verify import ledger, verify


class _Commands(click.Group):
    """Errors a person can act on are printed as one message, without a traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except Told as error:
            if error.exit_code == 1:
                raise click.ClickException(str(error)) from None
            click.echo(f"pxw: {error}", err=True)
            sys.exit(error.exit_code)


def _existing_home() -> Home:
    """The home of PXW_HOME, for commands that only make sense where there is a warehouse."""
    home = Home.from_env()
    if not home.ledger.is_dir():
        raise click.ClickException(f"there is no warehouse in {home.root}; name yours with PXW_HOME=FOLDER, or make one with `pxw run`")
    return home


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="patient-experience-warehouse", prog_name="pxw")
def main() -> None:
    """Patient Experience Warehouse: vendor files in, KPI marts people trust out.

    The warehouse lives in PXW_HOME (default: warehouse/ in the working directory).
    """


@main.command()
@click.option("--inbox", "inboxes", multiple=True, metavar="URL", help="Folder or URL to take files from; repeatable. Default: PXW_INBOX, else <home>/inbox.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Build from the deliveries known at the end of this day.")
@click.option("--force", is_flag=True, help="Build and publish even when nothing has changed.")
@click.option("--sample-if-empty", is_flag=True, hidden=True)
def run(inboxes: tuple[str, ...], as_of: Any, force: bool, sample_if_empty: bool) -> None:
    """Take new files from the inbox all the way to the published marts."""
    from orchestration.commands import run as command

    sys.exit(command.run(Home.from_env(), list(inboxes), as_of.date() if as_of else None, force, sample_if_empty))


@main.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--scale", type=click.Choice(["small", "hospital", "system", "national"]), default="small", show_default=True,
              help="About 3 thousand, 50 thousand, 1 million or 10 million surveys.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed writes the same files.")
def sample(directory: Path, scale: str, seed: int) -> None:
    """Write realistic synthetic deliveries for the shipped feeds into DIRECTORY."""
    from ingestion.samples import write_samples

    files = write_samples(directory, scale, seed, progress=lambda line: click.echo(line, err=True))
    click.echo(f"{len(files)} files in {directory}")


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--feed", "feed_name", help="Feed to check against; by default the one the file's name belongs to.")
def check(file: Path, feed_name: str | None) -> None:
    """Say what would be accepted, quarantined or held of FILE, or whether a definition (.yml) is whole. Changes nothing."""
    from orchestration.commands import check as command

    sys.exit(command.check(Home.from_env(), file, feed_name))


@main.command()
@AS_JSON
def status(as_json: bool) -> None:
    """Show feeds, deliveries that are held or refused and why, and what is published."""
    from orchestration.commands import status as command

    command.status(_existing_home(), as_json)


@main.command()
@click.argument("delivery_id")
@click.option("--reason", help="Why this delivery may pass; kept in the ledger. Without it, only what would change is said.")
def release(delivery_id: str, reason: str | None) -> None:
    """Let a held delivery pass, saying what it changes. DELIVERY_ID may be shortened as long as it is unique."""
    from orchestration.commands import release as command

    sys.exit(command.release(_existing_home(), delivery_id, reason))


@main.command()
@click.argument("word", default="")
@AS_JSON
def kpis(word: str, as_json: bool) -> None:
    """List the KPIs, or those with WORD in id or label."""
    from orchestration.commands import kpis as command

    sys.exit(command.kpis(_existing_home(), word, as_json))


@main.command()
@click.argument("kpi")
@click.option("--level", type=LEVEL, help="Default: unit where one is named, else facility.")
@click.option("--period", metavar="2026-03 | 2026-Q1", help="Month or quarter, for rolling windows the last month. Default: the newest publishable.")
@click.option("--window", type=WINDOW, help="Default: what the period says, else month.")
@click.option("--facility", help="Only this facility (id or name, in any case).")
@click.option("--unit", help="Only this unit (id or name, in any case; or F1/4W).")
@AS_JSON
def show(kpi: str, level: str | None, period: str | None, window: str | None, facility: str | None, unit: str | None, as_json: bool) -> None:
    """Print the published values of KPI (`pxw kpis` lists them)."""
    from orchestration.commands import show as command

    sys.exit(command.show(_existing_home(), kpi, level, period, window, facility, unit, as_json))


@main.command()
@click.option("--port", type=int, default=3000, show_default=True)
def ui(port: int) -> None:
    """Open the Dagster page of this warehouse on this machine (stop with Ctrl-C)."""
    from orchestration.ui import run_ui

    run_ui(Home.from_env(), port)


main.add_command(as_of)
main.add_command(audit)
main.add_command(alerts)
main.add_command(chart)
main.add_command(explain)
main.add_command(restatements)
main.add_command(score)
main.add_command(trace)
main.add_command(verify)
main.add_command(ledger)


if __name__ == "__main__":
    main()
