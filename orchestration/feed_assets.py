"""Feeds in the graph: files of the vendors, and their raw Parquet with its checks.

Belongs here: one external asset and one raw asset per feed, the step that lands, conforms and judges.
Does not belong here: how that is done (pipeline.py), what the checks say (feed_checks.py).

All feeds share one step: an inbox is listed once and a file is placed by looking at every feed.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import dagster as dg

from expectations import prepare
from ingestion.cadence import CADENCE_DAYS
from ingestion.catalogue import Delivery, read_catalogue
from ingestion.conform import ConformReport
from ingestion.feed import Feed
from ingestion.landing import LandReport
from orchestration import feed_checks, pipeline
from orchestration.warehouse import Warehouse

CATALOGUE = dg.AssetKey(["warehouse", "catalogue"])
STEP = "deliveries"


def inbox_key(feed: str) -> dg.AssetKey:
    """The files a vendor sends."""
    return dg.AssetKey(["inbox", feed])


def raw_key(feed: str) -> dg.AssetKey:
    """The raw Parquet of a feed."""
    return dg.AssetKey(["raw", feed])


def freshness(cadence: str) -> dg.FreshnessPolicy | None:
    """One delivery missed warns, two fail; a tenth of the period (at least half a day) is no delay."""
    if cadence not in CADENCE_DAYS:
        return None
    days, _ = CADENCE_DAYS[cadence]
    grace = timedelta(days=max(0.5, days / 10))
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=2 * days) + grace, warn_window=timedelta(days=days) + grace)


def inbox_assets(feeds: Mapping[str, Feed]) -> list[dg.AssetSpec]:
    """Files as they come, an external asset per feed. A new delivery materialises it, so freshness means the vendor's."""
    return [
        dg.AssetSpec(
            inbox_key(feed.feed), group_name="inbox", kinds={feed.format.type}, freshness_policy=freshness(feed.cadence),
            description=f"{feed.label}: files as the vendor sends them, {_cadence(feed)}.",
            metadata={"files": ", ".join(feed.files), "kind": feed.kind, "cadence": feed.cadence, "time_zone": feed.time_zone},
        )
        for feed in feeds.values()
    ]


def raw_assets(feeds: Mapping[str, Feed], schemas: Mapping[str, dg.TableSchema]) -> dg.AssetsDefinition:
    """The step that brings new files of every feed to raw Parquet and lets Great Expectations judge them."""
    specs = [_raw_spec(feed, schemas.get(feed.feed)) for feed in feeds.values()]
    specs.append(dg.AssetSpec(
        CATALOGUE, deps=[raw_key(name) for name in feeds], group_name="raw", kinds={"parquet"},
        description="Every delivery with its state (accepted, held, refused), its order and its row counts; the feeds; the run.",
    ))
    checks = [check for name in feeds for check in feed_checks.specs(raw_key(name))]

    @dg.multi_asset(name=STEP, specs=specs, check_specs=[*checks, feed_checks.placed_spec(CATALOGUE)], can_subset=True)
    def deliveries(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult]:
        import duckdb

        home, say = warehouse.root, warehouse.progress(context)
        if warehouse.is_being_brought_in:  # the other core is still conforming: time to import what the next step needs
            with warehouse.timed("expectations"):
                prepare()
        landed, reports = warehouse.bring_in(context, dict(feeds))
        with warehouse.timed("expectations"):
            pipeline.judge_new(home, dict(feeds), say)
        known = read_catalogue(home, dict(feeds))
        with duckdb.connect() as con:  # one for all feeds: opening it takes 17 ms of CPU
            for name, feed in feeds.items():
                own = [delivery for delivery in known if delivery.feed == name]
                _report_new_files(context, name, landed)
                if raw_key(name) in context.selected_asset_keys:
                    yield dg.MaterializeResult(
                        raw_key(name), metadata=_raw_metadata(own, reports.get(name, [])),
                        data_version=_version(feed.version, *(d.delivery_id for d in own if d.status == "accepted")),
                        check_results=_selected(context, feed_checks.results(con, home, feed, raw_key(name), own, reports.get(name, []))),
                    )
        if CATALOGUE in context.selected_asset_keys:
            yield dg.MaterializeResult(
                CATALOGUE, metadata=_states(known), data_version=_version(*(f"{d.delivery_id} {d.status} {d.order}" for d in known)),
                check_results=_selected(context, [feed_checks.placed(CATALOGUE, landed)]),
            )

    return deliveries


def _raw_spec(feed: Feed, schema: dg.TableSchema | None) -> dg.AssetSpec:
    return dg.AssetSpec(
        raw_key(feed.feed), deps=[inbox_key(feed.feed)], group_name="raw", kinds={"parquet"}, code_version=feed.version,
        description=f"{feed.label}: one Parquet per delivery, every delivered row, quarantined rows with their problems.",
        metadata={"kind": feed.kind, **({"dagster/column_schema": schema} if schema else {})},
    )


def _cadence(feed: Feed) -> str:
    return "without a fixed rhythm" if feed.cadence == "none" else feed.cadence


def _selected(context: dg.AssetExecutionContext, results: Sequence[dg.AssetCheckResult]) -> list[dg.AssetCheckResult]:
    return [r for r in results if dg.AssetCheckKey(r.asset_key, r.check_name) in context.selected_asset_check_keys]


def _report_new_files(context: dg.AssetExecutionContext, feed: str, landed: LandReport) -> None:
    new = [entry for entry in landed.new if entry["feed"] == feed]
    if new:
        rows = [dg.TableRecord({"delivery": e["delivery_id"], "file": e["file_name"], "bytes": e["n_bytes"]}) for e in new[:100]]
        metadata = {"n_new_files": len(new), "new_files": dg.MetadataValue.table(rows)}
        context.log_event(dg.AssetMaterialization(inbox_key(feed), metadata=metadata))


def _raw_metadata(own: Sequence[Delivery], reports: Sequence[ConformReport]) -> dict[str, dg.MetadataValue | int]:
    accepted = [d for d in own if d.status == "accepted"]
    rules: dict[str, int] = {}
    for report in reports:
        for rule, count in report.rules.items():
            rules[rule] = rules.get(rule, 0) + count
    rows = [dg.TableRecord({"rule": rule, "rows": count}) for rule, count in sorted(rules.items(), key=lambda item: -item[1])]
    return {
        "dagster/row_count": sum(d.conformed.get("n_accepted", 0) for d in accepted),
        "n_quarantined": sum(d.conformed.get("n_quarantined", 0) for d in accepted),
        "n_new_deliveries": len(reports),
        **_states(own),
        **({"quarantined_in_new_deliveries": dg.MetadataValue.table(rows)} if rows else {}),
    }


def _states(deliveries: Sequence[Delivery]) -> dict[str, int]:
    return {f"n_{state}": sum(d.status == state for d in deliveries) for state in ("accepted", "held", "refused")}


def _version(*parts: str) -> dg.DataVersion:
    """Changes with what it is made of, so the web page can tell which assets are out of date."""
    return dg.DataVersion(hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16])
