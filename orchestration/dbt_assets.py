"""dbt in the graph: models and seeds as assets, tests as their checks, built by one call.

Belongs here: the step that builds, turning dbt's results into Dagster's events.
Does not belong here: names and groups (translator.py), the call itself (dbt_run.py), lineage (column_lineage.py).

dbt runs once in this process and its results are reported afterwards. The stream of dagster-dbt
starts dbt as another process and pays for parsing its log and for a query per model; see
docs/decisions/0002 for the numbers. A build that fails leaves the last good build file in place, so
then only checks are reported and no table counts as materialised.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from ingestion.feed import Feed
from ingestion.words import counted
from orchestration import built
from orchestration.audit import openlineage
from orchestration.audit.lineage import read_lineage
from orchestration.audit.lineage_page import page_path, write_lineage
from orchestration.audit.record import note_definitions, note_run
from orchestration.build_input import prepare_build
from orchestration.column_lineage import column_lineage
from orchestration.dbt_manifest import take_parsed
from orchestration.dbt_render import render
from orchestration.dbt_run import DbtResult, build_arguments, run_dbt
from orchestration.translator import UNIQUE_ID, WarehouseTranslator
from orchestration.warehouse import Warehouse

POOL = "build_file"
STEP = "models"
_WORTH_A_LINE = 2.0  # seconds a model takes before it is named while it runs


def model_assets(
    manifest: Mapping[str, Any], translator: WarehouseTranslator, feeds: Mapping[str, Feed], project: Path,
) -> dg.AssetsDefinition:
    """All models and seeds; always built whole, so a selection only says what is reported."""

    @dbt_assets(manifest=dict(manifest), dagster_dbt_translator=translator, name=STEP, pool=POOL)
    def models(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
        home, say = warehouse.root, warehouse.progress(context)
        with warehouse.timed("preparing"):
            plan = prepare_build(home, dict(feeds), warehouse.day)
            changed, parsed = render(feeds, home.dbt, project), take_parsed(home)
        if not (plan.is_changed or warehouse.force):
            say("nothing that a mart depends on has changed; the published marts stay")
            return
        say(f"building from {counted(plan.n_deliveries, 'delivery', 'deliveries')}")
        note_definitions(home, feeds)
        openlineage.emit(home, "START", context.run_id)
        with warehouse.timed("dbt") as taken:
            result = run_dbt(home, _narrator(say), build_arguments(plan.n_rows), None if changed else parsed)
        note_run(home, plan, result, taken["seconds"])
        say(f"dbt: {result.n_models} models and {result.n_tests} tests in {taken['seconds']:.1f} s")
        if result.is_ok:
            built.keep_plan(home, plan)
        with warehouse.timed("reporting"):
            yield from _events(context, warehouse, manifest, translator, result)
        if result.is_ok:
            with warehouse.timed("lineage"):
                whole = read_lineage(home, manifest, feeds)
                write_lineage(home, whole, feeds, plan.run_id, warehouse.as_of)
                openlineage.emit_complete(home, context.run_id, whole, built.deliveries_used(home), built.row_counts(home))
        if not result.is_ok:
            openlineage.emit(home, "FAIL", context.run_id)
            raise failure(result)

    return models


def _events(context: dg.AssetExecutionContext, warehouse: Warehouse, manifest: Mapping[str, Any], translator: WarehouseTranslator,
            result: DbtResult) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    home, models, checks = warehouse.root, *_by_unique_id(context)
    if result.is_ok:
        rows = built.row_counts(home)
        lineage = column_lineage(home, result.results, manifest, lambda node: translator.get_asset_key(node))
        for done in result.results:
            key = models.get(done.node.unique_id)
            if key is not None:
                yield dg.MaterializeResult(key, metadata=_model_metadata(done, rows, lineage, page_path(home).as_uri()))
    for done in result.results:
        check = checks.get(done.node.unique_id)
        if check is not None and str(done.status) != "skipped":
            yield _check_result(check, done)


def _by_unique_id(context: dg.AssetExecutionContext) -> tuple[dict[str, dg.AssetKey], dict[str, dg.AssetCheckKey]]:
    definition = context.assets_def
    models = {definition.metadata_by_key[key][UNIQUE_ID]: key for key in context.selected_asset_keys}
    checks = {definition.get_spec_for_check_key(key).metadata[UNIQUE_ID]: key for key in context.selected_asset_check_keys}
    return models, checks


def _model_metadata(done: Any, rows: Mapping[str, int], lineage: Mapping[str, dg.TableColumnLineage], page: str) -> dict[str, Any]:
    node = done.node
    metadata: dict[str, Any] = {"seconds": round(done.execution_time, 3), "lineage": dg.MetadataValue.url(f"{page}#{node.schema}.{node.name}")}
    if (count := rows.get(f"{node.schema}.{node.name}")) is not None:
        metadata["dagster/row_count"] = count
    if node.unique_id in lineage:
        metadata["dagster/column_lineage"] = lineage[node.unique_id]
    return metadata


def _check_result(key: dg.AssetCheckKey, done: Any) -> dg.AssetCheckResult:
    """A test that could not be run has failed, with the database's words."""
    status = str(done.status)
    metadata: dict[str, Any] = {"seconds": round(done.execution_time, 3)}
    if done.failures is not None:
        metadata["dagster_dbt/failed_row_count"] = done.failures
    if status != "pass":
        metadata["query"] = dg.MetadataValue.md(f"```sql\n{(done.node.compiled_code or '').strip()}\n```")
    return dg.AssetCheckResult(
        asset_key=key.asset_key, check_name=key.name, passed=status == "pass", metadata=metadata,
        severity=dg.AssetCheckSeverity.WARN if status == "warn" else dg.AssetCheckSeverity.ERROR,
        description=None if status == "pass" else (done.message or status).strip(),
    )


def failure(result: DbtResult) -> dg.Failure:
    """Why the step failed, readable without opening a log."""
    failures: Iterable[str] = result.failures or ["dbt ended without saying why; see build/dbt/logs/dbt.log"]
    listed = "\n".join(f"- {line}" for line in failures)
    text = f"dbt: {len(result.failures)} failed, nothing is published\n{listed}"
    return dg.Failure(text, metadata={"failures": dg.MetadataValue.md(listed)}, allow_retries=False)


def _narrator(say: Callable[[str], None]) -> Callable[[Any], None]:
    """Names slow models as they finish. dbt calls it from its threads."""

    def hear(event: Any) -> None:
        if event.info.name == "LogModelResult" and event.data.execution_time >= _WORTH_A_LINE:
            say(f"dbt: {event.data.description} in {event.data.execution_time:.1f} s ({event.data.index} of {event.data.total})")

    return hear
