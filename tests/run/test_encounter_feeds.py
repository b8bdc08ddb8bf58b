"""The main job on files of every kind of encounter feed: visits, messages and extracts become counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from tests.run.conftest import run_pxw

pytestmark = pytest.mark.heavy

FIXTURES = Path(__file__).parents[1] / "ingestion" / "fixtures"
FILES = ("hl7_adt/adt_202503_20250402.hl7", "epic_encounters/epic_encounters_20250403.csv", "tuva_encounters/tuva_encounters_20250403.csv",
         "fhir_encounters/F2_R5_Encounter_202503_20250408.ndjson")
EXPECTED = {
    "hl7_adt": {"inpatient": 2, "outpatient": 1},  # one admission was cancelled, one visit only announced
    "epic_encounters": {"inpatient": 3, "office": 2, "virtual": 1},  # one emergency visit became a stay; calls, laboratory and missed visits out
    "tuva_encounters": {"inpatient": 1, "outpatient": 1, "office": 2},
    "fhir_encounters": {"outpatient": 1, "virtual": 1, "inpatient": 1},  # R5: one discontinued, one part of another
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feeds")
    (folder / "inbox").mkdir()
    for name in FILES:
        shutil.copy(FIXTURES / name, folder / "inbox")
    run_pxw(folder / "home", "run", "--inbox", str(folder / "inbox"))
    return folder / "home"


def counts(home: Path, feed: str) -> dict[str, int]:
    with duckdb.connect(str(home / "build" / "px.duckdb"), read_only=True) as con:
        query = "select encounter_class, sum(n_encounters)::bigint from core.fct_encounter_count where feed = ? group by 1"
        return dict(con.execute(query, [feed]).fetchall())


@pytest.mark.parametrize("feed", sorted(EXPECTED))
def test_counts_by_class(home, feed):
    assert counts(home, feed) == EXPECTED[feed]


def test_a_setting_changes_the_next_run(home):
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "settings.yml").write_text("encounters:\n  admitted_ed: emergency\n  include_ancillary: true\n")
    run_pxw(home, "run", "--inbox", str(home))
    assert counts(home, "epic_encounters") == {"inpatient": 2, "emergency": 1, "office": 2, "virtual": 1, "outpatient": 1}
    assert counts(home, "hl7_adt") == {"inpatient": 1, "emergency": 1, "outpatient": 1}


def test_a_wrong_setting_stops_the_run_with_its_line(home):
    (home / "config" / "settings.yml").write_text("encounters:\n  admitted_ed: both\n")
    told = run_pxw(home, "run", "--inbox", str(home), code=None)
    assert told.returncode != 0
    assert "settings.yml:2" in told.stdout + told.stderr and "admitted_ed" in told.stdout + told.stderr
