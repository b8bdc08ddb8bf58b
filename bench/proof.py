"""What proving numbers costs: history and lineage inside a run, tracing and verification beside it.

Belongs here: choosing rows to trace, timing the commands, the share of a run.
Does not belong here: the run itself (__main__.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

from bench.timing import Timing, timed

INSIDE = ("history", "lineage")  # parts of a run that exist for proof only
LIMIT = 0.1  # they may take a tenth of it


def rows_to_trace(home: Path) -> list[str]:
    """Keys of rows with much evidence: a composite and a rate, the widest row of each level."""
    with duckdb.connect(str(home / "published" / "px.duckdb"), read_only=True) as con:
        return [row[0] for row in con.execute(
            "select kpi_key from marts.kpi_value where kpi_id in ('hcahps_nurse_communication_top_box', 'complaint_rate') and value is not null "
            "qualify row_number() over (partition by kpi_id, level order by n desc, kpi_key) = 1 order by kpi_id, n").fetchall()]


def costs(home: Path, environment: dict[str, str], run: Timing, parts: dict[str, float], folder: Path) -> Iterator[str]:
    """Lines to print. SystemExit when a trace does not give the published value."""
    seconds = sum(parts.get(name, 0.0) for name in INSIDE)
    share = seconds / run.wall
    verdict = "within" if share <= LIMIT else "ABOVE"
    told = ", ".join(f"{name} {parts.get(name, 0.0):.1f}" for name in INSIDE)
    yield f"    proof inside the run: {told} s, {100 * share:.1f} % of it ({verdict} a tenth)"
    for key in rows_to_trace(home):
        trace = timed([sys.executable, "-m", "orchestration.cli", "trace", key], environment, folder / "trace.log")
        yield f"    pxw trace {trace.wall:5.2f} s  {key}"
    quick = timed([sys.executable, "-m", "orchestration.cli", "verify", "--quick"], environment, folder / "verify.log")
    yield f"    pxw verify --quick {quick.wall:5.2f} s"
