"""The sensor: one request when something new has stood still, none otherwise."""

from __future__ import annotations

import dagster as dg

from orchestration.schedules import DAILY, inbox_sensor, waiting
from tests.orchestration.conftest import HEAD, ROWS, Small


def _look(sensor: dg.SensorDefinition, cursor: str | None) -> tuple[list[dg.RunRequest], str | None, str]:
    with dg.build_sensor_context(cursor=cursor) as context:
        data = sensor.evaluate_tick(context)
    return list(data.run_requests), data.cursor, data.skip_message or ""


def test_asks_once_when_files_stand_still(small: Small, monkeypatch) -> None:
    monkeypatch.setenv("PXW_INBOX", str(small.inbox))
    sensor = inbox_sensor(small.home, small.feeds)
    small.deliver("tuva_encounter_counts_20251001.csv", HEAD)
    requests, cursor, why = _look(sensor, None)
    assert not requests and "stand still" in why
    small.deliver("tuva_encounter_counts_20251001.csv", HEAD + ROWS)  # it was still being written
    requests, cursor, why = _look(sensor, cursor)
    assert not requests and "stand still" in why
    [request], cursor, _ = _look(sensor, cursor)
    assert request.run_key
    requests, cursor, why = _look(sensor, cursor)
    assert not requests and "asked for already" in why
    small.deliver("tuva_encounter_counts_20251101.csv", HEAD)
    _, cursor, _ = _look(sensor, cursor)
    [second], _, _ = _look(sensor, cursor)
    assert second.run_key != request.run_key


def test_nothing_waits_after_a_publication_until_a_file_comes(small: Small, monkeypatch) -> None:
    import json

    from orchestration.build_input import plan_build

    monkeypatch.setenv("PXW_INBOX", str(small.inbox))
    small.home.published.mkdir()
    (small.home.published / "manifest.json").write_text(json.dumps({"fingerprint": plan_build(small.home, small.feeds).fingerprint}))
    assert waiting(small.home, small.feeds)[0] is None
    requests, _, why = _look(inbox_sensor(small.home, small.feeds), None)
    assert not requests and why == "nothing new"
    small.deliver("tuva_encounter_counts_20251001.csv", HEAD)
    assert waiting(small.home, small.feeds)[0] is not None


def test_nothing_starts_by_itself(small: Small) -> None:
    assert DAILY.default_status == dg.DefaultScheduleStatus.STOPPED
    assert inbox_sensor(small.home, small.feeds).default_status == dg.DefaultSensorStatus.STOPPED
