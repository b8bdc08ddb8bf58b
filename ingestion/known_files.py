"""What the ledger knows of the files in inboxes, and what an inbox holds beside them.

Belongs here: telling a file that was seen before, which feed a file belongs to, deliveries of the same name.
Does not belong here: storing files (landing.py), listing inboxes (sources.py), the state of a delivery (catalogue.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.ledger import Ledger
from ingestion.sources import SourceFile, list_inbox

OF_FILES = ("delivery", "repeat", "unplaced")  # entries about files of inboxes


@dataclass(frozen=True)
class Look:
    """What inboxes hold: files of one feed that are not in the ledger yet; files of no feed or several, path below the inbox and feeds; folders that may not be looked into."""

    unseen: list[SourceFile]
    unplaced: list[tuple[str, list[str]]]
    locked: list[str] = field(default_factory=list)


def look(home: Home, inboxes: Iterable[str], feeds: dict[str, Feed]) -> Look:
    """List the inboxes once, without reading a file. Raises SourceError when one cannot be listed."""
    known, found = Known.read(Ledger(home.ledger)), Look([], [])
    for file in (file for inbox in inboxes for file in list_inbox(inbox, found.locked)):
        owners = owners_of(feeds, file.relative_path)
        if len(owners) != 1:
            found.unplaced.append((file.relative_path, owners))
        elif sight(file) not in known.seen:
            found.unseen.append(file)
    return found


def owners_of(feeds: dict[str, Feed], relative_path: str) -> list[str]:
    """The feeds that take a file of this path below the inbox."""
    return [name for name, feed in feeds.items() if feed.matches(relative_path)]


def why_unplaced(path: str, owners: list[str]) -> str:
    """Why a file is not taken, and where to look. An archive is a file of its own only where it could not be taken apart."""
    if path.lower().endswith(".zip") and not owners:
        return ("an archive that is damaged, locked or empty, or has packed or unsafe files in it; none of them is taken. "
                "Which it is: `pxw check FILE --feed NAME`, with the feed its files are of")
    return f"matches {' and '.join(owners) or 'no feed'}; see 'files' in the feeds"


def still_unplaced(ledger: Ledger, feeds: dict[str, Feed]) -> list[dict[str, Any]]:
    """Files the ledger calls unplaced that today's feeds would not take either and that never came in: newest sight of each."""
    files: dict[str, dict[str, Any]] = {}
    for entry in ledger.entries(*OF_FILES):
        if entry["kind"] == "unplaced":
            files[entry["source_url"]] = entry
        else:
            files.pop(entry["source_url"], None)
    # Ledgers of earlier versions know the name only.
    owned = ((url, entry, owners_of(feeds, entry.get("relative_path") or entry["file_name"])) for url, entry in files.items())
    return [{"file_name": entry["file_name"], "source_url": url, "feeds": owners} for url, entry, owners in owned if len(owners) != 1]


@dataclass
class Known:
    """What the ledger says: files that landed and files that nobody takes (place, size, time), deliveries by feed and hash."""

    seen: set[tuple[str, int, str]] = field(default_factory=set)
    unplaced: set[tuple[str, int, str]] = field(default_factory=set)
    deliveries: dict[tuple[str, str], dict] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    _named: dict[str, dict[str, list[dict]]] = field(default_factory=dict)  # feed -> file name without its moment -> deliveries
    _unnamed: dict[str, list[dict]] = field(default_factory=dict)  # those of a feed that are not in there yet

    @classmethod
    def read(cls, ledger: Ledger) -> Known:
        """Fold the ledger."""
        known = cls()
        for entry in ledger.entries(*OF_FILES):
            if entry["kind"] == "repeat" and (entry["feed"], entry["sha256"]) not in known.deliveries:
                continue  # earlier versions took the bytes for those of another feed, and never loaded them
            sights = known.unplaced if entry["kind"] == "unplaced" else known.seen
            sights.add((entry["source_url"], entry.get("n_bytes_listed", entry["n_bytes"]), entry["modified_at"]))
            if entry["kind"] == "delivery":
                known.add(entry)
        return known

    def add(self, delivery: dict) -> None:
        """A delivery, by its entry."""
        self.deliveries[delivery["feed"], delivery["sha256"]] = delivery
        self.ids.add(delivery["delivery_id"])
        self._unnamed.setdefault(delivery["feed"], []).append(delivery)

    def called_alike(self, name: str, feed: Feed) -> list[dict]:
        """Deliveries of the feed under this name, whatever the part of it says that tells when."""
        named = self._named.setdefault(feed.feed, {})
        for delivery in self._unnamed.pop(feed.feed, ()):
            named.setdefault(stem(delivery["file_name"], feed), []).append(delivery)
        return named.get(stem(name, feed), [])


def sight(file: SourceFile) -> tuple[str, int, str]:
    """Place, size and time: a file that has the same is not read again."""
    return file.url, file.n_bytes, file.modified_at.isoformat()


def stem(name: str, feed: Feed) -> str:
    """The file name without the part that says when: two files with the same stem replace each other."""
    return re.sub(feed.order, "", name) if feed.order else name
