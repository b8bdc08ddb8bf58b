"""The graph of the shipped feeds and the shipped dbt project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ingestion.feed import load_feeds
from ingestion.home import Home
from orchestration.definitions import build_definitions
from orchestration.translator import UNIQUE_ID
from tests.orchestration.conftest import FEED, Small

HEAVY = ("great_expectations", "pandas", "pyarrow", "scipy", "lxml")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    return build_definitions(Home(tmp_path_factory.mktemp("graph") / "home").create(), is_held=True).get_repository_def()


def test_every_feed_runs_from_its_files_to_the_publication(graph: dg.RepositoryDefinition) -> None:
    assets = graph.asset_graph
    for feed in load_feeds():
        inbox, raw, staging = dg.AssetKey(["inbox", feed]), dg.AssetKey(["raw", feed]), dg.AssetKey(["staging", f"stg_{feed}"])
        assert assets.get(inbox).is_external and assets.get(raw).parent_keys == {inbox}
        assert raw in assets.get(staging).parent_keys
        assert {key.name for key in assets.get(raw).check_keys} == {"rows_reconcile", "deliveries_readable", "deliveries_as_expected"}
        freshness = assets.get(inbox).freshness_policy
        assert (freshness is None) == (load_feeds()[feed].cadence == "none")


def test_the_publication_reads_every_table_of_the_marts_and_no_single_rows(graph: dg.RepositoryDefinition) -> None:
    assets = graph.asset_graph
    marts = {key for key in assets.get_all_asset_keys() if key.path[0] == "marts"}
    evidence = dg.AssetKey(["marts", "kpi_evidence"])
    assert evidence in marts and assets.get(dg.AssetKey(["published", "px"])).parent_keys == marts - {evidence}


def test_every_dbt_test_is_a_check_that_blocks_when_it_is_an_error(tmp_path: Path, small: Small) -> None:
    repository = small.definitions().get_repository_def()
    checks = {spec.metadata[UNIQUE_ID].split(".")[2]: spec for spec in _dbt_check_specs(repository)}
    assert {name: ("/".join(spec.asset_key.path), spec.blocking) for name, spec in checks.items()} == {
        "class_is_known": ("core/encounters", False),
        "n_encounters_is_there": ("core/encounters", True),
        "totals_agree": ("marts/encounters_by_month", True),
    }


def test_an_exposure_hangs_below_the_publication(small: Small) -> None:
    node = small.definitions().get_repository_def().asset_graph.get(dg.AssetKey(["exposure", "board_page"]))
    assert node.is_external and node.parent_keys == {dg.AssetKey(["published", "px"])}
    assert node.metadata["reads"] == "encounters_by_month" and node.owners == ["quality@example.org"]


def test_three_steps_in_one_process(graph: dg.RepositoryDefinition) -> None:
    job = graph.get_job("warehouse")
    assert {node.name for node in job.graph.nodes} == {"deliveries", "models", "publication"}
    assert job.executor_def.name == "in_process"
    assert {node.name for node in graph.get_job("deliveries_only").graph.nodes} == {"deliveries"}
    assert [s.name for s in graph.schedule_defs] == ["daily"] and [s.name for s in graph.sensor_defs] == ["inbox"]


def test_loading_the_code_location_imports_nothing_heavy(small: Small) -> None:
    """In a process of its own, from the manifest that a load before has made."""
    small.definitions()
    code = (
        "import sys\nfrom pathlib import Path\nfrom ingestion.feed import load_feeds\nfrom ingestion.home import Home\n"
        "from orchestration.definitions import build_definitions\n"
        f"feeds = {{{FEED!r}: load_feeds()[{FEED!r}]}}\n"
        f"build_definitions(Home({str(small.home.root)!r}), feeds=feeds, project=Path({str(small.project)!r})).get_repository_def()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], 'dbt.cli.main' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.stdout.strip() == "[] False", done.stderr


def _dbt_check_specs(repository: dg.RepositoryDefinition) -> list[dg.AssetCheckSpec]:
    [models] = [d for d in repository.asset_graph.assets_defs if d.is_executable and d.op.name == "models"]
    return list(models.check_specs)
