"""The web page: only on this machine, for the named home."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

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


def test_the_page_can_be_stopped_where_a_script_started_it_in_the_background(tmp_path) -> None:
    """A shell starts `command &` with Ctrl-C ignored; what replaces this process would inherit that."""
    shows = "import signal; print([signal.getsignal(s) is signal.SIG_IGN for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)])"
    script = (f"import os, sys; from pathlib import Path; from ingestion.home import Home; from orchestration import ui\n"
              f"ui.ui_command = lambda port: [sys.executable, '-c', {shows!r}]\nui.run_ui(Home(Path({str(tmp_path / 'home')!r})), 0)")
    ignoring = lambda: [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)]  # noqa: E731
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, preexec_fn=ignoring, env=os.environ)
    assert done.stdout.splitlines()[-1] == "[False, False, False]", done.stderr
