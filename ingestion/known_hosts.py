"""Which SFTP servers are believed to be who they say they are.

Belongs here: looking a server's key up among the known hosts.
Does not belong here: connecting, listing (sources.py).

The library's default is to believe any server at first sight; a stranger in between could then hand
out false files and learn the password.
"""

from __future__ import annotations

import os
from pathlib import Path

import paramiko

from ingestion.sources import SourceError


class KnownHosts(paramiko.MissingHostKeyPolicy):
    """Accepts a server whose key stands in `PXW_KNOWN_HOSTS`, by default ~/.ssh/known_hosts. Raises SourceError for others."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Called with `hostname` as [host]:port where the port is not 22."""
        path = Path(os.environ.get("PXW_KNOWN_HOSTS") or "~/.ssh/known_hosts").expanduser()
        known = paramiko.HostKeys(str(path)) if path.exists() else paramiko.HostKeys()
        found = known.lookup(hostname)
        if found is None:
            host, _, port = hostname.strip("[").partition("]:")
            raise SourceError(f"the server is not known: its key stands not in {path}; have its administrator confirm the key, then add it with "
                              f"`ssh-keyscan {f'-p {port} ' if port else ''}{host} >> {path}`")
        if found.get(key.get_name()) != key:
            raise SourceError(f"the server shows another key than the one in {path}; ask its administrator before anything is sent there")
