"""The Dagster instance of a warehouse home.

Belongs here: writing dagster.yaml, opening the instance, closing runs whose process has died.
Does not belong here: what runs (definitions.py) or starting the web page (ui.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.home import Home, replacing

if TYPE_CHECKING:
    from dagster import DagsterInstance

PROCESS_TAG = "pxw/process"
_KEEP_TICKS_DAYS = 30
_KEEP_RUNS = 200  # about 2 MB each; what happened to deliveries is in the ledger for good


def prepare_instance(home: Home) -> None:
    """Write dagster.yaml below the home (written anew when it differs, so a moved home works)."""
    home.create()
    path, text = home.dagster / "dagster.yaml", dagster_yaml(home)
    if not path.exists() or path.read_text() != text:
        with replacing(path) as part:
            part.write_text(text)


def dagster_yaml(home: Home) -> str:
    """The configuration as YAML text (JSON strings are YAML strings)."""
    import json

    def storage(key: str, module: str, name: str, folder: str) -> str:
        return f"{key}:\n  module: {module}\n  class: {name}\n  config: {{base_dir: {json.dumps(str(home.dagster / folder))}}}\n"

    return (
        "# Written by orchestration/instance.py; changes here are lost at the next start.\n"
        "telemetry: {enabled: false}\n"
        "nux: {enabled: false}\n"
        + storage("run_storage", "dagster._core.storage.runs", "SqliteRunStorage", "history")
        + storage("event_log_storage", "orchestration.event_log", "OneConnectionEventLog", "history/runs")
        + storage("schedule_storage", "dagster._core.storage.schedules", "SqliteScheduleStorage", "schedules")
        + "# One run at a time: dbt alone writes the build file. `pxw run` and runs of the web page also share a file lock.\n"
        "concurrency:\n"
        "  runs: {max_concurrent_runs: 1}\n"
        "  pools: {default_limit: 1, granularity: run}\n"
        f"retention:\n  schedule: {{purge_after_days: {_KEEP_TICKS_DAYS}}}\n"
        f"  sensor: {{purge_after_days: {{skipped: 1, failure: {_KEEP_TICKS_DAYS}, success: {_KEEP_TICKS_DAYS}}}}}\n"
        "freshness: {enabled: true}\n"
    )


def open_instance(home: Home) -> DagsterInstance:
    """The instance for runs inside this process: as configured, but stdout stays with the terminal. Close it by `with`."""
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    prepare_instance(home)
    quiet = {"compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager", "config": {}}}
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(home.dagster), overrides=quiet))


def close_dead_runs(instance: DagsterInstance) -> int:
    """Mark runs as failed that `pxw run` began and never ended. Call while holding the home: then none of them can be alive."""
    from dagster import DagsterRunStatus, RunsFilter

    under_way = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
    dead = [run for run in instance.get_runs(RunsFilter(statuses=under_way)) if PROCESS_TAG in run.tags]
    for run in dead:
        instance.report_run_failed(run, f"process {run.tags[PROCESS_TAG]} ended before the run did")
    return len(dead)


def forget_old_runs(instance: DagsterInstance, keep: int = _KEEP_RUNS) -> int:
    """Delete the events of all but the newest `keep` finished runs, and their files; the number deleted."""
    from pathlib import Path

    from dagster import RunsFilter
    from dagster._core.storage.dagster_run import FINISHED_STATUSES

    finished = instance.get_run_ids(RunsFilter(statuses=list(FINISHED_STATUSES)))
    folder = Path(instance.event_log_storage.path_for_shard("any")).parent
    for run_id in finished[keep:]:
        instance.delete_run(run_id)
        for file in folder.glob(f"{run_id}.db*"):
            file.unlink(missing_ok=True)
    return len(finished[keep:])
