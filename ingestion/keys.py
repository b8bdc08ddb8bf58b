"""The secret keys behind pseudonymous identifiers, one per purpose.

Belongs here: finding, creating and deriving HMAC keys.
Does not belong here: the hashing itself (conform.py does it in SQL).

The file is named by `PXW_KEY_FILE`; by default it is created with mode 0600 in the user's
configuration directory: never inside a warehouse home or a repository.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from ingestion.feed import PURPOSES
from ingestion.told import Told

_BLOCK = 64  # block size of SHA-256 in bytes, RFC 2104


class KeyFileError(Told):
    """The key file cannot be used."""


def key_file() -> Path:
    """Where the keys are kept."""
    if named := os.environ.get("PXW_KEY_FILE"):
        return Path(named).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "pxw" / "keys.json"


def load_keys(*, is_trial: bool = False) -> dict[str, bytes]:
    """The key of each purpose (32 bytes); the file is created on first use. KeyFileError if unusable.

    A trial leaves nothing behind: where there is no file it gets keys that nobody will see again.
    """
    path = key_file()
    if not path.exists():
        if is_trial:
            return {purpose: secrets.token_bytes(32) for purpose in PURPOSES}
        _create(path)
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        stored = json.loads(path.read_text())
        return {purpose: bytes.fromhex(stored[purpose]) for purpose in PURPOSES}
    except (ValueError, KeyError, TypeError):
        raise KeyFileError(f"{path} is not a key file: a JSON object with {', '.join(PURPOSES)} in hex") from None


def hmac_pads(key: bytes) -> tuple[bytes, bytes]:
    """Inner and outer padded key of HMAC-SHA256 (RFC 2104)."""
    block = key.ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = {purpose: secrets.token_hex(32) for purpose in PURPOSES}
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(keys, out)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(part, path)  # fails when another process created the file meanwhile: theirs counts
    except FileExistsError:
        pass
    finally:
        part.unlink()
