"""What proving numbers costs: history and lineage inside a run, tracing and verification beside it.

Belongs here: choosing rows to trace, timing the commands, their share of a run.
Does not belong here: the run itself (__main__.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from bench.timing import Timing, timed

INSIDE = ("history", "lineage")  # parts of a run that exist for proof only; tracing adds none: evidence is a view
LIMIT = 0.1  # they may take a tenth of it
SECOND = 1.0  # a trace may take
TRACED = ("hcahps_nurse_communication_top_box", "complaint_rate", "hcahps_overall_rating_adjusted_linear_mean")


def rows_to_trace(home: Path) -> list[str]:
    """Keys of rows with much evidence: of a composite, a rate and an adjusted score the widest row of each level, and of a month."""
    with duckdb.connect(str(home / "published" / "px.duckdb"), read_only=True) as con:
        return [row[0] for row in con.execute(
            "select kpi_key from marts.kpi_value where kpi_id in (select unnest(?)) and value is not null "
            "qualify row_number() over (partition by kpi_id, level order by n desc, kpi_key) = 1 "
            "or (level = 'facility' and row_number() over (partition by kpi_id, level, period_grain order by n desc, kpi_key) = 1) order by kpi_id, n", [list(TRACED)]).fetchall()]


def costs(home: Path, environment: dict[str, str], run: Timing, seconds: Mapping[str, Mapping[str, float]], folder: Path) -> Iterator[str]:
    """Lines to print; `seconds`: parts of the run by clock, wall and cpu. SystemExit when a trace does not give the published value."""
    for clock, whole in (("wall", run.wall), ("cpu", run.cpu)):
        parts = {name: seconds[clock].get(name, 0.0) for name in INSIDE}
        share = sum(parts.values()) / whole
        told = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
        yield f"    proof inside the run, {clock}: {told} s, {100 * share:.1f} % of it ({'within' if share <= LIMIT else 'ABOVE'} a tenth)"
    for key in rows_to_trace(home):
        trace = timed([sys.executable, "-m", "orchestration.cli", "trace", key], environment, folder / "trace.log")
        yield f"    pxw trace {trace.wall:5.2f} s wall {trace.cpu:5.2f} s CPU ({'within' if trace.wall <= SECOND else 'ABOVE'} a second)  {key}"
    for words in (("--quick",), ()):
        verify = timed([sys.executable, "-m", "orchestration.cli", "verify", *words], environment, folder / "verify.log")
        yield f"    pxw verify {' '.join(words):7s} {verify.wall:7.1f} s wall {verify.cpu:7.1f} s CPU, {verify.wall / run.wall:.2f} of the run (wall), {verify.cpu / run.cpu:.2f} (CPU)"
