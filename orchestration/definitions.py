"""The whole graph on one page.

Belongs here: putting the parts together, once.
Does not belong here: the parts: feed_assets.py, dbt_assets.py, publication.py, schedules.py.

    inbox/<feed> -> raw/<feed> -> staging -> core -> marts -> published/px -> exposure/<dashboard>
         definition/measures, definition/kpis, seeds ----^

Three steps do the work, in one process: deliveries, models, publication. A step per asset would cost
a second each and gain nothing: dbt is one call, and one DuckDB file has one writer.
"""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from ingestion.feed import Feed, load_feeds
from ingestion.home import Home
from orchestration.dbt_assets import model_assets
from orchestration.dbt_manifest import load_manifest
from orchestration.dbt_render import PROJECT_DIR
from orchestration.feed_assets import inbox_assets, raw_assets
from orchestration.publication import PUBLISHED, published_asset
from orchestration.schedules import DAILY, DELIVERIES, WAREHOUSE, inbox_sensor
from orchestration.translator import WarehouseTranslator, definition_assets, exposure_assets, is_published, source_schemas
from orchestration.warehouse import Warehouse


def build_definitions(
    home: Home, *, feeds: Mapping[str, Feed] | None = None, project: Path = PROJECT_DIR, is_held: bool = False,
) -> dg.Definitions:
    """Everything Dagster knows of the warehouse in `home`; nothing else builds a graph.

    `feeds` and `project` stand in for the shipped ones in tests. `is_held` says that the caller holds
    the home (pipeline.exclusive). Raises dbt_manifest.ProjectBroken when dbt cannot parse the project,
    and DefinitionError for a fault in a feed.
    """
    feeds = load_feeds() if feeds is None else feeds
    manifest = load_manifest(home, feeds, is_held=is_held, project=project)
    translator = WarehouseTranslator()
    marts = [translator.get_asset_key(node) for node in manifest["nodes"].values() if is_published(node)]
    return dg.Definitions(
        assets=[
            *inbox_assets(feeds),
            raw_assets(feeds, source_schemas(manifest)),
            *definition_assets(manifest),
            model_assets(manifest, translator, feeds, project),
            published_asset(marts),
            *exposure_assets(manifest, PUBLISHED),
        ],
        jobs=[WAREHOUSE, DELIVERIES],
        schedules=[DAILY],
        sensors=[inbox_sensor(home, feeds)],
        resources={"warehouse": Warehouse.configure_at_launch(home=str(home.root))},
        executor=dg.in_process_executor,
    )


@dg.definitions
def warehouse() -> dg.Definitions:
    """What `dagster dev -m orchestration.definitions` loads: the graph of the home named by PXW_HOME."""
    return build_definitions(Home.from_env())
