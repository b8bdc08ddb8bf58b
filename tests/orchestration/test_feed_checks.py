"""What the checks of a feed say about its deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import duckdb
import pytest

from ingestion.catalogue import Delivery
from ingestion.landing import LandReport
from orchestration import feed_checks
from orchestration.feed_assets import freshness, raw_key
from tests.orchestration.conftest import FEED, Small

KEY = raw_key(FEED)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def _delivery(name: str, status: str, **more) -> Delivery:
    return Delivery(name, name * 4, FEED, f"{name}.csv", f"file:///{name}.csv", 10, NOW, NOW, 0, status=status, **more)


def _by_name(results: list[dg.AssetCheckResult]) -> dict[str, dg.AssetCheckResult]:
    return {result.check_name: result for result in results}


def test_a_held_delivery_warns_with_its_reason(small: Small, con: duckdb.DuckDBPyConnection) -> None:
    held = _delivery("held", "held", reason="volume fell by 90%", conformed={"n_rows": 0, "n_accepted": 0, "n_quarantined": 0})
    result = _by_name(feed_checks.results(con, small.home, small.feeds[FEED], KEY, [held], []))[feed_checks.EXPECTED]
    assert not result.passed and result.severity == dg.AssetCheckSeverity.WARN
    assert result.metadata["found"].records[0].data == {"delivery": "held", "file": "held.csv", "why": "volume fell by 90%"}


def test_a_refused_delivery_is_settled_by_an_accepted_one_that_replaces_it(small: Small, con: duckdb.DuckDBPyConnection) -> None:
    refused = _delivery("first", "refused", reason="header differs")
    better = _delivery("second", "accepted", supersedes=("first",), conformed={"n_rows": 0, "n_accepted": 0, "n_quarantined": 0})
    still_bad = _delivery("third", "refused", supersedes=("first",))
    feed = small.feeds[FEED]
    assert not _by_name(feed_checks.results(con, small.home, feed, KEY, [refused, still_bad], []))[feed_checks.READABLE].passed
    assert _by_name(feed_checks.results(con, small.home, feed, KEY, [refused, better], []))[feed_checks.READABLE].passed


def test_a_missing_raw_file_is_an_error(small: Small, con: duckdb.DuckDBPyConnection) -> None:
    gone = _delivery("gone", "accepted", conformed={"n_rows": 3, "n_accepted": 2, "n_quarantined": 1})
    result = _by_name(feed_checks.results(con, small.home, small.feeds[FEED], KEY, [gone], []))[feed_checks.ROWS]
    assert not result.passed and result.severity == dg.AssetCheckSeverity.ERROR


def test_nothing_is_said_of_a_feed_without_deliveries(small: Small, con: duckdb.DuckDBPyConnection) -> None:
    assert feed_checks.results(con, small.home, small.feeds[FEED], KEY, [], []) == []


def test_files_of_no_feed_and_of_two_feeds_are_named() -> None:
    result = feed_checks.placed(KEY, LandReport(unmatched=["a.txt"], ambiguous={"b.csv": ["one", "two"]}))
    assert not result.passed
    assert [record.data for record in result.metadata["found"].records] == [
        {"file": "a.txt", "why": "no feed has a pattern for it"}, {"file": "b.csv", "why": "belongs to one and two"},
    ]
    assert feed_checks.placed(KEY, LandReport()).passed


def test_only_lost_rows_block() -> None:
    assert {spec.name for spec in feed_checks.specs(KEY) if spec.blocking} == {feed_checks.ROWS}


def test_freshness_follows_the_cadence() -> None:
    windows = {cadence: freshness(cadence) for cadence in ("daily", "weekly", "monthly", "quarterly")}
    hours = {cadence: (policy.warn_window.to_timedelta().total_seconds() / 3600, policy.fail_window.to_timedelta().total_seconds() / 3600)
             for cadence, policy in windows.items()}
    assert hours["daily"] == (36, 60)
    assert hours["weekly"] == pytest.approx((7.7 * 24, 14.7 * 24))
    assert hours["monthly"][0] > 31 * 24 and hours["quarterly"][1] > 2 * 92 * 24
    assert freshness("none") is None
