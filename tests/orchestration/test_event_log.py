"""The event log with one connection keeps what the stock class keeps, in files the stock class reads."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from ingestion.home import Home
from orchestration.event_log import OneConnectionEventLog
from orchestration.instance import open_instance


def _job() -> dg.JobDefinition:
    checks = [dg.AssetCheckSpec("fine", asset="thing"), dg.AssetCheckSpec("odd", asset="thing")]

    @dg.multi_asset(specs=[dg.AssetSpec("thing")], check_specs=checks)
    def make():
        yield dg.MaterializeResult("thing", metadata={"n": 3})
        yield dg.AssetCheckResult(asset_key="thing", check_name="fine", passed=True)
        yield dg.AssetCheckResult(asset_key="thing", check_name="odd", passed=False, severity=dg.AssetCheckSeverity.WARN)

    return dg.Definitions(assets=[make], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")


def _stored(storage: SqliteEventLogStorage, run_id: str) -> list[tuple]:
    events = [record.event_log_entry.dagster_event for record in storage.get_records_for_run(run_id).records]
    checks = storage.get_asset_check_execution_history(dg.AssetCheckKey(dg.AssetKey("thing"), "odd"), limit=5)
    [asset] = storage.get_asset_records([dg.AssetKey("thing")])
    return [
        [event.event_type_value for event in events if event],
        [(check.run_id, check.status.value, check.event.dagster_event.asset_check_evaluation_data.passed) for check in checks],
        asset.asset_entry.last_materialization.asset_materialization.metadata["n"].value,
    ]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_stock_class_reads_the_same_events(home: Home) -> None:
    with open_instance(home) as instance:
        assert isinstance(instance.event_log_storage, OneConnectionEventLog)
        result = _job().execute_in_process(instance=instance)
        own = _stored(instance.event_log_storage, result.run_id)
    stock = SqliteEventLogStorage(str(home.dagster / "history" / "runs"))
    assert own == _stored(stock, result.run_id)
    types, checks, n = own
    assert types.count("ASSET_CHECK_EVALUATION") == 2 and types[-1] == "PIPELINE_SUCCESS" and n == 3
    assert checks == [(result.run_id, "FAILED", False)]


def test_another_reader_sees_events_while_the_log_is_open(home: Home) -> None:
    with open_instance(home) as instance:
        result = _job().execute_in_process(instance=instance)
        stock = SqliteEventLogStorage(str(home.dagster / "history" / "runs"))
        assert _stored(stock, result.run_id)[0][-1] == "PIPELINE_SUCCESS"


def test_closing_leaves_whole_files_without_a_log_beside_them(home: Home) -> None:
    with open_instance(home) as instance:
        run_id = _job().execute_in_process(instance=instance).run_id
    folder = home.dagster / "history" / "runs"
    assert not list(folder.glob("*-wal"))
    with sqlite3.connect(folder / f"{run_id}.db") as con:
        assert con.execute("pragma integrity_check").fetchone() == ("ok",)
        assert con.execute("select count(*) from event_logs").fetchone()[0] > 10


def test_only_a_few_files_stay_open(home: Home) -> None:
    with open_instance(home) as instance:
        for _ in range(6):
            _job().execute_in_process(instance=instance)
        storage = instance.event_log_storage
        assert 2 <= len(storage._engines) <= 4
        for run_id in instance.get_run_ids():
            assert _stored(storage, run_id)[0][-1] == "PIPELINE_SUCCESS"
