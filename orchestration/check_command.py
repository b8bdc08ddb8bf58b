"""`pxw check`: what a file would become, without changing anything.

Belongs here: conforming and judging one file in a temporary folder and saying the result.
Does not belong here: landing it.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from ingestion.catalogue import raw_path, read_catalogue
from ingestion.conform import ConformReport, conform
from ingestion.feed import Feed, load_feeds
from ingestion.home import Home
from ingestion.keys import load_keys
from ingestion.sql import literal

_SHOWN_ROWS = 20


def check(home: Home, file: Path, feed_name: str | None) -> int:
    """0 when the file would be loaded (rows may be quarantined), 1 when it would be held or refused, 2 when it has no feed."""
    feeds = load_feeds()
    feed = _choose(feeds, file, feed_name)
    with tempfile.TemporaryDirectory(prefix="pxw-check-") as scratch:
        out = Path(scratch) / "raw.parquet"
        moment = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
        report = conform(feed, file, "check", (moment, 0), load_keys(), out, Path(scratch) / "text.parquet")
        if report.refused:
            click.echo(f"refused: {file.name}: {report.refused['message']}. {report.refused['way_out']}")
            return 1
        _print_rows(feed, report, out)
        return _print_verdict(home, feeds, feed, out, moment, file, Path(scratch))


def _choose(feeds: dict[str, Feed], file: Path, name: str | None) -> Feed:
    if name is not None:
        if name not in feeds:
            raise click.BadParameter(f"there is no feed '{name}'; there are {', '.join(feeds)}", param_hint="--feed")
        return feeds[name]
    path = file.absolute()
    # Globs speak of paths below an inbox, which is not known here: try the name with ever more folders before it.
    for depth in range(1, len(path.parts)):
        owners = [feed for feed in feeds.values() if feed.matches("/".join(path.parts[-depth:]))]
        if len(owners) == 1:
            return owners[0]
        if owners:
            raise click.UsageError(f"{file.name} matches {' and '.join(f.feed for f in owners)}; name one with --feed")
    raise click.UsageError(f"{file.name} matches no feed; name one with --feed ({', '.join(feeds)})")


def _print_rows(feed: Feed, report: ConformReport, out: Path) -> None:
    import duckdb

    click.echo(f"feed {feed.feed}: {report.n_rows:,} rows, {report.n_accepted:,} accepted, {report.n_quarantined:,} quarantined")
    for note in report.notes:
        click.echo(f"  note: {note}")
    for rule, n in report.warning_rules.items():
        click.echo(f"  warning: {rule} in {n:,} rows; the value is set missing, the row stays")
    faults = duckdb.sql(
        f"select row_number, p.rule, p.\"column\", p.masked from (select row_number, unnest(problems) as p from read_parquet({literal(str(out))})) "
        f"order by row_number limit {_SHOWN_ROWS}").fetchall()
    for row_number, rule, column, masked in faults:
        text = f" ({masked})" if masked else ""
        click.echo(f"  quarantined: row {row_number}{f', column {column}' if column else ''}: {rule}{text}")
    if report.n_quarantined > _SHOWN_ROWS:
        click.echo("  ...")


def _print_verdict(home: Home, feeds: dict[str, Feed], feed: Feed, out: Path, moment: datetime, file: Path, scratch: Path) -> int:
    from expectations import DeliveryRaw, judge

    known = read_catalogue(home, feeds) if home.ledger.is_dir() else []
    history = [
        DeliveryRaw(feed=d.feed, delivery_id=d.delivery_id, path=raw_path(home, feed, d), delivered_at=d.delivered_at, n_bytes=d.n_bytes,
                    delivery_sequence=d.delivery_sequence)
        for d in known if d.feed == feed.feed and d.status == "accepted" and raw_path(home, feed, d).exists()
    ]
    new = DeliveryRaw(feed=feed.feed, delivery_id="check", path=out, delivered_at=moment, n_bytes=file.stat().st_size, delivery_sequence=0)
    verdict = judge(feeds, [new], history, scratch / "docs", scratch / "work")[0]
    if verdict.is_ok:
        click.echo(f"would be accepted ({verdict.n_expectations} expectations met)")
        return 0
    click.echo("would be held:")
    for failure in verdict.failures:
        click.echo(f"  {failure.message}")
    return 1
