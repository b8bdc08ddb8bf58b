"""The job as `pxw run` runs it: what it leaves in the instance and in published, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dagster as dg
import duckdb
import pytest

from orchestration import pipeline
from orchestration.audit.openlineage import events_path
from orchestration.instance import open_instance
from tests.orchestration.conftest import BAD_ROW, FEED, HEAD, ROWS, TOTAL, Small, make_small

MODELS = {("core", "encounters"), ("marts", "encounters_by_month"), ("staging", f"stg_{FEED}"), ("seeds", "encounter_class_map")}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A small warehouse after its first run (Great Expectations is imported once for all tests of this file)."""
    small = make_small(tmp_path_factory.mktemp("ran"))
    small.deliver("tuva_encounter_counts_20251001.csv", HEAD + ROWS + BAD_ROW)
    small.outcome = small.run()
    return small


def _run_records(small: Small) -> list[dg.RunRecord]:
    with open_instance(small.home) as instance:
        return list(instance.get_run_records())


def _checks(small: Small, run_id: str) -> dict[tuple[str, str], object]:
    with open_instance(small.home) as instance:
        logs = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.dagster_event.asset_check_evaluation_data for entry in logs]
    return {("/".join(check.asset_key.path), check.check_name): check for check in found}


def _materialised(small: Small, run_id: str) -> dict[tuple[str, ...], dg.AssetMaterialization]:
    with open_instance(small.home) as instance:
        events = [e.dagster_event for e in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)]
    return {tuple(e.asset_key.path): e.step_materialization_data.materialization for e in events}


def _change(small: Small, name: str, old: str, new: str) -> None:
    path = small.project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_first_run_publishes_and_every_asset_is_in_the_instance(ran: Small) -> None:
    outcome = ran.outcome
    assert outcome.is_ok and outcome.is_published, outcome.failures
    with duckdb.connect(str(ran.home.published / "px.duckdb"), read_only=True) as con:
        assert con.execute("select sum(n_encounters)::bigint, count(*) from marts.encounters_by_month").fetchone() == (TOTAL, 9)
    done = _materialised(ran, outcome.dagster_run_id)
    assert set(done) == MODELS | {("inbox", FEED), ("raw", FEED), ("warehouse", "catalogue"), ("published", "px")}
    raw = done[("raw", FEED)].metadata
    assert (raw["dagster/row_count"].value, raw["n_quarantined"].value, raw["n_accepted"].value) == (9, 1, 1)
    assert done[("core", "encounters")].metadata["dagster/row_count"].value == 9
    page, _, anchor = done[("marts", "encounters_by_month")].metadata["lineage"].value.partition("#")
    assert anchor == "marts.encounters_by_month" and f'id="{anchor}"' in Path(unquote(urlsplit(page).path)).read_text()
    [record] = [r for r in _run_records(ran) if r.dagster_run.run_id == outcome.dagster_run_id]
    assert record.dagster_run.status == dg.DagsterRunStatus.SUCCESS and record.dagster_run.job_name == "warehouse"


def test_what_a_run_builds_is_for_the_owner_alone_and_what_it_publishes_is_not(ran: Small) -> None:
    private = [ran.home.build_file, *ran.home.input.rglob("*.parquet"), *ran.home.raw.rglob("*.parquet")]
    assert len(private) >= 6 and not [path.name for path in private if path.stat().st_mode & 0o077]
    assert all(path.stat().st_mode & 0o044 for path in ran.home.published.rglob("*"))


def test_first_run_reports_every_check_and_where_time_went(ran: Small) -> None:
    checks = _checks(ran, ran.outcome.dagster_run_id)
    assert {name: check.passed for name, check in checks.items()} == {
        (f"raw/{FEED}", "rows_reconcile"): True,
        (f"raw/{FEED}", "deliveries_readable"): True,
        (f"raw/{FEED}", "deliveries_as_expected"): True,
        ("warehouse/catalogue", "files_placed"): True,
        ("core/encounters", "class_is_known"): True,
        ("core/encounters", "n_encounters_is_there"): True,
        ("marts/encounters_by_month", "totals_agree"): True,
        ("published/px", "published_as_built"): True,
    }
    assert {"landing", "conforming", "expectations", "preparing", "dbt", "reporting", "publishing", "loading", "history", "lineage"} == set(ran.outcome.seconds)
    assert any("9 rows accepted, 1 quarantined" in line for line in ran.lines)
    assert not [line for line in ran.lines if "alert" in line]      # this project has no mart of them


def test_column_lineage_reaches_the_raw_file(ran: Small) -> None:
    done = _materialised(ran, ran.outcome.dagster_run_id)

    def sources(asset: tuple[str, str], column: str) -> set[tuple[str, str]]:
        lineage = done[asset].metadata["dagster/column_lineage"].value
        return {("/".join(d.asset_key.path), d.column_name) for d in lineage.deps_by_column[column]}

    assert sources(("marts", "encounters_by_month"), "n_encounters") == {("core/encounters", "n_encounters")}
    assert sources(("marts", "encounters_by_month"), "run_id") == {("warehouse/catalogue", "run.run_id")}
    assert sources(("core", "encounters"), "month_start_on") == {(f"staging/stg_{FEED}", "period_start_on")}
    assert sources(("staging", f"stg_{FEED}"), "n_encounters") == {(f"raw/{FEED}", "n_encounters")}


def test_the_build_file_is_closed_after_the_run(ran: Small) -> None:
    assert not list(ran.home.build.glob("*.wal"))
    with duckdb.connect(str(ran.home.build_file)) as con:
        assert con.execute("select count(*) from core.encounters").fetchone() == (9,)


def test_second_run_without_news_does_not_start_dbt_and_changes_no_byte(ran: Small) -> None:
    before = ran.published_bytes()
    outcome = ran.run()
    assert outcome.is_ok and not outcome.is_published and "dbt" not in outcome.seconds
    assert ran.published_bytes() == before
    first, second = _materialised(ran, ran.outcome.dagster_run_id), _materialised(ran, outcome.dagster_run_id)
    assert not set(second) & (MODELS | {("published", "px"), ("inbox", FEED)})
    for asset in (("raw", FEED), ("warehouse", "catalogue")):  # else every model would be shown as out of date
        assert second[asset].tags["dagster/data_version"] == first[asset].tags["dagster/data_version"]


def test_failing_test_fails_the_run_and_publishes_nothing(ran: Small) -> None:
    before, built = ran.published_bytes(), ran.home.build_file.read_bytes()
    _change(ran, "tests/totals_agree.sql", "is distinct from", "=")
    try:
        outcome = ran.run(force=True)
    finally:
        _change(ran, "tests/totals_agree.sql", "=", "is distinct from")
    assert not outcome.is_ok and not outcome.is_published
    [sentence] = outcome.failures
    assert "totals_agree" in sentence and "nothing is published" in sentence and "Traceback" not in sentence
    assert ran.published_bytes() == before and ran.home.build_file.read_bytes() == built
    assert not set(_materialised(ran, outcome.dagster_run_id)) & (MODELS | {("published", "px")})
    told = [json.loads(line) for line in events_path(ran.home).read_text().splitlines()]
    assert [event["eventType"] for event in told if event["run"]["runId"] == outcome.dagster_run_id] == ["START", "FAIL"]
    failed = _checks(ran, outcome.dagster_run_id)[("marts/encounters_by_month", "totals_agree")]
    assert not failed.passed and failed.severity == dg.AssetCheckSeverity.ERROR
    assert failed.metadata["dagster_dbt/failed_row_count"].value == 1 and "core.n" in failed.metadata["query"].value


def test_sql_error_names_the_model_and_what_the_database_said(ran: Small) -> None:
    _change(ran, "models/core/encounters.sql", "facility_code, class_code", "no_such_column, class_code")
    try:
        outcome = ran.run(force=True)
    finally:
        _change(ran, "models/core/encounters.sql", "no_such_column, class_code", "facility_code, class_code")
    assert not outcome.is_ok
    [sentence] = outcome.failures
    assert "encounters" in sentence and "no_such_column" in sentence


def test_warning_is_shown_and_stops_nothing(ran: Small) -> None:
    _change(ran, "models/core/encounters.yml", "values: [inpatient]", "values: [outpatient]")
    try:
        outcome = ran.run(force=True)
    finally:
        _change(ran, "models/core/encounters.yml", "values: [outpatient]", "values: [inpatient]")
    assert outcome.is_ok and outcome.is_published
    warned = _checks(ran, outcome.dagster_run_id)[("core/encounters", "class_is_known")]
    assert not warned.passed and warned.severity == dg.AssetCheckSeverity.WARN


def test_refused_and_unplaced_files_are_shown_and_the_others_go_on(ran: Small) -> None:
    ran.deliver("tuva_encounter_counts_20251102.csv", "SOMETHING,ELSE\n1,2\n")
    ran.deliver("holiday_photo.jpg", "not data")
    outcome = ran.run()
    assert outcome.is_ok, outcome.failures
    checks = _checks(ran, outcome.dagster_run_id)
    refused = checks[(f"raw/{FEED}", "deliveries_readable")]
    assert not refused.passed and refused.severity == dg.AssetCheckSeverity.WARN
    assert refused.metadata["found"].records[0].data["file"] == "tuva_encounter_counts_20251102.csv"
    assert not checks[("warehouse/catalogue", "files_placed")].passed


def test_lost_rows_stop_the_run_before_dbt(ran: Small) -> None:
    [raw] = [path for path in (ran.home.raw / FEED).rglob("*.parquet") if not path.name.startswith("_")]
    whole = raw.read_bytes()
    duckdb.sql(f"copy (select * from read_parquet('{raw}') limit 4) to '{raw}.less' (format parquet)")
    try:
        Path(f"{raw}.less").replace(raw)
        outcome = ran.run(force=True)
    finally:
        raw.write_bytes(whole)
    assert not outcome.is_ok and "rows_reconcile" in outcome.failures[0] and "dbt" not in outcome.seconds


def test_a_run_of_the_web_page_waits_for_the_home_and_says_who_has_it(ran: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.warehouse._PATIENCE", 0.2)
    monkeypatch.setattr("orchestration.warehouse._ASK_EVERY", 0.1)
    with open_instance(ran.home) as instance, pipeline.exclusive(ran.home):
        job = ran.definitions(is_held=True).resolve_job_def("warehouse")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        failed = [e for e in instance.all_logs(result.run_id) if e.dagster_event and e.dagster_event.is_failure]
    assert not result.success
    assert "another run is under way" in str(failed)


def test_an_inbox_that_cannot_be_read_is_one_sentence(small: Small) -> None:
    small.inbox.rmdir()
    outcome = small.run()
    [sentence] = outcome.failures
    assert not outcome.is_ok and sentence.startswith("step deliveries: ") and str(small.inbox) in sentence
    assert "SourceError" not in sentence and "\n" not in sentence


def test_the_dear_test_is_left_out_only_of_large_builds():
    from orchestration.dbt_run import build_arguments

    assert "tag:all_evidence" not in build_arguments(500_000)
    assert build_arguments(500_001)[-2:] == ("--exclude", "tag:all_evidence")
