"""The recipes work when followed literally: files created as written, refusals worded as printed.

Belongs here: docs/add_a_measure.md and docs/add_a_kpi.md.
Does not belong here: running the warehouse with them.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.definitions_data import DefinitionError, load

DOCS = Path(__file__).parents[2] / "docs"
FILE = re.compile(r"`dbt_project/(?P<name>(?:measures|kpis)/\w+\.yml)`[^`]*?```yaml\n(?P<text>.*?)```", re.DOTALL)


@pytest.fixture
def followed(project: Path, tmp_path: Path):
    """A copy of the project after following one recipe."""

    def follow(recipe: str) -> tuple[Path, list[str]]:
        home = tmp_path / "dbt_project"
        for name in ("measures", "kpis", "seeds", "case_mix"):
            shutil.copytree(project / name, home / name)
        files = FILE.findall((DOCS / recipe).read_text())
        for name, text in files:
            assert not (home / name).exists()
            (home / name).write_text(text)
        return home, [name for name, _ in files]

    return follow


def refusal(recipe: str) -> str:
    """The refusal a recipe prints as an example."""
    (text,) = re.findall(r"```text\n(.*?)\n```", (DOCS / recipe).read_text(), re.DOTALL)
    return text


def test_add_a_measure(followed, measures, kpis) -> None:
    home, files = followed("add_a_measure.md")
    assert len(files) == 5
    more_measures, more_kpis = load(home)
    assert {name for name, m in more_measures.items() if m.source != "adjusted"} - set(measures) == {
        "hcahps_nurse_listening_top_box", "hcahps_nurse_listening_linear_mean", "hcahps_net_recommend", "grievances_per_1000_inpatients",
        "portal_use",
    }  # fmt: skip
    assert {name for name, kpi in more_kpis.items() if more_measures[kpi.measure_id].source != "adjusted"} - set(kpis) == {"hcahps_nurse_listening_top_box", "hcahps_nurse_listening_linear_mean"}


def test_add_a_measure_with_a_wrong_value(followed) -> None:
    home, files = followed("add_a_measure.md")
    path = home / files[0]
    path.write_text(path.read_text().replace("top_box: 50", "top_box: 40"))
    with pytest.raises(DefinitionError) as error:
        load(home)
    assert str(error.value).replace(f"{home.parent}/", "") == refusal("add_a_measure.md")


def test_add_a_kpi(followed, kpis) -> None:
    home, files = followed("add_a_kpi.md")
    assert len(files) == 3
    _, more = load(home)
    assert {name for name in set(more) - set(kpis) if "_adjusted" not in more[name].measure_id} == {"nurse_goal", "doctor_goal_top_box", "doctor_goal_linear_mean", "rounding_rate"}
    events = [(event, facility, unit) for event, _, facility, unit, _, _ in more["rounding_rate"].chart_settings.events()]
    assert events == [("freeze", None, None), ("rebase", "F1", "4W"), ("exclude", None, None)]
    assert more["nurse_goal"].measure_id == "hcahps_nurse_communication_top_box"
    assert more["doctor_goal_linear_mean"].windows == ("quarter",)


def test_add_a_kpi_with_a_misspelt_measure(followed) -> None:
    home, files = followed("add_a_kpi.md")
    path = home / files[0]
    path.write_text(path.read_text().replace("hcahps_nurse_communication", "hcahps_nurse_comunication"))
    with pytest.raises(DefinitionError) as error:
        load(home)
    assert str(error.value).replace(f"{home.parent}/", "") == refusal("add_a_kpi.md")


def test_shipped_definitions_are_written_as_the_recipes_say(project: Path) -> None:
    for recipe, folder in (("add_a_measure.md", "measures"), ("add_a_kpi.md", "kpis")):
        text = (DOCS / recipe).read_text()
        for path in sorted((project / folder).glob("*.yml")):
            keys = re.findall(r"^(\w+):", path.read_text(), re.MULTILINE)
            assert [key for key in keys if key not in text] == [], path.name


def test_a_definition_is_checked_without_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command both recipes name, on files in a folder of one's own."""
    for recipe in ("add_a_measure.md", "add_a_kpi.md"):
        for name, text in FILE.findall((DOCS / recipe).read_text()):
            (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "own" / name).write_text(text)
        assert f"\n    pxw check dbt_project/{FILE.findall((DOCS / recipe).read_text())[0][0]}\n" in (DOCS / recipe).read_text()
    monkeypatch.setenv("PXW_DEFINITIONS", str(tmp_path / "own"))
    monkeypatch.setenv("PXW_FEEDS", str(tmp_path))

    def told(name: str, code: int) -> str:
        done = CliRunner().invoke(main, ["check", str(tmp_path / name)])
        assert done.exit_code == code, done.output
        return done.output

    listening = tmp_path / "own" / "measures" / "hcahps_nurse_listening.yml"
    assert "measures hcahps_nurse_listening_linear_mean, hcahps_nurse_listening_top_box\n" in told("own/measures/hcahps_nurse_listening.yml", 0)
    assert "no KPI asks for it: hcahps_net_recommend" in told("own/measures/hcahps_net_recommend.yml", 0)
    assert "KPIs doctor_goal_linear_mean, doctor_goal_top_box\n" in told("own/kpis/doctor_goal.yml", 0)
    listening.write_text(listening.read_text().replace("top_box: 50", "top_box: 40"))
    assert f"{listening}:12: example.values.top_box: expected 40.0000" in told("own/kpis/doctor_goal.yml", 1)
    (tmp_path / "ward.yml").write_text("feed: ward\ncolums: {}\n")
    assert "ward.yml:2: colums: unknown key" in told("ward.yml", 1)
    shutil.copy(listening, tmp_path / "own" / "lost.yml")
    assert "is in no folder that definitions are read from" in told("own/lost.yml", 2)
