"""Running dbt once over the rendered project, in this process.

Belongs here: environment, the call, its results as plain data, closing the build file afterwards.
Does not belong here: rendering (dbt_render.py), Dagster events (dbt_assets.py).

dbt writes `px.next.duckdb`; only a whole build takes the name `px.duckdb`, so the last good build
stays readable while a new one runs or fails.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion.home import Home, for_owner_alone

# Unit tests prove the SQL, not the data: the test suite runs them, a run does not (a fifth of a small build's CPU).
# Artifacts: `parse` has written the manifest, and a build would write it twice more (a second).
_BUILD = ("build", "--no-write-json", "--exclude-resource-type", "unit_test")
# Comparing every KPI row with the sum of its evidence took 24 s on 2 million surveys: from here on only on demand.
_ALL_EVIDENCE_UP_TO_ROWS = 500_000


@dataclass
class DbtResult:
    """What a dbt call did: `results` are dbt's own result objects, failures are sentences, `parsed` is what `parse` made."""

    is_ok: bool
    results: list[Any] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    n_models: int = 0
    n_tests: int = 0
    parsed: Any = None


def build_arguments(n_rows: int, *, is_whole: bool = False) -> tuple[str, ...]:
    """The dbt call of a run over `n_rows` accepted rows; `is_whole` leaves out no test, however many rows there are."""
    return _BUILD if is_whole or n_rows <= _ALL_EVIDENCE_UP_TO_ROWS else (*_BUILD, "--exclude", "tag:all_evidence")


def next_build_file(home: Home) -> Path:
    """The DuckDB file a build is written to."""
    return home.build / "px.next.duckdb"


@contextlib.contextmanager
def dbt_environment(home: Home) -> Iterator[None]:
    """The variables the rendered project reads; constant per home, so partial parsing stays valid."""
    wanted = {
        "PXW_INPUT": str(home.input), "PXW_BUILD_FILE": str(next_build_file(home)), "PXW_BUILD_DIR": str(home.build),
        "DBT_PROJECT_DIR": str(home.dbt), "DBT_PROFILES_DIR": str(home.dbt), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_dbt(
    home: Home, on_event: Callable[[Any], None] | None = None, arguments: tuple[str, ...] = _BUILD, parsed: Any = None,
) -> DbtResult:
    """Build everything into a new file; on success it becomes the build file. dbt's logs go to build/dbt/logs.

    `parsed` spares dbt from reading the project again; it must come from the project as it stands.
    """
    for leftover in home.build.glob("px.next.duckdb*"):
        leftover.unlink()
    with dbt_environment(home), for_owner_alone():
        result = invoke_dbt(list(arguments), on_event, parsed)
    if result.is_ok and arguments[0] == "build":
        with next_build_file(home).open("rb") as whole:
            os.fsync(whole.fileno())  # while it was written nothing was synchronised (profiles.yml)
        next_build_file(home).replace(home.build_file)
    return result


def invoke_dbt(arguments: list[str], on_event: Callable[[Any], None] | None = None, parsed: Any = None) -> DbtResult:
    """One dbt call in this process; the adapter's connections are closed whatever happens."""
    from dbt.cli.main import dbtRunner

    runner = dbtRunner(parsed, callbacks=[on_event] if on_event else [])
    try:
        outcome = runner.invoke(["--quiet", "--log-level", "none", "--no-use-colors", "--log-level-file", "info", *arguments])
    finally:
        _close_connections()
    results = list(getattr(outcome.result, "results", None) or [])
    failures = [_sentence(r) for r in results if str(r.status) in ("error", "fail", "runtime error")]
    if outcome.exception is not None:
        failures.append(str(outcome.exception))
    kinds = [r.node.resource_type for r in results if getattr(r, "node", None) is not None]
    n_models, n_tests = sum(k == "model" for k in kinds), sum(k in ("test", "unit_test") for k in kinds)
    return DbtResult(bool(outcome.success), results, failures, n_models, n_tests, outcome.result if arguments[0] == "parse" else None)


def _sentence(result: Any) -> str:
    return f"{result.node.resource_type} {result.node.name}: {(result.message or 'failed').strip()}"


def _close_connections() -> None:
    """dbt-duckdb keeps the file open for the life of the process unless told otherwise."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()
