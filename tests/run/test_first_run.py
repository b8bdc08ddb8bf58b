"""What a user has after one run on the small sample."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import duckdb
import pytest

from ingestion.ledger import Ledger
from ingestion.samples.names import IDENTIFYING_PATTERNS, SYNTHETIC_FAMILY, SYNTHETIC_GIVEN, SYNTHETIC_STAFF
from tests.run.conftest import SampleRun, run_pxw

MARTS = {"kpi_value", "kpi_scorecard", "response_rate", "feed_status", "data_quality", "unmapped_codes", "benchmark",
         "dim_facility", "dim_unit", "dim_measure", "dim_kpi"}


def hashes(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_run_ends_with_a_table_for_people(sample_run: SampleRun):
    for words in ("the last closed month", "complaints", "would recommend", "F1", "held", "quarantined", "px.duckdb", "make ui"):
        assert words in sample_run.output


def test_published_marts_and_manifest_agree(sample_run: SampleRun, marts):
    manifest = json.loads((sample_run.home / "published" / "manifest.json").read_text())
    names = {row[0] for row in marts.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()}
    assert names == set(manifest["tables"]) >= MARTS
    for name, told in manifest["tables"].items():
        parquet = sample_run.home / "published" / "marts" / f"{name}.parquet"
        assert hashlib.sha256(parquet.read_bytes()).hexdigest() == told["sha256"]
        assert marts.execute(f"select count(*) from marts.{name}").fetchone()[0] == told["n_rows"]
        differing = f"select * from marts.{name} except all select * from read_parquet('{parquet}')"
        assert marts.execute(f"select count(*) from ({differing})").fetchone() == (0,)
    loaded = {d["delivery_id"] for d in manifest["deliveries"]}
    assert len(loaded) > 80 and manifest["run_id"] == marts.execute("select distinct run_id from marts.kpi_value").fetchone()[0]


def test_every_published_column_has_a_meaning_and_keys_are_kept(marts):
    assert marts.execute("select table_name, column_name from duckdb_columns() where schema_name = 'marts' and coalesce(comment, '') = ''").fetchall() == []
    assert marts.execute("select table_name from duckdb_tables() where schema_name = 'marts' and coalesce(comment, '') = ''").fetchall() == []
    keyed = {row[0] for row in marts.execute("select table_name from duckdb_constraints() where constraint_type = 'PRIMARY KEY'").fetchall()}
    assert {"kpi_value", "dim_unit", "dim_kpi"} <= keyed


def test_kpi_value_has_the_promised_columns(marts):
    promised = ("kpi_key kpi_id measure_id measure_version standing level facility_id unit_id service_line segment_type segment_value period_grain "
                "period_start_on period_end_on numerator denominator value ci_low ci_high n is_publishable reason target direction run_id").split()
    columns = [row[0] for row in marts.execute("describe marts.kpi_value").fetchall()]
    assert set(promised) <= set(columns)
    bad = "value is null and reason is null or is_publishable and (value is null or reason is not null) or not is_publishable and reason is null"
    assert marts.execute(f"select count(*) from marts.kpi_value where {bad}").fetchone() == (0,)
    assert marts.execute("select count(*) > 1000, count(distinct kpi_key) = count(*) from marts.kpi_value where kpi_key is not null").fetchone() == (True, True)


def test_rows_delivered_are_rows_accepted_and_quarantined(sample_run: SampleRun):
    raw = sample_run.home / "raw"
    entries = {e["delivery_id"]: e for e in Ledger(sample_run.home / "ledger").entries() if e["kind"] == "conform" and not e["refused"]}
    counted = duckdb.sql(
        f"select delivery_id, count(*), count(*) filter (len(problems) = 0) from read_parquet('{raw}/*/*/*-*.parquet', union_by_name = true) "
        "where delivery_id is not null group by all").fetchall()
    assert len(counted) > 80
    for delivery_id, n_rows, n_accepted in counted:
        told = entries[delivery_id]
        assert (told["n_rows"], told["n_accepted"], told["n_quarantined"]) == (n_rows, n_accepted, n_rows - n_accepted)
    assert sum(e["n_quarantined"] for e in entries.values()) >= 10


def test_the_damaged_delivery_is_held_and_the_others_went_on(sample_run: SampleRun):
    told = json.loads(run_pxw(sample_run.home, "status", "--json").stdout)
    assert len(told["held"]) == 1 and told["held"][0]["feed"] == "press_ganey_hcahps" and "overall_rate" in told["held"][0]["reason"]
    assert told["refused"] == [] and told["unplaced"] == []


def test_unmapped_codes_are_listed_and_totals_reconcile(marts):
    listed = marts.execute("select count(*) from marts.unmapped_codes").fetchone()[0]
    assert listed > 0
    kpi = "from marts.kpi_value where kpi_id = 'complaint_rate' and period_grain = 'month'"
    by_level = dict(marts.execute(f"select level, sum(numerator) {kpi} group by level").fetchall())
    assert by_level["enterprise"] == by_level["facility"] == by_level["unit"] > 0


@pytest.mark.parametrize("place", ["published", "docs", "dagster", "build", "ledger"])
def test_no_name_telephone_or_record_number_leaves_the_restricted_files(sample_run: SampleRun, place):
    """Narratives of the sample hold invented names and numbers; only landing and restricted Parquet may."""
    words = "|".join(re.escape(w) for w in (*SYNTHETIC_GIVEN, *SYNTHETIC_FAMILY, *SYNTHETIC_STAFF))
    pattern = re.compile(f"{words}|{'|'.join(IDENTIFYING_PATTERNS)}".encode())
    assert any(pattern.search(p.read_bytes()) for p in sample_run.inbox.glob("rl6*")), "the sample must hold what is searched for"
    read = 0
    for path in (sample_run.home / place).rglob("*"):
        if path.is_file() and "restricted" not in path.parts:
            read += 1
            found = pattern.search(path.read_bytes())
            assert not found, f"{path}: {found}"
    assert read > 0


def test_narratives_are_in_the_restricted_schema_only(sample_run: SampleRun):
    with duckdb.connect(str(sample_run.home / "build" / "px.duckdb"), read_only=True) as con:
        columns = con.execute("select schema_name, table_name from duckdb_columns() where not internal and data_type = 'VARCHAR' and column_name in ('text', 'narrative', 'comment') "
                              "union select schema_name, view_name from duckdb_views() where schema_name = 'restricted'").fetchall()
        assert {schema for schema, _ in columns} == {"restricted"}


def test_a_second_run_says_so_and_changes_no_byte(sample_run: SampleRun):
    before = hashes(sample_run.home / "published")
    ledger = (sample_run.home / "ledger" / "ledger.jsonl").read_bytes()
    done = run_pxw(sample_run.home, "run", "--inbox", str(sample_run.inbox))
    assert "nothing new" in done.stdout
    assert hashes(sample_run.home / "published") == before and len(before) > 10
    assert (sample_run.home / "ledger" / "ledger.jsonl").read_bytes() == ledger


def test_show_prints_published_values(sample_run: SampleRun, marts):
    rows = json.loads(run_pxw(sample_run.home, "show", "complaint_rate", "--level", "unit", "--period", "2026-03", "--json").stdout)
    assert rows and {r["period_start_on"] for r in rows} == {"2026-03-01"}
    for row in rows:
        assert marts.execute("select value from marts.kpi_value where kpi_key = ?", [row["kpi_key"]]).fetchone()[0] == row["value"]
    offered = run_pxw(sample_run.home, "show", "complaint", code=2).stderr.replace(",", " ").split()
    assert offered.count("complaint_rate") == 1
    shortest = json.loads(run_pxw(sample_run.home, "show", "hcahps_nurse_communication_linear_mean", "--json").stdout)
    assert {row["period_grain"] for row in shortest} == {"quarter"}
    assert "2026-Q1" in run_pxw(sample_run.home, "show", "complaint_rate", "--period", "spring", code=2).stderr


def test_old_readers_keep_their_file_while_a_new_one_is_published(sample_run: SampleRun, tmp_path):
    """The published folder is swapped by renaming a link; an open file stays what it was."""
    from ingestion.home import Home
    from orchestration.publish import _swap

    home = Home(tmp_path / "home").create()
    for number in (1, 2):
        folder = home.root / "publications" / str(number)
        folder.mkdir(parents=True)
        with duckdb.connect(str(folder / "px.duckdb")) as con:
            con.execute(f"create table t as select {number} as n")
    _swap(home, home.root / "publications" / "1")
    with duckdb.connect(str(home.published / "px.duckdb"), read_only=True) as reader:
        _swap(home, home.root / "publications" / "2")
        assert reader.execute("from t").fetchone() == (1,)
    with duckdb.connect(str(home.published / "px.duckdb"), read_only=True) as reader:
        assert reader.execute("from t").fetchone() == (2,)
