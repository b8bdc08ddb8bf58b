"""`pxw ui`: Dagster's web page for a warehouse home, on this machine only.

Belongs here: the command line and environment that start it.
Does not belong here: what the page shows (definitions.py).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from ingestion.home import Home
from ingestion.told import Told

ADDRESS = "127.0.0.1"


class PortTaken(Told):
    """Something else answers on the port."""


def run_ui(home: Home, port: int = 3000) -> None:
    """Become the web server (this process is replaced; Ctrl-C ends it). Raises PortTaken."""
    from orchestration.instance import prepare_instance

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            raise PortTaken(f"port {port} is taken; name another one with --port") from None
    prepare_instance(home)
    os.chdir(Path(__file__).parents[1])  # Python looks for modules where it is started; nobody's folder may stand in for them
    print(f"Dagster for {home.root}: http://{ADDRESS}:{port} (stop with Ctrl-C)", flush=True)
    # Started with & in a script, this process ignores Ctrl-C, and what it becomes would too.
    for name in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(name, signal.SIG_DFL)
    os.execve(sys.executable, ui_command(port), ui_environment(home))


def ui_command(port: int) -> list[str]:
    """Web server, daemon (schedule, sensor, freshness) and code server in one."""
    quiet = ["-W", "ignore:Function `dev_command` is superseded"]  # by a tool that would be one more dependency
    return [sys.executable, *quiet, "-m", "dagster", "dev", "-m", "orchestration.definitions", "-h", ADDRESS, "-p", str(port)]


def ui_environment(home: Home) -> Mapping[str, str]:
    """Which home and which instance; no usage statistics."""
    return os.environ | {
        "PXW_HOME": str(home.root), "DAGSTER_HOME": str(home.dagster),
        "DAGSTER_DISABLE_TELEMETRY": "yes", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
