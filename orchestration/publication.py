"""The publication in the graph: the asset BI tools read.

Belongs here: the step that publishes, the check on what was published.
Does not belong here: how a publication is written and swapped in (publish.py).
"""

from collections.abc import Sequence

import dagster as dg

from ingestion.home import Home
from ingestion.sql import identifier
from orchestration import alerts, built
from orchestration.audit.history import FILLED_AT_PUBLICATION
from orchestration.dbt_assets import POOL
from orchestration.publish import PublishReport, publish
from orchestration.warehouse import Warehouse

PUBLISHED = dg.AssetKey(["published", "px"])
STEP = "publication"
CHECK = "published_as_built"


def published_asset(marts: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """One asset for the whole publication: it is swapped in whole."""

    spec = dg.AssetSpec(
        PUBLISHED, deps=list(marts), group_name="published", kinds={"duckdb", "parquet"},
        description="What BI tools read: published/px.duckdb and a Parquet twin of every mart, replaced in one rename.",
    )
    check = dg.AssetCheckSpec(CHECK, asset=PUBLISHED, blocking=True, description="Every mart of the build is published with all its rows.")

    @dg.multi_asset(name=STEP, specs=[spec], check_specs=[check], pool=POOL)
    def publication(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        home, say = warehouse.root, warehouse.progress(context)
        with warehouse.timed("publishing"):
            report = publish(home, built.kept_plan(home), built.deliveries_used(home), warehouse.timed)
        say(f"published {len(report.tables)} marts as {report.run_id}")
        for line in report.suppression.lines():
            say(line)
        if built.kept_plan(home).as_of is None:     # what was open on another day needs nobody now
            alerts.after_run(home, say)
        return dg.MaterializeResult(
            PUBLISHED, metadata=_metadata(report), data_version=dg.DataVersion(report.run_id), check_results=[_check(home, report)],
        )

    return publication


def _metadata(report: PublishReport) -> dict[str, dg.MetadataValue]:
    rows = [
        dg.TableRecord({"table": name, "rows": facts["n_rows"], "sha256": facts["sha256"]}) for name, facts in sorted(report.tables.items())
    ]
    return {
        "folder": dg.MetadataValue.path(str(report.folder)), "run_id": dg.MetadataValue.text(report.run_id),
        "tables": dg.MetadataValue.table(rows),
    }


def _check(home: Home, report: PublishReport) -> dg.AssetCheckResult:
    """Counts the published file anew and compares it with the build file."""
    import duckdb

    marts = {name.removeprefix("marts."): n for name, n in built.row_counts(home).items()
             if name.startswith("marts.") and name.removeprefix("marts.") not in report.suppression.left_out}
    marts |= {name: report.tables[name]["n_rows"] for name in FILLED_AT_PUBLICATION if name in marts}
    marts |= {name: marts[name] - n for name, n in report.suppression.dropped.items()}
    with duckdb.connect(str(home.published / "px.duckdb"), read_only=True) as con:
        names = [row[0] for row in con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()]
        found = {name: con.execute(f"select count(*) from marts.{identifier(name)}").fetchone()[0] for name in names}
    differing = sorted(name for name in marts.keys() | found.keys() if marts.get(name) != found.get(name))
    is_ok = bool(found) and not differing
    good, bad = f"{len(found)} marts, {sum(found.values()):,} rows", f"differ from the build: {', '.join(differing) or 'no marts'}"
    return dg.AssetCheckResult(
        asset_key=PUBLISHED, check_name=CHECK, passed=is_ok, severity=dg.AssetCheckSeverity.ERROR,
        description=good if is_ok else bad, metadata={"run_id": report.run_id},
    )
