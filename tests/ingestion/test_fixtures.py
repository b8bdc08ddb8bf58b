"""Every feed has at least one good file in fixtures/<feed>/: it is placed, conforms without a fault and gives rows."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml

from ingestion.conform import conform
from ingestion.feed import FEEDS_DIR, Feed, load_feeds
from tests.ingestion.conftest import KEYS, MOMENT

FIXTURES = Path(__file__).parent / "fixtures"
FEEDS = load_feeds()


@pytest.mark.parametrize("name", sorted(FEEDS))
def test_every_feed_has_a_fixture(name):
    assert any((FIXTURES / name).glob("*")), f"tests/ingestion/fixtures/{name}/ holds no file"


@pytest.mark.parametrize("path", sorted(p for p in FIXTURES.rglob("*") if p.is_file()), ids=lambda p: p.name)
def test_a_fixture_is_placed_and_conforms_without_a_fault(path: Path, tmp_path):
    owners = [name for name, feed in FEEDS.items() if feed.matches(path.name)]
    assert owners == [path.parent.name]
    report = conform(FEEDS[owners[0]], path, "fixture", MOMENT, KEYS, tmp_path / "raw.parquet", tmp_path / "text.parquet", file_name=path.name)
    assert report.refused is None
    assert (report.rules, report.warning_rules) == ({}, {})
    assert report.n_accepted == report.n_rows > 0


def test_where_closing_sends_the_answer_one_column_gives_both(tmp_path: Path):
    """What docs/complaints.md says of exports without an answer: responded_at from the closing column, in YAML alone."""
    told = yaml.safe_load((FEEDS_DIR / "salesforce_cases.yml").read_text())
    assert "responded_at" not in told["columns"]
    told["columns"]["responded_at"] = told["columns"]["closed_at"]
    both = Feed.model_validate(told)
    path = next((FIXTURES / "salesforce_cases").glob("*.csv"))
    report = conform(both, path, "fixture", MOMENT, KEYS, tmp_path / "raw.parquet", tmp_path / "text.parquet", file_name=path.name)
    assert (report.refused, report.rules, report.warning_rules) == (None, {}, {})
    rows = duckdb.sql(f"select closed_at, closed_on, responded_at, responded_on from '{tmp_path}/raw.parquet'").fetchall()
    assert all(row[:2] == row[2:] for row in rows) and {row[2] is None for row in rows} == {True, False}
