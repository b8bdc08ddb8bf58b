"""Where deliveries come from: folders and any other place fsspec can list.

Belongs here: listing the files below an inbox URL with size and modification time, opening them.
Does not belong here: keeping them (landing.py), deciding which feed they are (feed.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any


class SourceError(RuntimeError):
    """An inbox cannot be listed; the message says what to do."""


@dataclass(frozen=True)
class SourceFile:
    """One file as an inbox offers it. `relative_path` is below the inbox, with forward slashes."""

    inbox: str
    relative_path: str
    n_bytes: int
    modified_at: datetime
    filesystem: Any
    full_path: str

    @property
    def name(self) -> str:
        return self.relative_path.rpartition("/")[2]

    @property
    def url(self) -> str:
        return self.filesystem.unstrip_protocol(self.full_path)

    def open(self) -> IO[bytes]:
        return self.filesystem.open(self.full_path, "rb")


def list_inbox(url: str) -> Iterator[SourceFile]:
    """Every file below an inbox (folder path or URL such as sftp://host/dir, s3://bucket/dir), sorted by path.

    Hidden files and names that end in .part or .tmp are still being written and are left out.
    """
    import fsspec

    try:
        filesystem, root = fsspec.core.url_to_fs(url)
        found = filesystem.find(root, detail=True)
    except ImportError as error:
        raise SourceError(f"inbox {url}: {error}; install the package it names") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"inbox {url}: cannot be listed ({type(error).__name__})") from error
    if not found and not filesystem.isdir(root):
        raise SourceError(f"inbox {url}: there is no such folder")
    base = root.rstrip("/") + "/"
    for path, info in sorted(found.items()):
        relative = path.removeprefix(base)
        name = relative.rpartition("/")[2]
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if hidden or name.endswith((".part", ".tmp")):
            continue
        yield SourceFile(url, relative, info.get("size") or 0, _modified(filesystem, path, info), filesystem, path)


def _modified(filesystem: Any, path: str, info: dict) -> datetime:
    """The modification time in UTC, to the second: finer parts differ between file systems."""
    raw = info.get("mtime") or info.get("LastModified") or info.get("last_modified")
    if raw is None:
        try:
            raw = filesystem.modified(path)
        except NotImplementedError:
            raw = 0
    moment = raw if isinstance(raw, datetime) else datetime.fromtimestamp(float(raw), UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0)
