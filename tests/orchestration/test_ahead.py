"""The head start: files come in beside the loading of the graph, the run takes over what it found."""

from __future__ import annotations

import threading

import pytest

from ingestion.catalogue import read_catalogue
from ingestion.sources import SourceError
from orchestration import pipeline
from orchestration.ahead import HeadStart
from tests.orchestration.conftest import BAD_ROW, FEED, HEAD, ROWS, Small

NAME = "tuva_encounter_counts_20251001.csv"


def test_a_run_takes_over_what_the_head_start_brought_in(small: Small):
    small.deliver(NAME, HEAD + ROWS + BAD_ROW)
    outcome, head_start = small.run_ahead(small.inbox)
    assert outcome.is_ok and outcome.is_published, outcome.failures
    assert [line for line in small.lines if "9 rows accepted, 1 quarantined" in line] != []
    assert {"loading", "landing", "conforming", "expectations", "dbt", "publishing"} <= set(outcome.seconds)
    landed, reports = head_start.result()
    assert (len(landed.new), [report.n_rows for report in reports[FEED]], head_start.is_under_way) == (1, [10], False)


def test_what_goes_wrong_in_the_head_start_fails_the_run(small: Small):
    outcome, head_start = small.run_ahead(small.inbox / "nowhere")
    assert not outcome.is_ok and "no such folder" in outcome.failures[0]
    with pytest.raises(SourceError):
        head_start.result()


def test_leaving_early_stops_between_two_lots_and_loses_nothing(small: Small, monkeypatch: pytest.MonkeyPatch):
    for month in range(1, 7):
        small.deliver(f"tuva_encounter_counts_2025{month:02}01.csv", HEAD + ROWS.replace("north", f"north{month}"))
    reached, go_on = threading.Event(), threading.Event()

    def hold(*arguments):
        reached.set()
        assert go_on.wait(30)
        return real(*arguments)

    real = pipeline.conform_some
    monkeypatch.setattr(pipeline, "conform_some", hold)
    monkeypatch.setattr(pipeline, "TOGETHER_BYTES", 1)
    monkeypatch.setattr(pipeline.os, "cpu_count", lambda: 1)
    with pytest.raises(ValueError, match="the graph is broken"), HeadStart(small.home, small.feeds, [str(small.inbox)], small.lines.append) as head_start:
        assert reached.wait(30)
        threading.Timer(0.2, go_on.set).start()
        raise ValueError("the graph is broken")
    with pytest.raises(pipeline.Stopped):
        head_start.result()
    assert 0 < len(pipeline.pending_conform(small.home, small.feeds)) < 6
    monkeypatch.setattr(pipeline, "conform_some", real)
    pipeline.conform_new(small.home, small.feeds)
    assert [d.status for d in read_catalogue(small.home, small.feeds)] == ["conformed"] * 6
