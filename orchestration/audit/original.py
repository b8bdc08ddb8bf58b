"""Records as they were delivered, for those who may see them.

Belongs here: the right to look, the entry in the ledger for every look, reading single records of a landed file.
Does not belong here: which records belong to a KPI row (trace.py).

A record may name a patient. Looking needs access to the restricted folders of the home, and the entry
is on disk before anything is shown: a look that cannot be written down does not happen.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ingestion.home import Home, sha256_of
from ingestion.ledger import Ledger

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed
    from ingestion.readers import Source

ACCESS = "raw_access"
NO_ACCESS = 4  # exit code


class AccessDenied(click.ClickException):
    """Whoever asks may not read the restricted part of the home."""

    exit_code = NO_ACCESS


def may_look(home: Home) -> bool:
    """Whether this user can read landing and the restricted folder."""
    return all(os.access(folder, os.R_OK | os.X_OK) for folder in (home.landing, home.restricted))


def note_access(home: Home, purpose: str, kpi_key: str, records: Iterable[tuple[str, int]]) -> None:
    """Write down who looks at which records. Raises AccessDenied when that person may not, or when it cannot be written."""
    if not may_look(home):
        raise AccessDenied(f"this needs access to {home.restricted} and {home.landing}, which only the owner of the warehouse has")
    wanted: dict[str, list[int]] = {}
    for delivery_id, row_number in records:
        wanted.setdefault(delivery_id, []).append(row_number)
    try:
        Ledger(home.ledger).append(ACCESS, user=getpass.getuser(), purpose=purpose, kpi_key=kpi_key,
                                   records={one: sorted(set(numbers)) for one, numbers in wanted.items()})
    except OSError as error:
        raise AccessDenied(f"the look could not be written to the ledger ({error.strerror}), so nothing is shown") from None


def original_records(home: Home, feed: Feed, sha256: str, row_numbers: Iterable[int]) -> dict[int, dict[str, str | None]]:
    """Records of one landed file by number: header -> text as delivered. A record that is gone is absent.

    Raises ClickException when the landed file is missing or changed.
    """
    from ingestion.conform import open_database
    from ingestion.landing import landed_path
    from ingestion.readers import Refused, open_source, read_or_repair

    path = landed_path(home, sha256)
    if not path.exists():
        raise click.ClickException(f"the landed file {sha256} is missing from {home.landing}; `pxw verify` lists what else is")
    if (actual := sha256_of(path)) != sha256:
        raise click.ClickException(f"the landed file {path} was changed: SHA-256 is {actual}, so its records are not those that were delivered; see `pxw verify`")
    try:
        with open_database() as con, open_source(con, path, feed) as opened:
            return read_or_repair(opened, lambda source: _records(con, source, sorted(set(row_numbers))))
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from None


def _records(con: DuckDBPyConnection, source: Source, numbers: list[int]) -> dict[int, dict[str, str | None]]:
    from ingestion.sql import identifier

    names = ", ".join(identifier(name) for name in source.headers)
    found = con.execute(f"select _row_number, {names} from {source.relation} where _row_number in (select unnest(?::bigint[]))", [numbers]).fetchall()
    return {row[0]: dict(zip(source.headers, row[1:], strict=True)) for row in found}


def with_originals(home: Home, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a trace, each with `original`: its record as delivered.

    Raises ClickException as original_records does, or when a feed is no longer defined.
    """
    from ingestion.feed import load_feeds

    feeds = load_feeds()
    if gone := sorted({row["feed"] for row in rows} - feeds.keys()):
        raise click.ClickException(f"feed {gone[0]} is not defined any more, so its files cannot be read")
    by_file: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        by_file.setdefault((row["feed"], row["sha256"]), []).append(row["row_number"])
    found = {(feed, sha256): original_records(home, feeds[feed], sha256, numbers) for (feed, sha256), numbers in by_file.items()}
    return [row | {"original": found[(row["feed"], row["sha256"])].get(row["row_number"])} for row in rows]
