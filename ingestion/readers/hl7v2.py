"""HL7 v2 messages (pipes and hats) to rows of text: one row per message, columns named as HL7 names its fields.

Belongs here: framing, segments, which message types are read, notes about what was not.
Does not belong here: fields and escapes (hl7_message.py), what an event does to a visit (dbt core), types and codes (conform.py).

Own reader, because the maintained libraries build a whole object tree of every message and hold a file in
memory: python-hl7 0.4.5 parsed 2,700 ADT messages a second and hl7apy 1.3.5 74, where splitting the wanted
segments reads 25,000 and streams. Checked against python-hl7's rules for separators, repetitions and escapes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingestion.readers import Refused, Source
from ingestion.readers.content import describe_text
from ingestion.readers.hl7_message import BadHeader, FieldPath, Header, parse_path
from ingestion.readers.limits import MAX_RECORD_BYTES
from ingestion.readers.spool import Spool

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed

# An ADT message is about 1 KB; one with an embedded document may be a few MB.
_CHUNK_BYTES = 1 << 20
# MLLP frames a message as <VT> message <FS><CR>; files have either frame, or bare segments ended by CR, LF or both.
_BREAKS = re.compile(rb"[\r\n\x0b\x1c]+")
_SEGMENT = re.compile(rb"[A-Z][A-Z0-9]{2}$")
_ENVELOPES = (b"FHS", b"BHS", b"BTS", b"FTS")
Record = tuple[dict[bytes, bytes], int, str | None]


def open(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:  # noqa: A001 the readers' common name
    """Messages as rows. Columns: `PV1-19` (a field), `PID-3.1` (component), `PID-3[2].1` (repetition), `PV1-19.1+4`
    (components joined with ^), `group` (1 for the first patient of a message, 2 for the next: a merge may name several).

    `_problem`: bad_header, message_too_long, invalid_encoding, segment_without_message. With `record: ADT` in
    the format only messages of that type (MSH-9.1) are rows; others are counted in the notes.
    Raises Refused for a file without a single message.
    """
    with path.open("rb") as handle:
        _refuse_other_text(handle.read(1 << 12))
    paths = [parse_path(name) for name in feed.source_names]
    notes: Counter[str] = Counter()
    with path.open("rb") as handle, Spool(feed.source_names) as spool:
        for segments, n_bytes, problem in _messages(handle, notes):
            _add(spool, segments, n_bytes, problem, paths, feed, notes)
    told = [f"{what}: {n}" for what, n in sorted(notes.items())]
    return Source(spool.relation(), list(feed.source_names), told, [spool.path])


def _add(spool: Spool, segments: list[bytes], n_bytes: int, problem: str | None, paths: list[FieldPath], feed: Feed, notes: Counter) -> None:
    """One row per patient group of a message, or one row that says why there is none."""
    nothing = [None] * len(paths)
    if problem is None:
        try:
            header = Header.of(segments[0], feed.format.encoding)
            kind = header.message_type()
            if feed.format.record and kind != feed.format.record:
                notes[f"messages of type {kind or 'none'}, not read"] += 1
                return
            wanted = {path.segment for path in paths}
            for number, group in enumerate(_groups(segments), start=1):
                fields = {name: segment.split(header.field) for name, segment in group.items() if name in wanted}
                spool.add([header.value(fields, one, number) for one in paths], None, n_bytes)
            return
        except BadHeader:
            problem = "bad_header"
        except UnicodeDecodeError:
            problem = "invalid_encoding"
    spool.add(nothing, problem, n_bytes)


def _groups(segments: list[bytes]) -> Iterator[dict[bytes, bytes]]:
    """The first segment of each name, per patient: a second PID begins another group that shares MSH and EVN."""
    shared: dict[bytes, bytes] = {}
    group: dict[bytes, bytes] = {}
    for segment in segments:
        name = segment[:3]
        if name == b"PID" and name in group:
            yield shared | group
            group = {}
        (shared if name in (b"MSH", b"EVN") else group).setdefault(name, segment)
    yield shared | group


def _messages(handle: BinaryIO, notes: Counter) -> Iterator[tuple[list[bytes], int, str | None]]:
    """Segments of each message with its size; in memory one message at a time."""
    message: list[bytes] = []
    size, is_cut, n_in_batch = 0, False, 0
    for line in _lines(handle):
        name = line[:3]
        if name == b"MSH" or name in _ENVELOPES:
            if message:
                yield message[:1] if is_cut else message, size, "message_too_long" if is_cut else None
            message, size, is_cut = [], 0, False
            if name == b"BTS":
                _check_batch(line, n_in_batch, notes)
            n_in_batch = n_in_batch + 1 if name == b"MSH" else 0
            if name != b"MSH":
                continue
        elif not message:
            yield [], len(line), "segment_without_message"
            continue
        size += len(line)
        is_cut = is_cut or size > MAX_RECORD_BYTES
        if name == b"MSH" or (not is_cut and _SEGMENT.match(name)):
            message.append(line)
        elif not is_cut:
            notes["lines that begin no segment, not read"] += 1
    if message:
        yield message[:1] if is_cut else message, size, "message_too_long" if is_cut else None


def _lines(handle: BinaryIO) -> Iterator[bytes]:
    """Segments as lie in the file, without the ends; one longer than a message may be is given in pieces."""
    rest = b""
    while chunk := handle.read(_CHUNK_BYTES):
        *whole, rest = _BREAKS.split(rest + chunk)
        yield from (line for line in (part.strip(b" \t\xef\xbb\xbf") for part in whole) if line)
        if len(rest) > MAX_RECORD_BYTES:
            yield rest
            rest = b"~"  # goes on inside the same segment: begins none
    if rest := rest.strip():
        yield rest


def _check_batch(trailer: bytes, n_messages: int, notes: Counter) -> None:
    """BTS-1 says how many messages the batch holds; a batch cut short is told."""
    said = trailer[4:].split(trailer[3:4])[0] if len(trailer) > 4 else b""
    if said.isdigit() and int(said) != n_messages:
        notes[f"batch trailers that say {int(said)} messages where there are {n_messages}"] += 1


def _refuse_other_text(start: bytes) -> None:
    names = {line.strip(b" \t\xef\xbb\xbf")[:3] for line in _BREAKS.split(start) if line.strip()}
    if not names & {b"MSH", *_ENVELOPES}:
        raise Refused("not_hl7v2", f"the file holds {describe_text(start)}, not HL7 v2 messages",
                      "Have the interface engine write the messages as they are, each beginning with MSH.")
