"""A second build beside the home, from its state alone: what verification and questions about the past need.

Belongs here: copying landing, configuration and the ledger (whole or up to an entry), running the steps on the copy.
Does not belong here: comparing (verify.py, as_of.py); the graph: nothing of this belongs to the history of runs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from ingestion.home import Home
from ingestion.told import Told
from ingestion.words import counted


class BuildFailed(Told):
    """The steps on the copy did not end well; the message says why."""


def copy_state(home: Home, other: Home, keep_line: Callable[[dict[str, Any]], bool] = lambda _: True) -> Home:
    """A home with the same landed bytes (hard links where the disk allows), configuration, and ledger up to the first
    entry that `keep_line` refuses."""
    other.create()
    for part in ("landing", "ledger/history", "ledger/definitions"):
        link_tree(home.root / part, other.root / part)
    shutil.copytree(home.config, other.config, dirs_exist_ok=True)
    lines = []
    if (home.ledger / "ledger.jsonl").exists():
        for line in (home.ledger / "ledger.jsonl").read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n") or not keep_line(json.loads(line)):
                break
            lines.append(line)
    (other.ledger / "ledger.jsonl").write_bytes(b"".join(lines))  # without its head: it may end earlier here
    return other


def link_tree(folder: Path, target: Path) -> None:
    """The same files under another folder; links where the disk allows, copies elsewhere."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.endswith(".part"):
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, copy)
            except OSError:
                shutil.copy2(path, copy)


def build_aside(other: Home, as_of: date | None, progress: Callable[[str], None], *, is_proof: bool = False) -> int:
    """Conform, judge, build and publish inside `other`; the number of tests that held. Raises BuildFailed.

    A proof runs every test, those too that a run over many rows leaves out: each published row is compared with
    the sum of its evidence.
    """
    from ingestion.feed import load_feeds
    from orchestration import built, pipeline
    from orchestration.build_input import prepare_build
    from orchestration.dbt_render import render
    from orchestration.dbt_run import build_arguments, run_dbt
    from orchestration.publish import publish

    feeds = load_feeds()
    pipeline.conform_new(other, feeds, progress)
    pipeline.judge_new(other, feeds, progress)
    plan = prepare_build(other, feeds, as_of)
    render(feeds, other.dbt)
    progress(f"building from {counted(plan.n_deliveries, 'delivery', 'deliveries')}")
    result = run_dbt(other, None, build_arguments(plan.n_rows, is_whole=is_proof))
    if not result.is_ok:
        raise BuildFailed("; ".join(result.failures) or "dbt ended without saying why")
    built.keep_plan(other, plan)
    publish(other, plan, built.deliveries_used(other))
    return result.n_tests
