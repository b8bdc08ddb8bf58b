"""Whatever is changed behind our back is found and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.landing import land
from orchestration.audit.side_build import copy_state
from orchestration.audit.verify import (
    Finding,
    _compare_content,
    check_history,
    check_landing,
    check_ledger,
    check_published,
    differing_rows,
    examine,
)
from tests.audit.small import KPI, World, first_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two landed files and two publications."""
    made = first_world(tmp_path / "home")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    feed = load_feeds()["tuva_encounter_counts"]
    for number in (1, 2):
        pattern = feed.files[0].replace("**/", "").replace("*", f"_{number}_")
        (inbox / pattern).write_text(f"DATA_SOURCE,CLAIM_COUNT\nnorth,{number}\n")
    assert len(land(made.home, [str(inbox)], {feed.feed: feed}).new) == 2
    made.publish()
    made.encounters = 2000
    made.publish()
    return made


def faults(home: Home) -> dict[str, list[str]]:
    """What a quick verification says, by examination."""
    return {finding.what: finding.faults for finding in examine(home, None)}


def test_an_untouched_home_holds(world: World):
    assert faults(world.home) == {"ledger": [], "landing": [], "history": [], "published": []}


def test_one_byte_of_a_landed_file(world: World):
    path = next(world.home.landing.glob("??/*"))
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    found = check_landing(world.home).faults
    assert len(found) == 1 and f"was {path.name}" in found[0] and "the landed file was changed" in found[0]
    assert faults(world.home) == {"ledger": [], "landing": found, "history": [], "published": []}


def test_a_missing_landed_file(world: World):
    path = next(world.home.landing.glob("??/*"))
    path.unlink()
    found = check_landing(world.home).faults
    assert len(found) == 1 and f"the landed file is missing: {path}" in found[0]


def test_a_file_nobody_knows_is_a_note_only(world: World):
    (world.home.landing / "ab").mkdir(exist_ok=True)
    (world.home.landing / "ab" / ("ab" * 32)).write_text("left by a crash")
    found = check_landing(world.home)
    assert found.is_ok and "belongs to no entry" in found.notes[0]


def test_one_ledger_line(world: World):
    path = world.home.ledger / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0].replace(b'"n_bytes":', b'"n_bytes": ') + b"".join(lines[1:]))
    assert f"{path}:2: the entry does not follow" in check_ledger(world.home).faults[0]


@pytest.mark.parametrize("kept", [1, 2])
def test_a_ledger_cut_in_the_middle(world: World, kept: int):
    """Found with its head, and without it: the publication has lost its entry."""
    path = world.home.ledger / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]))
    assert f":{kept + 1}: the ledger is cut off here" in check_ledger(world.home).faults[0]
    (world.home.ledger / "head").unlink()
    assert "has no entry: lines at the end are cut off" in check_ledger(world.home).faults[0]
    assert not check_landing(world.home).faults or kept == 1


def test_a_line_taken_out_of_the_middle(world: World):
    path = world.home.ledger / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    assert f"{path}:2: the entry does not follow" in check_ledger(world.home).faults[0]


def test_one_published_cell_of_the_duckdb_file(world: World):
    with duckdb.connect(str(world.home.published / "px.duckdb")) as con:
        con.execute("update marts.kpi_value set value = value + 0.5 where kpi_key like '%2026-01-01:facility:F1%'")
    found = check_published(world.home).faults
    assert found[0] == "px.duckdb was changed since it was published"
    assert any(f"marts.kpi_value has rows that were not published: 1, the first with kpi_key {KPI}:month:2026-01-01:facility:F1:all" in text for text in found)


def test_one_published_cell_of_a_parquet_file(world: World):
    path = world.home.published / "marts" / "kpi_value.parquet"
    changed = path.with_suffix(".other")
    duckdb.sql(f"copy (select * replace (value + 1 as value) from '{path}') to '{changed}' (format parquet)")
    changed.replace(path)
    assert any(text.startswith("marts/kpi_value.parquet was changed") for text in check_published(world.home).faults)


def test_a_manifest_that_was_rewritten_to_fit(world: World):
    path = world.home.published / "manifest.json"
    told = json.loads(path.read_text())
    told["tables"]["kpi_value"]["n_rows"] += 1
    path.write_text(json.dumps(told, indent=1) + "\n")
    assert check_published(world.home).faults[0].startswith("manifest.json was changed")


def test_a_file_of_published_history(world: World):
    path = next((world.home.ledger / "history").glob("changes-000002-*"))
    path.write_bytes(path.read_bytes() + b"x")
    found = check_history(world.home).faults
    assert len(found) == 1 and found[0].startswith("publication 2, changes was changed")
    path.unlink()
    assert check_history(world.home).faults[0].startswith("publication 2, changes is missing")


def test_differences_are_named_by_their_keys_and_never_by_their_cells(tmp_path: Path):
    with duckdb.connect() as con:
        con.execute("create table a as select 'k1' as kpi_key, 'rate' as kpi_id, 'secret' as text")
        con.execute("create table b as select 'k1' as kpi_key, 'rate' as kpi_id, 'other' as text")
        told = differing_rows(con, "a", "b", "marts.x")
    assert told == ["marts.x has rows that were not published: 1, the first with kpi_key k1 rate", "marts.x lacks published rows: 1, the first with kpi_key k1 rate"]


def test_a_rebuild_that_gives_other_content_names_the_tables_and_keys(world: World, tmp_path: Path):
    other = World(Home(tmp_path / "other").create(), world.deliveries, world.cases[:-1], encounters=2000, n_runs=1)
    other.publish()
    ours, theirs = (json.loads((one.home.published / "manifest.json").read_text())["tables"] for one in (world, other))
    same = _compare_content(world.home, world.home, ours, ours, ())
    told = _compare_content(world.home, other.home, ours | {"gone": {}}, theirs | {"new": {}}, ("run_id",))
    assert same == []
    assert "gone was published, the rebuild has no such table" in told and "new was never published, the rebuild has it" in told
    key = f"{KPI}:month:2026-02-01:facility:F2:all"
    assert [text for text in told if text.startswith("marts.kpi_value ")] == [
        f"marts.kpi_value has rows that were not published: 1, the first with kpi_key {key} {KPI}", f"marts.kpi_value lacks published rows: 1, the first with kpi_key {key} {KPI}"]


def test_the_state_is_copied_whole_or_up_to_an_entry(world: World, tmp_path: Path):
    other = copy_state(world.home, Home(tmp_path / "other"), lambda entry: entry["entry"] <= 2)
    assert [path.name for path in sorted(other.landing.glob("??/*"))] == [path.name for path in sorted(world.home.landing.glob("??/*"))]
    assert check_ledger(other).looked_at.startswith("2 entries") and not other.published.exists()
    shutil.rmtree(other.root)
    assert check_landing(world.home).is_ok


def test_an_empty_ledger_is_no_proof(tmp_path: Path):
    assert not check_ledger(Home(tmp_path / "home").create()).is_ok
    assert Finding("x", "y").is_ok
