"""OpenLineage events of a run: what was read, what was written, which column comes from which.

Belongs here: events in the terms of the OpenLineage specification 2-0-2, handing them to its client.
Does not belong here: the graph of columns (lineage.py), when a run starts and ends (dbt_assets.py, publication.py).

By default events go to docs/lineage/openlineage.ndjson of the home, one JSON object per line; with
`lineage: {url: ...}` in config/settings.yml, or OPENLINEAGE_URL, they are posted there. Lineage describes: a
receiver that does not answer must not fail a good run, so that is a warning.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ingestion.home import Home, replacing
from ingestion.ledger import Ledger
from orchestration.audit.lineage import Lineage
from orchestration.audit.record import DEFINITIONS
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

NAMESPACE = "pxw"
JOB = "warehouse"
PRODUCER = "urn:patient-experience-warehouse"
_TIMEOUT = 5.0


def events_path(home: Home) -> Path:
    """Where events go without a receiver."""
    return home.docs / "lineage" / "openlineage.ndjson"


def emit(home: Home, state: str, run_id: str, inputs: Iterable[InputDataset] = (), outputs: Iterable[OutputDataset] = ()) -> bool:
    """Send one event (START, COMPLETE or FAIL) of the run; whether it arrived. `run_id` is any UUID."""
    try:
        _client(home).emit(event(state, run_id, inputs, outputs))
        return True
    except Exception as error:  # noqa: BLE001 - see above: whatever the receiver does, the run is good
        logging.getLogger(__name__).warning("OpenLineage event not delivered: %s", type(error).__name__)
        return False


def emit_complete(home: Home, run_id: str, lineage: Lineage, deliveries: Iterable[Mapping[str, Any]], rows: Mapping[str, int]) -> bool:
    """The end of a good run. Columns are told when they have changed, or to a receiver that has not heard of them."""
    stamp = home.docs / "lineage" / "told.txt"
    state = hashlib.sha256(f"{receiver(home)} {sorted(lineage.parents.items())} {sorted(lineage.described.items())}".encode()).hexdigest()
    is_whole = not (stamp.exists() and stamp.read_text() == state)
    arrived = emit(home, "COMPLETE", run_id, inputs_of(home, deliveries), outputs_of(lineage, rows, is_whole=is_whole))
    if arrived and is_whole:
        with replacing(stamp) as part:
            part.write_text(state)
    return arrived


def event(state: str, run_id: str, inputs: Iterable[InputDataset], outputs: Iterable[OutputDataset]) -> Any:
    """A run event as the client wants it."""
    import duckdb
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import job_type_job, processing_engine_run

    engine = processing_engine_run.ProcessingEngineRunFacet(version=duckdb.__version__, name="duckdb", openlineageAdapterVersion="1", producer=PRODUCER)
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="PXW", jobType="JOB", producer=PRODUCER)
    return RunEvent(eventType=RunState[state], eventTime=datetime.now(UTC).isoformat(timespec="milliseconds"), producer=PRODUCER,
                    run=Run(runId=str(UUID(run_id)), facets={"processing_engine": engine}), job=Job(NAMESPACE, JOB, facets={"jobType": kind}),
                    inputs=list(inputs), outputs=list(outputs))


def inputs_of(home: Home, deliveries: Iterable[Mapping[str, Any]]) -> list[InputDataset]:
    """The feeds a build read, versioned by their newest delivery, and the definitions: whose file, of when, noted by whose run."""
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import dataset_version_dataset, documentation_dataset, ownership_dataset

    newest = {one["feed"]: one["delivery_id"] for one in deliveries}
    found = [InputDataset(NAMESPACE, f"raw.{feed}", facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version, producer=PRODUCER)})
             for feed, version in sorted(newest.items())]
    changed: dict[str, dict[str, Any]] = {}
    for entry in Ledger(home.ledger).entries(DEFINITIONS):
        changed |= {change["file"]: {"at": entry["at"], "user": entry["user"], **change} for change in entry["changes"]}
    for file, change in sorted(changed.items()):
        if change["new"]:
            owners = [ownership_dataset.Owner(name=f"user:{name}", type=kind) for name, kind in ((change.get("owner"), "FILE_OWNER"), (change["user"], "CHANGE_NOTED_BY")) if name]
            told = f"file of {change['modified_at'] or 'an unknown time'}; this version noted at {change['at']}"
            found.append(InputDataset(NAMESPACE, f"definition/{file}", facets={
                "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=change["new"], producer=PRODUCER),
                "documentation": documentation_dataset.DocumentationDatasetFacet(description=told, producer=PRODUCER),
                "ownership": ownership_dataset.OwnershipDatasetFacet(owners=owners, producer=PRODUCER)}))
    return found


def outputs_of(lineage: Lineage, rows: Mapping[str, int], *, is_whole: bool = True) -> list[OutputDataset]:
    """Every table and view of the build with its rows where they are counted; `is_whole` adds columns and their lineage.

    A receiver keeps the facets of a dataset until others come, and those of columns are large (a megabyte).
    """
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

    columns: dict[str, list[str]] = {}
    for dataset, column in lineage.described:
        columns.setdefault(dataset, []).append(column)
    found = []
    for dataset in lineage.models:
        counted = {"outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows[dataset], producer=PRODUCER)} if dataset in rows else {}
        if not is_whole:
            found.append(OutputDataset(NAMESPACE, dataset, outputFacets=counted))
            continue
        fields = [schema_dataset.SchemaDatasetFacetFields(name=name, description=lineage.described[dataset, name] or None) for name in columns.get(dataset, ())]
        facets = {"schema": schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER), "columnLineage": _columns(lineage, dataset, columns.get(dataset, []))}
        found.append(OutputDataset(NAMESPACE, dataset, facets=facets, outputFacets=counted))
    return found


def _columns(lineage: Lineage, dataset: str, columns: list[str]) -> Any:
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    def parents(column: str) -> list[Any]:
        return [facet.InputField(namespace=NAMESPACE, name=name, field=field) for name, field in lineage.parents.get((dataset, column), ())]

    return facet.ColumnLineageDatasetFacet(fields={name: facet.Fields(inputFields=parents(name)) for name in columns if parents(name)}, producer=PRODUCER)


def receiver(home: Home) -> str | None:
    """The URL events are posted to; None for the file of the home."""
    return os.environ.get("OPENLINEAGE_URL") or load_settings(home).lineage.url


def _client(home: Home) -> Any:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    if url := receiver(home):
        return OpenLineageClient(transport=HttpTransport(HttpConfig(url=url, timeout=_TIMEOUT, retry={"total": 1, "backoff_factor": 0.1})))
    path = events_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    return OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(path), append=True)))
