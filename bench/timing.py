"""Timing a command as a process of its own.

Belongs here: wall clock, CPU and memory of one process.
Does not belong here: what is measured (__main__.py, proof.py).
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Timing:
    """One process: wall seconds, CPU seconds of it and its children, peak memory of the largest of them in MB."""

    wall: float
    cpu: float
    peak_mb: float


def timed(command: list[str], environment: dict[str, str], log: Path) -> Timing:
    """Run to the end; SystemExit with the end of the log when it fails."""
    started = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return Timing(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
