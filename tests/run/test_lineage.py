"""Every published column leads back to a vendor's header or to a definition; the page and the events say so."""

from __future__ import annotations

import getpass
import json
import re
from datetime import UTC, datetime
from uuid import UUID

import duckdb
import jsonschema
import pytest

from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.audit.lineage import Lineage, read_lineage
from orchestration.audit.lineage_page import page_path
from orchestration.dbt_render import PROJECT_DIR
from tests.run.conftest import SampleRun

_TEXT = {"type": "string"}


def _object(required: str, **properties: object) -> dict:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: dict) -> dict:
    return {"type": "array", "items": items}


def _map(values: dict) -> dict:
    return {"type": "object", "additionalProperties": values}


# What OpenLineage 2-0-2 and its facets require (openlineage.io/spec, JobType 2-0, ProcessingEngine 1-1, Documentation 1-1, ColumnLineage and Schema 1-2, the others 1-0),
# written down for the facets that our events and the client use; a facet that is not here is an error, so none goes unchecked.
_BASE = _object("_producer _schemaURL", _producer={"type": "string", "format": "uri", "minLength": 1},
                _schemaURL={"type": "string", "pattern": r"^https://openlineage\.io/spec/.+\.json#/\$defs/\w+$"})
_FIELD = _object("namespace name field", namespace=_TEXT, name=_TEXT, field=_TEXT, transformations=_list(_object("type", type=_TEXT)))
_FACETS = {
    "run": {"processing_engine": _object("version", version=_TEXT, name=_TEXT, openlineageAdapterVersion=_TEXT),
            "tags": _object("", tags=_list(_object("key value", key=_TEXT, value=_TEXT, source=_TEXT)))},
    "job": {"jobType": _object("processingType integration", processingType=_TEXT, integration=_TEXT, jobType=_TEXT)},
    "dataset": {"version": _object("datasetVersion", datasetVersion=_TEXT), "ownership": _object("", owners=_list(_object("name", name=_TEXT, type=_TEXT))),
                "documentation": _object("description", description=_TEXT, contentType=_TEXT),
                "schema": _object("", fields=_list(_object("name", name=_TEXT, type=_TEXT, description=_TEXT))),
                "columnLineage": _object("fields", fields=_map(_object("inputFields", inputFields=_list(_FIELD))), dataset=_list(_FIELD))},
    "output": {"outputStatistics": _object("rowCount", rowCount={"type": "integer"}, size={"type": "integer"})},
}


def _facets(of: str) -> dict:
    return {"type": "object", "additionalProperties": False, "properties": {name: {"allOf": [_BASE, facet]} for name, facet in _FACETS[of].items()}}


_DATASET = _object("namespace name", namespace=_TEXT, name=_TEXT, facets=_facets("dataset"), outputFacets=_facets("output"), inputFacets=_map(_BASE))
RUN_EVENT = _object(
    "run job eventTime producer schemaURL", eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
    eventTime={"type": "string", "format": "date-time"}, producer={"type": "string", "format": "uri", "minLength": 1},
    schemaURL={"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
    run=_object("runId", runId={"type": "string", "format": "uuid"}, facets=_facets("run")),
    job=_object("namespace name", namespace=_TEXT, name=_TEXT, facets=_facets("job")), inputs=_list(_DATASET), outputs=_list(_DATASET),
)


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


def test_every_column_of_a_step_in_python_says_what_it_is_made_of(sample_run: SampleRun, lineage: Lineage):
    """No SQL tells it, so the step's file does; a column without it, or one that names a column that is not there, is a missing edge of a mart."""
    manifest = json.loads((Home(sample_run.home).dbt / "target" / "manifest.json").read_text())
    steps = [node for node in manifest["nodes"].values() if node.get("language") == "python"]
    assert len(steps) >= 6
    with duckdb.connect(str(sample_run.home / "build" / "px.duckdb"), read_only=True) as con:
        built = {step["name"]: [row[0] for row in con.execute("select column_name from duckdb_columns() where schema_name = 'core' and table_name = ?", [step["name"]]).fetchall()]
                 for step in steps}
    below: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for column, parents in lineage.parents.items():
        for parent in parents:
            below.setdefault(parent, []).append(column)
    for step in steps:
        dataset, seen_marts = f"core.{step['name']}", []
        assert built[step["name"]] and all(lineage.parents.get((dataset, column)) for column in built[step["name"]]), dataset
        for column in built[step["name"]]:
            queue, seen = [(dataset, column)], set()
            while queue and not (reached := [one for one in queue if one[0].startswith("marts.")]):
                seen |= set(queue)
                queue = [child for one in queue for child in below.get(one, ()) if child not in seen]
            if queue:
                seen_marts.append(reached[0])
                cut = Lineage(lineage.parents | {(dataset, column): []}, lineage.described, lineage.models)
                wrong = Lineage(lineage.parents | {(dataset, column): [("core.fct_survey", "no_such_column")]}, lineage.described, lineage.models)
                assert (dataset, column) in cut.missing(reached[0]) and ("core.fct_survey", "no_such_column") in wrong.missing(reached[0])
        assert seen_marts, dataset


def test_a_facet_that_breaks_the_specification_is_refused(sample_run: SampleRun):
    event = json.loads((sample_run.home / "docs" / "lineage" / "openlineage.ndjson").read_text().splitlines()[1])
    for breaks in (lambda e: e["run"].update(runId="run 1"), lambda e: e["job"]["facets"]["jobType"].pop("integration"),
                   lambda e: next(one for one in e["outputs"] if one.get("outputFacets"))["outputFacets"]["outputStatistics"].update(rowCount="many"),
                   lambda e: e["outputs"][0]["facets"]["schema"].pop("_schemaURL"), lambda e: e["inputs"][0]["facets"].update(own={"_producer": "x", "_schemaURL": "y"})):
        broken = json.loads(json.dumps(event))
        breaks(broken)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, RUN_EVENT, format_checker=jsonschema.FormatChecker())


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
        jsonschema.validate(event, RUN_EVENT, format_checker=jsonschema.FormatChecker())
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
    (entry, *_), file = Ledger(sample_run.home / "ledger").entries("definitions"), "measures/hcahps_nurse_communication.yml"
    (change,) = [one for one in entry["changes"] if one["file"] == file]
    source = PROJECT_DIR / file
    assert {one["type"]: one["name"] for one in changed["ownership"]["owners"]} == {
        "FILE_OWNER": f"user:{source.owner()}", "CHANGE_NOTED_BY": f"user:{getpass.getuser()}"}
    assert changed["version"]["datasetVersion"] == change["new"]
    modified = datetime.fromtimestamp(source.stat().st_mtime, UTC).isoformat(timespec="seconds")
    assert changed["documentation"]["description"] == f"file of {modified}; this version noted at {entry['at']}"
