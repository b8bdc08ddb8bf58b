"""What a build reads: every accepted delivery, with what stands beside it."""

from __future__ import annotations

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


def test_free_text_that_is_read_for_checks_only_has_its_restricted_twin_too(home: Home, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "log.csv").write_text(f"{HEADER},Note\n1,01/04/2026 10:00,,,,,call back\n")
    plain = complaint_feed()
    feed = complaint_feed(columns={name: spec.model_dump(by_alias=True, exclude_unset=True) for name, spec in plain.columns.items() if name != "narrative"},
                          checked={"note": {"from": "Note", "privacy": "free_text"}})
    accept(home, tmp_path / "inbox", feed)
    prepare_build(home, {feed.feed: feed})
    texts = duckdb.sql(f"select column_name, text from '{home.input}/restricted/log/*.parquet'").fetchall()
    assert texts == [("note", "call back")]
    assert "Free text of Complaint log" in sources_yml([feed], {})
