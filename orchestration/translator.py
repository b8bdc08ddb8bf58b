"""What a dbt node is called and shown as in the Dagster graph: one small function per attribute.

Belongs here: names, groups and checks of dbt nodes, schemas of sources.
Does not belong here: running dbt (dbt_run.py) or reporting its results (dbt_assets.py).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings
from dagster_dbt.asset_utils import default_metadata_from_dbt_resource_props

from orchestration.feed_assets import CATALOGUE, raw_key

UNIQUE_ID = "dagster_dbt/unique_id"
MEASURES = dg.AssetKey(["definition", "measures"])
KPIS = dg.AssetKey(["definition", "kpis"])

Node = Mapping[str, Any]


class WarehouseTranslator(DagsterDbtTranslator):
    """Sources are the raw assets, the catalogue and the definitions; models are layer/name; every test is a check."""

    def __init__(self) -> None:
        # Several sources are one asset: raw and restricted of a feed, the tables of the catalogue.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True, enable_source_metadata=False))

    def get_asset_key(self, dbt_resource_props: Node) -> dg.AssetKey:
        """Sources by what they stand for, everything else by layer and name."""
        if dbt_resource_props["resource_type"] != "source":
            return dg.AssetKey([layer(dbt_resource_props), dbt_resource_props["name"]])
        source, table = dbt_resource_props["source_name"], dbt_resource_props["name"]
        if source in ("raw", "restricted"):
            return raw_key(table)
        if source == "warehouse":
            return CATALOGUE
        if source == "definition":
            return KPIS if table.startswith("kpi") else MEASURES
        return dg.AssetKey([source, table])

    def get_group_name(self, dbt_resource_props: Node) -> str:
        """The layer: the page shows layers first and opens them on a click."""
        return layer(dbt_resource_props)

    def get_asset_check_spec(self, asset_spec: dg.AssetSpec, manifest: Node, unique_id: str, project: Any) -> dg.AssetCheckSpec | None:
        """A test is a check of the model it belongs to; an error stops what is downstream, a warning does not."""
        test = manifest["nodes"][unique_id]
        owner = tested_node(manifest, test)
        if owner is None or self.get_asset_key(owner) != asset_spec.key:
            return None
        others = {self.get_asset_key(node) for node in _parents(manifest, test)} - {asset_spec.key}
        return dg.AssetCheckSpec(
            test["name"], asset=asset_spec.key, description=test.get("description") or None, additional_deps=sorted(others),
            blocking=(test["config"].get("severity") or "error").lower() == "error", metadata={UNIQUE_ID: unique_id},
        )


def layer(node: Node) -> str:
    """staging, core, marts, restricted, seeds: the schema that the project gives the node."""
    return node["config"].get("schema") or f"{node['resource_type']}s"


def is_published(node: Node) -> bool:
    """Tables of the marts; a view over single rows (kpi_evidence) stays in the build file."""
    return node["resource_type"] == "model" and layer(node) == "marts" and node["config"]["materialized"] == "table"


def tested_node(manifest: Node, test: Node) -> Node | None:
    """The model, seed or source a test belongs to: the one it is written at, else the last one down the graph it reads."""
    attached = test.get("attached_node")
    if attached in manifest["nodes"]:
        return manifest["nodes"][attached]
    parents = _parents(manifest, test)
    upstream = {up for node in parents for up in _ancestors(manifest, node["unique_id"])}
    last = [node for node in parents if node["unique_id"] not in upstream]
    return max(last, key=lambda node: node["unique_id"], default=None)


def source_schemas(manifest: Node) -> dict[str, dg.TableSchema]:
    """Columns of the raw Parquet per feed, from the sources of the rendered project."""
    schemas = {}
    for node in manifest["sources"].values():
        schema = default_metadata_from_dbt_resource_props(node).get("dagster/column_schema")
        if node["source_name"] == "raw" and schema is not None:
            schemas[node["name"]] = schema.value if isinstance(schema, dg.TableSchemaMetadataValue) else schema
    return schemas


def definition_assets(manifest: Node) -> list[dg.AssetSpec]:
    """Measures and KPIs as written in YAML: external assets, since people change them."""
    read = {node["name"] for node in manifest["sources"].values() if node["source_name"] == "definition"}
    texts = {MEASURES: "How answers, cases or counts become a number.", KPIS: "Measures with levels, windows, targets and owners."}
    return [
        dg.AssetSpec(key, group_name="definition", kinds={"yaml"}, description=text)
        for key, text in texts.items() if any((KPIS if name.startswith("kpi") else MEASURES) == key for name in read)
    ]


def exposure_assets(manifest: Node, published: dg.AssetKey) -> list[dg.AssetSpec]:
    """Dashboards and reports: external assets that read the published file."""
    return [_exposure(manifest, node, published) for node in manifest["exposures"].values()]


def _exposure(manifest: Node, node: Node, published: dg.AssetKey) -> dg.AssetSpec:
    owner = node.get("owner") or {}
    email = owner.get("email") or ""
    reads = [node_id.rsplit(".", 1)[-1] for node_id in node["depends_on"]["nodes"]]
    return dg.AssetSpec(
        dg.AssetKey(["exposure", node["name"]]), deps=[published], group_name="exposure", kinds={node["type"]},
        description=node.get("description") or node.get("label") or node["name"], owners=[email] if "@" in email else [],
        metadata={
            "label": node.get("label") or node["name"], "reads": ", ".join(sorted(reads)), "owner": owner.get("name") or "",
            **({"url": dg.MetadataValue.url(node["url"])} if node.get("url") else {}),
        },
    )


def _parents(manifest: Node, node: Node) -> list[Node]:
    known = manifest["nodes"] | manifest["sources"]
    return [known[i] for i in dict.fromkeys(node.get("depends_on", {}).get("nodes", [])) if i in known]


def _ancestors(manifest: Node, unique_id: str) -> set[str]:
    seen: set[str] = set()
    queue = list(manifest["parent_map"].get(unique_id, []))
    while queue:
        parent = queue.pop()
        if parent not in seen:
            seen.add(parent)
            queue += manifest["parent_map"].get(parent, [])
    return seen
