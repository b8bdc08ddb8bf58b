"""The instance below the home: its configuration, runs that died, runs that are old."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import yaml

from ingestion.home import Home
from orchestration.instance import PROCESS_TAG, close_dead_runs, forget_old_runs, open_instance, prepare_instance


def _run_one(instance: dg.DagsterInstance) -> str:
    @dg.asset
    def thing() -> int:
        return 1

    job = dg.Definitions(assets=[thing], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
    return job.execute_in_process(instance=instance).run_id


def test_configuration_stays_below_the_home_and_sends_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home with 'quotes' \"and\" blanks")
    prepare_instance(home)
    config = yaml.safe_load((home.dagster / "dagster.yaml").read_text())
    assert config["telemetry"] == {"enabled": False}
    folders = [config[key]["config"]["base_dir"] for key in ("run_storage", "event_log_storage", "schedule_storage")]
    assert all(Path(folder).is_relative_to(home.root) for folder in folders)
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 1
    with open_instance(home) as instance:
        run_id = _run_one(instance)
        assert not instance.telemetry_enabled
    assert (home.dagster / "history" / "runs" / f"{run_id}.db").exists()


def test_a_moved_home_gets_its_own_paths(tmp_path: Path) -> None:
    home = Home(tmp_path / "old")
    with open_instance(home) as instance:
        run_id = _run_one(instance)
    home.root.rename(tmp_path / "new")
    with open_instance(Home(tmp_path / "new")) as instance:
        assert instance.get_run_ids() == [run_id]
    assert not home.root.exists()


def test_runs_whose_process_died_are_closed_and_others_are_not(tmp_path: Path) -> None:
    with open_instance(Home(tmp_path / "home")) as instance:
        finished = _run_one(instance)
        started = {"job_name": "warehouse", "status": dg.DagsterRunStatus.STARTED}
        dead = instance.add_run(dg.DagsterRun(tags={PROCESS_TAG: str(os.getpid())}, **started))
        of_the_page = instance.add_run(dg.DagsterRun(**started))
        assert close_dead_runs(instance) == 1
        assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(of_the_page.run_id).status == dg.DagsterRunStatus.STARTED
        assert instance.get_run_by_id(finished).status == dg.DagsterRunStatus.SUCCESS


def test_old_runs_go_with_their_files_and_the_newest_stay(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with open_instance(home) as instance:
        runs = [_run_one(instance) for _ in range(4)]
        assert forget_old_runs(instance, keep=3) == 1
        assert set(instance.get_run_ids()) == set(runs[1:])
        assert instance.get_latest_materialization_event(dg.AssetKey("thing")).run_id == runs[-1]
    assert {path.stem for path in (home.dagster / "history" / "runs").glob("*.db")} >= set(runs[1:])
    assert not (home.dagster / "history" / "runs" / f"{runs[0]}.db").exists()
