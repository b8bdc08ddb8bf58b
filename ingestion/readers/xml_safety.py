"""Limits on an XML file before and while it is parsed.

Belongs here: refusing document types and what is no XML, bounding the size of one record.
Does not belong here: the parser's own switches (xml.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingestion.readers import Refused
from ingestion.readers.content import describe_text

# An HCAHPS record is about 2 KB. The limit bounds memory whatever the file holds: a tree takes up to 30 times its text.
MAX_RECORD_BYTES = 4 << 20
_CHUNK_BYTES = 1 << 18


def refuse_unsafe_prolog(path: Path) -> None:
    """Raise Refused for a document type declaration (entities can only come from one) or for no XML at all.

    A declaration can stand only before the root element, so this reads the first few hundred bytes.
    expat does it because it reports the declaration before it acts on it.
    """
    from xml.parsers import expat

    class RootReached(Exception):
        pass

    def root(*_: object) -> None:
        raise RootReached

    def doctype(*_: object) -> None:
        raise Refused("unsafe_xml", f"the XML declares a document type at line {parser.CurrentLineNumber}; "
                      "entities and external references are not read",
                      "Have the file exported without a DOCTYPE.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = root, doctype
    n_read = 0
    with path.open("rb") as handle:
        start = handle.read(64)
        handle.seek(0)
        try:
            while n_read < MAX_RECORD_BYTES and (chunk := handle.read(_CHUNK_BYTES)):
                n_read += len(chunk)
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except RootReached:
            return
        except (expat.ExpatError, LookupError, ValueError):
            pass
    raise Refused("not_xml", f"the file is not XML: it begins with {describe_text(start)} and no root element "
                  f"was found by line {parser.CurrentLineNumber}",
                  "Check that the file belongs to this feed and is in the encoding it declares.")


class Bounded:
    """The file, for the parser; refuses when too many bytes pass without a complete record."""

    def __init__(self, handle: Any, record: str) -> None:
        self._handle, self._record = handle, record
        self._n_read = self._n_marked = 0
        self.is_at_end = False

    def read(self, n_bytes: int = _CHUNK_BYTES) -> bytes:
        """The next bytes. Raises Refused when a record is too large."""
        chunk = self._handle.read(n_bytes)
        self.is_at_end = not chunk
        self._n_read += len(chunk)
        if self.since_mark() > MAX_RECORD_BYTES:
            raise Refused("record_too_large", f"no complete <{self._record}> in the {MAX_RECORD_BYTES >> 20} MB "
                          f"that end at byte {self._n_read:,}",
                          "Check format.record in the feed, or ask the sender for the file again.")
        return chunk

    def mark(self) -> None:
        """Say that a record is complete."""
        self._n_marked = self._n_read

    def since_mark(self) -> int:
        """Bytes handed out since the last complete record (to the size of a chunk)."""
        return self._n_read - self._n_marked
