"""Definitions in words, with the versions the ledger has seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.audit import record
from orchestration.audit.definition import explain
from orchestration.build_input import DBT_SOURCE, ROOT
from orchestration.cli import main
from orchestration.definitions_data import load


def test_every_shipped_kpi_is_explained_and_its_files_exist(tmp_path: Path):
    home = Home(tmp_path / "home")
    _, kpis = load(DBT_SOURCE)
    assert len(kpis) > 50
    for name in kpis:
        told = explain(home, name)
        assert all(lines and all(lines) for lines in told.sections.values()), name
        assert all((ROOT / place).exists() for place in told.places.values()) and {"KPI", "measure"} <= set(told.places), name


def test_a_composite_says_items_weights_and_its_example(tmp_path: Path):
    told = explain(Home(tmp_path / "home"), "hcahps_nurse_communication_top_box")
    assert set(told.weights) == {"nurse_courtesy_respect", "nurse_listen", "nurse_explain"}
    assert told.weights["nurse_listen"] == {"1 Never": "0", "2 Sometimes": "0", "3 Usually": "0", "4 Always": "1"}
    assert any("plain mean of the item scores" in line for line in told.sections["How it is computed"])
    assert told.sections["Worked example"] == ["nurse_courtesy_respect: 4, 4, 3, 1; nurse_listen: 4, 2; nurse_explain: 4, 4, 3, 3, 2, blank  ->  46.6667"]


def test_a_changed_definition_is_noted_with_its_lines_and_who(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home, feeds = Home(tmp_path / "home").create(), load_feeds()
    own = home.own_definitions
    (own / "kpis").mkdir(parents=True)
    file = own / "kpis" / "ward_complaints.yml"
    text = ("kpi: ward_complaints\nmeasure: complaints_per_1000_encounters\nlevels: [unit]\nwindows: [month]\n"
            "minimum_denominator: 100\nchart: none\nowner: quality\n")
    file.write_text(text)
    monkeypatch.setenv("PXW_HOME", str(home.root))
    (home.config / "settings.yml").write_text("inboxes: [sftp://someone:secret@example.org/x]\n")
    first = record.note_definitions(home, feeds)
    assert not [change["file"] for change in first if change["file"].startswith("config/definitions")], "it is noted once, and kept"
    assert {"own/kpis/ward_complaints.yml", "config/settings.yml", "measures/complaints_per_1000_encounters.yml"} <= {change["file"] for change in first}
    assert record.note_definitions(home, feeds) == []
    file.write_text(text.replace(": 100", ": 250"))
    changed = record.note_definitions(home, feeds)
    assert [(change["file"], change["old"] is None) for change in changed] == [("own/kpis/ward_complaints.yml", False)]
    versions = explain(home, "ward_complaints").versions
    assert [one["lines"] for one in versions if one["file"] == "own/kpis/ward_complaints.yml"][0] == ["-minimum_denominator: 100", "+minimum_denominator: 250"]
    file.unlink()
    assert [(change["file"], change["new"]) for change in record.note_definitions(home, feeds)] == [("own/kpis/ward_complaints.yml", None)]
    kept = b"".join(path.read_bytes() for path in home.ledger.rglob("*") if path.is_file())
    assert b"secret" not in kept, "configuration may name accounts: only its hash is kept"
    assert Ledger(home.ledger).verify() == 3


def test_the_command_answers_in_words_and_in_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PXW_HOME", str(tmp_path / "home"))
    shown = CliRunner().invoke(main, ["explain", "complaint_rate"])
    assert shown.exit_code == 0 and "valid complaints and grievances" in shown.output and "macros/sources/cases.sql" in shown.output
    told = json.loads(CliRunner().invoke(main, ["explain", "complaint_rate", "--json"]).output)
    assert told["kpi_id"] == "complaint_rate" and len(told["definition_sha256"]) == 64
    wrong = CliRunner().invoke(main, ["explain", "complaint_rat"])
    assert wrong.exit_code == 2 and ", complaint_rate" in wrong.output
