"""A published value down to the rows of the files it was made of."""

from __future__ import annotations

import csv
import getpass
import hashlib
import io
import json
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.audit.choose import Wanted
from orchestration.audit.evidence import Cut, cut_evidence, open_build
from orchestration.audit.trace import find, trace_row
from orchestration.published import open_marts
from tests.run.conftest import SampleRun, run_pxw


def rows_of(sample_run: SampleRun, where: str) -> list[dict]:
    with sample_run.marts() as con:
        found = con.execute(f"select * from marts.kpi_value where {where}")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_a_row_of_every_kpi_and_level_is_computed_again_from_its_evidence(sample_run: SampleRun):
    widest = rows_of(sample_run, "true qualify row_number() over (partition by kpi_id, level order by value is null, n desc, kpi_key) = 1")
    assert len(widest) > 60
    home, n_valued = Home(sample_run.home), 0
    for row in widest:
        traced = trace_row(home, row, 0)
        assert traced.is_equal, traced.differences
        n_valued += row["value"] is not None and traced.n_rows > 0
    assert n_valued > 50


def test_the_cut_evidence_is_the_view_itself(sample_run: SampleRun):
    """The fast way and the view of the build file list the same rows, for a KPI of every source and family of measures."""
    folder = Home(sample_run.home).input / "definitions"
    with open_build(Home(sample_run.home)) as con:
        chosen = con.execute(f"select k.kpi_id, k.measure_id, m.source, m.instrument_family from '{folder}/kpi.parquet' as k join '{folder}/measure.parquet' as m using (measure_id) "
                             "join (select kpi_id, max(denominator) as n from built.marts.kpi_value group by 1) as v using (kpi_id) where v.n > 0 "
                             "qualify row_number() over (partition by m.source, m.instrument_family order by v.n desc, kpi_id) = 1 order by all").fetchall()
    assert {"answers", "cases", "surveys", "handled_cases", "adjusted"} <= {source for _, _, source, _ in chosen}
    of_f1 = "facility_id = 'F1' and month_start_on between date '2026-01-01' and date '2026-03-01'"
    for kpi_id, measure_id, source, family in chosen:
        with open_build(Home(sample_run.home)) as con:
            units = tuple(row[0] for row in con.execute("select unit_key from built.marts.dim_unit where facility_id = 'F1'").fetchall())
            cut_evidence(con, Home(sample_run.home), Cut(kpi_id, measure_id, source, family, units, date(2026, 1, 1), date(2026, 3, 1)))
            fast = con.execute("select * from px.marts.kpi_evidence").fetchall()
        # Stored views name the catalogue px, so the whole build must be it.
        with duckdb.connect() as con:
            con.execute(f"attach '{sample_run.home}/build/px.duckdb' as px (read_only)")
            whole = con.execute(f"select * from px.marts.kpi_evidence where kpi_id = '{kpi_id}' and {of_f1}").fetchall()
        assert whole and Counter(fast) == Counter(whole), kpi_id


def test_a_home_that_was_moved_reads_its_own_files(sample_run: SampleRun, tmp_path: Path):
    """Stored views name the place of the build; what a trace reads is where the home is now."""
    shutil.copytree(sample_run.home / "build", tmp_path / "home" / "build")
    with open_build(Home(tmp_path / "home")) as con:
        cut_evidence(con, Home(tmp_path / "home"), Cut("complaint_rate", "complaints_per_1000_encounters", "cases", None, ("F1/4W",), date(2026, 1, 1), date(2026, 3, 1)))
        views = " ".join(row[0] for row in con.execute("select sql from duckdb_views() where database_name = 'px' and not internal").fetchall())
    assert f"{tmp_path}/home/build/input/definitions/" in views and str(sample_run.home) not in views


def test_wrong_evidence_is_said_to_be_different(sample_run: SampleRun):
    row = rows_of(sample_run, "kpi_id = 'complaint_rate' and level = 'facility' and value > 0 order by kpi_key limit 1")[0]
    traced = trace_row(Home(sample_run.home), row | {"value": row["value"] * 1.001, "numerator": row["numerator"] + 1}, 5)
    assert not traced.is_equal
    assert any(text.startswith("numerator: published") for text in traced.differences)
    assert any(text.startswith("value: published") for text in traced.differences)


def test_an_adjusted_value_is_computed_again_from_usable_surveys_and_coefficients(sample_run: SampleRun):
    row = rows_of(sample_run, "kpi_id = 'hcahps_nurse_communication_adjusted_linear_mean' and value is not null order by reason is not null, level, n desc, kpi_key limit 1")[0]
    shown = " ".join(run_pxw(sample_run.home, "trace", row["kpi_key"]).stdout.split())
    assert "no numerator" in shown and "comes from study hcahps_group" in shown and "equal to the published value" in shown and "DIFFERENT" not in shown
    told = json.loads(run_pxw(sample_run.home, "trace", row["kpi_key"], "--json", "--rows", "0").stdout)
    assert told["recomputed"]["value"] == pytest.approx(row["value"], rel=1e-9) and told["recomputed"]["components"] == [] and told["recomputed"]["is_equal"]
    assert told["study"]["found"]["unadjusted"] + told["study"]["adjustment"] == pytest.approx(row["value"], abs=1e-9)
    assert told["study"]["again"]["unadjusted"] == pytest.approx(told["study"]["found"]["unadjusted"], abs=1e-9) and told["study"]["again"]["n_entities"] > 1
    assert {one["adjuster"] for one in told["study"]["coefficients"]} == {"overall_health", "education", "age"}
    for changed in ({"value": row["value"] + 1e-6}, {"denominator": row["denominator"] + 1}, {"n": row["n"] - 1}, {"numerator": 1.0}, {"value": None}):
        traced = trace_row(Home(sample_run.home), row | changed, 0)
        assert not traced.is_equal and traced.differences[0].startswith(f"{next(iter(changed))}: published"), changed


def test_every_adjusted_value_is_computed_again(sample_run: SampleRun):
    """All levels, windows and measures, one item or three, also those with a reason."""
    rows, home = rows_of(sample_run, "kpi_id like '%\\_adjusted\\_%' escape '\\'"), Home(sample_run.home)
    assert len(rows) > 20 and {row["level"] for row in rows} >= {"facility", "unit"} and len({row["kpi_id"] for row in rows}) > 2
    for row in rows:
        traced = trace_row(home, row, 0)
        assert traced.is_equal, traced.differences
        assert (traced.recomputed is None) == (row["value"] is None)


def test_a_trace_names_file_hash_row_and_what_it_was_chosen_over(sample_run: SampleRun):
    key = rows_of(sample_run, "kpi_id = 'complaint_rate' and level = 'facility' and period_grain = 'quarter' and value is not null order by n desc limit 1")[0]["kpi_key"]
    told = json.loads(run_pxw(sample_run.home, "trace", key, "--json").stdout)
    assert told["recomputed"]["is_equal"] and told["n_rows"] == len(told["rows"]) > 20
    assert sum(row["numerator"] for row in told["rows"]) == told["published"]["numerator"]
    assert sum(row["denominator"] for row in told["rows"]) == told["published"]["denominator"]
    for delivery in told["deliveries"]:
        file = sample_run.inbox / delivery["file_name"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == delivery["sha256"]
    assert any(row["replaces"] for row in told["rows"]), "the sample corrects rows of earlier files"
    assert {"VALID_CASE", "COUNTED"} <= {rule["rule"] for rule in told["rules"]}
    assert told["definition"]["definition_sha256"] and told["publication"]["code_version"] and told["published"]["run_id"]
    listed = list(csv.DictReader(io.StringIO(run_pxw(sample_run.home, "trace", key, "--csv").stdout)))
    assert len(listed) == told["n_rows"] and sum(float(row["denominator"]) for row in listed) == told["published"]["denominator"]


def test_names_and_places_find_the_same_row_as_the_key(sample_run: SampleRun):
    row = find(Home(sample_run.home), Wanted("complaint_rate", facility="F1", period="2026-Q1"))
    assert row["kpi_key"] == "complaint_rate:quarter:2026-01-01:facility:F1:all"
    shown = run_pxw(sample_run.home, "trace", "complaint_rate", "--facility", "F1", "--period", "2026-Q1").stdout
    named = find(Home(sample_run.home), Wanted("complaint_rate", unit="f1/4w", period="2026-03"))
    assert named["kpi_key"] == "complaint_rate:month:2026-03-01:unit:F1/4W:all"
    with open_marts(Home(sample_run.home)) as con:
        names = con.execute("select facility_name, unit_name from marts.dim_unit inner join marts.dim_facility using (facility_id) where unit_key = 'F1/4W'").fetchone()
    assert find(Home(sample_run.home), Wanted("complaint_rate", facility=names[0].upper(), unit=names[1], period="2026-03")) == named and "F1" not in names
    assert row["kpi_key"] in shown and "equal to the published value" in shown and "rl6_feedback_" in shown


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["complaint_rates"], 2, "there is no KPI 'complaint_rates'"),
    (["complaint_rate:month"], 2, "is no kpi_key"),
    (["complaint_rate", "--facility", "F1", "--period", "2019-01"], 1, "was never published for month ending 2019-01-31"),
    (["complaint_rate:month:2019-01-01:facility:F1:all"], 1, "was never published for month from 2019-01-01"),
    (["complaint_rate:quarter:2026-01-01:unit:F1/NOWHERE:all"], 1, "not for this place"),
    (["complaint_rate", "--facility", "F9", "--period", "2026-Q1"], 2, "there is no facility 'F9'; there are F1"),
    (["complaint_rate", "--facility", "F1", "--service-line", "none", "--period", "2026-Q1"], 1, "nothing is published for F1, none"),
    (["complaint_rate", "--unit", "4W", "--period", "2026-Q1"], 2, "2 rows fit; name --facility, or --unit F1/4W, or trace one of these keys"),
    (["complaint_rate", "--unit", "F1/9Z", "--period", "2026-Q1"], 2, "there is no unit '9Z'"),
    (["complaint_rate", "--period", "spring"], 2, "is not a period"),
])
def test_what_is_not_there_is_said_clearly(sample_run: SampleRun, arguments: list[str], code: int, words: str):
    assert words in run_pxw(sample_run.home, "trace", *arguments, code=code).stderr


def test_original_records_are_shown_to_the_owner_and_every_look_is_written_down(sample_run: SampleRun, tmp_path: Path):
    home = tmp_path / "home"
    shutil.copytree(sample_run.home, home, symlinks=True)
    page = tmp_path / "trace.html"
    run_pxw(home, "trace", "complaint_rate", "--facility", "F1", "--period", "2026-Q1", "--raw", "--rows", "5", "--html", str(page))
    entries = list(Ledger(home / "ledger").entries("raw_access"))
    assert len(entries) == 1 and entries[0]["user"] == getpass.getuser()
    assert entries[0]["kpi_key"] == "complaint_rate:quarter:2026-01-01:facility:F1:all"
    assert sum(len(numbers) for numbers in entries[0]["records"].values()) == 5
    assert "File ID" in page.read_text() and page.stat().st_mode & 0o077 == 0
    plain = tmp_path / "plain.html"
    run_pxw(home, "trace", "complaint_rate", "--facility", "F1", "--period", "2026-Q1", "--html", str(plain))
    assert "File ID" not in plain.read_text() and len(list(Ledger(home / "ledger").entries("raw_access"))) == 1
    assert "http://" not in plain.read_text() and "https://" not in plain.read_text()


def test_records_of_every_format_are_found_as_delivered(sample_run: SampleRun):
    """The text of a record is in the file: delimited, workbook, XML and NDJSON alike."""
    from ingestion.feed import load_feeds
    from orchestration.audit.original import original_records

    home, feeds = Home(sample_run.home), load_feeds()
    newest = {entry["feed"]: entry for entry in Ledger(home.ledger).entries("delivery")}
    seen = set()
    for name, entry in newest.items():
        found = original_records(home, feeds[name], entry["sha256"], [1, 2, 10**9])
        assert set(found) == {1, 2} and any(found[2].values()), name
        seen.add(feeds[name].format.type)
    assert {"delimited", "workbook", "xml", "ndjson"} <= seen


def test_without_a_landed_file_or_build_file_the_answer_is_clear(sample_run: SampleRun, tmp_path: Path):
    home = tmp_path / "home"
    shutil.copytree(sample_run.home, home, symlinks=True)
    told = json.loads(run_pxw(home, "trace", "complaint_rate", "--facility", "F1", "--period", "2026-Q1", "--json").stdout)
    sha256 = told["rows"][0]["sha256"]
    landed = home / "landing" / sha256[:2] / sha256
    content = bytearray(landed.read_bytes())
    content[200] ^= 1
    landed.chmod(0o600)
    landed.write_bytes(content)
    changed = run_pxw(home, "trace", "complaint_rate", "--facility", "F1", "--period", "2026-Q1", "--raw", code=1)
    assert f"the landed file {landed} was changed" in changed.stderr and "pxw verify" in changed.stderr
    landed.unlink()
    lost = run_pxw(home, "trace", "complaint_rate", "--facility", "F1", "--period", "2026-Q1", "--raw", code=1)
    assert f"the landed file {sha256} is missing" in lost.stderr
    (home / "build" / "px.duckdb").unlink()
    gone = run_pxw(home, "trace", "complaint_rate", "--facility", "F1", "--period", "2026-Q1", code=1)
    assert "there is no build file" in gone.stderr and "Traceback" not in gone.stderr
    assert "nothing is published" in run_pxw(tmp_path / "empty", "trace", "complaint_rate", code=1).stderr
