"""One run over a file of every survey, score and benchmark feed: each reaches the facts, comments reach the restricted schema only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from ingestion.feed import load_feeds
from ingestion.home import Home
from orchestration.audit.lineage import read_lineage
from tests.run.conftest import run_pxw

pytestmark = pytest.mark.heavy

FIXTURES = Path(__file__).parents[1] / "ingestion" / "fixtures"
FEEDS = ("press_ganey_xml", "cgcahps_fixed_width", "qualtrics_experience", "surveymonkey_feedback", "realtime_feedback", "online_reviews", "nhs_fft",
         "cahps_mips_scores", "own_benchmarks", "hcahps_history_results", "hcahps_history_responses", "cms_oas_public")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("surveys")
    for feed in FEEDS:
        shutil.copytree(FIXTURES / feed, folder / "inbox" / feed)
    run_pxw(folder / "home", "run", "--inbox", str(folder / "inbox"))
    return folder / "home"


@pytest.fixture
def build(home: Path):
    with duckdb.connect(str(home / "build" / "px.duckdb"), read_only=True) as con:
        yield con


def test_every_delivery_is_accepted(home):
    status = json.loads(run_pxw(home, "status", "--json").stdout)
    assert status["unplaced"] == []
    entries = [json.loads(line) for line in (home / "ledger" / "ledger.jsonl").read_text().splitlines()]
    assert {entry["feed"] for entry in entries if entry["kind"] == "delivery"} == set(FEEDS)
    assert [entry for entry in entries if entry["kind"] == "verdict" and not entry["is_ok"]] == []


def test_a_survey_with_two_questionnaires_is_in_the_facts_of_both(build):
    found = dict(build.execute("select family, count(*) filter (is_scored) from core.fct_survey where feed = 'press_ganey_xml' group by 1").fetchall())
    assert found == {"hcahps": 5, "pg": 6}  # one outside the sample, blocks that are not there
    by_feed = build.execute("select feed, family, count(*) filter (is_scored) from core.fct_survey where feed <> 'press_ganey_xml' group by all order by all").fetchall()
    assert by_feed == [("cgcahps_fixed_width", "cgcahps", 11), ("online_reviews", "review", 6), ("qualtrics_experience", "nps", 6), ("qualtrics_experience", "pg", 6),
                       ("realtime_feedback", "nps", 6), ("realtime_feedback", "pg", 6), ("surveymonkey_feedback", "nps", 6), ("surveymonkey_feedback", "pg", 6)]


def test_counts_and_scores_of_others_are_there(build):
    assert build.execute("select count(*), sum(n_answers) > 0, count(*) filter (n_answers is null) from core.fct_answer_count").fetchone() == (36, True, 1)
    assert build.execute("select count(*), count(value) from core.current_score").fetchone() == (24, 23)
    assert build.execute("select count(distinct feed) from core.current_benchmark").fetchone() == (4,)


def test_a_kpi_of_delivered_counts_leads_back_to_its_rows(home):
    key = "fft_positive:month:2024-04-01:enterprise:all:all"
    told = json.loads(run_pxw(home, "trace", key, "--json").stdout)
    assert told["recomputed"]["is_equal"] and told["published"]["value"] == pytest.approx(100 * 49 / 53)
    assert [(row["source_kind"], row["numerator"], row["denominator"]) for row in told["rows"]] == [
        ("answer_count", numerator, n) for numerator, n in ((40, 40), (9, 9), (0, 2), (0, 1), (0, 1), (0, 0))]
    assert {row["file_name"] for row in told["rows"]} == {"fft_emergency_202503_20250420.csv"}
    lineage = read_lineage(Home(home), json.loads((Home(home).dbt / "target" / "manifest.json").read_text()), load_feeds())
    columns = {(f"marts.{mart}", column) for mart, column in (("kpi_value", "value"), ("kpi_evidence", "numerator"), ("survey_score", "score"), ("unmapped_codes", "source_unit_code"))}
    assert columns <= set(lineage.described) and not [lost for column in columns for lost in lineage.missing(column)]
    assert any("nhs_fft" in end[0] for end in lineage.roots(("marts.kpi_value", "numerator")))


def test_comments_are_restricted(build, home):
    found = build.execute("select feed, count(*), min(n_characters) > 0, count(label_model) from restricted.survey_comment group by 1 order by 1").fetchall()
    assert found == [("online_reviews", 3, True, 3), ("press_ganey_xml", 2, True, 2), ("qualtrics_experience", 1, True, 0),
                     ("realtime_feedback", 1, True, 1), ("surveymonkey_feedback", 1, True, 0)]
    languages = build.execute("select feed, language_code, count(*) from restricted.survey_comment where language_code is not null group by 1, 2 order by 1, 2").fetchall()
    assert ("online_reviews", "en", 3) in languages
    words = [row[0].encode() for row in build.execute("select text from restricted.survey_comment").fetchall()]
    published = [path for path in (home / "published").rglob("*") if path.is_file()]
    assert published and not [path for path in published for word in words if len(word) > 12 and word in path.read_bytes()]
