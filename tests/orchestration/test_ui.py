"""The web page: only on this machine, for the named home."""

from __future__ import annotations

import socket

import pytest

from ingestion.home import Home
from orchestration.ui import PortTaken, run_ui, ui_command, ui_environment


def test_listens_on_loopback_only(tmp_path) -> None:
    command = ui_command(3456)
    assert command[command.index("-h") + 1] == "127.0.0.1" and command[command.index("-p") + 1] == "3456"
    environment = ui_environment(Home(tmp_path / "home"))
    assert environment["PXW_HOME"] == str(tmp_path / "home") and environment["DAGSTER_HOME"] == str(tmp_path / "home" / "dagster")


def test_a_taken_port_is_said_before_anything_starts(tmp_path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken, match="--port"):
            run_ui(Home(tmp_path / "home"), other.getsockname()[1])
