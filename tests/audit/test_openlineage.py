"""Events reach a receiver by URL, and a receiver that is not there stops nothing."""

from __future__ import annotations

import getpass
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from ingestion.home import Home
from ingestion.ledger import Ledger
from orchestration.audit import openlineage
from orchestration.audit.lineage import Lineage
from orchestration.audit.record import note_definitions

LINEAGE = Lineage(parents={("marts.a", "x"): [("core.b", "y")]}, described={("marts.a", "x"): "What x is"}, models={"marts.a": "A"})


@pytest.fixture
def receiver():
    """A server that keeps what is posted to it."""
    got: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()


def test_events_go_to_the_url_of_the_settings(tmp_path: Path, receiver):
    url, got = receiver
    home = Home(tmp_path / "home").create()
    (home.config / "settings.yml").write_text(f"lineage: {{url: '{url}'}}\n")
    run_id = str(uuid4())
    assert openlineage.emit(home, "START", run_id)
    assert openlineage.emit_complete(home, run_id, LINEAGE, [{"feed": "rl6", "delivery_id": "abc"}], {"marts.a": 3})
    assert openlineage.emit(home, "FAIL", run_id)
    assert [event["eventType"] for event in got] == ["START", "COMPLETE", "FAIL"] and len({event["run"]["runId"] for event in got}) == 1 and not openlineage.events_path(home).exists()
    assert got[1]["outputs"][0]["facets"]["columnLineage"]["fields"]["x"]["inputFields"][0]["name"] == "core.b"
    assert got[1]["inputs"][0]["facets"]["version"]["datasetVersion"] == "abc"


def test_a_definition_is_told_with_its_own_time_and_owner_and_whose_run_noted_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home, own = Home(tmp_path / "home").create(), tmp_path / "own" / "kpis" / "mine.yml"
    own.parent.mkdir(parents=True)
    own.write_text("kpi: mine\n")
    os.utime(own, (1_770_000_000, 1_770_000_000))
    monkeypatch.setenv("PXW_DEFINITIONS", str(tmp_path / "own"))
    note_definitions(home, {})
    (entry,) = Ledger(home.ledger).entries("definitions")
    (found,) = [one for one in openlineage.inputs_of(home, []) if one.name == "definition/own/kpis/mine.yml"]
    assert found.facets["documentation"].description == f"file of 2026-02-02T02:40:00+00:00; this version noted at {entry['at']}"
    assert [(one.name, one.type) for one in found.facets["ownership"].owners] == [
        (f"user:{own.owner()}", "FILE_OWNER"), (f"user:{getpass.getuser()}", "CHANGE_NOTED_BY")]


def test_columns_are_told_once_and_again_when_they_change(tmp_path: Path):
    home = Home(tmp_path / "home").create()
    for _ in range(2):
        assert openlineage.emit_complete(home, str(uuid4()), LINEAGE, [], {"marts.a": 3})
    other = Lineage({("marts.a", "x"): [("core.c", "z")]}, LINEAGE.described, LINEAGE.models)
    assert openlineage.emit_complete(home, str(uuid4()), other, [], {"marts.a": 4})
    events = [json.loads(line) for line in openlineage.events_path(home).read_text().splitlines()]
    assert ["columnLineage" in event["outputs"][0].get("facets", {}) for event in events] == [True, False, True]
    assert [event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] for event in events] == [3, 3, 4]


def test_a_receiver_that_is_not_there_stops_nothing_and_is_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog):
    home = Home(tmp_path / "home").create()
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    assert not openlineage.emit_complete(home, str(uuid4()), LINEAGE, [], {})
    assert "not delivered" in caplog.text
    monkeypatch.delenv("OPENLINEAGE_URL")
    assert openlineage.emit_complete(home, str(uuid4()), LINEAGE, [], {})
    assert "columnLineage" in openlineage.events_path(home).read_text()
