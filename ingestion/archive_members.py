"""Files inside a zip archive of an inbox: each is offered as a file of its own.

Belongs here: taking a safe archive apart while an inbox is listed, opening one member.
Does not belong here: which archives are safe (readers/archive.py), where inboxes are (sources.py).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.sources import SourceFile

MAX_BYTES = 20_000_000_000  # of all members together, unpacked; the default of a single file


@dataclass(frozen=True)
class ZipMember:
    """One file in an archive, with what a file of an inbox has; its time is that of the archive."""

    archive: SourceFile
    member: str
    n_bytes: int

    @property
    def inbox(self) -> str:
        return self.archive.inbox

    @property
    def relative_path(self) -> str:
        return f"{self.archive.relative_path}/{self.member}"

    @property
    def name(self) -> str:
        return self.member.rpartition("/")[2]

    @property
    def url(self) -> str:
        return f"{self.archive.url}!/{self.member}"

    @property
    def modified_at(self):
        return self.archive.modified_at

    @property
    def filesystem(self):
        return self.archive.filesystem

    def open(self) -> IO[bytes]:
        """The bytes of the member, unpacked to a temporary file first. Of a damaged one the archive itself: its
        reader then says what is wrong, as of any delivery.
        """
        import tempfile

        from ingestion.readers import Refused
        from ingestion.readers.archive import content_of

        out = tempfile.TemporaryFile(prefix="pxw-")  # noqa: SIM115 the caller closes it
        try:
            with self.archive.open() as packed:
                for chunk in content_of(packed, self.member, MAX_BYTES):
                    out.write(chunk)
        except Refused:
            out.close()
            return self.archive.open()
        out.seek(0)
        return out

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces; of a damaged member those of the archive. Raises SourceError when the place stops giving them."""
        from ingestion.sources import chunks_of

        yield from chunks_of(self)


def members_of(file: SourceFile) -> Iterator[SourceFile | ZipMember]:
    """The files of data in an archive; the archive itself where it is none, not safe to take apart, or holds nothing."""
    from ingestion.readers.archive import data_members, is_nested

    try:
        with file.open() as packed, zipfile.ZipFile(packed) as archive:
            found = data_members(archive, file.n_bytes, MAX_BYTES)
            is_plain = not any(one.filename.startswith("xl/") or is_nested(archive, one.filename) for one in found)
    except Exception:  # noqa: BLE001 a server that cannot seek, an archive still on its way: landing says what is wrong with it
        found, is_plain = [], False
    if not found or not is_plain:
        yield file
        return
    yield from (ZipMember(file, one.filename, one.file_size) for one in found)
