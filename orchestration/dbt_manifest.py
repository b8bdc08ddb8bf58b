"""The manifest of the rendered dbt project: there and up to date before a graph is drawn from it.

Belongs here: rendering and parsing when something changed, reading the manifest.
Does not belong here: the rendered texts (dbt_render.py), building (dbt_run.py), Dagster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ingestion.feed import Feed
from ingestion.home import Home, replacing
from ingestion.told import Told
from orchestration import pipeline
from orchestration.dbt_render import PROJECT_DIR, generated_files, render
from orchestration.dbt_run import dbt_environment, invoke_dbt


class ProjectBroken(Told):
    """dbt cannot parse the rendered project; the message is dbt's own."""


def load_manifest(home: Home, feeds: Mapping[str, Feed], *, is_held: bool, project: Path = PROJECT_DIR) -> dict[str, Any]:
    """The manifest for today's project and feeds, parsed first when needed (4-8 s, once per change).

    `is_held` says that the caller holds the home. Without it the project is left alone while a run
    is under way, and the manifest of that run is used. Raises ProjectBroken, or pipeline.Busy when
    another process makes the very first manifest just now.
    """
    manifest, stamp = home.dbt / "target" / "manifest.json", home.dbt / "target" / "parsed.txt"
    wanted = _state(feeds, project)
    if not (manifest.exists() and stamp.exists() and stamp.read_text() == wanted):
        try:
            with nullcontext() if is_held else pipeline.exclusive(home):
                _parse(home, feeds, project)
                with replacing(stamp) as part:
                    part.write_text(wanted)
        except pipeline.Busy:
            if not manifest.exists():
                raise
    return json.loads(manifest.read_bytes())


_parsed: dict[Path, Any] = {}


def take_parsed(home: Home) -> Any:
    """What the last parse of this home in this process made, once: a build changes it. None where there was none."""
    return _parsed.pop(home.dbt, None)


def _parse(home: Home, feeds: Mapping[str, Feed], project: Path) -> None:
    render(feeds, home.dbt, project)
    with dbt_environment(home):
        result = invoke_dbt(["parse"])
    if not result.is_ok:
        raise ProjectBroken("dbt cannot parse the project:\n" + "\n".join(result.failures))
    _parsed[home.dbt] = result.parsed


def _state(feeds: Mapping[str, Feed], project: Path) -> str:
    """Changes with everything the rendered project is made from, and with dbt itself."""
    digest = hashlib.sha256(version("dbt-core").encode())
    for name, text in sorted(generated_files(feeds, project / "seeds").items()):
        digest.update(f"{name}\0{text}\0".encode())
    for path in sorted(path for path in project.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(project)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
