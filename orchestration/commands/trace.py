"""`pxw trace`: one published KPI row down to the rows of the vendor's files.

Belongs here: options, exit codes, the terminal table, CSV.
Does not belong here: collecting the facts (audit/trace.py).

Exit codes: 0 the evidence gives the published value · 1 it does not, or there is no such row · 2 wrong words · 4 no access.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.home import Home
from orchestration.commands.options import AS_JSON, LEVEL, WINDOW

if TYPE_CHECKING:
    from orchestration.audit.trace import Trace

_ON_TERMINAL, _ON_PAGE = 20, 1000
_CSV = ("file_name", "sha256", "row_number", "component_code", "facility_id", "unit_id", "month_start_on", "source_kind", "feed",
        "delivery_id", "numerator", "denominator", "is_counted", "rule")


@click.command("trace")
@click.argument("kpi")
@click.option("--period", metavar="2026-03 | 2026-Q1", help="Month or quarter, for rolling windows the last month. Default: the newest publishable.")
@click.option("--window", type=WINDOW, help="Default: what the period says, else the shortest.")
@click.option("--level", type=LEVEL, help="Default: that of the place named.")
@click.option("--facility", help="Facility, id or name.")
@click.option("--unit", help="Unit, id or name; where several facilities have it, F1/4W or with --facility.")
@click.option("--service-line", help="Service line.")
@click.option("--rows", type=click.IntRange(min=0), help=f"List so many evidence rows. Default: {_ON_TERMINAL}, with --json and --html {_ON_PAGE}, with --csv all.")
@AS_JSON
@click.option("--csv", "as_csv", is_flag=True, help="The evidence rows as CSV.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page that opens without a network.")
@click.option("--raw", is_flag=True, help="Show each record as delivered. Needs access to the restricted home; every use is written to the ledger.")
@click.option("--restricted", is_flag=True, help="Show a row that is suppressed in the published layer. Access and ledger as for --raw.")
def trace(kpi: str, rows: int | None, as_json: bool, as_csv: bool, html: Path | None, raw: bool, restricted: bool, **place: Any) -> None:
    """Show every source row behind one published value, and compute it again from them.

    KPI is a name (with --unit, --facility, --period ...) or a whole kpi_key.
    """
    from orchestration.audit.choose import Wanted
    from orchestration.audit.trace import as_json as to_json
    from orchestration.audit.trace import find, trace_row

    home = Home.from_env()
    limit = rows if rows is not None else None if as_csv else _ON_PAGE if as_json or html else _ON_TERMINAL
    row = find(home, Wanted(kpi, **place), is_restricted=restricted or raw)
    traced = trace_row(home, row, limit)
    if raw or restricted:
        from orchestration.audit import original  # knows every feed, which takes longer than a trace

        purpose = "original records" if raw else "suppressed row"
        original.note_access(home, purpose, row["kpi_key"], ((one["delivery_id"], one["row_number"]) for one in traced.rows))
    if raw:
        traced.rows = original.with_originals(home, traced.rows)
    if html:
        from orchestration.audit.pages import write_trace

        write_trace(traced, html)
        click.echo(f"{html}  ({len(traced.rows)} of {traced.n_rows} evidence rows)", err=True)
    if as_json:
        click.echo(to_json(traced))
    elif as_csv:
        _write_csv(traced, raw)
    elif not html:
        _print(traced)
    sys.exit(0 if traced.is_equal else 1)


def _write_csv(traced: Trace, raw: bool) -> None:
    names = list(_CSV)
    headers = list(dict.fromkeys(header for row in traced.rows for header in (row.get("original") or {}))) if raw else []
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow([*names, *(f"delivered: {header}" for header in headers)])
    for row in traced.rows:
        out.writerow([*(f"{float(row[name]):.12g}" if name in ("numerator", "denominator") else row[name] for name in names),
                      *((row.get("original") or {}).get(header) for header in headers)])


def _print(traced: Trace) -> None:
    from orchestration.audit.pages import number
    from orchestration.audit.words import place_words, reason_words, restated_words, rule_words
    from orchestration.commands.console import console as new_console
    from orchestration.commands.console import table as new_table

    console = new_console()
    row, definition = traced.published, traced.definition
    console.print(f"[bold]{row['kpi_key']}[/]")
    console.print(f"{definition['label']}, {place_words(row)}, {row['period_start_on']} to {row['period_end_on']}")
    shown = "no value" if row["value"] is None else f"{row['value']:.6g} {definition['unit'].replace('_', ' ')}"
    parts = "no numerator, " if row["numerator"] is None else f"numerator {number(row['numerator'])}, "
    note = f", not publishable: {row['reason']} ({reason_words(row['reason'])})" if row["reason"] else ""
    console.print(f"published    {shown} ({parts}denominator {number(row['denominator'])}, n {number(row['n'])}){note}")
    console.print(f"definition   {row['measure_id']} version {row['measure_version']}, {row['standing']} (pxw explain)")
    told = traced.publication
    as_of = f", as of {told['as_of']}" if told["as_of"] else ""
    console.print(f"run          {row['run_id']}, code {told['code_version']}, published {told['published_at']}{as_of}")
    for one in traced.restated:
        console.print(f"before       {restated_words(one)}", markup=False)
    for warning in traced.warnings:
        console.print(f"[yellow]note[/]         {warning}")
    if traced.study:
        _print_study(console, traced)
    elif traced.is_equal:
        again = "no value, and the same sums" if row["value"] is None else f"{traced.recomputed:.12g}, equal to the published value"
        console.print(f"recomputed   [green]{again}[/], from {traced.n_rows:,} evidence rows of {len(traced.deliveries)} deliveries")
    for difference in traced.differences:
        console.print(f"[red]DIFFERENT[/]    {difference}")
    if len(traced.components) > 1:
        parts = new_table("\nitems: the value is the mean of their scores", "item", "numerator", "denominator", "score")
        for part in traced.components:
            parts.add_row(part.code, number(part.numerator), number(part.denominator), "" if part.score is None else f"{float(part.score) * definition['scale_factor']:.4f}")
        console.print(parts)
    rules = new_table("\nwhat counted and what did not", "rule", "rows of", "meaning", "rows", "numerator", "denominator", n_text=3)
    for one in traced.rules:
        style = None if one["is_counted"] else "dim"
        rules.add_row(one["rule"], one["source_kind"].replace("_", " "), rule_words(one["rule"]), f"{one['n_rows']:,}", number(one["numerator"]), number(one["denominator"]), style=style)
    console.print(rules)
    _print_rows(console, traced)


def _print_study(console: Any, traced: Trace) -> None:
    from orchestration.audit.words import study_words
    from orchestration.commands.console import table as new_table

    study = traced.study
    console.print(f"adjusted     {study_words(traced)}")
    if study.adjustment is not None:
        console.print(f"             unadjusted {study.found['unadjusted']:.6g} {study.adjustment:+.6g} = adjusted {study.found['adjusted']:.6g}")
    elif study.found:
        console.print(f"             no adjusted score: {study.found['note'] or study.found['reason_code']}")
    if study.coefficients:
        shown = new_table("\ncoefficients of the study", "adjuster", "item", f"{traced.definition['unit']} per unit", n_text=2)
        for one in study.coefficients:
            shown.add_row(one["adjuster"], one["item_code"], "" if one["coefficient"] is None else f"{one['coefficient']:.6f}")
        console.print(shown)


def _print_rows(console: Any, traced: Trace) -> None:
    from orchestration.audit.pages import number
    from orchestration.commands.console import table as new_table

    if not traced.rows:
        return
    several = len({row["component_code"] for row in traced.rows}) > 1
    shown = new_table(f"\nsource rows ({len(traced.rows):,} of {traced.n_rows:,}; --rows N, --csv for all)",
                      "file as delivered", "SHA-256", *(["item"] if several else []), "rule", "row", "numerator", "denominator", "replaces", n_text=4 if several else 3)
    for row in traced.rows:
        replaces = ", ".join(f"{one['file_name']} row {one['row_number']}" for one in row["replaces"])
        shown.add_row(row["file_name"] or row["delivery_id"], row["sha256"][:16], *([row["component_code"]] if several else []), row["rule"],
                      f"{row['row_number']:,}", number(row["numerator"]), number(row["denominator"]), replaces, style=None if row["is_counted"] else "dim")
    console.print(shown)
    records = {(row["file_name"], row["row_number"]): row["original"] for row in traced.rows if "original" in row}
    for (file_name, row_number), record in records.items():  # a record can stand behind several items
        console.print(f"\n[bold]{file_name} row {row_number}, as delivered[/]")
        filled = {header: text for header, text in (record or {}).items() if text}
        console.print(" · ".join(f"{header}={text}" for header, text in filled.items()) or "the record is not in the file", markup=False)
