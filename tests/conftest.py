"""What all tests share: the folder of reference material, an isolated environment.

Belongs here: fixtures used in more than one room.
Does not belong here: data of a single test.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference tables, oracles and samples (`PXW_SHARED`, by default ../shared)."""
    folder = Path(os.environ.get("PXW_SHARED") or ROOT.parent / "shared")
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"{folder} is absent, and in CI these tests may not be skipped")
    pytest.skip(f"{folder} is absent; set PXW_SHARED to run these tests")


@pytest.fixture(autouse=True, scope="session")
def _own_keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests never touch the user's key file or warehouse."""
    os.environ["PXW_KEY_FILE"] = str(tmp_path_factory.mktemp("keys") / "keys.json")
    for name in ("PXW_HOME", "PXW_INBOX", "PXW_FEEDS", "PXW_DEFINITIONS"):
        os.environ.pop(name, None)
