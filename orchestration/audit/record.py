"""What a run writes to the ledger: definitions and configuration that changed, the run, the publication.

Belongs here: the facts of those entries.
Does not belong here: deliveries, verdicts and releases (ingestion/, pipeline.py), the chain itself (ingestion/ledger.py).

The text of every version of a definition is kept in `ledger/definitions` under its SHA-256, so that it can
be read when it no longer stands in the project. Of the configuration only the hash is kept: it may name
accounts.
"""

from __future__ import annotations

import getpass
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.feed import FEEDS_DIR, Feed
from ingestion.home import Home, replacing, sha256_of
from ingestion.ledger import Ledger
from ingestion.strict_yaml import OWN_DEFINITIONS, OWN_FEEDS, own_folders
from orchestration.audit.history import PUBLICATION
from orchestration.build_input import DBT_SOURCE, ROOT, code_version

if TYPE_CHECKING:
    from orchestration.build_input import BuildPlan
    from orchestration.dbt_run import DbtResult

DEFINITIONS = "definitions"
RUN = "run"
CONFIGURATION = "config/"


def known_definitions(home: Home) -> dict[str, str]:
    """Definition and configuration files with their SHA-256, as the ledger last saw them."""
    known: dict[str, str] = {}
    for entry in Ledger(home.ledger).entries(DEFINITIONS):
        for change in entry["changes"]:
            if change["new"] is None:
                known.pop(change["file"], None)
            else:
                known[change["file"]] = change["new"]
    return known


def note_definitions(home: Home, feeds: Mapping[str, Feed]) -> list[dict[str, Any]]:
    """Write down which definition or configuration file changed since the last run; the changes.

    Who changed a file is not known here: `owner` is the account that owns it, `modified_at` its own time, and the entry's user ran what noticed it.
    """
    known, now = known_definitions(home), {}
    changes = []
    for name, path in _definition_files(home):
        content = path.read_bytes()
        now[name] = hashlib.sha256(content).hexdigest()
        if known.get(name) == now[name]:
            continue
        modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        changes.append({"file": name, "old": known.get(name), "new": now[name], "modified_at": modified_at, "owner": _owner(path)})
        if not name.startswith(CONFIGURATION):
            _keep(home, now[name], content)
    changes += [{"file": name, "old": known[name], "new": None, "modified_at": None, "owner": None} for name in sorted(set(known) - set(now))]
    if changes:
        Ledger(home.ledger).append(DEFINITIONS, user=getpass.getuser(), code_version=code_version(), n_feeds=len(feeds), changes=changes)
    return changes


def definition_hashes(home: Home) -> dict[str, str]:
    """SHA-256 of every definition file and code table that counts now; feeds have versions of their own."""
    return {name: sha256_of(path) for name, path in _definition_files(home)
            if not name.startswith((CONFIGURATION, "feeds/", "own/feeds/"))}


def definition_text(home: Home, sha256: str) -> str | None:
    """A version of a definition file by its hash; None when it was never kept."""
    path = home.ledger / "definitions" / sha256
    return path.read_text(encoding="utf-8") if path.exists() else None


def note_run(home: Home, plan: BuildPlan, result: DbtResult, seconds: float) -> None:
    """Write down what was built from what, by which code, and how its checks ended."""
    tests = [done for done in result.results if done.node.resource_type in ("test", "unit_test")]
    Ledger(home.ledger).append(
        RUN, run_id=plan.run_id, fingerprint=plan.fingerprint, is_ok=result.is_ok, user=getpass.getuser(), code_version=code_version(),
        lock_sha256=lock_sha256(), as_of=plan.as_of.isoformat() if plan.as_of else None, n_deliveries=plan.n_deliveries, n_rows=plan.n_rows,
        inputs_sha256=inputs_sha256(home), seconds=round(seconds, 1), checks=dict(sorted(Counter(str(done.status) for done in tests).items())),
        not_passed=sorted(done.node.name for done in tests if str(done.status) != "pass"),
    )


def note_publication(home: Home, manifest: Mapping[str, Any], manifest_sha256: str, history: Mapping[str, Any]) -> None:
    """Write down what was published, with the hash of every table and of the files of history."""
    told = {name: manifest[name] for name in ("run_id", "fingerprint", "code_version", "as_of", "published_at", "tables", "file_sha256")}
    Ledger(home.ledger).append(PUBLICATION, **told, n_deliveries=len(manifest["deliveries"]), manifest_sha256=manifest_sha256, **history)


def inputs_sha256(home: Home) -> str:
    """SHA-256 over the names of the raw Parquet files a build reads, which are ids of deliveries."""
    names = sorted(path.relative_to(home.input).as_posix() for path in home.input.rglob("*.parquet"))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def lock_sha256() -> str | None:
    """SHA-256 of the locked dependencies; None where the project is installed without its lock."""
    lock = ROOT / "requirements.lock"
    return sha256_of(lock) if lock.exists() else None


def _definition_files(home: Home) -> Iterator[tuple[str, Path]]:
    """Names and paths of every file that a person edits to change a number."""
    yield from _below(DBT_SOURCE, ("measures/**/*.yml", "kpis/**/*.yml", "case_mix/*.yml", "seeds/*.csv"), "")
    yield from _below(FEEDS_DIR, ("*.yml",), "feeds/")
    for folder in own_folders(OWN_FEEDS):
        yield from _below(folder, ("*.yml",), "own/feeds/")
    for folder in own_folders(OWN_DEFINITIONS):
        yield from _below(folder, ("**/*.yml", "**/*.csv"), "own/")
    own = (home.own_feeds.name, home.own_definitions.name)
    yield from ((name, path) for name, path in _below(home.config, ("**/*",), CONFIGURATION) if path.relative_to(home.config).parts[0] not in own)


def _owner(path: Path) -> str | None:
    try:
        return path.owner()
    except (KeyError, NotImplementedError):     # an account without a name, as in a container; a system without owners
        return None


def _below(root: Path, patterns: tuple[str, ...], prefix: str) -> Iterator[tuple[str, Path]]:
    for pattern in patterns:
        for path in sorted(path for path in root.glob(pattern) if path.is_file()):
            yield prefix + path.relative_to(root).as_posix(), path


def _keep(home: Home, sha256: str, content: bytes) -> None:
    path = home.ledger / "definitions" / sha256
    if not path.exists():
        with replacing(path, is_durable=True) as part:
            part.write_bytes(content)
