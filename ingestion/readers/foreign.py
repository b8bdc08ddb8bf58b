"""A file without any of its feed's columns: what it is instead.

Belongs here: telling pages, other formats and rows of titles from a header that a vendor renamed.
Does not belong here: a header that lacks some columns (header_fit.py), binary formats (readers/__init__.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.readers import Refused
from ingestion.readers.content import describe_text
from ingestion.readers.headers import header_key

if TYPE_CHECKING:
    from ingestion.feed import Feed

_OTHER_FORMATS = ("an HTML page", "XML", "JSON")
_A_HEADER = 2  # names of the feed in one row; a single one may stand in a title ("Survey")


def refuse_foreign_text(start: bytes, names: list[str], rows: list[list[str]], feed: Feed) -> None:
    """Raise Refused when none of `names`, the header, is the feed's, and the beginning or the first `rows` say what the file is."""
    known = _known(feed)
    if known & {header_key(name) for name in names}:
        return
    found = describe_text(start)
    if found in _OTHER_FORMATS:
        raise Refused("wrong_content", f"the file is {found}, whatever its name says; the feed expects delimited text",
                      "Have the export made as text. A page in place of a file is often what a portal shows when the sign-in has lapsed: open it to see.")
    counts = [len(known & {header_key(cell) for cell in row}) for row in rows]
    if counts and max(counts) >= min(_A_HEADER, len(known)):
        n_above = counts.index(max(counts))
        raise Refused("title_rows", f"the header stands in row {n_above + 1} of the file, below {n_above} that {'is' if n_above == 1 else 'are'} not part of the table",
                      "Have the export made without titles, or set format.header_row to auto in the feed: the header is then looked for.")


def _known(feed: Feed) -> set[str]:
    """Every header the feed may read, those of long and wide form too."""
    names = {name for source in feed.source_names for name in (source, *source.split("|"))}
    if unpivot := feed.format.unpivot:
        names |= {name for headers in unpivot.columns.values() for name in headers}
    if pivot := feed.format.pivot:
        names |= {*pivot.key, *pivot.name, pivot.value}
    return {header_key(name) for name in names}
