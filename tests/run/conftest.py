"""Whole runs of the `pxw` command on homes of their own.

Belongs here: starting pxw as a user does, the home of the small sample that several tests look at.
Does not belong here: single steps; those are tested with their rooms.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.samples import Planted, summarise, write_samples

Pxw = Callable[..., subprocess.CompletedProcess]


def run_pxw(home: Path, *arguments: str, code: int | None = 0, source: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
    """`pxw ...` on `home`, of the checkout `source` if it is another one; fails when it ends with another exit code than `code` (None: any)."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments], capture_output=True, text=True, timeout=540,
        env=os.environ | {"PXW_HOME": str(home)} | ({"PYTHONPATH": str(source)} if source else {}) | environment,
        stdin=subprocess.DEVNULL, cwd=source,
    )
    assert code is None or done.returncode == code, f"pxw {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


class SampleRun:
    """The small sample after one `pxw run`."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self.home = folder / "inbox", folder / "home"
        self.planted: Planted = summarise(write_samples(self.inbox, "small", 1))
        self.output = run_pxw(self.home, "run", "--inbox", str(self.inbox)).stdout

    def marts(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.home / "published" / "px.duckdb"), read_only=True)


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """Made once; tests must leave the home as they found it."""
    return SampleRun(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def marts(sample_run: SampleRun) -> Iterator[duckdb.DuckDBPyConnection]:
    with sample_run.marts() as con:
        yield con
