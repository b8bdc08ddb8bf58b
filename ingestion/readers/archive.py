"""Zip archives: one file of data in a temporary file, within limits; anything doubtful is refused.

Belongs here: which members are data, limits on their number, size and ratio, names that lead outside.
Does not belong here: gzip (compression.py), the package of a workbook (workbook_package.py), what the data mean.

An archive in an inbox is taken apart where the inbox is listed (archive_members.py): each file in it is a
delivery of its own. A reader sees one file.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from ingestion.readers import Refused
from ingestion.readers.content import describe
from ingestion.readers.limits import refuse_oversize
from ingestion.readers.scratch import scratch

MAX_MEMBERS = 1_000
_WORKBOOKS = (".xlsx", ".xlsm")  # are zip packages themselves
_CHUNK_BYTES = 1 << 20
_SEND_AGAIN = "Ask the sender for the archive again, made of plain files; nothing of it was loaded."
# What operating systems add to an archive; never data.
_NO_DATA = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


def is_workbook(path: Path, is_expected: bool) -> bool:
    """Whether a zip is the package of an .xlsx workbook; a damaged one is when a workbook is expected."""
    try:
        with zipfile.ZipFile(path) as package:
            return any(name.startswith("xl/") or name == "[Content_Types].xml" for name in package.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return is_expected


def unpack_only_member(path: Path, max_bytes: int) -> Path:
    """The one file of data in a temporary file the caller removes. Raises Refused where there is none or several."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [entry.filename for entry in data_members(archive, path.stat().st_size, max_bytes)]
    except (zipfile.BadZipFile, ValueError, OSError, EOFError):
        raise Refused("damaged_archive", "the zip archive is cut off or damaged", _SEND_AGAIN) from None
    if len(members) != 1:
        raise Refused("archive_members", f"the zip archive holds {len(members)} files of data, a delivery is one file",
                      "Put the archive into the inbox, where each file in it becomes a delivery of its own, or unpack it first."
                      if members else _SEND_AGAIN)
    with scratch(".plain") as plain, plain.open("wb") as out:
        for chunk in content_of(path, members[0], max_bytes):
            out.write(chunk)
    return plain


def data_members(archive: zipfile.ZipFile, n_bytes: int, max_bytes: int) -> list[zipfile.ZipInfo]:
    """The files of data, in the order of the archive, which has `n_bytes`.

    Raises Refused for an encrypted archive, too many members or bytes, a repeated name, a name
    that leads outside, a link, overlapping members, or a ratio no text reaches.
    """
    entries = archive.infolist()
    _refuse_unsafe(entries, n_bytes, max_bytes)
    return [entry for entry in entries if not entry.is_dir() and not _NO_DATA.search(entry.filename)]


def content_of(packed: Path | IO[bytes], member: str, max_bytes: int) -> Iterator[bytes]:
    """The bytes of a member, counted while they are unpacked: the directory of an archive may lie."""
    n_bytes = 0
    try:
        with zipfile.ZipFile(packed) as archive, archive.open(member) as content:
            n_packed = archive.getinfo(member).compress_size
            while chunk := content.read(_CHUNK_BYTES):
                if not n_bytes:
                    _refuse_nested(chunk)
                n_bytes += len(chunk)
                refuse_oversize("the zip archive", n_bytes, n_packed, max_bytes)
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise Refused("damaged_archive", f"a file in the zip archive is damaged after {n_bytes:,} bytes", _SEND_AGAIN) from None


def is_nested(archive: zipfile.ZipFile, member: str) -> bool:
    """Whether a member is packed itself. One that cannot be read is not known to be."""
    try:
        with archive.open(member) as content:
            found = describe(content.read(16))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return False
    return bool(found) and not member.lower().endswith(_WORKBOOKS)


def _refuse_unsafe(entries: list[zipfile.ZipInfo], n_bytes: int, max_bytes: int) -> None:
    names = [entry.filename for entry in entries]
    if len(entries) > MAX_MEMBERS:
        raise Refused("unsafe_archive", f"the zip archive has {len(entries):,} members, more than {MAX_MEMBERS:,}", _SEND_AGAIN)
    if len({name.casefold() for name in names}) < len(names):
        raise Refused("unsafe_archive", "the zip archive holds two members of the same name", _SEND_AGAIN)
    if any(_leads_outside(name) for name in names):
        raise Refused("unsafe_archive", "a member of the zip archive has a path that leads outside of it", _SEND_AGAIN)
    if any(stat.S_ISLNK(entry.external_attr >> 16) for entry in entries):
        raise Refused("unsafe_archive", "the zip archive holds a link instead of a file", _SEND_AGAIN)
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused("encrypted_archive", "the zip archive is encrypted", "Have it sent without a password over a safe way.")
    if sum(entry.compress_size for entry in entries) > n_bytes:
        raise Refused("unsafe_archive", "members of the zip archive overlap", _SEND_AGAIN)
    refuse_oversize("the zip archive", sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries), max_bytes)


def _refuse_nested(start: bytes) -> None:
    found = describe(start)
    if found and "workbook" not in found:
        raise Refused("nested_archive", f"a member of the zip archive is itself {found}", _SEND_AGAIN)


def _leads_outside(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return name.startswith(("/", "\\")) or ".." in parts or ":" in name or "\0" in name or not PurePosixPath(name).name
