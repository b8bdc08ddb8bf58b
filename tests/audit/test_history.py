"""What publications change: found by comparison, kept, and explained by evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingestion.kinds import KINDS
from ingestion.ledger import Ledger
from orchestration.audit import bearing, kept
from orchestration.audit.history import history_folder, publications
from orchestration.audit.trace import restatements_of
from orchestration.audit.words import restated_words
from orchestration.cli import main
from orchestration.settings import Settings, SmallCells
from tests.audit.small import KPI, World, first_world

JANUARY_F1 = f"{KPI}:month:2026-01-01:facility:F1:all"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = first_world(tmp_path / "home")
    made.publish()
    return made


def changed(world: World, publication: int) -> dict[str, tuple[str, str]]:
    """kpi_key -> (kind, cause) of one publication."""
    return {row["kpi_key"]: (row["change_kind"], row["cause"]) for row in world.restatements() if row["publication_number"] == publication}


def test_every_kind_of_delivery_has_its_bearing():
    """A new kind must say what it fills or judges, or that no KPI rests on it."""
    filling = set().union(*bearing.FILLED_BY.values())
    assert filling | set(bearing.JUDGED_BY) | bearing.BEAR_ON_NO_KPI == set(KINDS)
    assert not bearing.BEAR_ON_NO_KPI & (filling | set(bearing.JUDGED_BY))
    facts = [fact for kinds in bearing.FACTS_OF.values() for fact in kinds]
    assert all(bearing.kinds_filling([fact.format(family="hcahps")]) for fact in facts)


def test_the_first_publication_restates_nothing_and_starts_every_history(world: World):
    assert world.restatements() == []
    history = world.rows("kpi_history", "kpi_key")
    assert len(history) == 6 and all(row["valid_to_at"] is None and row["publication_number"] == 1 for row in history)
    told = publications(world.home)
    assert [entry["publication"] for entry in told] == [1] and told[0]["n_changes"] == {"added": 6, "changed": 0, "removed": 0}


def test_a_new_delivery_is_the_cause_where_its_rows_are_and_nowhere_else(world: World):
    world.deliveries["march"] = ("complaints", "complaint", None)
    world.cases += [("march", 1, "F1/4W", "2026-01"), ("march", 2, "F1/4W", "2026-01")]
    world.publish()
    assert changed(world, 2) == {JANUARY_F1: ("restated", "NEW_DELIVERY")}
    row = world.restatements()[0]
    assert (row["value_before"], row["value_after"], row["n_before"], row["n_after"]) == (1.0, 2.0, 2000, 2000)
    assert row["cause_detail"] == "delivery march (complaints)" and row["level"] == "facility" and row["entity_code"] == "F1"
    history = [row for row in world.rows("kpi_history", "valid_from_at, publication_number") if row["kpi_key"] == JANUARY_F1]
    assert [row["value"] for row in history] == [1.0, 2.0]
    assert not [path.name for path in (world.home.ledger / "history").glob("*.parquet") if path.stat().st_mode & 0o077]
    assert history[0]["valid_to_at"] == history[1]["valid_from_at"] and history[1]["valid_to_at"] is None


def test_a_corrected_delivery_is_told_from_a_new_one(world: World):
    world.deliveries["feb_v2"] = ("complaints", "complaint", None)
    world.cases = [case for case in world.cases if case[1] != 1] + [("feb_v2", 1, "F2/A1", "2026-01")]
    world.replaced = [("feb", 1, "feb_v2", 1)]
    world.publish()
    assert changed(world, 2) == {f"{KPI}:month:2026-01-01:facility:{one}:all": ("restated", "CORRECTED_DELIVERY") for one in ("F1", "F2")}
    assert world.restatements()[0]["cause_detail"] == "delivery feb_v2 replaced rows of feb (complaints)"


def test_a_mapping_change_moves_the_same_rows(world: World):
    world.deliveries["org2"] = ("org_units", "org_unit", None)
    world.cases = [(d, n, "F2/A1" if (d, n) == ("feb", 1) else unit, month) for d, n, unit, month in world.cases]
    world.publish()
    assert set(changed(world, 2).values()) == {("restated", "MAPPING_CHANGE")} and len(changed(world, 2)) == 2
    assert "org2" in world.restatements()[0]["cause_detail"]


def test_a_released_and_a_withdrawn_delivery(world: World):
    world.deliveries["march"] = ("complaints", "complaint", "released by kim: checked")
    world.cases += [("march", 1, "F1/4W", "2026-01")]
    world.publish()
    assert changed(world, 2) == {JANUARY_F1: ("restated", "RELEASED_DELIVERY")}
    del world.deliveries["march"]
    world.cases.pop()
    world.publish()
    assert changed(world, 3) == {JANUARY_F1: ("restated", "WITHDRAWN_DELIVERY")}
    assert len(world.restatements()) == 2


def test_a_definition_change_is_the_cause_of_all_its_rows(world: World):
    world.definition, world.minimum = "b" * 64, 1500
    world.publish()
    # F2 has 1,000 encounters: below the new minimum.
    assert changed(world, 2) == {f"{KPI}:month:2026-0{month}-01:facility:F2:all": ("withdrawn", "DEFINITION_CHANGE") for month in (1, 2, 3)}
    assert "minimum_denominator 100 to 1500" in world.restatements()[0]["cause_detail"]


def test_a_delivery_that_closes_a_period_is_no_evidence_of_its_rows(tmp_path: Path):
    world = replace(first_world(tmp_path / "home"), open_from="2026-03")
    world.publish()
    world.open_from = "2026-04"
    world.deliveries["april"] = ("complaints", "complaint", None)
    world.cases += [("april", 1, "F1/4W", "2026-04")]
    world.publish()
    assert changed(world, 2) == {f"{KPI}:month:2026-03-01:facility:{one}:all": ("completed", "PERIOD_CLOSED") for one in ("F1", "F2")}


def test_the_code_is_the_cause_only_when_nothing_else_differs(world: World, monkeypatch: pytest.MonkeyPatch):
    world.encounters = 2000
    monkeypatch.setattr(kept, "code_version", lambda: "fedcba987654")
    world.publish()
    assert {cause for _, cause in changed(world, 2).values()} == {"CODE_CHANGE"}
    world.encounters = 1000
    world.publish()
    assert {cause for _, cause in changed(world, 3).values()} == {"UNEXPLAINED"}


def settle(world: World, text: str) -> None:
    """Settings of the home."""
    (world.home.config / "settings.yml").write_text(text)


def test_a_setting_that_judges_encounters_is_named_where_they_are_judged_anew(tmp_path: Path):
    world = first_world(tmp_path / "home")
    world.reasons = {JANUARY_F1: "DENOMINATOR_INCOMPLETE"}
    world.publish()
    settle(world, "encounters: {missing_feed: rate_of_what_came}\n")
    world.reasons = {}
    world.publish()
    assert changed(world, 2) == {JANUARY_F1: ("completed", "SETTING_CHANGE")}
    assert "settings, section encounters" in world.restatements()[0]["cause_detail"]


def test_a_number_hidden_by_a_new_setting_is_told_from_one_hidden_by_another_number(world: World, monkeypatch: pytest.MonkeyPatch):
    # Only what is kept of the settings is new here: which cells are hidden is said by hand, and tested with small_cells.py.
    monkeypatch.setattr(kept, "load_settings", lambda _: Settings(small_cells=SmallCells()))
    world.reasons = {JANUARY_F1: "SUPPRESSED"}
    world.publish()
    assert world.changes(2) == {JANUARY_F1: ("withdrawn", "SETTING_CHANGE")}
    other = JANUARY_F1.replace("2026-01", "2026-03")
    world.reasons[other] = "SUPPRESSED_COMPLEMENTARY"
    world.deliveries["x"] = ("complaints", "complaint", None)
    world.publish()
    assert world.changes(3) == {other: ("withdrawn", "SMALL_CELLS")}


@pytest.mark.parametrize(("feed", "kind", "cause"), [("timeliness_rules", "timeliness_rule", "REFERENCE_CHANGE"), ("complaint_words", "complaint_word", "MAPPING_CHANGE"),
                                                     ("complaint_links", "complaint_link", "REFERENCE_CHANGE"), ("complaint_schemes", "complaint_scheme", "REFERENCE_CHANGE")])
def test_reference_data_that_judges_cases_is_named_and_closes_no_period(tmp_path: Path, feed: str, kind: str, cause: str):
    world = replace(first_world(tmp_path / "home"), source="handled_cases")
    world.clock = {("feb", 1): "in_target", ("feb", 2): "late"}
    world.publish()
    world.deliveries["rules"] = (feed, kind, None)
    world.clock["feb", 2] = "in_target"
    world.publish()
    assert changed(world, 2) == {JANUARY_F1: ("restated", cause)}
    assert world.restatements()[0]["cause_detail"] == f"rules ({feed}) judges rows of feb (complaints) anew"


def test_reference_data_that_bears_on_nothing_of_the_kpi_is_no_cause(world: World):
    """Cut points came, and a sum changed that no evidence explains: neither the cut points nor the end of a period is blamed."""
    world.deliveries |= {"cuts": ("star_cut_points", "star_cut_point", None), "clock": ("timeliness_rules", "timeliness_rule", None)}
    world.encounters = 2000
    world.publish()
    assert {cause for _, cause in changed(world, 2).values()} == {"UNEXPLAINED"}


def test_only_deliveries_of_facts_close_a_period(tmp_path: Path):
    world = replace(first_world(tmp_path / "home"), open_from="2026-03")
    world.publish()
    world.deliveries["cuts"] = ("star_cut_points", "star_cut_point", None)
    world.open_from = "2026-04"
    world.publish()
    assert {cause for _, cause in changed(world, 2).values()} == {"UNEXPLAINED"} and len(changed(world, 2)) == 2


def test_a_newer_delivery_that_moves_the_clock_of_open_cases_is_named(tmp_path: Path):
    world = replace(first_world(tmp_path / "home"), source="handled_cases")
    world.clock = {("feb", 1): "in_target", ("feb", 2): "in_target"}
    world.publish()
    world.deliveries["april"] = ("complaints", "complaint", None)
    world.clock["feb", 2] = "open_past_target"
    world.publish()
    assert changed(world, 2) == {JANUARY_F1: ("restated", "NEW_DELIVERY")}
    assert world.restatements()[0]["cause_detail"] == "delivery april (complaints) tells more of rows of feb (complaints)"


def test_a_delivery_that_counts_instead_of_another_feed_is_named(tmp_path: Path):
    """Two vendors deliver the same surveys: rows of the first leave the facts though nothing replaced them."""
    world = replace(first_world(tmp_path / "home"), source="surveys")
    world.publish()
    before = list(world.cases)
    world.deliveries["b"] = ("vendor_b", "survey", None)
    world.cases = [*before[2:], ("b", 1, "F1/4W", "2026-01")]
    world.publish()
    assert changed(world, 2) == {JANUARY_F1: ("restated", "NEW_DELIVERY")}
    assert "delivery b (vendor_b) counts beside or instead of rows of feb (complaints)" in world.restatements()[0]["cause_detail"]
    world.cases = before
    del world.deliveries["b"]
    world.publish()
    assert changed(world, 3) == {JANUARY_F1: ("restated", "WITHDRAWN_DELIVERY")}


def test_an_adjusted_value_changes_by_the_rows_of_others_and_by_its_study(tmp_path: Path):
    world = replace(first_world(tmp_path / "home"), source="adjusted")
    world.publish()
    world.deliveries["march"] = ("surveys", "survey", None)
    world.cases += [("march", 1, "F2/A1", "2026-01")]
    world.values = {JANUARY_F1: 3.0}
    world.publish()
    assert changed(world, 2)[JANUARY_F1] == ("restated", "NEW_DELIVERY")
    world.study, world.values = '{"k": 2}', {JANUARY_F1: 4.0}
    world.publish()
    assert changed(world, 3) == {JANUARY_F1: ("restated", "DEFINITION_CHANGE")}
    assert "definition of rate: study " in world.restatements()[-1]["cause_detail"]


def test_the_last_digits_of_a_double_are_no_restatement(world: World):
    world.encounters = 1000.0000000001
    world.publish()
    assert world.restatements() == [] and publications(world.home)[-1]["changes"] is None


def test_rows_that_disappear_are_withdrawn_and_their_history_ends(world: World):
    world.months = ("2026-01", "2026-02")
    world.publish()
    gone = {key for key, (kind, _) in changed(world, 2).items() if kind == "withdrawn"}
    assert gone == {f"{KPI}:month:2026-03-01:facility:{one}:all" for one in ("F1", "F2")}
    assert all(row["valid_to_at"] for row in world.rows("kpi_history", "kpi_key") if row["kpi_key"] in gone)
    world.months += ("2026-03",)
    world.publish()
    back = [row for row in world.rows("kpi_history", "publication_number") if row["kpi_key"] in gone]
    assert len(back) == 4 and sum(row["valid_to_at"] is None for row in back) == 2


def test_publishing_the_same_again_changes_no_byte_of_history(world: World):
    before = {path.name: path.read_bytes() for path in history_folder(world.home).iterdir()}
    mart = (world.home.published / "marts" / "kpi_history.parquet").read_bytes()
    world.n_runs -= 1  # the same inputs
    world.publish()
    assert {path.name: path.read_bytes() for path in history_folder(world.home).iterdir()} == before
    assert (world.home.published / "marts" / "kpi_history.parquet").read_bytes() == mart
    assert Ledger(world.home.ledger).verify() == 2


def test_the_files_of_history_stand_in_the_ledger_by_hash(world: World):
    import hashlib

    entry = publications(world.home)[0]
    for name in ("changes", "evidence", "context"):
        content = (history_folder(world.home) / entry[name]["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry[name]["sha256"]
    assert json.loads((history_folder(world.home) / entry["context"]["file"]).read_text())["deliveries"]["feb"]["feed"] == "complaints"


def test_no_publication_takes_anything_away_that_was_kept(world: World):
    kept_before = {path: path.read_bytes() for path in world.home.ledger.rglob("*") if path.is_file() and path.name != "head"}
    for encounters in (1100, 1200, 1300, 1400, 1500, 1600):
        world.encounters = encounters
        world.publish()
    assert kept_before and len(publications(world.home)) == 7
    for path, content in kept_before.items():
        now = path.read_bytes()
        assert now.startswith(content) if path.suffix == ".jsonl" else now == content, path
    assert all((history_folder(world.home) / one["context"]["file"]).exists() for one in publications(world.home))


def pxw(world: World, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    monkeypatch.setenv("PXW_HOME", str(world.home.root))
    return CliRunner().invoke(main, ["restatements", *words])


NOTE = {"what_happened": "two cases came late", "how_found": "monthly count", "corrective_action": "weekly export", "facilities_affected": "F1"}


def test_restatements_are_listed_and_annotated_and_the_next_publication_carries_the_words(world: World, monkeypatch: pytest.MonkeyPatch):
    assert "no published row was restated" in pxw(world, monkeypatch).output
    world.deliveries["late"] = ("complaints", "complaint", None)
    world.cases += [("late", 1, "F1/ICU", "2026-01"), ("late", 2, "F1/4W", "2026-01")]
    world.publish()
    told = pxw(world, monkeypatch).output
    assert "publication 2, run run000000002" in told and "2,000 → 2,000" in told and ": NEW_DELIVERY: delivery late (complaints)" in told, told
    assert " 2026-01 " in told and "why, " in told
    monkeypatch.setattr("orchestration.commands.restatements._SHOWN", 0)
    assert "NEW_DELIVERY: delivery late" in pxw(world, monkeypatch).output  # the causes of rows that are cut off are told as well
    (one,) = restatements_of(world.home, JANUARY_F1)  # what `pxw trace` tells of the value before
    assert restated_words(one).split(" by ")[1] == "publication 2: from 1, n 2,000 to 2, n 2,000; NEW_DELIVERY: delivery late (complaints)"
    (row,) = json.loads(pxw(world, monkeypatch, "--kpi", KPI, "--json").output)
    assert (row["kpi_key"], row["value_before"], row["value_after"], row["what_happened"]) == (JANUARY_F1, 1.0, 2.0, None)
    assert json.loads(pxw(world, monkeypatch, "--facility", "F1", "--json").output) == [row]
    assert "no published row was restated" in pxw(world, monkeypatch, "--facility", "F2").output
    elsewhere = pxw(world, monkeypatch, "--facility", "nowhere")
    assert elsewhere.exit_code == 2 and "nowhere" in elsewhere.output
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    assert f"no published row was restated since {tomorrow}" in pxw(world, monkeypatch, "--since", tomorrow).output
    unknown = pxw(world, monkeypatch, "--kpi", "nothing")
    assert unknown.exit_code == 2 and "there is no KPI 'nothing'" in unknown.output

    words = [f"--{name.replace('_', '-')}={text}" for name, text in NOTE.items() if name != "facilities_affected"]
    missing = pxw(world, monkeypatch, "annotate", "1", *words, "--facilities", "F1")
    assert missing.exit_code == 1 and "publication 1 restated nothing; publications with restatements: 2 (run run000000002)" in missing.output
    blank = pxw(world, monkeypatch, "annotate", "2", *words[:-1], "--corrective-action= ", "--facilities", "F1")
    assert blank.exit_code == 2 and "corrective action needs words" in blank.output and not list(Ledger(world.home.ledger).entries("annotation"))
    assert "noted for publication 2" in pxw(world, monkeypatch, "annotate", "run000000002", *words, "--facilities", "F1").output
    assert all(f"{name.replace('_', ' ')}: {text}" in pxw(world, monkeypatch).output for name, text in NOTE.items())
    assert world.restatements()[0]["what_happened"] is None      # what is published never changes; the next publication says it
    world.publish()
    (published,) = world.restatements()
    assert {name: published[name] for name in NOTE} == NOTE and Ledger(world.home.ledger).verify() > 3
