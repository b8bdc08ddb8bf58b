"""`pxw check`: what a file would become, without changing anything.

Belongs here: conforming and judging one file in a temporary folder and saying the result.
Does not belong here: landing it; what it would replace (delivery_effect.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import click

from ingestion.catalogue import Delivery, raw_path, read_catalogue
from ingestion.conform import ConformReport, conform
from ingestion.feed import Feed, load_feeds
from ingestion.home import Home, sha256_of
from ingestion.keys import load_keys
from ingestion.landing import ahead_line, delivery_order, is_ahead, no_day, no_day_line
from ingestion.ledger import Ledger
from ingestion.nearest_feed import nearest_feeds
from ingestion.readers import WARNING
from ingestion.row_rules import reason
from ingestion.sightings import again_id, place_of, sightings, standing
from ingestion.sources import SourceFile
from ingestion.sql import literal
from orchestration import delivery_effect

_SHOWN_FAULTS, _SHOWN_ROWS = 20, 5


def check(home: Home, file: Path, feed_name: str | None) -> int:
    """0 when the file would be loaded (rows may be quarantined), 1 when it would be held or refused, 2 when it has no feed."""
    if file.suffix in (".yml", ".yaml") and not feed_name:
        from orchestration.commands.check_definition import check_definition

        return check_definition(file)
    feeds = load_feeds()
    feed = _choose(feeds, file, feed_name)
    known = read_catalogue(home, feeds) if home.ledger.is_dir() else []
    if not known:
        click.echo(f"note: {home.root} holds no deliveries, so there is nothing to compare with (another warehouse: set PXW_HOME)")
    order = delivery_order(_as_source(file), feed)
    if day := no_day(file.name, feed):
        click.echo(f"{WARNING}{no_day_line(file.name, day, order[0])}")
    elif is_ahead(order[0], datetime.now(UTC)):
        click.echo(f"{WARNING}{ahead_line(file.name, order[0])}")
    with tempfile.TemporaryDirectory(prefix="pxw-check-") as scratch:
        out = Path(scratch) / "raw.parquet"
        report = conform(feed, file, "check", order, load_keys(is_trial=True), out, Path(scratch) / "text.parquet", file_name=file.name)
        if report.refused:
            click.echo(f"refused: {file.name}: {report.refused['message']}. {report.refused['way_out']}")
            return 1
        _print_rows(feed, report, out)
        twin = _same_bytes(file, [d for d in known if d.feed == feed.feed])
        if twin is not None and _stands_again(home, feeds, file, twin, order):
            click.echo(f"these very bytes are in the warehouse as {twin.file_name}, delivery {twin.delivery_id}, and another file took their place since; "
                       "a run would let them hold again")
        elif twin is not None:
            why = f": {twin.reason}" if twin.reason else ""
            click.echo(f"these very bytes are in the warehouse already: {twin.file_name}, delivery {twin.delivery_id}; a run would change nothing")
            click.echo(f"it is {twin.status}{why}")
            return 0 if twin.status == "accepted" else 1
        names = {d.delivery_id: d.file_name for d in known}
        found = delivery_effect.effect(home, feeds, feed, out, order, known)
        for line in delivery_effect.lines(found, feed, names):
            click.secho(line, fg="yellow" if line.startswith("UNMAPPED") else None)
        return _print_verdict(home, feeds, feed, out, order, file, Path(scratch), known)


def _choose(feeds: dict[str, Feed], file: Path, name: str | None) -> Feed:
    if name is not None:
        if name not in feeds:
            near = get_close_matches(name, feeds, n=3, cutoff=0.4)
            raise click.BadParameter(f"there is no feed '{name}'; " + (f"did you mean {' or '.join(near)}?" if near else "`pxw status` lists them"), param_hint="--feed")
        return feeds[name]
    path = file.absolute()
    # Globs speak of paths below an inbox, which is not known here: try the name with ever more folders before it.
    for depth in range(1, len(path.parts)):
        owners = [feed for feed in feeds.values() if feed.matches("/".join(path.parts[-depth:]))]
        if len(owners) == 1:
            return owners[0]
        if owners:
            raise click.UsageError(f"{file.name} matches {' and '.join(f.feed for f in owners)}; name one with --feed")
    raise click.UsageError(_no_feed(feeds, file))


def _no_feed(feeds: dict[str, Feed], file: Path) -> str:
    """A file whose name no feed takes: what it was probably meant for and what to call it."""
    near = nearest_feeds(file, feeds.values())
    if not near:
        return (f"{file.name} matches no feed by its name, and no feed knows its columns. Name a feed with --feed (`pxw status` lists them), "
                "or write one: docs/add_a_feed.md")
    told = [f"  {one.feed.feed} ({one.n_found} of its {one.n_declared} columns are in the file; its files are called {one.names})" for one in near]
    return "\n".join([f"{file.name} matches no feed by its name. Nearest by what is in it:", *told,
                      f"try `pxw check {file.name} --feed {near[0].feed.feed}`; a run takes the file once it is called so; another layout: docs/add_a_feed.md"])


def _as_source(file: Path) -> SourceFile:
    stat = file.stat()
    return SourceFile(str(file.parent), file.name, stat.st_size, datetime.fromtimestamp(int(stat.st_mtime), UTC), None, str(file))


def _url(file: Path) -> str:
    """As an inbox would tell it that the file lies in."""
    return f"file://{file.absolute()}"


def _same_bytes(file: Path, known: Sequence[Delivery]) -> Delivery | None:
    alike = [d for d in known if d.n_bytes == file.stat().st_size]
    if not alike:
        return None
    sha256 = sha256_of(file)
    return next((d for d in alike if d.sha256 == sha256), None)


def _stands_again(home: Home, feeds: dict[str, Feed], file: Path, twin: Delivery, order: tuple[datetime, int]) -> bool:
    """Whether the file, once it came in, would be a delivery of its own beside `twin`, which has the same bytes."""
    seen = {"kind": "repeat", "feed": twin.feed, "sha256": twin.sha256, "file_name": file.name, "source_url": _url(file),
            "delivered_at": order[0].isoformat(), "delivery_sequence": order[1], "no_day": no_day(file.name, feeds[twin.feed])}
    found = sightings(Ledger(home.ledger))
    first = next(one for one in found if (one["kind"], one["feed"], one["sha256"]) == ("delivery", twin.feed, twin.sha256))
    return again_id(seen) in {one["delivery_id"] for one in standing([*found, seen | {"delivery_id": first["delivery_id"]}], feeds)} - {d.delivery_id for d in read_catalogue(home, feeds)}


def _print_rows(feed: Feed, report: ConformReport, out: Path) -> None:
    """How many rows, and the faults: one line per rule and column, with how many rows and where the first ones are."""
    import duckdb

    click.echo(f"feed {feed.feed}: {report.n_rows:,} row{'s' * (report.n_rows != 1)} delivered = {report.n_accepted:,} good + {report.n_quarantined:,} quarantined")
    for note in report.notes:
        click.echo(f"  {note}" if note.startswith(WARNING) else f"  note: {note}")
    with duckdb.connect() as con:
        for kind, words in (("warnings", "warning"), ("problems", "quarantined")):
            faults = con.execute(
                f"select p.rule, p.\"column\", count(distinct row_number) as n, list(distinct row_number order by row_number)[:{_SHOWN_ROWS}], "
                f"first(p.masked order by row_number) from (select row_number, unnest({kind}) as p from read_parquet({literal(str(out))})) "
                "group by all order by n desc, 1, 2").fetchall()
            for rule, column, n, rows, masked in faults[:_SHOWN_FAULTS]:
                place = f" in column {column}" if column else ""
                example = f", like '{masked}'" if masked else ""
                more = ", ..." if n > len(rows) else ""
                left = "; the value is set missing, the row stays" if kind == "warnings" else ""
                told = reason(feed, rule)
                why = f"; {told}" if told != rule else ""
                click.echo(f"  {words}: {rule}{place}: {n:,} row{'s' * (n > 1)} (row {', '.join(map(str, rows))}{more}){example}{left}{why}")
            if len(faults) > _SHOWN_FAULTS:
                click.echo(f"  ... and {len(faults) - _SHOWN_FAULTS} more kinds of fault")


def _print_verdict(home: Home, feeds: dict[str, Feed], feed: Feed, out: Path, order: tuple[datetime, int], file: Path, scratch: Path,
                   known: Sequence[Delivery]) -> int:
    from expectations import DeliveryRaw, judge

    history = [DeliveryRaw.of(d, path, feed) for d in known if d.feed == feed.feed and d.status == "accepted" and (path := raw_path(home, feed, d)).exists()]
    new = DeliveryRaw(feed=feed.feed, delivery_id="check", path=out, delivered_at=order[0], n_bytes=file.stat().st_size, delivery_sequence=order[1],
                      place=place_of(file.name, _url(file), feed))
    verdict = judge(feeds, [new], history, scratch / "docs", scratch / "work")[0]
    for warning in verdict.warnings:
        click.echo(f"  warning: {warning.message}")
    if verdict.is_ok:
        click.echo(f"would be accepted ({verdict.n_expectations} expectations met)")
        return 0
    click.echo("would be held:")
    for failure in verdict.failures:
        click.echo(f"  {failure.message}")
    return 1
