"""The plain script recounts every published KPI value from the delivered files, with nothing of ours but the definitions."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import duckdb
import pytest

from bench.__main__ import compare, left_out
from ingestion.samples import summarise, write_samples

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]
SEED = 2  # other numbers than in the sample of the other tests


def run(module: str, *arguments: str, environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False, cwd=ROOT, env=os.environ | environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, f"{module} {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"


def let_patients_write_again(inbox: Path) -> None:
    """In a sample patients hardly ever do; here there are five, so that letters about one matter follow each other."""
    for path in inbox.glob("rl6_feedback_*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text, restval=None))
        for row in rows:
            if row["Patient MRN"]:
                row["Patient MRN"] = f"SYN{crc32(row['File ID'].encode()) % 5:08d}"
        with path.open("w", encoding="utf-8-sig", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(rows[0])
            writer.writerows([value for value in row.values() if value is not None] for row in rows)  # a line cut short stays so


@pytest.fixture(scope="module")
def recount(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """KPI values of one sample: (plain script, published)."""
    folder = tmp_path_factory.mktemp("plain")
    inbox, home, plain = folder / "inbox", folder / "home", folder / "plain.parquet"
    environment = {"PXW_HOME": str(home), "PXW_INBOX": str(inbox)}
    planted = summarise(write_samples(inbox, "small", SEED))
    let_patients_write_again(inbox)
    run("orchestration.cli", "run", environment=environment)
    held = left_out(environment)
    assert held == planted.held and len(held) == 1
    run("bench.plain", str(inbox), str(plain), "--skip", held[0], environment=environment)
    return plain, home / "published" / "marts" / "kpi_value.parquet"


def test_every_published_value_is_recounted(recount: tuple[Path, Path]):
    plain, published = recount
    rules = duckdb.sql(f"select distinct rule from '{published.with_name('complaint_problem.parquet')}'").fetchall()
    assert {("EXCLUDED_SAME_MATTER",), ("EXCLUDED_TEST",), ("EXCLUDED_MERGED",)} <= set(rules)
    values = duckdb.sql(f"""
        select coalesce(a.kpi_key, b.kpi_key), a.value, b.value
        from (from '{published}' where value is not null) as a full join '{plain}' as b using (kpi_key)""").fetchall()
    assert len(values) > 11_000
    differing = [row for row in values if row[1] is None or row[2] is None or abs(row[1] - row[2]) > 1e-9]
    assert not differing, f"{len(differing)} of {len(values)} differ (key, published, plain): {sorted(differing)[:10]}"
    keys = [key.split(":") for key, *_ in values]
    assert {key[1] for key in keys} == {"month", "quarter", "rolling_12_months"}
    assert {key[3] for key in keys} == {"enterprise", "facility", "service_line", "unit"}
    assert {key[0] for key in keys} >= {
        "complaint_rate", "severe_complaint_rate", "emergency_complaint_rate", "complaints_answered_in_time", "hcahps_response_rate",
        "hcahps_recommend_adjusted_top_box", "staff_engagement", "training_completion", "nursing_hours_per_patient_day"}


def test_the_harness_finds_a_value_that_one_side_lacks(recount: tuple[Path, Path], tmp_path: Path):
    plain, published = recount
    n, worst = compare(plain, published)
    assert n > 11_000 and worst < 1e-9
    for kpi in ("complaint_rate", "hcahps_recommend_adjusted_top_box"):
        less = tmp_path / f"{kpi}.parquet"
        for absent, found in ((plain, (less, published)), (published, (plain, less))):
            duckdb.sql(f"copy (from '{absent}' where kpi_key <> (select min(kpi_key) from '{plain}' where kpi_key like '{kpi}:%')) "
                       f"to '{less}' (format parquet)")
            told = f"of {n} values {int(absent == plain)} are only published, {int(absent == published)} only recounted \\({kpi}\\)"
            with pytest.raises(SystemExit, match=told):
                compare(*found)


def test_the_harness_finds_a_value_that_differs(recount: tuple[Path, Path], tmp_path: Path):
    plain, published = recount
    other, one = tmp_path / "other.parquet", f"(select max(kpi_key) from '{plain}')"
    duckdb.sql(f"""
        copy (select * replace (case when kpi_key = {one} then value + 1e-6 else value end as value) from '{plain}')
        to '{other}' (format parquet)""")
    with pytest.raises(SystemExit, match="differ by up to 1.0e-06"):
        compare(other, published)
