"""Where a warehouse keeps its things: the layout below `PXW_HOME`.

Belongs here: names of folders and files of a warehouse home, writing a file so that a crash leaves
the old one or the new one.
Does not belong here: what is inside those files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


class Home:
    """One warehouse home. Only `landing`, `ledger` and `config` are state; the rest can be rebuilt. `inbox` is where files come from unless told otherwise."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).expanduser().absolute()
        self.inbox = self.root / "inbox"
        self.landing = self.root / "landing"
        self.ledger = self.root / "ledger"
        self.config = self.root / "config"
        self.raw = self.root / "raw"
        self.build = self.root / "build"
        self.published = self.root / "published"  # a link into publications
        self.publications = self.root / "publications"
        self.dagster = self.root / "dagster"
        self.docs = self.root / "docs"

    @classmethod
    def from_env(cls) -> Home:
        """The home named by `PXW_HOME`, by default `warehouse/` in the working directory."""
        return cls(os.environ.get("PXW_HOME") or "warehouse")

    @property
    def input(self) -> Path:
        """What a build reads: links to accepted raw Parquet, the catalogue, the definitions."""
        return self.build / "input"

    @property
    def own_feeds(self) -> Path:
        """Feeds of this home, beside those shipped."""
        return self.config / "feeds"

    @property
    def own_definitions(self) -> Path:
        """measures/, kpis/ or both of this home, beside those shipped."""
        return self.config / "definitions"

    @property
    def build_file(self) -> Path:
        """The DuckDB file dbt writes. Disposable."""
        return self.build / "px.duckdb"

    @property
    def dbt(self) -> Path:
        """The rendered dbt project that is run."""
        return self.build / "dbt"

    @property
    def restricted(self) -> Path:
        """Free text of deliveries, one Parquet each, readable by the owner only."""
        return self.raw / "restricted"

    def create(self) -> Home:
        """Make the folders that must exist. All but what is published and the pages are for their owner alone: they hold rows of people."""
        self.root.mkdir(parents=True, exist_ok=True)
        for private in (self.landing, self.ledger, self.config, self.raw, self.restricted, self.build, self.dagster):
            private.mkdir(exist_ok=True)
            private.chmod(0o700)
        return self

    def clear_unfinished(self) -> None:
        """Remove what a crash left under a name of its own: bytes on their way in, raw Parquet, a publication. For who holds the home."""
        places = ((self.landing, ".*.part"), (self.raw, "*/*/.*.part"), (self.restricted, "*/*/.*.part"), (self.publications, ".next-*"))
        for left in (path for folder, names in places for path in folder.glob(names)):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex, read as a stream."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fsync_dir(folder: Path) -> None:
    """Make a rename inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def for_owner_alone() -> Iterator[None]:
    """What is written meanwhile, by libraries too that ask nobody, is for the owner alone. It holds for the whole process: not beside a publication."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def replacing(target: Path, *, is_durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it takes the target's name in one rename.

    With `is_durable` the bytes and the rename reach the disk before the block ends.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        if is_durable:
            with part.open("rb") as done:
                os.fsync(done.fileno())
        part.replace(target)
        if is_durable:
            fsync_dir(target.parent)
    finally:
        part.unlink(missing_ok=True)
