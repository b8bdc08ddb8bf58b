"""Is everything still what it was: landed files, the chain of the ledger, what is published, and that it can be made again.

Belongs here: the four examinations, each a list of sentences on what differs.
Does not belong here: repairing anything; arguments and exit codes (commands/verify.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ingestion.home import Home, sha256_of
from ingestion.landing import landed_path
from ingestion.ledger import Ledger, LedgerBroken
from ingestion.sql import identifier, literal
from orchestration.audit.history import PUBLICATION, kept_file, publications
from orchestration.audit.side_build import build_aside, copy_state
from orchestration.build_input import code_version
from orchestration.published import manifest

_SHOWN_ROWS = 3


@dataclass
class Finding:
    """One examination: what was looked at, and everything that differs."""

    what: str
    looked_at: str
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Nothing differs."""
        return not self.faults


def examine(home: Home, work: Path | None, progress: Callable[[str], None] = lambda _: None) -> Iterator[Finding]:
    """All examinations in order; the rebuild only with a folder to `work` in, on the same disk as the home if possible."""
    ledger = check_ledger(home)
    yield ledger
    if not ledger.is_ok:
        ledger.notes.append("what follows relies on the entries before the break")
    yield check_landing(home)
    yield check_history(home)
    yield check_published(home)
    if work is not None and ledger.is_ok:
        yield rebuild(home, work, progress)


def check_ledger(home: Home) -> Finding:
    """Every line follows from the one before; every published state that names the ledger still finds its entry."""
    ledger = Ledger(home.ledger)
    try:
        n = ledger.verify()
    except LedgerBroken as broken:
        return Finding("ledger", str(ledger.path), [f"{broken}; everything before that line still holds"])
    found = Finding("ledger", f"{n:,} entries, each with the hash of the one before")
    if not n:
        found.faults.append(f"{ledger.path} has no entries")
    told = manifest(home)
    if told and not any(entry.get("published_at") == told["published_at"] and entry["run_id"] == told["run_id"] for entry in _entries(home, PUBLICATION)):
        found.faults.append(f"the publication of run {told['run_id']} at {told['published_at']} has no entry: lines at the end are cut off")
    return found


def check_landing(home: Home) -> Finding:
    """Every landed file has the bytes its name promises, every delivery of the ledger has its file."""
    known = {entry["sha256"]: entry for entry in _entries(home, "delivery")}
    files = {path.name: path for path in home.landing.glob("??/*") if path.is_file()}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        hashes = dict(zip(files, pool.map(_sha256, files.values()), strict=True))
    found = Finding("landing", f"{len(files):,} files, {sum(path.stat().st_size for path in files.values()) / 1e6:,.1f} MB hashed again")
    for sha256, entry in known.items():
        name = f"{entry['file_name']} (delivery {entry['delivery_id']}, {entry['feed']})"
        if sha256 not in files:
            found.faults.append(f"{name}: the landed file is missing: {landed_path(home, sha256)}")
        elif hashes[sha256] != sha256:
            found.faults.append(f"{name}: the landed file was changed: SHA-256 is {hashes[sha256]}, was {sha256}")
    for extra in sorted(set(files) - set(known)):
        # The bytes rest before the entry is written; the next run writes it when the file is still in the inbox.
        found.notes.append(f"{files[extra]} belongs to no entry of the ledger (a run that ended too early leaves such a file)")
    return found


def check_history(home: Home) -> Finding:
    """The files of published history and kept definitions have the hashes that stand in the ledger."""
    found, n = Finding("history", ""), 0
    for entry in _entries(home, PUBLICATION):
        for name in ("changes", "evidence", "context"):
            if told := entry.get(name):
                n += 1
                found.faults += _compare_file(kept_file(home, told), told["sha256"], f"publication {entry['publication']}, {name}")
    for path in sorted((home.ledger / "definitions").glob("*")):
        n += 1
        found.faults += _compare_file(path, path.name, "kept definition")
    found.looked_at = f"{n:,} files beside the ledger"
    return found


def check_published(home: Home) -> Finding:
    """Manifest, Parquet files and the DuckDB file are those of the ledger's newest publication, cell by cell."""
    told = manifest(home)
    if not told:
        return Finding("published", "nothing is published", [f"{home.published} holds no manifest"] if publications(home) else [])
    found = Finding("published", f"run {told['run_id']} of {told['published_at']}: {len(told['tables'])} tables")
    entry = next((one for one in reversed(_entries(home, PUBLICATION)) if one["published_at"] == told["published_at"] and one["run_id"] == told["run_id"]), None)
    if entry:
        found.faults += _compare_file(home.published / "manifest.json", entry["manifest_sha256"], "manifest.json")
    tables = (entry or told)["tables"]
    for name, facts in tables.items():
        found.faults += _compare_file(home.published / "marts" / f"{name}.parquet", facts["sha256"], f"marts/{name}.parquet")
    if _sha256(home.published / "px.duckdb") != (entry or told).get("file_sha256"):
        found.faults.append("px.duckdb was changed since it was published")
        found.faults += _differing_tables(home, tables)
    return found


def rebuild(home: Home, work: Path, progress: Callable[[str], None]) -> Finding:
    """Build and publish again from landing, ledger and configuration alone; the content must be the same."""
    told = manifest(home)
    found = Finding("rebuild", "from landing, ledger and configuration")
    if not told:
        found.notes.append("nothing is published, so there is nothing to compare with")
        return found
    if told["code_version"] != code_version():
        found.notes.append(f"published by code {told['code_version']}, rebuilt by code {code_version()}: differences may come from that")
    other = copy_state(home, Home(work / "home"))
    try:
        n_tests = build_aside(other, date.fromisoformat(told["as_of"]) if told["as_of"] else None, progress, is_proof=True)
    except Exception as error:  # noqa: BLE001 - whatever stops a rebuild is the finding
        found.faults.append(f"the rebuild could not be made: {str(error).splitlines()[0]}")
        return found
    again = manifest(other)
    # Under another code every run id is another one; that alone is no difference in content.
    ignored = () if again["run_id"] == told["run_id"] else ("run_id",)
    found.faults += _compare_content(home, other, told["tables"], again["tables"], ignored)
    found.looked_at = f"{len(told['tables'])} tables built again from landing, ledger and configuration; {n_tests} tests hold, every row of kpi_value is the sum of its evidence"
    return found


def _compare_file(path: Path, sha256: str, name: str) -> list[str]:
    if not path.exists():
        return [f"{name} is missing: {path}"]
    actual = _sha256(path)
    return [] if actual == sha256 else [f"{name} was changed: SHA-256 is {actual}, was {sha256}"]


def _differing_tables(home: Home, tables: dict[str, Any]) -> list[str]:
    """Which cells of px.duckdb are not those of the Parquet files, whose hashes are known."""
    import duckdb

    faults = []
    with duckdb.connect() as con:
        try:
            con.execute(f"attach {literal(str((home.published / 'px.duckdb').resolve()))} as px (read_only)")
        except duckdb.Error as error:
            return [f"px.duckdb cannot be opened: {str(error).splitlines()[0]}"]
        for name in tables:
            parquet = f"read_parquet({literal(str(home.published / 'marts' / f'{name}.parquet'))})"
            try:
                faults += differing_rows(con, f"px.marts.{identifier(name)}", parquet, f"px.duckdb, marts.{name}")
            except duckdb.Error as error:
                faults.append(f"px.duckdb, marts.{name} cannot be compared: {str(error).splitlines()[0]}")
    return faults


def differing_rows(con: Any, here: str, there: str, name: str) -> list[str]:
    """Sentences on the rows of `here` that `there` lacks and the reverse; keys only, at most a few."""
    faults = []
    for sign, left, right in (("has rows that were not published", here, there), ("lacks published rows", there, here)):
        cursor = con.execute(f"with differing as materialized (select * from {left} except all select * from {right}) "
                             f"select (select count(*) from differing), * from (from differing order by all limit {_SHOWN_ROWS})")
        column = cursor.description[1][0]
        if rows := cursor.fetchall():
            keys = "; ".join(" ".join(str(cell) for cell in row[1:3]) for row in rows)
            faults.append(f"{name} {sign}: {rows[0][0]}, the first with {column} {keys}")
    return faults


def _compare_content(home: Home, other: Home, published: dict[str, Any], built: dict[str, Any], ignored: tuple[str, ...]) -> list[str]:
    import duckdb

    faults = [f"{name} was published, the rebuild has no such table" for name in sorted(set(published) - set(built))]
    faults += [f"{name} was never published, the rebuild has it" for name in sorted(set(built) - set(published))]
    with duckdb.connect() as con:
        for name in sorted(set(published) & set(built)):
            if published[name]["sha256"] == built[name]["sha256"]:
                continue
            here, there = (f"read_parquet({literal(str(one.published / 'marts' / f'{name}.parquet'))})" for one in (home, other))
            try:
                columns = [row[0] for row in con.execute(f"describe select * from {here}").fetchall()]
                if left := [column for column in columns if column in ignored]:
                    here, there = (f"(select * exclude ({', '.join(left)}) from {one})" for one in (here, there))
                told = differing_rows(con, here, there, f"marts.{name}")
            except duckdb.Error as error:
                told = [f"marts.{name} cannot be compared: {str(error).splitlines()[0]}"]
            faults += told or ([] if left else [f"marts.{name}: same rows, other bytes"])
    return faults


def _entries(home: Home, kind: str) -> list[dict[str, Any]]:
    """Entries of a kind, up to a break of the chain."""
    found = []
    try:
        for entry in Ledger(home.ledger).entries(kind):
            found.append(entry)
    except LedgerBroken:
        pass
    return found


def _sha256(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None
