"""Running the job `warehouse` inside this process, against the instance of the home.

Belongs here: opening the instance, executing, telling in sentences what failed.
Does not belong here: deciding whether a run is due (commands/run.py), the graph (definitions.py).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from ingestion.home import Home
from ingestion.sources import safe_url

if TYPE_CHECKING:
    from dagster import DagsterEvent, Definitions, ExecuteInProcessResult

    from orchestration.ahead import HeadStart


_PARTS = ("loading", "landing", "conforming", "expectations", "preparing", "dbt", "reporting", "lineage", "publishing", "history")  # history is a part of publishing


@dataclass
class JobOutcome:
    """How a run ended. Seconds by part, by the clock and of CPU; with a head start landing and conforming run beside loading."""

    is_ok: bool
    dagster_run_id: str | None = None
    is_published: bool = False
    failures: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)


def run_job(
    home: Home, inboxes: Sequence[str] = (), as_of: date | None = None, force: bool = False,
    progress: Callable[[str], None] = lambda _: None, definitions: Definitions | None = None, head_start: HeadStart | None = None,
) -> JobOutcome:
    """Execute the job; the caller holds the home (pipeline.exclusive) and may have begun with the files. Raises only for faults in definitions."""
    started = (time.monotonic(), time.process_time())
    # Dagster warns of every blocking check without a result; a feed without deliveries has none, nor has a run without news.
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    from orchestration.definitions import build_definitions
    from orchestration.instance import PROCESS_TAG, close_dead_runs, forget_old_runs, open_instance
    from orchestration.schedules import WAREHOUSE
    from orchestration.warehouse import CALLER, Caller

    job = (definitions or build_definitions(home, is_held=True)).resolve_job_def(WAREHOUSE.name)
    caller = Caller(home.root, progress, head_start, list(inboxes))
    # Dagster keeps the options of every run; a URL may hold a password, so only the caller has it.
    options = {"home": str(home.root), "inboxes": [safe_url(url) for url in inboxes], "as_of": as_of.isoformat() if as_of else None, "force": force}
    with open_instance(home) as instance:
        close_dead_runs(instance)
        caller.took("loading", started)
        token = CALLER.set(caller)
        try:
            result = job.execute_in_process(
                instance=instance, raise_on_error=False, tags={PROCESS_TAG: str(os.getpid())},
                run_config={"resources": {"warehouse": {"config": options}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        finally:
            CALLER.reset(token)
        forget_old_runs(instance)
    seconds, cpu_seconds = ({part: found[part] for part in _PARTS if part in found} for found in (caller.seconds, caller.cpu_seconds))
    return JobOutcome(result.success, result.run_id, _has_published(result), _failures(result), seconds, cpu_seconds)


def _has_published(result: ExecuteInProcessResult) -> bool:
    from orchestration.publication import PUBLISHED

    return any(event.asset_key == PUBLISHED for event in result.get_asset_materialization_events())


def _failures(result: ExecuteInProcessResult) -> list[str]:
    """One sentence per failed step; what failed before any step when none did."""
    failed = [_sentence(event) for event in result.all_events if event.is_step_failure]
    if failed or result.success:
        return failed
    return [event.message or "the run failed" for event in result.all_events if event.is_failure] or ["the run failed"]


def _sentence(event: DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error.cause if data.error and data.error.cause else data.error
    if error is None or error.cls_name == "DagsterExecutionInterruptedError":
        return f"step {event.step_key}: {'interrupted' if error else 'failed'}"
    name, _, text = error.message.strip().partition(": ")
    return f"step {event.step_key}: {text if text and name.endswith(error.cls_name or '') else error.message.strip()}"
