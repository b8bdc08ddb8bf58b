"""A small warehouse for the tests of the graph: one shipped feed, a dbt project of two models.

Belongs here: the small project, its inbox, running the job on it.
Does not belong here: what single tests change about them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingestion.feed import Feed, load_feeds
from ingestion.home import Home

FEED = "tuva_encounter_counts"
HEAD = "DATA_SOURCE,ENCOUNTER_GROUP,ENCOUNTER_TYPE,YEAR_MONTH,CLAIM_COUNT\n"
ROWS = "".join(f"north,inpatient,acute inpatient,2025{month:02},{40 + month}\n" for month in range(1, 10))
BAD_ROW = "north,inpatient,acute inpatient,202510,many\n"
TOTAL = sum(40 + month for month in range(1, 10))
_SMALL = Path(__file__).parent / "project"
_REAL = Path(__file__).parents[2] / "dbt_project"


@dataclass
class Small:
    """A home, its inbox, its feeds and its dbt project; `run` runs the job as `pxw run` does."""

    home: Home
    inbox: Path
    project: Path
    feeds: dict[str, Feed]
    lines: list[str] = field(default_factory=list)

    def deliver(self, name: str, text: str) -> None:
        (self.inbox / name).write_text(text)

    def definitions(self, *, is_held: bool = False):
        from orchestration.definitions import build_definitions

        return build_definitions(self.home, feeds=self.feeds, project=self.project, is_held=is_held)

    def run(self, **options):
        from orchestration import pipeline
        from orchestration.run_job import run_job

        with pipeline.exclusive(self.home):
            return run_job(self.home, [str(self.inbox)], progress=self.lines.append, definitions=self.definitions(is_held=True), **options)

    def run_ahead(self, inbox: Path):
        """A run with a head start in `inbox`, in the order of `pxw run`: who holds the home clears away what a crash left, then files come in."""
        from orchestration import pipeline
        from orchestration.ahead import HeadStart
        from orchestration.run_job import run_job

        with pipeline.exclusive(self.home), HeadStart(self.home, self.feeds, [str(inbox)], self.lines.append) as head_start:
            outcome = run_job(self.home, [str(inbox)], progress=self.lines.append, definitions=self.definitions(is_held=True), head_start=head_start)
        return outcome, head_start

    def published_bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.home.published.rglob("*")) if path.is_file()}


def make_small(root: Path) -> Small:
    small = Small(Home(root / "home").create(), root / "inbox", root / "project", {FEED: load_feeds()[FEED]})
    small.inbox.mkdir()
    shutil.copytree(_SMALL, small.project)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(_REAL / name, small.project / name)
    shutil.copytree(_REAL / "macros", small.project / "macros")
    (small.project / "seeds").mkdir()
    shutil.copy(_REAL / "seeds" / "encounter_class_map.csv", small.project / "seeds")
    return small


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """A fresh small warehouse; nothing has run."""
    return make_small(tmp_path)
