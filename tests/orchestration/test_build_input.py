"""What stands in a home before a build: nothing that a crash left; every accepted delivery, with what stands beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration import pipeline
from orchestration.build_input import prepare_build
from orchestration.dbt_files import sources_yml
from tests.ingestion.conftest import HEADER, complaint_feed


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def accept(home: Home, inbox: Path, feed: Feed) -> None:
    """Land and conform what is in `inbox`, and let it pass."""
    feeds = {feed.feed: feed}
    for entry in pipeline.land(home, [str(inbox)], feeds).new:
        Ledger(home.ledger).append("release", delivery_id=entry["delivery_id"], feed=feed.feed, reason="test", user="kim")
    pipeline.conform_new(home, feeds)


CRASH = """
import os, sys
from pathlib import Path
from ingestion.raw_files import staged
under_way = []
for folder in sys.argv[1:]:
    out = Path(folder) / "log" / "v1" / "d.parquet"
    under_way.append(staged([out]))
    under_way[-1].__enter__()[0].write_bytes(b"half")
    out.write_bytes(b"whole")
os._exit(9)
"""


def test_what_a_crash_left_is_gone_once_the_home_is_held(home: Home) -> None:
    assert subprocess.run([sys.executable, "-c", CRASH, str(home.raw), str(home.restricted)]).returncode == 9
    (home.landing / ".x.part").write_bytes(b"half")
    (home.publications / ".next-x" / "marts").mkdir(parents=True)
    assert len(list(home.root.rglob("d.parquet"))) == 4
    with pipeline.exclusive(home):
        assert {path.read_bytes() for path in home.raw.rglob("d.parquet")} == {b"whole"}
        assert not [path for path in home.root.rglob(".*") if path.name != ".lock"]


def test_free_text_that_is_read_for_checks_only_has_its_restricted_twin_too(home: Home, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "log.csv").write_text(f"{HEADER},Note\n1,01/04/2026 10:00,,,,,call back\n")
    plain = complaint_feed()
    feed = complaint_feed(columns={name: spec.model_dump(by_alias=True, exclude_unset=True) for name, spec in plain.columns.items() if name != "narrative"},
                          checked={"note": {"from": "Note", "privacy": "free_text"}})
    accept(home, tmp_path / "inbox", feed)
    prepare_build(home, {feed.feed: feed})
    texts = duckdb.sql(f"select column_name, text from '{home.input}/restricted/log/*.parquet'").fetchall()
    assert not [path.name for path in home.input.rglob("*.parquet") if path.stat().st_mode & 0o077]
    assert texts == [("note", "call back")]
    assert "Free text of Complaint log" in sources_yml([feed], {})
