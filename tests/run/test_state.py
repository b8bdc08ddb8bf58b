"""State is only landing, ledger and configuration: rebuilt, shuffled, cut at a date, released."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration import pipeline
from orchestration.cli import main
from tests.run.conftest import SampleRun, run_pxw

pytestmark = pytest.mark.heavy


def content(home: Path) -> dict[str, str]:
    """SHA-256 of every published table."""
    tables = json.loads((home / "published" / "manifest.json").read_text())["tables"]
    return {name: told["sha256"] for name, told in tables.items()}


def test_everything_but_landing_ledger_and_configuration_can_be_rebuilt(sample_run: SampleRun, tmp_path):
    for kept in ("landing", "ledger", "config"):
        shutil.copytree(sample_run.home / kept, tmp_path / "home" / kept)
    run_pxw(tmp_path / "home", "run", "--inbox", str(sample_run.inbox))
    assert content(tmp_path / "home") == content(sample_run.home)


def test_the_order_of_arrival_does_not_matter(sample_run: SampleRun, tmp_path):
    """Files come in four shuffled batches, each landed, conformed and judged before the next one arrives."""
    files, feeds, home = sorted(sample_run.inbox.iterdir()), load_feeds(), Home(tmp_path / "home").create()
    random.Random(7).shuffle(files)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(4):
        for file in files[number::4]:
            shutil.copy2(file, inbox)
        if number < 3:
            pipeline.land(home, [str(inbox)], feeds)
            pipeline.conform_new(home, feeds)
            pipeline.judge_new(home, feeds)
    run_pxw(home.root, "run", "--inbox", str(inbox))
    here, there = content(home.root), content(sample_run.home)
    assert {name for name in there if here[name] != there[name]} <= {"feed_status", "kpi_history"}
    # kpi_history says when this home published; the values in it are the same.
    history = [f"select * exclude (valid_from_at) from read_parquet('{one}/published/marts/kpi_history.parquet')" for one in (home.root, sample_run.home)]
    assert duckdb.sql(" except ".join(history)).fetchall() == []
    # feed_status also says when a file landed, and that did differ.
    status = [f"select * exclude (last_landed_at) from read_parquet('{one}/published/marts/feed_status.parquet')" for one in (home.root, sample_run.home)]
    assert duckdb.sql(" except ".join(status)).fetchall() == []


@pytest.fixture(scope="module")
def released(sample_run: SampleRun, tmp_path_factory) -> Path:
    """A copy of the sample home in which the held delivery was released, run once as of a past day, once for the present."""
    home = tmp_path_factory.mktemp("released") / "home"
    shutil.copytree(sample_run.home, home, symlinks=True)
    held = json.loads(run_pxw(home, "status", "--json").stdout)["held"][0]["delivery_id"]
    assert "no delivery" in run_pxw(home, "release", "ffffffff", "--reason", "x", code=1).stderr
    assert "needs a reason" in run_pxw(home, "release", held[:8], "--reason", " ", code=1).stderr
    run_pxw(home, "release", held[:8], "--reason", "vendor confirmed the file")
    run_pxw(home, "run", "--inbox", str(sample_run.inbox), "--as-of", "2025-12-31")
    (home / "as_of.json").write_text((home / "published" / "manifest.json").read_text())
    shutil.copy(home / "published" / "marts" / "kpi_value.parquet", home / "as_of.parquet")
    run_pxw(home, "run", "--inbox", str(sample_run.inbox))
    return home


def test_a_released_delivery_is_loaded_and_its_reason_kept(sample_run: SampleRun, released: Path):
    told = json.loads(run_pxw(released, "status", "--json").stdout)
    assert told["held"] == []
    entries = [json.loads(line) for line in (released / "ledger" / "ledger.jsonl").read_text().splitlines()]
    release = [e for e in entries if e["kind"] == "release"]
    assert [e["reason"] for e in release] == ["vendor confirmed the file"] and release[0]["user"]
    count = "select count(*) from read_parquet('{}/raw/press_ganey_hcahps/*/{}-*.parquet') where len(problems) = 0"
    rows = duckdb.sql(count.format(released, release[0]["delivery_id"])).fetchall()[0][0]
    with duckdb.connect(str(released / "build" / "px.duckdb"), read_only=True) as con:
        loaded = con.execute("select count(*) from core.fct_survey where delivery_id = ?", [release[0]["delivery_id"]]).fetchone()[0]
    assert 0 < loaded <= rows
    assert content(released)["kpi_value"] != content(sample_run.home)["kpi_value"]


def test_as_of_knows_only_what_was_delivered_by_then(released: Path):
    manifest = json.loads((released / "as_of.json").read_text())
    assert manifest["as_of"] == "2025-12-31"
    assert max(d["delivered_at"] for d in manifest["deliveries"]) < "2026-01-01"
    newest = duckdb.sql(f"select max(period_end_on)::varchar from read_parquet('{released / 'as_of.parquet'}') where is_publishable").fetchall()[0][0]
    assert "2025-11-01" <= newest <= "2025-12-31"
    assert json.loads((released / "published" / "manifest.json").read_text())["as_of"] is None


def test_two_runs_at_once_do_not_meet(tmp_path):
    home = Home(tmp_path / "home")
    with pipeline.exclusive(home):
        done = run_pxw(home.root, "run", code=3)
    assert f"another run is under way in {home.root} (process {os.getpid()})" in done.stderr


@pytest.mark.parametrize("what", ["verify", "as-of", "release"])
def test_what_holds_the_home_is_named(tmp_path, monkeypatch: pytest.MonkeyPatch, what: str):
    home = Home(tmp_path / "home")
    Ledger(home.create().ledger).append("delivery", delivery_id="x", feed="x", sha256="0" * 64, file_name="x")
    monkeypatch.setenv("PXW_HOME", str(home.root))
    with pipeline.exclusive(home, what):
        for arguments in (["run"], ["verify"], ["verify", "--quick"]):
            done = CliRunner().invoke(main, arguments)
            assert done.exit_code == 3 and f"`pxw {what}` holds {home.root} (process {os.getpid()})" in done.output

