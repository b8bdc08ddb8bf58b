"""Where deliveries come to rest.

Belongs here: storing the bytes of a delivery under their SHA-256, the ledger entry for it, its place in the order of deliveries.
Does not belong here: which files are known already (known_files.py), reading what is inside (readers/), judging it
(conform.py, expectations/).
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ingestion.feed import Feed
from ingestion.home import Home, fsync_dir
from ingestion.known_files import Known, owners_of, sight
from ingestion.ledger import Ledger
from ingestion.progress import Steps
from ingestion.readers import WARNING
from ingestion.sightings import ID_LENGTH, again_id, order_key, sightings, standing
from ingestion.sources import NotNow, SourceFile, list_inbox

_THREADS = 4
_AT_ONCE = 64  # files that share one flush of the ledger; a crash before it leaves bytes that the next run recognises



@dataclass
class LandReport:
    """What an inbox held: new deliveries, files known already, files nobody can place, files that are not whole yet or cannot be read."""

    new: list[dict[str, Any]] = field(default_factory=list)
    repeats: list[dict[str, Any]] = field(default_factory=list)
    n_known: int = 0
    unmatched: list[str] = field(default_factory=list)
    ambiguous: dict[str, list[str]] = field(default_factory=dict)
    unsettled: list[str] = field(default_factory=list)

    def leave(self, file: SourceFile, owners: list[str]) -> None:
        """Note a file that belongs to no feed or to several."""
        if owners:
            self.ambiguous[file.relative_path] = owners
        else:
            self.unmatched.append(file.relative_path)


def land(home: Home, inboxes: Iterable[str], feeds: dict[str, Feed], progress: Callable[[str], None] = lambda _: None) -> LandReport:
    """Store every new file of the inboxes. Raises SourceError when an inbox cannot be listed.

    A file that stands in the ledger with the same place, size and modification time is not read again.
    The ledger entry follows the durable rename, so a crash leaves at most bytes that the next run
    recognises by their hash.
    """
    ledger, report = Ledger(home.ledger), LandReport()
    known = Known.read(ledger)
    for inbox in inboxes:
        new: list[tuple[SourceFile, Feed]] = []
        strangers: list[tuple[SourceFile, list[str]]] = []
        for file in list_inbox(inbox):
            owners = owners_of(feeds, file.relative_path)
            if len(owners) != 1:
                report.leave(file, owners)
                if sight(file) not in known.unplaced:
                    strangers.append((file, owners))
            elif sight(file) in known.seen:
                report.n_known += 1
            else:
                new.append((file, feeds[owners[0]]))
        ledger.append_many([("unplaced", {
            "source_url": file.url, "file_name": file.name, "relative_path": file.relative_path, "n_bytes": file.n_bytes,
            "modified_at": file.modified_at.isoformat(), "feeds": owners}) for file, owners in strangers])
        steps = Steps(progress, len(new))
        for start in range(0, len(new), _AT_ONCE):
            _land_some(home, ledger, report, known, new[start:start + _AT_ONCE], steps)
    if report.repeats:
        _tell_repeats(report.repeats, {entry["delivery_id"]: entry for entry in standing(sightings(ledger), feeds)}, progress)
    return report


def _tell_repeats(repeats: list[dict[str, Any]], stand: dict[str, dict[str, Any]], progress: Callable[[str], None]) -> None:
    """Files whose bytes are here already: each that undoes a correction, of the others the first."""
    again = [entry for entry in repeats if again_id(entry) in stand]
    for entry in again:
        corrections = " and ".join(stand[one]["file_name"] for one in stand[again_id(entry)]["supersedes"]) or "another file"
        progress(f"{entry['file_name']}: the bytes of delivery {entry['delivery_id']} once more, after {corrections} had taken their place; "
                 f"they hold again, as delivery {again_id(entry)}")
    if once := [entry for entry in repeats if entry not in again]:
        others = f" and {len(once) - 1:,} more files" if len(once) > 1 else ""
        progress(f"{once[0]['file_name']}{others}: bytes that are here already (delivery {once[0]['delivery_id']}); they count once")


def landed_path(home: Home, sha256: str) -> Path:
    """Where the bytes with this hash are."""
    return home.landing / sha256[:2] / sha256


def _land_some(
    home: Home, ledger: Ledger, report: LandReport, known: Known, files: list[tuple[SourceFile, Feed]], steps: Steps,
) -> None:
    """Store some files side by side (hashing and the disk take turns), then write their entries in the order of the inbox."""
    entries: list[tuple[str, dict[str, Any]]] = []
    is_local = all("file" in file.filesystem.protocol for file, _ in files)  # a connection to a server may serve one thread only
    with ThreadPoolExecutor(_THREADS if is_local else 1) as pool:
        stored = pool.map(lambda one: _store_whole(home, one[0]), files)
        try:
            for file, feed in files:
                found = next(stored)
                if isinstance(found, NotNow):
                    report.unsettled.append(file.relative_path)
                    steps.done("", "", is_silent=True)
                    steps.say(f"left for the next run: {found}")
                    continue
                kind, facts = _entry(known, file, feed, *found)
                if kind == "delivery":
                    known.add(facts)
                steps.done("landed", f"{file.relative_path} as {facts['delivery_id']} ({feed.feed})", is_silent=kind == "repeat")
                if day := facts.get("no_day"):
                    steps.say(f"{WARNING}{no_day_line(file.relative_path, day, file.modified_at)}")
                entries.append((kind, facts))
        finally:  # a connection that breaks ends the run, what came before it is kept
            for entry in ledger.append_many(entries):
                (report.new if entry["kind"] == "delivery" else report.repeats).append(entry)


def _entry(known: Known, file: SourceFile, feed: Feed, sha256: str, n_bytes: int) -> tuple[str, dict[str, Any]]:
    """Kind and facts of the ledger entry of a file just stored."""
    moment, sequence = delivery_order(file, feed)
    known_as = known.deliveries.get((feed.feed, sha256))
    facts = {
        "delivery_id": known_as["delivery_id"] if known_as else _new_id(known, feed, sha256), "sha256": sha256, "feed": feed.feed, "file_name": file.name, "source_url": file.url,
        "n_bytes": n_bytes, "modified_at": file.modified_at.isoformat(), "delivered_at": moment.isoformat(), "delivery_sequence": sequence,
    }
    if day := no_day(file.name, feed):
        facts["no_day"] = day
    if n_bytes != file.n_bytes:  # a server that does not tell sizes, or a member of a damaged archive
        facts["n_bytes_listed"] = file.n_bytes
    if known_as:
        return "repeat", facts
    older = [d for d in known.called_alike(file.name, feed) if order_key(d) < order_key(facts)]
    supersedes = [d["delivery_id"] for d in sorted(older, key=order_key)][-1:]
    return "delivery", facts | {"feed_version": feed.version, "supersedes": supersedes}


def _new_id(known: Known, feed: Feed, sha256: str) -> str:
    """The beginning of the hash; for bytes that came for another feed before (a file that was named wrongly), of the hash with the feed."""
    short = sha256[:ID_LENGTH]
    return hashlib.sha256(f"{feed.feed} {sha256}".encode()).hexdigest()[:ID_LENGTH] if short in known.ids else short


def _store_whole(home: Home, file: SourceFile) -> tuple[str, int] | NotNow:
    """As _store; a file that is not whole yet, or not ours to read, is no reason to leave the others."""
    try:
        return _store(home, file)
    except NotNow as left:
        return left


def _store(home: Home, file: SourceFile) -> tuple[str, int]:
    """Copy the bytes into landing while hashing them; nothing is visible before it is whole and durable."""
    digest, n_bytes = hashlib.sha256(), 0
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=home.landing)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            for chunk in file.chunks():
                digest.update(chunk)
                target.write(chunk)
                n_bytes += len(chunk)
            target.flush()
            os.fsync(target.fileno())
        final = landed_path(home, digest.hexdigest())
        final.parent.mkdir(exist_ok=True)
        if not final.exists():
            part.chmod(0o400)
            part.replace(final)
            fsync_dir(final.parent)
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest(), n_bytes


def delivery_order(file: SourceFile, feed: Feed) -> tuple[datetime, int]:
    """The delivery's own moment (UTC) and version number: from the file name where the feed says how."""
    said = _said(file.name, feed)
    day = said.get("received")
    moment = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) if _is_day(day) else file.modified_at.replace(microsecond=0)
    return moment, int(said.get("sequence") or 0)


def no_day(name: str, feed: Feed) -> str | None:
    """What stands in the file's name in place of the day it was received, where that is no day of a calendar."""
    day = _said(name, feed).get("received")
    return day if day and not _is_day(day) else None


def no_day_line(name: str, day: str, modified_at: datetime) -> str:
    """What is taken instead, and the way out."""
    return (f"{name}: {day} in its name is no day, so the file's modification time, {modified_at:%Y-%m-%d %H:%M} UTC, is its place among the deliveries; "
            "it may count as newer than files that correct it. Deliver it under its right name: that then counts")


def is_ahead(delivered_at: datetime, came_at: datetime) -> bool:
    """Whether a file is named for a day that had begun nowhere on earth when it came."""
    return delivered_at > came_at + timedelta(days=1)


def ahead_line(name: str, delivered_at: datetime) -> str:
    """What follows from it, and the way out."""
    return (f"{name} is named for {delivered_at:%Y-%m-%d}, a day after it came: until then nothing that comes can correct it. "
            "Deliver it under its right name: that then counts")


def _said(name: str, feed: Feed) -> dict[str, str | None]:
    """What the name says about when, where the feed says how."""
    match = re.search(feed.order, name) if feed.order else None
    return match.groupdict() if match else {}


def _is_day(text: str | None) -> bool:
    try:
        return bool(text and datetime.strptime(text, "%Y%m%d"))
    except ValueError:
        return False
