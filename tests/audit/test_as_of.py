"""The state on a date: as published, as built from what was known, and why the two differ."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.audit import as_of as asking
from orchestration.audit import kept
from orchestration.audit.as_of import as_of, way_of
from orchestration.audit.side_build import copy_state
from orchestration.cli import main
from tests.audit.small import World, first_world


def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = first_world(tmp_path / "home")
    Ledger(made.home.ledger).append("delivery", delivery_id="feb", feed="complaints", sha256="0" * 64, file_name="feb.csv")
    made.publish()
    return made


def aside(world: World, root: Path) -> World:
    """The same deliveries built again beside the home."""
    other = first_world(root)
    copy_state(world.home, other.home)
    other.n_runs = 10
    return other


def test_the_same_code_gives_what_was_published(world: World, tmp_path: Path):
    other = aside(world, tmp_path / "other")
    other.publish()
    answer = as_of(world.home, other.home, today(), "landed", "true", [])
    assert len(answer.rows) == 6 and all(row.is_same for row in answer.rows) and answer.causes == []
    assert answer.publication["publication"] == 1


def test_where_they_differ_the_definition_and_the_code_are_named(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    other = aside(world, tmp_path / "other")
    other.minimum, other.definition = 1500, "b" * 64
    monkeypatch.setattr(kept, "code_version", lambda: "fedcba987654")
    other.publish()
    answer = as_of(world.home, other.home, today(), "landed", "true", [])
    assert [row.kpi_key.split(":")[4] for row in answer.rows if not row.is_same] == ["F2"] * 3
    assert any(text.startswith("definition of rate: ") and "minimum_denominator 100 to 1500" in text for text in answer.causes)
    assert any(text.endswith("to fedcba987654: published by the first, built now by the second") for text in answer.causes)


def test_where_they_differ_a_setting_is_named(world: World, tmp_path: Path):
    other = aside(world, tmp_path / "other")
    (other.home.config / "settings.yml").write_text("encounters: {include_newborn: true}\n")
    other.encounters = 2000
    other.publish()
    answer = as_of(world.home, other.home, today(), "landed", "true", [])
    assert [text.split(":")[0] for text in answer.causes] == ["settings, section encounters"]


def test_published_values_are_those_of_the_day_not_of_today(world: World, tmp_path: Path):
    yesterday = today() - timedelta(days=1)
    other = aside(world, tmp_path / "other")
    other.publish()
    answer = as_of(world.home, other.home, yesterday, "delivered", "true", [])
    assert answer.publication is None and all(row.published is None and row.rebuilt for row in answer.rows)


def test_a_value_that_was_restated_later_is_the_old_one_on_the_day(world: World, tmp_path: Path):
    """Two publications of one day stand as the second; one of a later day changes nothing on the day before."""
    other = aside(world, tmp_path / "other")
    other.publish()
    world.cases.append(("feb", 5, "F1/4W", "2026-02"))
    world.publish()
    key = "rate:month:2026-02-01:facility:F1:all"
    (row,) = as_of(world.home, other.home, today(), "landed", "kpi_key = ?", [key]).rows
    assert (row.published["value"], row.rebuilt["value"], row.is_same) == (1.0, 0.5, False)
    with duckdb.connect(str(world.home.published / "px.duckdb")) as con:      # as if the second had come a day later
        con.execute("update marts.kpi_history set valid_to_at = valid_to_at + interval 1 day where valid_to_at is not null").fetchall()
        con.execute("update marts.kpi_history set valid_from_at = valid_from_at + interval 1 day where publication_number = 2").fetchall()
    (row,) = as_of(world.home, other.home, today(), "landed", "kpi_key = ?", [key]).rows
    assert (row.published["value"], row.published["publication_number"], row.is_same) == (0.5, 1, True)
    (row,) = as_of(world.home, other.home, today() + timedelta(days=1), "landed", "kpi_key = ?", [key]).rows
    assert (row.published["value"], row.published["publication_number"], row.is_same) == (1.0, 2, False)


def test_the_command_shows_both_and_takes_places_by_name(world: World, monkeypatch: pytest.MonkeyPatch):
    on = today()
    shelf = world.home.build / "as_of" / f"{on}-landed-{asking._state(world.home, on, 'landed')}"
    other = aside(world, shelf)      # the build of the date, made by hand where the command looks for one it made before
    other.encounters = 2000
    other.publish()
    monkeypatch.setenv("PXW_HOME", str(world.home.root))

    def asked(*words: str):
        return CliRunner().invoke(main, ["as-of", str(on), "show", "rate", *words])

    shown = asked("--period", "2026-02")
    assert shown.exit_code == 0 and f"rate, month ending 2026-02-28, as of {on}" in shown.output and "published then: publication 1, run run000000001" in shown.output
    assert [line.split()[-1] for line in shown.output.splitlines() if line.split()[:1] in (["F1"], ["F2"])] == ["differs", "differs"], shown.output
    told = json.loads(asked("--period", "2026-02", "--facility", "hospital f2", "--json").output)
    (row,) = told["rows"]
    assert (row["kpi_key"], row["is_same"], row["published"]["value"], row["rebuilt"]["value"]) == ("rate:month:2026-02-01:facility:F2:all", False, 1.0, 0.5)
    assert (told["as_of"], told["by"], told["publication"]["publication"]) == (str(on), "landed", 1) and told["causes"]
    nowhere = asked("--facility", "F9")
    assert nowhere.exit_code == 2 and "there is no facility 'F9'; there are F1 (Hospital F1), F2 (Hospital F2)" in nowhere.output
    none = asked("--period", "2025-02")
    assert none.exit_code == 1 and "no rows of rate" in none.output


@pytest.mark.parametrize(("words", "said"), [
    (["--unit", "F1/4W"], "rate has no level unit; it has facility"),
    (["--level", "facility", "--unit", "F1/4W"], "--unit narrows units, and --level is facility: add --level unit"),
])
def test_a_question_that_cannot_be_meant_is_refused_before_anything_is_built(world: World, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str):
    monkeypatch.setenv("PXW_HOME", str(world.home.root))
    refused = CliRunner().invoke(main, ["as-of", str(today()), "show", "rate", *words])
    assert refused.exit_code == 2 and said in refused.output and not (world.home.build / "as_of").exists()


def test_what_was_known_is_what_had_landed(world: World, tmp_path: Path):
    assert way_of(world.home, today(), None) == ("landed", [])
    by, notes = way_of(world.home, date(2020, 1, 1), None)
    assert by == "delivered" and "nothing had landed by 2020-01-01" in notes[0]
    with pytest.raises(ValueError, match="nothing had landed"):
        way_of(world.home, date(2020, 1, 1), "landed")
    with pytest.raises(ValueError, match="no delivery has ever landed"):
        way_of(Home(tmp_path / "empty").create(), today(), None)


def test_the_ledger_of_a_date_is_the_ledger_up_to_it(world: World, tmp_path: Path):
    lines = (world.home.ledger / "ledger.jsonl").read_text().splitlines()
    cut = json.loads(lines[1])["at"]
    other = copy_state(world.home, Home(tmp_path / "other"), lambda entry: entry["at"] < cut)
    assert [entry["kind"] for entry in Ledger(other.ledger).entries()] == ["delivery"] and Ledger(other.ledger).verify() == 1


def test_a_day_to_come_and_an_empty_home_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PXW_HOME", str(tmp_path / "home"))
    future = CliRunner().invoke(main, ["as-of", "2999-01-01", "show", "complaint_rate"])
    assert future.exit_code == 2 and "is in the future" in future.output
    empty = CliRunner().invoke(main, ["as-of", "2026-03-31", "show", "complaint_rate"])
    assert empty.exit_code == 1 and "no delivery has ever landed" in empty.output
