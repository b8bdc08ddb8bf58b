"""The ledger: everything that ever happened to a warehouse home, one JSON line each, appended only.

Belongs here: appending safely, reading, checking the chain of hashes.
Does not belong here: what the entries mean (catalogue.py) or files themselves (landing.py).

Each entry carries the SHA-256 of the line before it. A crash while writing leaves at most one torn
last line; the next writer sets it aside in `torn.jsonl` and goes on, so the chain stays readable.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.told import Told

GENESIS = "0" * 64


class LedgerBroken(Told):
    """The chain of hashes does not hold; the message names the line."""


class Ledger:
    """Append-only log of a home, in `ledger/ledger.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "ledger.jsonl"
        # Number and hash of the newest line: what tells a ledger that was cut off from one that ends there. Written
        # after the line, so after a crash it names an older one.
        self.head = folder / "head"

    def append(self, kind: str, **facts: Any) -> dict[str, Any]:
        """Write one entry durably and return it. One writer at a time; others wait."""
        return self.append_many([(kind, facts)])[0]

    def append_many(self, entries: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Write several entries with a single flush to disk."""
        if not entries:
            return []
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.path.open("a+b") as log:
                number, previous = self._mend(log)
                written = []
                for kind, facts in entries:
                    number += 1
                    entry = {"entry": number, "at": _now(), "kind": kind, **facts, "previous": previous}
                    line = json.dumps(entry, sort_keys=False, ensure_ascii=False, separators=(",", ":"))
                    previous = _digest(line)
                    log.write(line.encode() + b"\n")
                    written.append(entry)
                log.flush()
                os.fsync(log.fileno())
            self.head.write_text(f"{number} {previous}\n")
        return written

    def entries(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """Every whole entry in order, or those of `kinds`; a torn last line is passed over."""
        for _, entry in self._lines(kinds):
            yield entry

    def verify(self) -> int:
        """Check numbers and hashes of the whole chain; the number of entries, or LedgerBroken."""
        previous, count = GENESIS, 0
        known, known_hash = self._known_head()
        for line, entry in self._lines():
            count += 1
            if entry.get("entry") != count or entry.get("previous") != previous:
                raise LedgerBroken(f"{self.path}:{count}: the entry does not follow the one before it")
            previous = _digest(line)
            if count == known and previous != known_hash:
                raise LedgerBroken(f"{self.path}:{count}: the entry is not the one that was written")
        if count < known:
            raise LedgerBroken(f"{self.path}:{count + 1}: the ledger is cut off here; it had at least {known} entries")
        return count

    def newest(self) -> tuple[int, str]:
        """Number and hash of the newest whole entry; 0 and GENESIS where there is none."""
        if not self.path.exists():
            return 0, GENESIS
        with self.path.open("rb") as log:
            return _newest(_last_lines(log, log.seek(0, os.SEEK_END)))

    def _known_head(self) -> tuple[int, str]:
        try:
            number, _, digest = self.head.read_text().strip().partition(" ")
            return int(number), digest
        except (OSError, ValueError):
            return 0, GENESIS

    def _lines(self, kinds: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
        if not self.path.exists():
            return
        # Lines are written by this class only, so a line without these bytes is of another kind: it need not be parsed.
        marks = tuple(f'"kind":"{kind}"'.encode() for kind in kinds)
        with self.path.open("rb") as log:
            for number, line in enumerate(log, start=1):
                if not line.endswith(b"\n"):
                    return
                if marks and not any(mark in line for mark in marks):
                    continue
                try:
                    text = line[:-1].decode()
                    entry = json.loads(text)
                except ValueError:
                    raise LedgerBroken(f"{self.path}:{number}: not a ledger entry") from None
                if not kinds or entry["kind"] in kinds:
                    yield text, entry

    def _mend(self, log: Any) -> tuple[int, str]:
        """Set a torn last line aside; the number and hash of the last whole entry."""
        size = log.seek(0, os.SEEK_END)
        tail = _last_lines(log, size)
        if torn := tail.rpartition(b"\n")[2]:
            with (self.folder / "torn.jsonl").open("ab") as aside:
                aside.write(torn + b"\n")
            log.truncate(size - len(torn))
        return _newest(tail)


def _newest(tail: bytes) -> tuple[int, str]:
    """Number and hash of the last whole line at the end of the file."""
    last = tail.rpartition(b"\n")[0].rpartition(b"\n")[2].decode()
    return (json.loads(last)["entry"], _digest(last)) if last else (0, GENESIS)


def _last_lines(log: Any, size: int) -> bytes:
    """The end of the file, long enough to hold the last whole line."""
    span = 65_536
    while True:
        start = max(0, size - span)
        log.seek(start)
        tail = log.read(size - start)
        if start == 0 or tail.count(b"\n") >= 2:
            return tail
        span *= 4


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
