"""What every step of the graph is given: the home, the options of the run, the right to work in it.

Belongs here: the Dagster resource `warehouse`, what a caller inside this process hears of a run.
Does not belong here: what the steps do (feed_assets.py, dbt_assets.py, publication.py).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from ingestion.conform import ConformReport
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.landing import LandReport
from orchestration import pipeline
from orchestration.ahead import HeadStart
from orchestration.settings import open_inboxes

_PATIENCE = 3600.0  # seconds a run of the web page waits for `pxw run` to end
_ASK_EVERY = 2.0


@dataclass
class Caller:
    """Whoever runs the job inside this process: holds the home already, wants progress and times (by the clock and of CPU)."""

    home: Path
    progress: Callable[[str], None]
    head_start: HeadStart | None = None
    inboxes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)

    def took(self, part: str, started: tuple[float, float]) -> None:
        """Add what has passed since `started` (see `clocks`) to a part."""
        for seconds, before, now in zip((self.seconds, self.cpu_seconds), started, clocks(), strict=True):
            seconds[part] = round(seconds.get(part, 0.0) + now - before, 3)


def clocks() -> tuple[float, float]:
    """Seconds by the clock and CPU seconds of all threads of this process, so parts side by side count each other's."""
    return time.monotonic(), time.process_time()


CALLER: ContextVar[Caller | None] = ContextVar("pxw_caller", default=None)


class Warehouse(dg.ConfigurableResource):
    """One run's hold on a warehouse home."""

    home: str = Field(description="Folder of the warehouse.")
    inboxes: list[str] = Field(default_factory=list, description="Where to look for files; empty: what the settings say.")
    as_of: str | None = Field(default=None, description="Build from the deliveries known at the end of this day (YYYY-MM-DD).")
    force: bool = Field(default=False, description="Build and publish even when nothing has changed.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Warehouse"]:
        """Hold the home while the run lasts, unless the caller holds it. Raises pipeline.Busy after an hour of waiting."""
        caller = CALLER.get()
        if caller is not None and caller.home == self.root.root:
            yield self
            return
        with ExitStack() as stack:
            self._wait(stack, context)
            yield self

    def _wait(self, stack: ExitStack, context: dg.InitResourceContext) -> None:
        waited = 0.0
        while True:
            try:
                stack.enter_context(pipeline.exclusive(self.root))
                return
            except pipeline.Busy as busy:
                if waited >= _PATIENCE:
                    raise
                if waited == 0 and context.log:
                    context.log.info(f"waiting: {busy}")
            time.sleep(_ASK_EVERY)
            waited += _ASK_EVERY

    @property
    def root(self) -> Home:
        """The home as the plain functions want it."""
        return Home(self.home)

    @property
    def day(self) -> date | None:
        """`as_of` as a date. Raises ValueError for anything but YYYY-MM-DD."""
        return date.fromisoformat(self.as_of) if self.as_of else None

    def settled_inboxes(self) -> list[str]:
        """Where this run looks for files."""
        caller = CALLER.get()
        named = caller.inboxes if caller is not None and caller.home == self.root.root else []
        return open_inboxes(self.root, named or list(self.inboxes))

    @property
    def is_being_brought_in(self) -> bool:
        """Whether the caller's head start is still at work."""
        caller = CALLER.get()
        return caller is not None and caller.head_start is not None and caller.head_start.is_under_way

    def bring_in(self, context: dg.AssetExecutionContext, feeds: dict[str, Feed]) -> tuple[LandReport, dict[str, list[ConformReport]]]:
        """Land and conform, or wait for the caller's head start."""
        caller, started, seconds = CALLER.get(), clocks(), {}
        if caller is None or caller.head_start is None:
            found = pipeline.bring_in(self.root, feeds, self.settled_inboxes(), self.progress(context), seconds)
        else:
            found, seconds = caller.head_start.result(), caller.head_start.seconds
            for line in caller.head_start.lines:
                context.log.info(line)
        if caller:
            caller.took("conforming", started)
            caller.seconds |= seconds
        return found

    def progress(self, context: dg.AssetExecutionContext) -> Callable[[str], None]:
        """Lines go to the log of the run and to the caller, if there is one."""
        caller = CALLER.get()

        def say(line: str) -> None:
            context.log.info(line)
            if caller:
                caller.progress(line)

        return say

    @contextmanager
    def timed(self, part: str) -> Iterator[dict[str, Any]]:
        """Measure a part of a run in seconds, for the caller and for metadata."""
        facts: dict[str, Any] = {}
        started = clocks()
        try:
            yield facts
        finally:
            facts["seconds"] = round(time.monotonic() - started[0], 3)
            if caller := CALLER.get():
                caller.took(part, started)
