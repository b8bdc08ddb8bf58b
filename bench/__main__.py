"""`make bench`: a whole `pxw run` beside a plain DuckDB script, same files to the same KPI values.

Belongs here: writing the sample, timing both as processes of their own, comparing their results.
Does not belong here: the plain script (plain/).

    python -m bench                       system (1 million surveys) and national (10 million)
    python -m bench --scale hospital      one scale; small and hospital are quick
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from bench import proof
from bench.timing import Timing, timed

FURTHEST_APART = 1e-9  # of two values: sums of floating point numbers in another order


def compare(plain: Path, published: Path) -> tuple[int, float]:
    """How many values the KPIs have, and the largest difference. SystemExit when a value stands on one side only, or one differs."""
    n, n_ours, n_theirs, kpis, worst = duckdb.sql(f"""
        select count(*), count(*) filter (b.value is null), count(*) filter (a.value is null),
            list_sort(list(distinct split_part(kpi_key, ':', 1)) filter (a.value is null or b.value is null)),
            max(abs(a.value - b.value))
        from (from '{published}' where value is not null) as a
        full join (from '{plain}' where value is not null) as b using (kpi_key)""").fetchall()[0]
    if n_ours or n_theirs or not n:
        raise SystemExit(f"the two do not compute the same: of {n} values {n_ours} are only published, {n_theirs} only recounted "
                         f"({', '.join(kpis or ['none at all'])})")
    if not worst <= FURTHEST_APART:
        raise SystemExit(f"the two do not compute the same: values differ by up to {worst:.1e}")
    return n, worst


def left_out(environment: dict[str, str]) -> list[str]:
    """Names of the files that the run held or refused: the plain script cannot know them and must not read them."""
    told = subprocess.run([sys.executable, "-m", "orchestration.cli", "status", "--json"], env=os.environ | environment,
                          stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    status = json.loads(told)
    return [delivery["file_name"] for state in ("held", "refused") for delivery in status[state]]


def bench(scale: str, folder: Path) -> None:
    """One scale: sample, run, run with nothing new, plain script; prints as it goes."""
    inbox, home, plain_out = folder / "inbox", folder / "home", folder / "plain.parquet"
    environment = {"PXW_HOME": str(home), "PXW_KEY_FILE": str(folder / "keys.json"), "PXW_INBOX": str(inbox)}
    print(f"\n{scale}: writing the sample", flush=True)
    made = timed([sys.executable, "-m", "orchestration.cli", "sample", str(inbox), "--scale", scale], environment, folder / "sample.log")
    n_bytes = sum(p.stat().st_size for p in inbox.rglob("*") if p.is_file())
    print(f"  {n_bytes / 1e6:,.0f} MB in {made.wall:.0f} s, peak {made.peak_mb:,.0f} MB", flush=True)
    # The sample was just written, so both read it from the page cache: neither pays for a cold disk.
    ours = timed([sys.executable, "-m", "orchestration.cli", "run"], environment, folder / "run.log")
    _print("pxw run", ours)
    seconds = json.loads((home / "build" / "seconds.json").read_text())
    for clock, label in (("wall", "wall"), ("cpu", "CPU")):
        parts = ", ".join(f"{name} {value:.1f}" for name, value in seconds[clock].items())
        print(f"    {label}: {parts}; the rest is start-up and the closing table")
    for line in proof.costs(home, environment, ours, seconds, folder):
        print(line, flush=True)
    again = timed([sys.executable, "-m", "orchestration.cli", "run"], environment, folder / "again.log")
    _print("pxw run, nothing new", again)
    skipped = [word for name in left_out(environment) for word in ("--skip", name)]
    plain = timed([sys.executable, "-m", "bench.plain", str(inbox), str(plain_out), *skipped,
                   "--definitions", str(home / "build" / "input" / "definitions")], environment, folder / "plain.log")
    _print("plain DuckDB script", plain)
    n, worst = compare(plain_out, home / "published" / "marts" / "kpi_value.parquet")
    print(f"  ratio {ours.wall / plain.wall:.2f} (wall), {ours.cpu / plain.cpu:.2f} (CPU); {n:,} KPI values, largest difference {worst:.1e}")


def _print(what: str, timing: Timing) -> None:
    print(f"  {what:22s} {timing.wall:7.1f} s wall  {timing.cpu:7.1f} s CPU  peak {timing.peak_mb:7,.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", action="append", choices=["small", "hospital", "system", "national"])
    parser.add_argument("--folder", type=Path, help="where to work, in a new folder that is removed afterwards (default: that of temporary files)")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} processors, DuckDB {duckdb.__version__}, Python {sys.version.split()[0]}")
    for scale in chosen.scale or ["system", "national"]:
        folder = Path(tempfile.mkdtemp(prefix=f"pxw-bench-{scale}-", dir=chosen.folder))
        try:
            bench(scale, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
