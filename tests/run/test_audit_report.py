"""A folder that an auditor can keep and check without us; and the whole rebuilt from landing."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from orchestration.build_input import ROOT
from tests.run.conftest import SampleRun, run_pxw

KPIS = ("complaint_rate", "hcahps_nurse_communication_top_box")


@pytest.fixture(scope="module")
def report(sample_run: SampleRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "out"
    told = run_pxw(sample_run.home, "audit", "report", str(folder), *(word for kpi in KPIS for word in ("--kpi", kpi)), "--period", "2026-Q1").stdout
    assert "2 KPIs" in told
    return folder


def rows(report: Path, name: str) -> list[dict[str, str]]:
    with (report / "data" / f"{name}.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_values_are_the_published_ones_and_every_sum_was_checked(sample_run: SampleRun, report: Path):
    values = {row["kpi_key"]: row for row in rows(report, "values")}
    with sample_run.marts() as con:
        published = con.execute("select kpi_key, value from marts.kpi_value where kpi_id in (select unnest(?)) and level in ('enterprise', 'facility') "
                                "and period_end_on <= date '2026-03-31' and case when period_grain = 'rolling_12_months' then period_end_on > date '2025-12-31' "
                                "else period_start_on >= date '2026-01-01' end", [list(KPIS)]).fetchall()
    assert any(":rolling_12_months:" in key for key, _ in published)
    assert len(published) > 10 and {key: float(row["value"]) if row["value"] else None for key, row in values.items()} == dict(published)
    counted = {row["kpi_key"]: row for row in rows(report, "evidence_counts")}
    assert set(counted) == set(values) and {row["is_equal"] for row in counted.values()} == {"True"}
    assert sum(int(row["n_counted"]) for row in counted.values()) > 100


def test_the_page_holds_every_part_and_nothing_is_fetched(report: Path):
    text = (report / "index.html").read_text()
    for part in ("values", "definitions", "evidence", "restatements", "quality", "holds", "unmapped", "deliveries", "lineage", "verification"):
        assert f'<h2 id="{part}">' in text
    links = re.findall(r'(?:src|href)="([^"#][^"]*)"', text)
    assert links and all((report / link).is_file() for link in links)
    assert "http://" not in text and "https://" not in text and "Landed files, ledger, published history" in text


def test_the_sums_of_the_folder_hold(report: Path):
    lines = (report / "SHA256SUMS").read_text().splitlines()
    files = {path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert {line.split("  ")[1] for line in lines} == files and len(files) > 10
    assert all(hashlib.sha256((report / line.split("  ")[1]).read_bytes()).hexdigest() == line.split("  ")[0] for line in lines)


def test_no_name_leaves_the_restricted_files(report: Path):
    from ingestion.samples.names import IDENTIFYING_PATTERNS, SYNTHETIC_FAMILY, SYNTHETIC_GIVEN, SYNTHETIC_STAFF

    words = "|".join(re.escape(word) for word in (*SYNTHETIC_GIVEN, *SYNTHETIC_FAMILY, *SYNTHETIC_STAFF))
    pattern = re.compile(f"{words}|{'|'.join(IDENTIFYING_PATTERNS)}")
    for path in report.rglob("*.*"):
        assert not pattern.search(path.read_text()), path


def test_holds_and_definitions_are_told(report: Path):
    assert [row["what"] for row in rows(report, "holds_and_releases")] == ["held"]
    told = json.loads((report / "data" / "definitions.json").read_text())
    assert [one["kpi_id"] for one in told] == sorted(KPIS) and all(len(one["definition_sha256"]) == 64 and one["versions"] for one in told)
    assert any(row["dataset"] == "file.press_ganey_hcahps" for row in rows(report, "lineage"))


def test_what_cannot_be_reported_is_said(sample_run: SampleRun, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("x")
    assert "holds other files" in run_pxw(sample_run.home, "audit", "report", str(tmp_path), code=2).stderr
    assert "nothing is published" in run_pxw(sample_run.home, "audit", "report", str(tmp_path / "out"), "--kpi", "complaint_rate", "--period", "2019", code=1).stderr
    assert "there is no KPI" in run_pxw(sample_run.home, "audit", "report", str(tmp_path / "out"), "--kpi", "nothing", code=2).stderr


@pytest.mark.heavy
def test_verify_rebuilds_from_landing_by_another_code_and_finds_a_changed_byte(sample_run: SampleRun, tmp_path: Path):
    """The code differs by a comment, so everything but the ids of runs must come out the same, and the answer says which code it was."""
    home, source = tmp_path / "home", tmp_path / "source"
    shutil.copytree(sample_run.home, home, symlinks=True)
    for room in ("ingestion", "methods", "expectations", "orchestration", "dbt_project"):
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
    with (source / "dbt_project" / "models" / "marts" / "kpi_value.sql").open("a") as handle:
        handle.write("-- another version\n")
    told = run_pxw(home, "verify", source=source).stdout
    assert "everything holds" in told and "tables built again from landing, ledger and configuration" in told
    assert re.search(r"note: published by code (\w{12}), rebuilt by code (?!\1)\w{12}: differences may come from that", told)
    assert re.search(r"\d+ tests hold, every row of kpi_value is the sum of its evidence", told)
    assert not list(home.glob(".verify-*"))
    landed = next(path for path in (home / "landing").glob("??/*") if path.stat().st_size > 1000)
    content = bytearray(landed.read_bytes())
    content[500] ^= 1
    landed.chmod(0o600)
    landed.write_bytes(content)
    broken = run_pxw(home, "verify", "--quick", code=1).stdout
    assert "the landed file was changed" in broken and landed.name in broken and "1 faults" in broken


def test_the_ledger_tells_the_run_and_is_read_by_duckdb(sample_run: SampleRun, tmp_path: Path):
    import duckdb

    run_pxw(sample_run.home, "ledger", "export", str(tmp_path / "ledger.parquet"))
    kinds = dict(duckdb.sql(f"select kind, count(*) from '{tmp_path}/ledger.parquet' group by kind").fetchall())
    assert kinds["run"] == kinds["publication"] == kinds["definitions"] == 1 and kinds["delivery"] > 80
    run = json.loads(duckdb.sql(f"select facts from '{tmp_path}/ledger.parquet' where kind = 'run'").fetchall()[0][0])
    assert run["is_ok"] and run["checks"]["pass"] >= 5 and len(run["lock_sha256"]) == 64 and run["n_deliveries"] > 80
    with duckdb.connect() as con:
        con.execute(run_pxw(sample_run.home, "ledger", "view").stdout)
        assert dict(con.execute("select kind, count(*) from ledger group by kind").fetchall()) == kinds
        assert con.execute("select count(distinct previous_sha256), max(entry) from ledger").fetchone() == (sum(kinds.values()),) * 2
    publication = json.loads(duckdb.sql(f"select facts from '{tmp_path}/ledger.parquet' where kind = 'publication'").fetchall()[0][0])
    assert publication["tables"]["kpi_value"]["n_rows"] == publication["n_changes"]["added"] > 1000
