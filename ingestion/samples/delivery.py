"""Writing sample files, and the record of what was planted in them.

Belongs here: file names, modification times, row counts, the index of planted cases.
Does not belong here: any content of a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

_HOUR_SENT = 6  # UTC; only the day matters, names carry it too


@dataclass(frozen=True)
class SampleFile:
    """One file written: `path` below the inbox, data records in it, and what was planted (word -> count)."""

    feed: str
    path: str
    n_rows: int
    n_bytes: int
    delivered_on: date
    planted: dict[str, int] = field(default_factory=dict)
    about: str = ""  # path of the file that this one repeats or corrects


@dataclass(frozen=True)
class Planted:
    """What a sample contains on purpose. Paths are below the inbox, counts are data records.

    `quarantined` counts, per file, the records that cannot be accepted; `planted` sums the planted words over
    all files but the copies, e.g. planted["test_cases"].
    """

    n_rows: dict[str, int]  # per feed, copies left out
    duplicates: dict[str, str]  # copy -> original
    corrections: dict[str, str]  # correction -> corrected
    held: list[str]
    late: list[str]
    quarantined: dict[str, int]
    planted: dict[str, int]


# Planted words whose records must end in quarantine.
REJECTED = ("bad_date", "missing_key", "duplicate_key", "malformed_line", "bad_number", "malformed_json")


def summarise(files: list[SampleFile]) -> Planted:
    """The index of a whole sample."""
    originals = [one for one in files if not one.planted.get("copy")]
    n_rows: dict[str, int] = {}
    words: dict[str, int] = {}
    for one in originals:
        n_rows[one.feed] = n_rows.get(one.feed, 0) + one.n_rows
        for word, count in one.planted.items():
            words[word] = words.get(word, 0) + count
    rejected = {one.path: sum(one.planted.get(word, 0) for word in REJECTED) for one in originals}
    return Planted(
        n_rows=n_rows,
        duplicates={one.path: one.about for one in files if one.planted.get("copy")},
        corrections={one.path: one.about for one in files if one.planted.get("correction")},
        held=[one.path for one in originals if one.planted.get("held")],
        late=[one.path for one in originals if one.planted.get("late_file")],
        quarantined={path: count for path, count in rejected.items() if count},
        planted=words,
    )


class Inbox:
    """The folder that receives the sample. Each file is written under a temporary name and then renamed."""

    def __init__(self, folder: Path, progress: Callable[[str], None] | None = None) -> None:
        self.folder = folder
        self.files: list[SampleFile] = []
        self._progress = progress

    def add(self, feed: str, path: str, delivered_on: date, write: Callable[[Path], int],
            planted: dict[str, int] | None = None, about: str = "") -> SampleFile:
        """Let `write` fill a file and return its number of data records; stamp it with the day it was sent."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        n_rows = write(part)
        sent = datetime(delivered_on.year, delivered_on.month, delivered_on.day, _HOUR_SENT, tzinfo=UTC).timestamp()
        os.utime(part, (sent, sent))
        part.replace(target)
        found = {word: count for word, count in (planted or {}).items() if count}
        one = SampleFile(feed, path, n_rows, target.stat().st_size, delivered_on, found, about)
        self.files.append(one)
        if self._progress:
            self._progress(f"{path}: {n_rows:,} rows")
        return one

    def copy(self, original: SampleFile, path: str, delivered_on: date) -> SampleFile:
        """The same bytes under a second name."""
        def write(part: Path) -> int:
            part.write_bytes((self.folder / original.path).read_bytes())
            return original.n_rows

        return self.add(original.feed, path, delivered_on, write, {"copy": 1}, original.path)
