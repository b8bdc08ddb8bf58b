"""Where deliveries come from: folders, SFTP and web servers, buckets, and what else fsspec can list.

Belongs here: listing the files below an inbox URL with size and modification time, opening them,
credentials that stay out of every message and record.
Does not belong here: keeping files (landing.py), deciding which feed they are (feed.py), reading the
pages of a web server (web_inbox.py), which kinds of URL there are and what they need (docs/inboxes.md).
"""

from __future__ import annotations

import logging
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ingestion.archive_members import members_of
from ingestion.told import Told

if TYPE_CHECKING:
    from ingestion.archive_members import ZipMember

_CHUNK = 4 << 20
_NO_FILES = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)
_PATIENCE = 30  # seconds a server may take to answer
# Packages that are not part of the usual installation: protocol -> (package, extra of this project).
_EXTRAS = {"sftp": ("paramiko", "sftp"), "ssh": ("paramiko", "sftp"), "s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3")}


class SourceError(Told):
    """An inbox cannot be listed or read; the message says what to do and holds no credentials."""


class NotNow(SourceError):
    """One file cannot be taken now, which says nothing about the others of its inbox."""


class StillMoving(NotNow):
    """A file has not the size it was listed with: it is still being written, or was cut off on its way."""


@dataclass(frozen=True)
class SourceFile:
    """One file as an inbox offers it. `relative_path` is below the inbox, with forward slashes, in readable text; n_bytes is 0 where the place does not tell."""

    inbox: str
    relative_path: str
    n_bytes: int
    modified_at: datetime
    filesystem: Any
    full_path: str
    server: str = ""

    @property
    def name(self) -> str:
        return self.relative_path.rpartition("/")[2]

    @property
    def url(self) -> str:
        """Where the file is, with the server and without credentials."""
        path = readable(self.full_path)
        return self.server + path if self.server else safe_url(self.filesystem.unstrip_protocol(path))

    def open(self) -> IO[bytes]:
        return self.filesystem.open(self.full_path, "rb")

    def chunks(self) -> Iterator[bytes]:
        """The bytes in pieces. Raises SourceError when the place stops giving them, StillMoving when their number is not the one listed."""
        n_read = 0
        for chunk in chunks_of(self):
            n_read += len(chunk)
            yield chunk
        if self.n_bytes and n_read != self.n_bytes:
            raise StillMoving(f"{n_read:,} bytes of {self.relative_path} came where {self.n_bytes:,} were listed: it is still being written, or the "
                              "connection was cut")


def chunks_of(file: SourceFile | ZipMember) -> Iterator[bytes]:
    """The bytes of a file in pieces. Raises NotNow when this file is kept from us, SourceError when the place stops giving bytes."""
    n_read = 0
    try:
        with file.open() as source:
            while chunk := source.read(_CHUNK):
                n_read += len(chunk)
                yield chunk
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise NotNow(f"{file.relative_path} cannot be read, {_why(error)}; it was taken away since, is a link to nothing, or is not ours to read") from None
    except Exception as error:  # every library has errors of its own
        raise SourceError(
            f"inbox {safe_url(file.inbox)}: {file.relative_path} cannot be read, {_why(error)} after {n_read:,} bytes; nothing of it is kept, "
            "files before it are; the next run goes on from here") from None


def list_inbox(url: str, locked: list[str] | None = None) -> Iterator[SourceFile]:
    """Every file below an inbox (folder path or URL such as sftp://host/dir, https://host/dir/), sorted by path.

    `${NAME}` in a URL is replaced by that environment variable. Hidden files and names that end in .part
    or .tmp are still being written and are left out, as are pipes and devices: reading one may wait for ever.
    Of a zip archive every file in it. Folders that may not be looked into are added to `locked`, by their
    path below the inbox. Raises SourceError.
    """
    shown, url = safe_url(url), _with_secrets(url)
    protocol = url.partition("://")[0].lower() if "://" in url else ""
    try:
        filesystem, root, found, closed = _found(url, protocol)
        if root in found:
            raise SourceError("it is a file, not a folder; name its folder, or look at it with `pxw check`")
        is_missing = not found and not filesystem.isdir(root)
    except ImportError as error:
        raise SourceError(_what_to_install(shown, protocol, error)) from None
    except SourceError as error:
        raise SourceError(f"inbox {shown}: {error}") from None
    except Exception as error:  # every library has errors of its own; their texts may quote the URL, so only kinds are told
        raise SourceError(f"inbox {shown}: cannot be listed, {_why(error)}") from None
    if is_missing:
        raise SourceError(f"inbox {shown}: there is no such folder")
    server = _server(url) if protocol in ("sftp", "ssh", "ftp", "smb") else ""
    base = root.rstrip("/") + "/"
    if locked is not None:
        locked += sorted(readable(path.removeprefix(base)) for path in closed if "/." not in path.removeprefix(root))
    for path, info in sorted(found.items()):
        relative = path.removeprefix(base)
        name = relative.rpartition("/")[2]
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if hidden or name.endswith((".part", ".tmp")) or stat.S_IFMT(info.get("mode") or 0) in _NO_FILES:
            continue
        file = SourceFile(shown, readable(relative), info.get("size") or 0, _modified(filesystem, path, info), filesystem, path, server)
        yield from members_of(file) if name.lower().endswith(".zip") else (file,)


def readable(path: str) -> str:
    """The path as text that can be written and printed: bytes that are no UTF-8, line ends and other control characters as escapes."""
    return "".join(sign.encode("unicode_escape").decode() if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in path)


def safe_url(url: str) -> str:
    """A URL without user, password, query and fragment, fit for messages and the ledger; a folder stays as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _found(url: str, protocol: str) -> tuple[Any, str, dict[str, dict], list[str]]:
    """Something that opens paths, the path of the inbox in it, its files by path, and folders that may not be looked into."""
    if protocol in ("http", "https"):
        from ingestion.web_inbox import WebPlace

        place = WebPlace(url, _PATIENCE)
        return place, place.root, place.find(), []
    import fsspec

    if protocol in ("sftp", "ssh"):
        filesystem, root = _sftp(url)
    else:
        filesystem, root = fsspec.core.url_to_fs(url)
    if type(filesystem).find is not fsspec.AbstractFileSystem.find:  # buckets have no folders
        return filesystem, root, filesystem.find(root, detail=True), []
    return filesystem, root, *_walked(filesystem, root)


def _walked(filesystem: Any, root: str) -> tuple[dict[str, dict], list[str]]:
    """Files below a folder by path, and folders that may not be looked into. The library's own walk passes over what it cannot list, whatever the reason."""
    files, locked, folders = {}, [], [root]
    while folders:
        folder = folders.pop()
        try:
            listing = filesystem.ls(folder, detail=True)
        except PermissionError:
            if folder == root:
                raise
            locked.append(folder)
            continue
        except FileNotFoundError:  # taken away since; where it is the inbox itself, the caller says so
            continue
        for info in listing:
            path = info["name"].rstrip("/")
            if info["type"] != "directory":
                files[path] = info
            elif path != folder:
                folders.append(path)
    return files, locked


def _sftp(url: str) -> tuple[Any, str]:
    """A fresh connection: the library would hand out a broken one again, and would not decode the password."""
    import fsspec

    from ingestion.known_hosts import KnownHosts

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it logs tracebacks of what is told here in a sentence
    parts = urlsplit(url)
    who = {name: unquote(value) for name, value in (("username", parts.username), ("password", parts.password)) if value is not None}
    waits = dict.fromkeys(("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), _PATIENCE)
    filesystem = fsspec.filesystem("sftp", host=parts.hostname, port=parts.port or 22, host_key_policy=KnownHosts(), skip_instance_cache=True, **who, **waits)
    return filesystem, unquote(parts.path)


def _with_secrets(url: str) -> str:
    """`${NAME}` replaced, so that no settings file needs a password in it."""
    if "://" not in url:
        return url

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SourceError(f"inbox {safe_url(url)}: it needs the environment variable {match[1]}, which is not set")
        return quote(os.environ[match[1]], safe="")

    return re.sub(r"\$\{(\w+)\}", value, url)


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _what_to_install(shown: str, protocol: str, error: ImportError) -> str:
    if protocol in _EXTRAS:
        package, extra = _EXTRAS[protocol]
        return (f"inbox {shown}: {protocol}:// needs the package {package}, which is not installed; add it with "
                f"`.venv/bin/python -m pip install {package}` (extra `{extra}` of this project)")
    return f"inbox {shown}: {protocol}:// needs a package that is not installed ({error.name or error})"


def _why(error: Exception) -> str:
    """The kind of an error in words, without its text: that may quote an address with a password in it."""
    kinds = {type(one).__name__ for one in (error, error.__cause__, error.__context__) if one is not None}
    if kinds & {"AuthenticationException", "BadAuthenticationType", "PasswordRequiredException"}:
        return "the server refuses the user name, password or key"
    if isinstance(error, ValueError) and "Protocol not known" in str(error):
        return "this kind of URL is not known (docs/inboxes.md lists the kinds)"
    if isinstance(error, FileNotFoundError):
        return "there is no such folder or file"
    if isinstance(error, PermissionError):
        return "the place does not permit it"
    if isinstance(error, (ConnectionRefusedError,)) or "NoValidConnectionsError" in kinds:
        return "nothing answers at that address and port"
    if isinstance(error, TimeoutError):
        return f"no answer within {_PATIENCE} seconds"
    if isinstance(error, (ConnectionError, EOFError)) or kinds & {"SSHException", "IncompleteRead", "ProtocolError"}:
        return f"the connection broke ({type(error).__name__})"
    return type(error).__name__


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
