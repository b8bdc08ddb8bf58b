"""The steps of a run as plain functions: land, conform, judge, prepare, build, publish.

Belongs here: which deliveries a step has to look at, doing it, and saying so in the ledger.
Does not belong here: Dagster (definitions.py), texts for people (cli.py, summary.py).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from ingestion.catalogue import Delivery, landed_file, raw_path, read_catalogue
from ingestion.conform import READER_VERSION, TOGETHER_BYTES, ConformReport, Job, conform_some, open_database
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.landing import LandReport
from ingestion.landing import land as land_files
from ingestion.ledger import Ledger
from ingestion.progress import Steps
from ingestion.readers import WARNING
from ingestion.told import Told
from ingestion.words import counted

if TYPE_CHECKING:
    from expectations import Verdict

Progress = Callable[[str], None]
_MOST_TOGETHER = 50  # deliveries in a lot: their files are open at the same time


class Busy(Told):
    """Another command holds the warehouse home."""

    exit_code = 3


class Stopped(RuntimeError):
    """Whoever asked for the work does not want it any more."""


def _quiet(_: str) -> None:
    """Progress nobody wants to see."""


@contextmanager
def exclusive(home: Home, what: str = "run") -> Iterator[None]:
    """Hold the home for one command, `what`. Raises Busy when another process holds it; the lock dies with the process."""
    home.create()
    with (home.root / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            held_by, _, process = lock.read().strip().rpartition(" ")
            doing = "another run is under way in" if held_by in ("", "run") else f"`pxw {held_by}` holds"
            raise Busy(f"{doing} {home.root} (process {process or 'unknown'}); ask again when it has ended") from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"{what} {os.getpid()}")
        lock.flush()
        home.clear_unfinished()
        yield


def land(home: Home, inboxes: Iterable[str], feeds: dict[str, Feed], progress: Progress = _quiet) -> LandReport:
    """Store the new files of the inboxes."""
    return land_files(home.create(), inboxes, feeds, progress)


def pending_conform(home: Home, feeds: dict[str, Feed], deliveries: list[Delivery] | None = None) -> list[Delivery]:
    """Deliveries without raw Parquet under today's feed and reader version."""
    known = read_catalogue(home, feeds) if deliveries is None else deliveries
    return [d for d in known if d.status != "refused" and not (d.conformed and raw_path(home, feeds[d.feed], d).exists())]


def bring_in(
    home: Home, feeds: dict[str, Feed], inboxes: Iterable[str], progress: Progress, seconds: dict[str, float], stop: Event | None = None,
) -> tuple[LandReport, dict[str, list[ConformReport]]]:
    """Land and conform, with the time each took in `seconds`."""
    times = [time.monotonic()]
    landed = land(home, inboxes, feeds, progress)
    times.append(time.monotonic())
    reports = conform_new(home, feeds, progress, stop)
    times.append(time.monotonic())
    seconds |= {part: round(end - start, 3) for part, start, end in zip(("landing", "conforming"), times, times[1:], strict=False)}
    return landed, reports


def conform_new(home: Home, feeds: dict[str, Feed], progress: Progress = _quiet, stop: Event | None = None) -> dict[str, list[ConformReport]]:
    """Write the missing raw Parquet, several deliveries side by side; reports by feed. Raises Stopped once `stop` is set."""
    from ingestion.keys import load_keys

    pending = pending_conform(home, feeds)
    if not pending:
        return {}
    keys, ledger, reports = load_keys(), Ledger(home.ledger), {}

    def conform_few(few: list[Delivery]) -> list[tuple[Delivery, ConformReport]]:
        if stop and stop.is_set():
            raise Stopped
        feed = feeds[few[0].feed]
        jobs = [Job(landed_file(home, d), d.delivery_id, d.order, raw_path(home, feed, d), raw_path(home, feed, d, is_restricted=True), d.file_name) for d in few]
        return list(zip(few, conform_some(feed, jobs, keys, database), strict=True))

    steps = Steps(progress, len(pending))
    with open_database() as database, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in as_completed([pool.submit(conform_few, few) for few in _together(pending)]):
            entries = []
            for delivery, report in done.result():
                if not delivery.conformed:
                    facts = {k: v for k, v in asdict(report).items() if k != "delivery_id"}
                    entries.append(("conform", {"delivery_id": delivery.delivery_id, "feed": delivery.feed, "feed_version": feeds[delivery.feed].version,
                                                "reader_version": READER_VERSION, **facts}))
                reports.setdefault(delivery.feed, []).append(report)
                steps.done("conformed", _outcome(delivery, report), is_fault=bool(report.refused or _warnings(report)) or report.n_quarantined > 0)
            ledger.append_many(entries)
    return reports


def _together(pending: list[Delivery]) -> list[list[Delivery]]:
    """Small deliveries of a feed in lots, in their own order; the largest lots first, so that the last thread to finish has little left."""
    lots: list[list[Delivery]] = []
    for delivery in sorted(pending, key=lambda d: (d.feed, d.delivery_order)):
        if lots and lots[-1][0].feed == delivery.feed and sum(d.n_bytes for d in (*lots[-1], delivery)) <= TOGETHER_BYTES and len(lots[-1]) < _MOST_TOGETHER:
            lots[-1].append(delivery)
        else:
            lots.append([delivery])
    return sorted(lots, key=lambda lot: -sum(d.n_bytes for d in lot))


def judge_new(home: Home, feeds: dict[str, Feed], progress: Progress = _quiet) -> list[Verdict]:
    """Let Great Expectations judge every delivery that has no verdict yet; write the verdicts to the ledger.

    A delivery that arrives late is history for those after it in the deliveries' own order, so these are
    judged again: the result is the same whatever the order of arrival.
    """
    deliveries = read_catalogue(home, feeds)
    new = [d for d in deliveries if d.status == "conformed"]
    if not new:
        return []
    from expectations import DeliveryRaw, judge
    from expectations.settings import EXTRA_TYPES

    def raw(delivery: Delivery) -> DeliveryRaw:
        return DeliveryRaw.of(delivery, raw_path(home, feeds[delivery.feed], delivery), feeds[delivery.feed])

    again = _judged_too_early(deliveries, new)
    subjects = {d.delivery_id for d in (*new, *again)}
    touched = {d.feed for d in new}
    history = [raw(d) for d in deliveries if d.status == "accepted" and d.feed in touched and d.delivery_id not in subjects]
    progress(f"judging {counted(len(new), 'delivery', 'deliveries')} with Great Expectations")
    verdicts = judge(feeds, [raw(d) for d in (*new, *again)], history, expectations_docs(home), home.build / "expectations")
    before = {d.delivery_id: (d.status == "accepted", d.reason or "") for d in again}
    verdicts = [v for v in verdicts if before.get(v.delivery_id) != (v.is_ok, "; ".join(f.message for f in v.failures))]
    Ledger(home.ledger).append_many([
        ("verdict", {"delivery_id": v.delivery_id, "feed": v.feed, "feed_version": feeds[v.feed].version, "reader_version": READER_VERSION,
                     "is_ok": v.is_ok, "n_expectations": v.n_expectations, "failures": [asdict(f) for f in v.failures],
                     "warnings": [asdict(f) for f in v.warnings]})
        for v in verdicts
    ])
    names = {d.delivery_id: d.file_name for d in (*new, *again)}
    for verdict in verdicts:
        if not verdict.is_ok:
            progress(f"held {verdict.delivery_id} ({verdict.feed}): {'; '.join(f.message for f in verdict.failures)}")
        if told := [f.message for f in verdict.warnings if f.expectation in EXTRA_TYPES]:  # of the feed's own rules; the limits of all feeds warn too often
            progress(f"warning {verdict.delivery_id} ({verdict.feed}) {names[verdict.delivery_id]}: {'; '.join(told)}")
    return verdicts


def _judged_too_early(deliveries: list[Delivery], new: list[Delivery]) -> list[Delivery]:
    """Deliveries with a verdict that come after a new one of their feed; a release stands."""
    first: dict[str, int] = {}
    for delivery in new:
        first[delivery.feed] = min(first.get(delivery.feed, delivery.delivery_order), delivery.delivery_order)
    return [d for d in deliveries if d.status in ("accepted", "held") and not d.is_released and d.delivery_order > first.get(d.feed, d.delivery_order)]


def find_held(home: Home, feeds: dict[str, Feed], delivery_id: str) -> Delivery:
    """The held delivery whose id begins so. Raises ValueError when there is none, or more than one."""
    found = [d for d in read_catalogue(home, feeds) if d.delivery_id.startswith(delivery_id)]
    if len(found) != 1:
        raise ValueError(f"{delivery_id}: {'no delivery' if not found else 'more than one delivery'} has an id that begins so; `pxw status` lists what is held")
    if found[0].status != "held":
        raise ValueError(f"{found[0].delivery_id} is {found[0].status}, only a held delivery can be released")
    return found[0]


def release(home: Home, feeds: dict[str, Feed], delivery_id: str, reason: str, user: str) -> Delivery:
    """Let a held delivery pass, with a reason and a name in the ledger. Raises ValueError when there is nothing to release."""
    if not reason.strip():
        raise ValueError("a release needs a reason in words; it is kept in the ledger and cannot be changed")
    held = find_held(home, feeds, delivery_id)
    Ledger(home.ledger).append("release", delivery_id=held.delivery_id, feed=held.feed, reason=reason, user=user)
    return held


def _outcome(delivery: Delivery, report: ConformReport) -> str:
    became = f"refused, {report.refused['message']}" if report.refused else f"{counted(report.n_accepted, 'row')} accepted, {report.n_quarantined:,} quarantined"
    return "; ".join([f"{delivery.delivery_id} ({delivery.feed}): {became}", *_warnings(report)])


def _warnings(report: ConformReport) -> list[str]:
    """What is odd about the delivery as a whole, such as totals that do not fit."""
    return [note for note in report.notes if note.startswith(WARNING)]


def has_work(home: Home, feeds: dict[str, Feed], deliveries: list[Delivery]) -> bool:
    """Whether one of `deliveries`, all there are, waits for a step."""
    return any(d.status == "conformed" for d in deliveries) or bool(pending_conform(home, feeds, deliveries))


def expectations_docs(home: Home) -> Path:
    """Where Data Docs are written."""
    return home.docs / "expectations"
