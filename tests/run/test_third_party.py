"""The main job on real third-party files: their rows arrive in core with the right counts."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests.run.conftest import run_pxw


@pytest.fixture(scope="module")
def home(shared: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("third") / "home"
    run_pxw(folder, "run", "--inbox", str(shared / "samples"))
    return folder


@pytest.fixture
def build(home: Path):
    with duckdb.connect(str(home / "build" / "px.duckdb"), read_only=True) as con:
        yield con


def counts(build, feed: str) -> dict[str, int]:
    return dict(build.execute("select encounter_class, sum(n_encounters)::bigint from core.fct_encounter_count where feed = ? group by 1", [feed]).fetchall())


def test_synthea_csv_becomes_counts_by_class(build, shared: Path):
    with (shared / "samples" / "encounters" / "synthea_encounters.csv").open(newline="") as handle:
        words = Counter(row["ENCOUNTERCLASS"] for row in csv.DictReader(handle))
    classes = {"wellness": "outpatient", "ambulatory": "outpatient", "outpatient": "outpatient", "urgentcare": "urgent_care", "emergency": "emergency",
               "inpatient": "inpatient", "home": "home", "snf": "post_acute", "hospice": "post_acute", "virtual": "virtual"}
    expected = Counter()
    for word, n in words.items():
        expected[classes[word]] += n
    assert sum(words.values()) == 654
    assert counts(build, "synthea_encounters") == dict(expected)


def test_fhir_encounters_become_counts_by_class(build):
    assert counts(build, "fhir_encounters") == {"outpatient": 73, "emergency": 2}


def test_tuva_monthly_counts_arrive_whole(build, shared: Path):
    groups = Counter()
    with (shared / "samples" / "encounters" / "tuva_encounter_counts_monthly.csv").open(newline="", encoding="utf-8-sig") as handle:
        for row in csv.DictReader(handle):
            groups[{"office based": "office"}.get(row["ENCOUNTER_GROUP"], row["ENCOUNTER_GROUP"])] += int(row["CLAIM_COUNT"])
    assert len(groups) == 4
    assert counts(build, "tuva_encounter_counts") == dict(groups)


def test_cms_benchmarks_keep_their_footnotes(home: Path):
    with duckdb.connect(str(home / "published" / "px.duckdb"), read_only=True) as con:
        n = dict(con.execute("select geography_level, count(*) from marts.benchmark group by 1").fetchall())
        assert n == {"national": 72, "state": 4032}
        missing = con.execute("select value_reason, footnote, count(*) from marts.benchmark where value is null group by all").fetchall()
        assert missing == [("NOT_AVAILABLE", "5", 288)]
        assert con.execute("select value from marts.benchmark where geography_code = 'AK' and public_measure_id = 'H_COMP_1_A_P'").fetchone() == (80.0,)


def test_files_nobody_asked_for_are_named(home: Path):
    unplaced = {file["file_name"] for file in json.loads(run_pxw(home, "status", "--json").stdout)["unplaced"]}
    assert {"README.md", "Footnote_Crosswalk.csv", "synthea_organizations.csv", "sample.csv"} <= unplaced


def test_a_run_that_takes_nothing_still_names_them(home: Path, shared: Path):
    told = run_pxw(home, "run", "--inbox", str(shared / "samples")).stdout
    assert "nothing new" in told and "not taken  README.md: matches no feed" in told
