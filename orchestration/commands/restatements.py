"""`pxw restatements`: what later publications changed in published KPI rows, and what people say about it.

Belongs here: options, the terminal table, annotations.
Does not belong here: finding changes and causes (audit/history.py, audit/causes.py).

Exit codes: 0 answered, also when nothing was restated · 1 nothing is published, or no such publication · 2 wrong words.
"""

from __future__ import annotations

import getpass
import json
from collections import Counter
from datetime import date, datetime
from typing import Any

import click

from ingestion.home import Home
from ingestion.ledger import Ledger
from ingestion.sql import dicts
from orchestration.periods import period_words

_SHOWN, _SHOWN_CAUSES = 40, 12
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("restatements", invoke_without_command=True)
@click.option("--since", type=_DAY, help="Publications from this day on. Default: all.")
@click.option("--kpi", help="Only this KPI.")
@click.option("--facility", help="Only this facility and its units, id or name.")
@click.option("--all", "is_all", is_flag=True, help="Also rows that became publishable for the first time.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, all rows.")
@click.pass_context
def restatements(context: click.Context, since: datetime | None, kpi: str | None, facility: str | None, is_all: bool, as_json: bool) -> None:
    """List published KPI rows that a later publication changed: from, to, and why."""
    if context.invoked_subcommand:
        return
    home = Home.from_env()
    rows = read(home, since.date() if since else None, kpi, facility, is_all=is_all)
    if as_json:
        click.echo(json.dumps(rows, indent=1, default=str))
    else:
        _print(rows, since)


def read(home: Home, since: date | None, kpi: str | None, facility: str | None = None, *, is_all: bool) -> list[dict[str, Any]]:
    """Rows of the mart with today's annotations, newest publication first. Raises NothingPublished."""
    from orchestration.audit.history import create_annotations
    from orchestration.published import open_marts
    from orchestration.question import resolve_kpi, resolve_place

    with open_marts(home) as con:
        kpi_id = resolve_kpi(con, kpi) if kpi else None
        facility_id, _ = resolve_place(con, facility, None)
        create_annotations(con, home)
        words = ("what_happened", "how_found", "corrective_action", "facilities_affected")
        return dicts(
            con, f"select r.* exclude ({', '.join(words)}), {', '.join(f'w.{name}' for name in words)} from marts.restatement as r left join lateral ("
            "select * from note as w where w.publication_number = r.publication_number and coalesce(w.kpi_id, r.kpi_id) = r.kpi_id "
            "order by w.nth desc limit 1) as w on true "
            "where r.restated_at >= coalesce(?::date, date '0001-01-01') and r.kpi_id = coalesce(?, r.kpi_id) and (? is null or split_part(r.entity_code, '/', 1) = ?) and (? or r.change_kind <> 'completed') "
            "order by r.publication_number desc, r.kpi_id, r.level, r.entity_code, r.period_start_on, r.period_grain", since, kpi_id, facility_id, facility_id, is_all)


@restatements.command("annotate")
@click.argument("publication")
@click.option("--kpi", help="Only the restatements of this KPI. Default: all of the publication.")
@click.option("--what-happened", required=True)
@click.option("--how-found", required=True)
@click.option("--corrective-action", required=True)
@click.option("--facilities", required=True, metavar="F1,F2 | all", help="Facilities affected.")
def annotate(publication: str, kpi: str | None, what_happened: str, how_found: str, corrective_action: str, facilities: str) -> None:
    """Say what was behind the restatements of PUBLICATION (its number, or the id of its run). Kept in the ledger; a later annotation replaces this one."""
    home = Home.from_env()
    number = _number(publication, {row["publication_number"]: row["run_id"] for row in read(home, None, kpi, is_all=True)}, kpi)
    texts = {"what_happened": what_happened, "how_found": how_found, "corrective_action": corrective_action}
    if empty := [name for name, text in texts.items() if not text.strip()]:
        raise click.UsageError(f"{empty[0].replace('_', ' ')} needs words; they are kept in the ledger and cannot be changed")
    Ledger(home.ledger).append("annotation", publication=number, kpi_id=kpi, user=getpass.getuser(), **texts,
                               facilities=[name.strip() for name in facilities.split(",") if name.strip()])
    click.echo(f"noted for publication {number}; the next `pxw run` publishes it in marts.restatement")


def _number(wanted: str, known: dict[int, str], kpi: str | None) -> int:
    """The publication that is meant by its number or the beginning of its run id. Raises ClickException."""
    found = [number for number, run_id in known.items() if wanted == str(number) or (len(wanted) >= 4 and run_id.startswith(wanted))]
    if not found:
        listed = ", ".join(f"{number} (run {run_id})" for number, run_id in sorted(known.items())) or "none"
        raise click.ClickException(f"publication {wanted} restated nothing{f' of {kpi}' if kpi else ''}; publications with restatements: {listed}")
    return max(found)  # the same inputs can be published twice: the newer one is meant


def _print(rows: list[dict[str, Any]], since: datetime | None) -> None:
    from orchestration.commands.console import console as new_console
    from orchestration.commands.console import table as new_table

    console = new_console()
    if not rows:
        console.print(f"no published row was restated{f' since {since:%Y-%m-%d}' if since else ''} (--all lists rows published for the first time)")
        return
    for number in dict.fromkeys(row["publication_number"] for row in rows):
        own = [row for row in rows if row["publication_number"] == number]
        table = new_table(f"publication {number}, run {own[0]['run_id']}, {own[0]['restated_at']:%Y-%m-%d %H:%M} UTC: {len(own):,} row{'s' * (len(own) != 1)}",
                          "KPI", "place", "period", "kind", "from", "to", "n", n_text=4)
        for row in own[:_SHOWN]:
            table.add_row(row["kpi_id"], row["entity_code"], period_words(row["period_grain"], row["period_start_on"]), row["change_kind"],
                          _value(row, "before"), _value(row, "after"), f"{row['n_before']:,} → {_count(row['n_after'])}")
        console.print(table)
        if len(own) > _SHOWN:
            console.print(f"... and {len(own) - _SHOWN} more: --kpi and --facility narrow, --json lists all")
        # Of all rows, not of those shown: the cause of a row that is cut off may be another one.
        causes = Counter((row["cause"], row["cause_detail"]) for row in own)
        for (cause, detail), n in causes.most_common(_SHOWN_CAUSES):
            console.print(f"  why, {n:,} row{'s' * (n > 1)}: {cause}: {detail}", markup=False)
        if len(causes) > _SHOWN_CAUSES:
            console.print(f"  ... and {len(causes) - _SHOWN_CAUSES} more causes: --json lists all")
        for note in dict.fromkeys(tuple(row[name] for name in ("what_happened", "how_found", "corrective_action", "facilities_affected")) for row in own):
            if note[0]:
                console.print("  what happened: {}\n  how found: {}\n  corrective action: {}\n  facilities affected: {}".format(*note), markup=False)


def _value(row: dict[str, Any], when: str) -> str:
    value, reason = row[f"value_{when}"], row[f"reason_{when}"]
    text = "none" if value is None else f"{value:.4g}"
    return f"{text} ({reason.lower().replace('_', ' ')})" if reason else text


def _count(n: int | None) -> str:
    return "none" if n is None else f"{n:,}"
