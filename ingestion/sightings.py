"""The same bytes seen several times: when they are one delivery, and when sending them again undoes a correction.

Belongs here: which entries of the ledger about files are deliveries, their ids, what took the place of what.
Does not belong here: writing such entries (landing.py), the state of a delivery (catalogue.py).

Bytes that come twice with nothing in between count once, at the earlier of their own moments. Where other bytes took
their place in between, the second coming is a delivery of its own: who sends a file again after its correction
means that it shall hold. Both depend on the files' own moments, not on when which was seen.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from ingestion.feed import Feed
from ingestion.known_files import stem
from ingestion.ledger import Ledger

ID_LENGTH = 16
Entry = dict[str, Any]


def order_key(entry: Entry) -> tuple[str, int, str]:
    """Deliveries sort by their own moment, version number and id."""
    return entry["delivered_at"], entry["delivery_sequence"], entry["delivery_id"]


def again_id(entry: Entry) -> str:
    """The id of bytes that came again at this moment, as a delivery of its own."""
    return hashlib.sha256(f"{entry['feed']} {entry['sha256']} {entry['delivered_at']} {entry['delivery_sequence']}".encode()).hexdigest()[:ID_LENGTH]


def sightings(ledger: Ledger) -> list[Entry]:
    """Entries about files that came in, in the order they were written."""
    found: list[Entry] = []
    landed: set[tuple[str, str]] = set()
    for entry in ledger.entries("delivery", "repeat"):
        if entry["kind"] == "delivery":
            landed.add((entry["feed"], entry["delivery_id"]))
        if (entry["feed"], entry["delivery_id"]) in landed:  # earlier versions took bytes for a repeat of another feed's
            found.append(entry)
    return found


def entries_by_id(ledger: Ledger) -> dict[str, Entry]:
    """The entry of every id a delivery has or once had."""
    found = sightings(ledger)
    return {again_id(entry): entry for entry in found} | {entry["delivery_id"]: entry for entry in found if entry["kind"] == "delivery"}


def standing(found: Iterable[Entry], feeds: dict[str, Feed]) -> list[Entry]:
    """The deliveries among sightings of `feeds`: of any bytes the earliest, and later ones that came after others had taken their place."""
    alike: dict[str, list[Entry]] = {}
    for entry in found:
        if entry["feed"] in feeds:
            alike.setdefault(entry["delivery_id"], []).append(entry)
    landed = {key: next(entry for entry in entries if entry["kind"] == "delivery") for key, entries in alike.items()}
    alike = {key: _dated(entries) for key, entries in alike.items()}
    first = [_moved(landed[key], min(entries, key=order_key)) for key, entries in alike.items()]
    if not any(len(entries) > 1 for entries in alike.values()):
        return first
    places = _places(alike.values(), feeds)
    again = [entry for entries in alike.values() if len(entries) > 1 for entry in _again(sorted(entries, key=order_key), places, feeds)]
    return _superseding([*first, *again], {entry["delivery_id"] for entry in again}, feeds)


def _dated(entries: list[Entry]) -> list[Entry]:
    """Those whose name has a day of a calendar; all, where none has."""
    return [entry for entry in entries if not entry.get("no_day")] or entries


def _moved(delivery: Entry, earliest: Entry) -> Entry:
    """The delivery at the earliest moment its bytes were seen at."""
    return delivery | {key: earliest.get(key) for key in ("delivered_at", "delivery_sequence", "no_day")}


def place_of(file_name: str, source_url: str, feed: Feed) -> str:
    """What files have in common that take each other's place: their name but for the part that says when. A name that says nothing is told
    from its namesakes by its folder: a copy to another folder is younger and corrects nothing."""
    name = stem(file_name, feed)
    return source_url if name == file_name else name


def _place(entry: Entry, feeds: dict[str, Feed]) -> tuple[str, str]:
    return entry["feed"], place_of(entry["file_name"], entry["source_url"], feeds[entry["feed"]])


def _places(alike: Iterable[list[Entry]], feeds: dict[str, Feed]) -> dict[tuple[str, str], list[tuple]]:
    """Of each place the sightings in their order."""
    places: dict[tuple[str, str], list[tuple]] = {}
    for entries in alike:
        for entry in entries:
            places.setdefault(_place(entry, feeds), []).append(order_key(entry))
    return {place: sorted(keys) for place, keys in places.items()}


def _again(entries: list[Entry], places: dict[tuple[str, str], list[tuple]], feeds: dict[str, Feed]) -> list[Entry]:
    """Of sightings of the same bytes, in their order, the later ones that are deliveries of their own."""
    found, last = [], entries[0]
    for entry in entries[1:]:
        between = (key for one in (last, entry) for key in _between(places[_place(one, feeds)], order_key(last), order_key(entry)))
        if any(key[2] != entry["delivery_id"] for key in between):
            found.append(entry | {"delivery_id": again_id(entry)})
            last = entry
    return found


def _between(keys: list[tuple], start: tuple, end: tuple) -> list[tuple]:
    return keys[bisect_right(keys, start):bisect_right(keys, end)]


def _superseding(entries: list[Entry], again: set[str], feeds: dict[str, Feed]) -> list[Entry]:
    """The entries, where one is of bytes that came again with what it took the place of, or what took its place."""
    newest: dict[tuple[str, str], Entry] = {}
    done = []
    for entry in sorted(entries, key=order_key):
        before = newest.get(_place(entry, feeds))
        if before and again & {before["delivery_id"], entry["delivery_id"]}:
            entry = entry | {"supersedes": [before["delivery_id"]]}
        newest[_place(entry, feeds)] = entry
        done.append(entry)
    return done
