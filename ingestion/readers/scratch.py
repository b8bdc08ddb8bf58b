"""Temporary files of a reader: rows of people, so a failure leaves none behind.

Belongs here: making such a file, removing files when what they were made for fails.
Does not belong here: removing them in the end (Source.close), what is written into them.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def removed_on_failure(files: list[Path]) -> Iterator[None]:
    """Remove `files`, as they are then, when the block fails; after a whole one they are the caller's to remove."""
    try:
        yield
    except BaseException:
        for path in files:
            path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def scratch(suffix: str) -> Iterator[Path]:
    """A new empty file that only its owner can read; removed when the block fails."""
    with tempfile.NamedTemporaryFile(prefix="pxw-", suffix=suffix, delete=False) as made:
        path = Path(made.name)
    with removed_on_failure([path]):
        yield path
