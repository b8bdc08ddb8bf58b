"""Every published column leads back to a vendor's header or to a definition; the page and the events say so."""

from __future__ import annotations

import json
import re
from datetime import datetime
from uuid import UUID

import jsonschema
import pytest

from ingestion.feed import load_feeds
from ingestion.home import Home
from orchestration.audit.lineage import Lineage, read_lineage
from orchestration.audit.lineage_page import page_path
from tests.run.conftest import SampleRun

# The parts of OpenLineage 2-0-2 and of its facets for columns and schemas that our events use, as the specification requires them.
_FACET = {"type": "object", "required": ["_producer", "_schemaURL"],
          "properties": {"_producer": {"type": "string", "minLength": 1}, "_schemaURL": {"type": "string", "pattern": r"^https://openlineage\.io/spec/.+#/\$defs/\w+$"}}}
_FIELD = {"type": "object", "required": ["namespace", "name", "field"], "properties": {name: {"type": "string"} for name in ("namespace", "name", "field")}}
_COLUMNS = {"allOf": [_FACET, {"required": ["fields"], "properties": {"fields": {"type": "object", "additionalProperties": {
    "type": "object", "required": ["inputFields"], "properties": {"inputFields": {"type": "array", "items": _FIELD}}}}}}]}
_SCHEMA = {"allOf": [_FACET, {"properties": {"fields": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}}]}
_DATASET = {"type": "object", "required": ["namespace", "name"], "properties": {
    "namespace": {"type": "string"}, "name": {"type": "string"},
    "facets": {"type": "object", "additionalProperties": _FACET, "properties": {"columnLineage": _COLUMNS, "schema": _SCHEMA}},
    "inputFacets": {"type": "object", "additionalProperties": _FACET}, "outputFacets": {"type": "object", "additionalProperties": _FACET}}}
RUN_EVENT = {"type": "object", "required": ["run", "job", "eventTime", "producer", "schemaURL"], "properties": {
    "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]}, "eventTime": {"type": "string"}, "producer": {"type": "string", "minLength": 1},
    "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
    "run": {"type": "object", "required": ["runId"], "properties": {"facets": {"type": "object", "additionalProperties": _FACET}}},
    "job": {"type": "object", "required": ["namespace", "name"], "properties": {"facets": {"type": "object", "additionalProperties": _FACET}}},
    "inputs": {"type": "array", "items": _DATASET}, "outputs": {"type": "array", "items": _DATASET}}}


@pytest.fixture(scope="module")
def lineage(sample_run: SampleRun) -> Lineage:
    home = Home(sample_run.home)
    return read_lineage(home, json.loads((home.dbt / "target" / "manifest.json").read_text()), load_feeds())


def test_every_column_of_every_published_mart_is_followed_to_its_end(sample_run: SampleRun, lineage: Lineage):
    with sample_run.marts() as con:
        columns = con.execute("select 'marts.' || table_name, column_name from duckdb_columns() where schema_name = 'marts'").fetchall()
    assert len(columns) > 150
    lost = {f"{dataset}.{column}": lineage.missing((dataset, column)) for dataset, column in columns if lineage.missing((dataset, column))}
    assert not lost, f"no way back: {lost}"
    for dataset, column in columns:
        ends = {end[0].split(".")[0] for end in lineage.roots((dataset, column))}
        assert ends & {"file", "definition", "seeds", "warehouse", "ledger"}, f"{dataset}.{column} ends at {ends} only"


def test_a_missing_edge_is_found(lineage: Lineage):
    cut = Lineage(dict(lineage.parents), dict(lineage.described), dict(lineage.models))
    del cut.parents["core.measure_month", "numerator"]
    assert cut.missing(("marts.kpi_value", "value")) == [("core.measure_month", "numerator")]


def test_values_come_from_the_headers_of_the_vendors(lineage: Lineage):
    ends = set(lineage.roots(("marts.kpi_value", "value")))
    assert {("file.press_ganey_hcahps", "Q1"), ("file.rl6_feedback", "Date Received")} <= ends
    assert any(dataset == "definition.measure_weight" for dataset, _ in ends)
    assert not any("PATIENT_NAME" in column for _, column in ends), "identifiers that are dropped lead nowhere"


def test_the_page_shows_every_mart_and_needs_no_network(sample_run: SampleRun, lineage: Lineage):
    text = page_path(Home(sample_run.home)).read_text()
    for dataset in (name for name in lineage.models if name.startswith("marts.")):
        assert f'id="{dataset}"' in text
    assert 'id="marts.kpi_value.value"' in text and "not followed" not in text
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', text) == []
    assert "measures/hcahps_nurse_communication.yml" in text


def test_the_events_of_the_run_fit_the_specification(sample_run: SampleRun, lineage: Lineage):
    lines = (sample_run.home / "docs" / "lineage" / "openlineage.ndjson").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["eventType"] for event in events][:2] == ["START", "COMPLETE"]
    for event in events:
        jsonschema.validate(event, RUN_EVENT)
        UUID(event["run"]["runId"])
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert events[0]["run"]["runId"] == events[1]["run"]["runId"]
    outputs = {one["name"]: one for one in events[1]["outputs"]}
    assert set(lineage.models) == set(outputs)
    fields = outputs["marts.kpi_value"]["facets"]["columnLineage"]["fields"]
    above = [(one["namespace"], one["name"], one["field"]) for one in fields["numerator"]["inputFields"]]
    assert above == [("pxw", "core.kpi_adjusted", "numerator"), ("pxw", "core.measure_month", "numerator")]
    assert outputs["marts.kpi_value"]["outputFacets"]["outputStatistics"]["rowCount"] > 1000
    inputs = {one["name"]: one for one in events[1]["inputs"]}
    assert "raw.press_ganey_hcahps" in inputs
    changed = inputs["definition/measures/hcahps_nurse_communication.yml"]["facets"]
    assert changed["ownership"]["owners"][0]["type"] == "LAST_CHANGED_BY" and len(changed["version"]["datasetVersion"]) == 64
