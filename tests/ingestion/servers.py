"""Real servers on the loopback address, for inboxes: SFTP (paramiko) and HTTP (the standard library).

Belongs here: serving a folder with one user and password, cutting a connection off on demand.
Does not belong here: what is asked of them (test_server_inboxes.py).
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

USER, PASSWORD = "vendor", "p@ss:w/rd 555-0199"


@dataclass
class Served:
    """A folder behind a server. `cut_after`: bytes of a file after which the connection ends; None: never."""

    folder: Path
    port: int = 0
    cut_after: int | None = None
    keys: list[paramiko.PKey] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if (username, password) == (USER, PASSWORD) else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Folder(paramiko.SFTPServerInterface):
    """The folder as /; reading only."""

    def __init__(self, server: paramiko.ServerInterface, served: Served, transport: paramiko.Transport) -> None:
        super().__init__(server)
        self.served, self.transport = served, transport

    def _path(self, path: str) -> Path:
        return self.served.folder / self.canonicalize(path).lstrip("/")

    def list_folder(self, path: str) -> Any:
        try:
            return [paramiko.SFTPAttributes.from_stat(one.stat(), one.name) for one in sorted(self._path(path).iterdir())]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        served, transport = self.served, self.transport

        class _File(paramiko.SFTPHandle):
            def read(self, offset: int, length: int) -> Any:
                if served.cut_after is not None and offset + length > served.cut_after:
                    transport.close()
                    return paramiko.SFTP_FAILURE
                return super().read(offset, length)

        handle = _File(os.O_RDONLY)
        handle.readfile = self._path(path).open("rb")
        served.asked.append(path)
        return handle


@contextlib.contextmanager
def sftp_server(folder: Path) -> Iterator[Served]:
    """Serve `folder` over SFTP; the server's key is in `keys`."""
    served = Served(folder, keys=[paramiko.ECDSAKey.generate()])
    listener = socket.create_server(("127.0.0.1", 0))
    served.port = listener.getsockname()[1]
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(served.keys[0])
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder, served, transport)
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=_Login())

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield served
    finally:
        listener.close()
        for transport in transports:
            transport.close()


class _Pages(http.server.SimpleHTTPRequestHandler):
    """Folder pages and files for those who know the password."""

    def __init__(self, *arguments: Any, served: Served, **more: Any) -> None:
        self.served = served
        super().__init__(*arguments, directory=str(served.folder), **more)

    def do_GET(self) -> None:
        if self._is_let_in():
            self.served.asked.append(f"GET {self.path}")
            super().do_GET()

    def do_HEAD(self) -> None:
        if self._is_let_in():
            super().do_HEAD()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if self.served.cut_after is None or not hasattr(source, "fileno"):
            return super().copyfile(source, outputfile)
        outputfile.write(source.read(self.served.cut_after))
        outputfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _is_let_in(self) -> bool:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == wanted:
            return True
        self.send_error(401)
        return False

    def log_message(self, *_: Any) -> None:
        """Tests need no access log."""


@contextlib.contextmanager
def web_server(folder: Path) -> Iterator[Served]:
    """Serve `folder` over HTTP with basic authentication."""
    served = Served(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Pages, served=served))
    served.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
