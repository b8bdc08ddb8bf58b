"""What a user sets: measures and KPIs of their own, and a publication that hides small cells."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest

from ingestion.ledger import Ledger
from tests.run.conftest import SampleRun, run_pxw

pytestmark = pytest.mark.heavy

DOCS = Path(__file__).parents[2] / "docs"
FILE = re.compile(r"`dbt_project/(?P<name>(?:measures|kpis)/\w+\.yml)`[^`]*?```yaml\n(?P<text>.*?)```", re.DOTALL)
OWN = {"hcahps_nurse_listening_top_box", "hcahps_nurse_listening_linear_mean", "nurse_goal", "doctor_goal_top_box", "doctor_goal_linear_mean"}


class OwnSettings:
    """A copy of the sample home, run with the recipes' files in a folder of its own and small cells hidden."""

    def __init__(self, sample: SampleRun, folder: Path) -> None:
        self.home, self.inbox, self.definitions = folder / "home", sample.inbox, folder / "our definitions"
        shutil.copytree(sample.home, self.home, symlinks=True)
        for recipe in ("add_a_measure.md", "add_a_kpi.md"):
            for name, text in FILE.findall((DOCS / recipe).read_text()):
                (self.definitions / name).parent.mkdir(parents=True, exist_ok=True)
                (self.definitions / name).write_text(text)
        (self.home / "config" / "settings.yml").write_text("small_cells: {}\n")
        self.output = self.pxw("run", "--inbox", str(self.inbox)).stdout
        self.manifest = json.loads((self.home / "published" / "manifest.json").read_text())

    def pxw(self, *arguments: str, code: int | None = 0, **more: str):
        return run_pxw(self.home, *arguments, code=code, **{"PXW_DEFINITIONS": str(self.definitions)} | more)


@pytest.fixture(scope="module")
def own(sample_run: SampleRun, tmp_path_factory: pytest.TempPathFactory) -> OwnSettings:
    return OwnSettings(sample_run, tmp_path_factory.mktemp("own"))


def test_kpis_of_a_folder_of_ones_own_are_computed_and_shown(own: OwnSettings):
    with duckdb.connect(str(own.home / "build" / "px.duckdb"), read_only=True) as con:
        counted = dict(con.execute("select kpi_id, count(value) from marts.kpi_value where kpi_id in (select unnest(?)) group by 1", [sorted(OWN)]).fetchall())
        listening = con.execute("select numerator, denominator from marts.kpi_value where kpi_id = 'hcahps_nurse_listening_top_box' and level = 'enterprise' "
                                "and period_grain = 'quarter' and period_start_on = '2026-01-01'").fetchone()
        answers = con.execute("select count(*) filter (nurse_listen = 4), count(*) from core.fct_survey_hcahps where is_scored and nurse_listen > 0 "
                              "and discharge_on between '2026-01-01' and '2026-03-31'").fetchone()
    assert set(counted) == OWN and all(counted.values())
    assert listening == answers and answers[1] > 20
    assert "nurse_goal" in own.pxw("kpis", "goal").stdout
    assert "Communication with nurses" in own.pxw("show", "nurse_goal", "--level", "facility").stdout


def test_the_definitions_are_part_of_what_a_build_depends_on(own: OwnSettings):
    assert "nothing new" in own.pxw("run", "--inbox", str(own.inbox)).stdout
    from ingestion.feed import load_feeds
    from ingestion.home import Home
    from orchestration.build_input import plan_build

    with pytest.MonkeyPatch.context() as patch:
        assert plan_build(Home(own.home), load_feeds()).is_changed
        patch.setenv("PXW_DEFINITIONS", str(own.definitions))
        assert not plan_build(Home(own.home), load_feeds()).is_changed


def test_a_fault_in_ones_own_folder_is_named_and_changes_nothing(own: OwnSettings, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(own.definitions, bad)
    goal = bad / "kpis" / "nurse_goal.yml"
    goal.write_text(goal.read_text().replace("hcahps_nurse_communication", "hcahps_nurse_comunication"))
    before = (own.home / "published" / "manifest.json").read_bytes()
    done = own.pxw("run", "--inbox", str(own.inbox), code=1, PXW_DEFINITIONS=str(bad))
    assert "nurse_goal.yml:2: measure: unknown measure 'hcahps_nurse_comunication'" in done.stdout + done.stderr
    assert "the graph" not in done.stdout  # it is told at once, not after half a minute of other work
    missing = own.pxw("run", "--inbox", str(own.inbox), code=1, PXW_DEFINITIONS=str(tmp_path / "none"))
    assert str(tmp_path / "none") in missing.stdout + missing.stderr
    assert (own.home / "published" / "manifest.json").read_bytes() == before


def test_small_cells_are_hidden_in_the_publication_and_kept_in_the_build(own: OwnSettings, sample_run: SampleRun):
    with duckdb.connect(str(own.home / "published" / "px.duckdb"), read_only=True) as con:
        shown = con.execute("select count(*) filter (numerator between 1 and 10 and numerator = round(numerator) or n between 1 and 10), count(*) filter (reason = 'SUPPRESSED'), "
                            "count(*) filter (reason = 'SUPPRESSED_COMPLEMENTARY'), count(value), count(*) from marts.kpi_value").fetchone()
        tables = {row[0] for row in con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()}
        history = con.execute("select count(*), count(*) filter (valid_to_at is not null and coalesce(value, numerator, n) is not null), "
                              "count(*) filter (valid_to_at is not null) from marts.kpi_history").fetchone()
    assert shown[0] == 0 and min(shown[1:4]) > 0
    assert history[0] > history[2] > 0 and history[1] == 0
    with duckdb.connect(str(own.home / "build" / "px.duckdb"), read_only=True) as con:
        kept = con.execute("select count(*) filter (numerator between 1 and 10), count(*) filter (reason like 'SUPPRESSED%'), count(*) from marts.kpi_value").fetchone()
    assert kept[0] > 0 and kept[1] == 0 and kept[2] == shown[4]
    rule = own.manifest["small_cells"]
    assert rule["smallest_shown"] == 11 and rule["rows_with_suppressed_numbers"]["kpi_value"]["SUPPRESSED"] == shown[1]
    assert {"complaint_rate", "survey_score", "experience_scorecard", "complaint_pareto"} <= tables
    assert set(rule["left_out"]).isdisjoint(tables) and rule["kpi_values_hidden_that_were_shown"] > 0
    assert "small cells: no count from 1 to 10 is shown" in own.output
    plain = json.loads((sample_run.home / "published" / "manifest.json").read_text())["small_cells"]
    assert plain == {"rule": "nothing is suppressed: a limited data set, for internal use only (docs/privacy.md)"}


def test_show_says_that_a_number_is_suppressed(own: OwnSettings):
    screen = own.pxw("show", "complaint_rate", "--level", "unit", "--period", "2026-03").stdout
    assert "suppressed" in screen and "not publishable" in screen


def test_a_suppressed_row_is_traced_in_the_restricted_mode_only(own: OwnSettings):
    with duckdb.connect(str(own.home / "published" / "px.duckdb"), read_only=True) as con:
        (key,) = con.execute("select min(kpi_key) from marts.kpi_value where reason = 'SUPPRESSED' and kpi_id = 'complaint_rate'").fetchone()
    refused = own.pxw("trace", key, code=1)
    assert f"{key} is suppressed in the published layer (SUPPRESSED)" in refused.stderr and "--restricted" in refused.stderr and refused.stdout == ""
    before = len(list(Ledger(own.home / "ledger").entries("raw_access")))
    told = json.loads(own.pxw("trace", key, "--restricted", "--json").stdout)
    assert told["published"]["published_reason"] == "SUPPRESSED" and told["published"]["value"] is not None and told["recomputed"]["is_equal"]
    looks = list(Ledger(own.home / "ledger").entries("raw_access"))
    assert len(looks) == before + 1 and looks[-1]["kpi_key"] == key and looks[-1]["purpose"] == "suppressed row"


def test_the_audit_report_hides_what_the_publication_hides(own: OwnSettings, tmp_path: Path):
    folder = tmp_path / "report"
    own.pxw("audit", "report", str(folder), "--kpi", "complaint_rate", "--period", "2026", "--level", "unit", "--level", "facility")

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / "data" / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    hidden = {row["kpi_key"] for row in rows("values") if row["reason"].startswith("SUPPRESSED")}
    counted = {row["kpi_key"]: row for row in rows("evidence_counts")}
    assert hidden and hidden < set(counted)
    # Nought is no small cell: beside a hidden denominator it stays.
    assert {(row["value"], row["numerator"]) for row in rows("values") if row["kpi_key"] in hidden} <= {("", ""), ("", "0.0")}
    assert {key for key, row in counted.items() if row["note"] == "suppressed"} == hidden
    assert all(counted[key][name] == "" for key in hidden for name in ("n_rows", "n_counted", "n_deliveries", "is_equal"))
    assert {row["is_equal"] for key, row in counted.items() if key not in hidden} == {"True"}
    by_rule = [row["n_rows"] for row in rows("evidence_rules")]
    assert any(by_rule) and all(n == "" or int(n) == 0 or int(n) >= own.manifest["small_cells"]["smallest_shown"] for n in by_rule)
    assert "Counts below 11 are suppressed" in (folder / "index.html").read_text()


def test_values_that_a_setting_hides_are_restated_by_that_setting(own: OwnSettings):
    """Both publications of this home are whole runs over the same deliveries: nothing but the setting can be the cause."""
    (file,) = (own.home / "ledger" / "history").glob("changes-000002-*")
    causes = dict(duckdb.sql(f"select cause, count(*) from '{file}' where change <> 'added' group by 1").fetchall())
    assert set(causes) == {"SETTING_CHANGE"} and causes["SETTING_CHANGE"] == own.manifest["small_cells"]["kpi_values_hidden_that_were_shown"]
