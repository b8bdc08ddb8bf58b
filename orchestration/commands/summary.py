"""The closing table of a run, for a person.

Belongs here: headline numbers by facility for the last closed month, what was held or quarantined, where to go next.
Does not belong here: KPI values that are not published.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ingestion.catalogue import Delivery, row_facts, up_to
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.landing import ahead_line, no_day_line
from ingestion.words import counted
from orchestration.published import NothingPublished, last_closed_month, manifest, open_marts
from orchestration.unmapped import (
    awaited_lines,
    left_out_lines,
    reading_build,
    reference_fault_lines,
    same_survey_lines,
    unmapped_class_lines,
    unmapped_feeds,
    unmapped_lines,
    unmapped_word_lines,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from rich.console import Console

_HEADLINES = {
    "complaint_rate": "complaints\nper 1,000",
    "grievance_rate": "grievances\nper 1,000",
    "hcahps_overall_rating_top_box": "overall rating\n9-10, %",
    "hcahps_recommend_top_box": "would recommend\ndefinitely, %",
    "hcahps_nurse_communication_top_box": "nurses always\ncommunicated, %",
}
_SHOWN_FACILITIES, _SHOWN_TROUBLES = 15, 8


def print_summary(home: Home, feeds: dict[str, Feed], deliveries: list[Delivery]) -> None:
    """Print what a reader of the marts wants to know after a run; `deliveries` are all there are."""
    from orchestration.commands.console import console as new_console

    console = new_console()
    try:
        with open_marts(home) as con:
            _print_headlines(con, console)
            restated = _restated(con, manifest(home).get("run_id"))
    except NothingPublished as nothing:
        console.print(str(nothing))
        return
    print_troubles(console, published_from(home, deliveries), _SHOWN_TROUBLES)
    print_unmapped(console, home, feeds)
    if restated:
        console.print(f"[yellow]RESTATED[/] values that had been published: {restated}; which, and why: pxw restatements")
    _print_places(home, console)


def published_from(home: Home, deliveries: list[Delivery]) -> list[Delivery]:
    """Those that the published marts know of: of a run as of a date, the ones delivered up to it."""
    as_of = manifest(home).get("as_of")
    return up_to(deliveries, date.fromisoformat(as_of) if as_of else None)


def print_troubles(console: Console, deliveries: list[Delivery], n_shown: int | None = None) -> None:
    """Deliveries that are held or refused with the reason, or whose name has no day or one to come (of each the first `n_shown`, or all), and how many rows are quarantined."""
    replaced = {earlier for d in deliveries if d.status == "accepted" for earlier in d.supersedes}
    loaded = {d.sha256: d.feed for d in deliveries if d.status == "accepted"}
    stuck = [d for d in deliveries if d.status in ("held", "refused")]
    for delivery in stuck[:n_shown]:
        note = " (a later file replaces it)" if delivery.delivery_id in replaced else f" (loaded as {loaded[delivery.sha256]})" if loaded.get(delivery.sha256, delivery.feed) != delivery.feed else ""
        console.print(f"[yellow]{delivery.status}[/] {delivery.delivery_id} {delivery.feed} {_escape(delivery.file_name)}{note}: {_escape(delivery.reason)}")
    if n_shown is not None and len(stuck) > n_shown:
        console.print(f"... and {len(stuck) - n_shown} more: pxw status")
    if any(d.status == "held" for d in stuck):
        console.print('a held delivery is loaded after: pxw release ID --reason "..."')
    misnamed = [("NO DAY", no_day_line(d.file_name, d.no_day, d.delivered_at)) for d in deliveries if d.no_day]
    misnamed += [("AHEAD", ahead_line(d.file_name, d.delivered_at)) for d in deliveries if d.is_ahead]
    for label, line in misnamed[:n_shown]:
        console.print(f"[yellow]{label}[/] {_escape(line)}")
    if n_shown is not None and len(misnamed) > n_shown:
        console.print(f"... and {len(misnamed) - n_shown} more such names: pxw status")
    n_accepted, rows = sum(d.status == "accepted" for d in deliveries), row_facts(deliveries)
    parts = [f"{rows[f'n_rows_{what}']:,} {what}" for what in ("accepted", "quarantined", "held", "waiting") if rows.get(f"n_rows_{what}")]
    console.print(f"{counted(n_accepted, 'delivery', 'deliveries')} loaded; {counted(rows['n_rows_delivered'], 'row')} delivered = {' + '.join(parts) or 'none'} (by rule: marts.data_quality)")


def print_unmapped(console: Console, home: Home, feeds: dict[str, Feed]) -> None:
    """Deliveries of no feed; codes of no unit, in red where hardly anything of a feed is mapped; words of no meaning; complaints not come yet; unusable reference files; surveys of two feeds."""
    for number, line in enumerate(left_out_lines(home, feeds)):
        console.print(f"[bold red]LEFT OUT[/] {_escape(line)}" if number == 0 else _escape(line))
    with reading_build(home) as rows:
        found = unmapped_feeds(rows, feeds)
        for number, line in enumerate(unmapped_lines(found)):
            colour = "bold red" if any(one.is_lost for one in found) else "yellow"
            console.print(f"[{colour}]UNMAPPED[/] {_escape(line)}" if number == 0 else _escape(line))
        for label, lines in (("UNMAPPED", unmapped_word_lines), ("UNMAPPED", unmapped_class_lines), ("AWAITED", awaited_lines), ("UNUSABLE", reference_fault_lines)):
            for number, line in enumerate(lines(rows)):
                console.print(f"[yellow]{label}[/] {_escape(line)}" if number == 0 else _escape(line))
        for line in same_survey_lines(rows):
            console.print(f"[yellow]TWICE[/] {_escape(line)}")


def _print_headlines(con: DuckDBPyConnection, console: Console) -> None:
    from orchestration.commands.console import table as new_table

    month = last_closed_month(con) or last_closed_month(con, "hcahps_overall_rating_top_box")
    rows = con.execute(
        "select k.facility_id, f.facility_name, k.kpi_id, k.value, k.ci_low, k.ci_high, k.is_publishable, k.reason from marts.kpi_value k "
        "left join marts.dim_facility f using (facility_id) where k.period_grain = 'month' and k.level = 'facility' "
        "and k.period_start_on = ? and k.kpi_id in (select unnest(?)) order by k.facility_id", [month, list(_HEADLINES)]).fetchall()
    if not rows:
        console.print("no KPI could be computed yet: no month is closed")
        return
    table = new_table(f"{month:%B %Y}, the last closed month (95 % interval)", "facility", *_HEADLINES.values())
    facilities = list(dict.fromkeys((row[0], row[1]) for row in rows))
    cells = {(row[0], row[2]): _cell(*row[3:]) for row in rows}
    for facility_id, name in facilities[:_SHOWN_FACILITIES]:
        place = facility_id if not name or name.casefold() == facility_id.casefold() else f"{facility_id} {name}"
        table.add_row(place, *(cells.get((facility_id, kpi), "") for kpi in _HEADLINES))
    console.print(table)
    if any("*" in cell for cell in cells.values()):
        console.print("* not publishable, mostly too few answers; the reason stands in kpi_value.reason")
    if len(facilities) > _SHOWN_FACILITIES:
        console.print(f"... and {len(facilities) - _SHOWN_FACILITIES} more facilities: pxw show complaint_rate")


def _restated(con: DuckDBPyConnection, run_id: str | None) -> str:
    """How many values that had been published before the newest publication changed, by kind."""
    if not con.execute("select count(*) from duckdb_tables() where schema_name = 'marts' and table_name = 'restatement'").fetchone()[0]:
        return ""
    counted = con.execute(
        "select change_kind, count(*) from marts.restatement where run_id = ? and publication_number = (select max(publication_number) from marts.kpi_history) "
        "group by 1 order by 1", [run_id]).fetchall()
    return ", ".join(f"{n:,} {kind}" for kind, n in counted if kind != "completed")


def _cell(value: float | None, low: float | None, high: float | None, is_publishable: bool, reason: str | None) -> str:
    if value is None:
        return f"[dim]{(reason or '').lower().replace('_', ' ')}[/]"
    interval = f"  ({low:.1f} - {high:.1f})" if low is not None else ""
    mark = " " if is_publishable else "*"
    return f"{value:.1f}{mark}[dim]{interval}[/]"


def _print_places(home: Home, console: Console) -> None:
    told = manifest(home)
    if told.get("as_of"):
        console.print(f"[yellow]built as of {told['as_of']}; `pxw run` without --as-of returns to the present[/]")
    console.print(f"published  {home.published / 'px.duckdb'} (run {told.get('run_id')}), and one Parquet file per table in {home.published / 'marts'}")
    console.print("look       pxw show complaint_rate   |   make ui (Dagster)   |   docs/bi_tools.md (Superset, Metabase, Power BI, Excel)")


def _escape(text: str | None) -> str:
    from rich.markup import escape

    return escape(text or "")
