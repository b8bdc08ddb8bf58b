"""Lines about many equal steps: enough to see that it goes on, every one where there are few.

Belongs here: which steps get a line.
Does not belong here: what the line says (landing.py, orchestration/pipeline.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

_N_LINES = 10  # of many steps
_QUIET_SECONDS = 1.0


class Steps:
    """Counts `n_all` steps and passes on the lines worth reading; `say` passes on any other."""

    def __init__(self, progress: Callable[[str], None], n_all: int) -> None:
        self.say, self._n_all, self._every = progress, n_all, max(1, n_all // _N_LINES)
        self._n_done, self._said_at = 0, time.monotonic()

    def done(self, verb: str, rest: str, *, is_fault: bool = False, is_silent: bool = False) -> None:
        """One more step is done: `verb 3/184 rest`, unless silent. Faults, the last step and the first after a second always get their line."""
        self._n_done += 1
        is_due = self._n_done % self._every == 0 or self._n_done == self._n_all or time.monotonic() - self._said_at >= _QUIET_SECONDS
        if not is_silent and (is_fault or is_due):
            self._said_at = time.monotonic()
            self.say(f"{verb} {self._n_done}/{self._n_all} {rest}")
