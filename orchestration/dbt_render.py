"""The dbt project that is run: dbt_project/ copied, and the files that follow from feeds and seeds.

Belongs here: bringing the rendered copy up to date.
Does not belong here: the generated texts (dbt_files.py), running dbt (dbt_run.py).

A file is written only when its content changed, so dbt's partial parsing stays valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.home import replacing
from ingestion.instruments import SEEDS_DIR
from orchestration.dbt_files import generated_files

if TYPE_CHECKING:
    from ingestion.feed import Feed

PROJECT_DIR = SEEDS_DIR.parent
_COPIED = ("dbt_project.yml", "profiles.yml", "macros/**/*", "models/**/*", "seeds/**/*", "tests/**/*")
_KEPT = ("target", "logs", ".user.yml")  # written by dbt itself in the rendered project


def render(feeds: Mapping[str, Feed], target: Path, project: Path = PROJECT_DIR) -> list[Path]:
    """Bring `target` up to date with the project, the feeds and the seeds; the files written or removed.

    Raises ValueError if the seeds contradict each other or a feed names an unknown instrument family.
    """
    wanted = {path.relative_to(project).as_posix(): path.read_bytes() for path in _copied(project)}
    wanted |= {name: text.encode() for name, text in generated_files(feeds, project / "seeds").items()}
    changed = []
    for name, content in wanted.items():
        path = target / name
        if not path.is_file() or path.read_bytes() != content:
            with replacing(path) as part:
                part.write_bytes(content)
            changed.append(path)
    for path in sorted(target.rglob("*")):
        relative = path.relative_to(target)
        if path.is_file() and relative.parts[0] not in _KEPT and relative.as_posix() not in wanted:
            path.unlink()
            changed.append(path)
    return changed


def _copied(project: Path) -> list[Path]:
    found = {path for pattern in _COPIED for path in project.glob(pattern) if path.is_file()}
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(project).parts))
