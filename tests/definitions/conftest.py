"""Fixtures of the definition tests: the shipped definitions, loaded once, and a bench for small ones.

Belongs here: what several definition tests need.
Does not belong here: expected values.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.definitions_data import Kpi, Measure, load, load_measures

PROJECT = Path(__file__).parents[2] / "dbt_project"


@pytest.fixture(scope="session")
def project() -> Path:
    """The dbt project as shipped."""
    return PROJECT


@pytest.fixture(scope="session")
def measures() -> dict[str, Measure]:
    """The shipped measures by id."""
    return load_measures(PROJECT / "measures", PROJECT / "seeds")


@pytest.fixture(scope="session")
def kpis(measures: dict[str, Measure]) -> dict[str, Kpi]:
    """The shipped KPIs by id, without those of adjusted measures (test_studies.py)."""
    return {name: kpi for name, kpi in load(PROJECT)[1].items() if kpi.measure_id in measures}


@pytest.fixture(scope="session")
def seed() -> Callable[[str], list[dict[str, str]]]:
    """Rows of a seed as text."""
    return lambda name: read_csv(PROJECT / "seeds" / f"{name}.csv")


@pytest.fixture(scope="session")
def reference(shared: Path) -> Callable[[str], list[dict[str, str]]]:
    """Rows of a reference code table as text."""
    return lambda name: read_csv(shared / "reference" / "codes" / f"{name}.csv")


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A project of its own with the shipped seeds and no definitions."""
    shutil.copytree(PROJECT / "seeds", tmp_path / "seeds")
    (tmp_path / "measures").mkdir()
    (tmp_path / "kpis").mkdir()
    return tmp_path


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file; a file without rows is an error."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert rows, f"{path} has no rows"
    return rows
