"""A head start: landing and conforming begin while the graph is still being loaded.

Belongs here: the thread that does it, stopping it, its times and its lines.
Does not belong here: the steps (pipeline.py), waiting for them inside the graph (feed_assets.py).

Loading the graph keeps one core busy with Python for 5 to 10 seconds; DuckDB conforms on the other one
meanwhile. A run of the web page has no caller and so no head start: then the step does the work itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from ingestion.conform import ConformReport
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.landing import LandReport
from orchestration import pipeline


class HeadStart:
    """Landing and conforming in a thread of its own, from `with` on. Leaving the block early stops it after the files under way."""

    def __init__(self, home: Home, feeds: dict[str, Feed], inboxes: Sequence[str], progress: Callable[[str], None]) -> None:
        self.lines: list[str] = []
        self.seconds: dict[str, float] = {}
        self._home, self._feeds, self._inboxes, self._progress = home, feeds, list(inboxes), progress
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="head-start")

    def __enter__(self) -> HeadStart:
        self._work = self._pool.submit(self._bring_in)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._pool.shutdown()

    @property
    def is_under_way(self) -> bool:
        """Whether files are still being landed or conformed."""
        return not self._work.done()

    def result(self) -> tuple[LandReport, dict[str, list[ConformReport]]]:
        """What landing and conforming returned, once they are through. Raises what they raised."""
        return self._work.result()

    def _bring_in(self) -> tuple[LandReport, dict[str, list[ConformReport]]]:
        return pipeline.bring_in(self._home, self._feeds, self._inboxes, self._say, self.seconds, self._stop)

    def _say(self, line: str) -> None:
        self.lines.append(line)
        self._progress(line)
