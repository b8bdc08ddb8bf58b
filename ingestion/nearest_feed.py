"""Which feed a file was probably meant for, when its name says nothing: by the columns that stand in its first bytes.

Belongs here: comparing the names a feed declares with the head of a file.
Does not belong here: reading the file (readers/), deciding that a feed takes it (its `files` alone do).
"""

from __future__ import annotations

import gzip
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingestion.feed import Feed
from ingestion.readers.content import GZIP

_HEAD = 200_000  # bytes: three header rows of a wide survey file are about 20,000
_AT_LEAST = 3  # columns in common; fewer are chance ("Date", "Name")
_SHARE_OF_BEST, _SHARE_OF_STRANGER = 0.5, 0.7  # of its columns: beside the best feed, and of one whose files end otherwise


@dataclass(frozen=True)
class Nearest:
    """A feed with how many of the columns it declares stand in the file."""

    feed: Feed
    n_found: int
    n_declared: int

    @property
    def share(self) -> float:
        """Share of the declared columns that stand in the file."""
        return self.n_found / self.n_declared

    @property
    def names(self) -> str:
        """What its files are called."""
        return " or ".join(glob.removeprefix("**/") for glob in self.feed.files)


def nearest_feeds(file: Path, feeds: Iterable[Feed], most: int = 3) -> list[Nearest]:
    """The feeds with the largest share of their columns in the file, best first; empty when none has three.

    Feeds whose files end otherwise (`.md` for `.csv`) need nearly all of their columns.
    """
    text = _head(file).casefold()
    ending = [part for part in file.suffixes if part.lower() not in (".gz", ".zip")][-1:] or [""]
    found = []
    for feed in feeds:
        names = {name.casefold() for name in _declared(feed)}
        n_found = sum(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None for name in names)
        is_alike = any(glob.lower().endswith(ending[0].lower()) for glob in feed.files)
        if names and n_found >= min(_AT_LEAST, len(names)) and (is_alike or n_found >= _SHARE_OF_STRANGER * len(names)):
            found.append(Nearest(feed, n_found, len(names)))
    found.sort(key=lambda one: (-one.share, one.feed.feed))
    return [one for one in found if one.share >= _SHARE_OF_BEST * found[0].share][:most]


def _declared(feed: Feed) -> set[str]:
    """Headers a feed names; of paths in XML and JSON the last part."""
    names = {name for spec in feed.all_columns.values() for name in (*spec.source, *spec.join)}
    return {last for name in names if len(last := re.split(r"[/.]", name.replace("@present", ""))[-1].strip()) > 1}


def _head(file: Path) -> str:
    """The first bytes as text; of a workbook its texts; empty when it cannot be read as either."""
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as whole:
                inside = [name for name in whole.namelist() if name in ("xl/sharedStrings.xml", "xl/worksheets/sheet1.xml")] or whole.namelist()[:1]
                return " ".join(_text(whole.open(name).read(_HEAD)) for name in inside)
        with file.open("rb") as handle:
            head = handle.read(_HEAD)
        if head.startswith(GZIP):
            with gzip.open(file) as handle:
                head = handle.read(_HEAD)
        return _text(head)
    except (OSError, EOFError, zipfile.BadZipFile, gzip.BadGzipFile, RuntimeError):  # RuntimeError: a member with a password
        return ""


def _text(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", errors="replace")
    text = head.decode("utf-8", errors="replace")
    # A last letter cut in two says nothing; anything else that UTF-8 does not know is the other encoding of spreadsheets.
    return head.decode("cp1252", errors="replace") if "\ufffd" in text.rstrip("\ufffd") else text
