"""The manifest: made when needed, left alone when not, used as it is while a run is under way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ingestion.home import Home
from orchestration import pipeline
from orchestration.dbt_manifest import ProjectBroken, load_manifest
from tests.orchestration.conftest import Small


def _load(small: Small, *, is_held: bool = False) -> dict:
    return load_manifest(small.home, small.feeds, is_held=is_held, project=small.project)


def test_is_parsed_once_and_again_when_the_project_changes(small: Small) -> None:
    assert "model.px.encounters" in _load(small)["nodes"]
    made = (small.home.dbt / "target" / "manifest.json").stat().st_mtime_ns
    _load(small)
    assert (small.home.dbt / "target" / "manifest.json").stat().st_mtime_ns == made
    (small.project / "models" / "marts" / "one.sql").write_text("select 1 as one")
    assert "model.px.one" in _load(small)["nodes"]


def test_a_broken_project_says_where(small: Small) -> None:
    (small.project / "models" / "marts" / "lost.sql").write_text("select * from {{ ref('no_such_model') }}")
    with pytest.raises(ProjectBroken, match=r"no_such_model"):
        _load(small)


def test_while_another_process_runs_its_manifest_is_used(small: Small) -> None:
    _load(small)
    (small.project / "models" / "marts" / "one.sql").write_text("select 1 as one")
    with _HeldElsewhere(small.home):
        assert "model.px.one" not in _load(small)["nodes"]
    with _HeldElsewhere(Home(small.home.root.with_name("fresh"))), pytest.raises(pipeline.Busy):
        load_manifest(Home(small.home.root.with_name("fresh")), small.feeds, is_held=False, project=small.project)


class _HeldElsewhere:
    """Another process holds the home."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def __enter__(self) -> None:
        code = (
            "import sys; from ingestion.home import Home; from orchestration.pipeline import exclusive\n"
            f"with exclusive(Home({str(self.home.root)!r})): print('held', flush=True); sys.stdin.read()"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n"

    def __exit__(self, *_: object) -> None:
        self.process.communicate("")
