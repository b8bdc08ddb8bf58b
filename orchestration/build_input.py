"""What a build reads: links to accepted raw Parquet, the catalogue, the definitions; and its fingerprint.

Belongs here: laying out build/input, telling whether anything a build depends on has changed.
Does not belong here: rendering dbt (dbt_render.py), running it (dbt_run.py).

Everything that can change a mart enters the fingerprint: deliveries with status and order, feeds,
definitions, code tables, SQL, Python that writes raw Parquet, settings, the day of an `as of`. The run id is
its beginning, so the same inputs give the same marts to the last byte, whenever they are built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.catalogue import Delivery, raw_folder, raw_path, read_catalogue, up_to
from ingestion.feed import Feed
from ingestion.home import Home, for_owner_alone
from ingestion.ledger import Ledger
from ingestion.sql import insert_rows, literal
from orchestration.complaint_settings import write_complaint_settings
from orchestration.encounter_settings import write_encounter_settings
from orchestration.month_settings import write_month_settings
from orchestration.published import manifest
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROOT = Path(__file__).parents[1]
DBT_SOURCE = ROOT / "dbt_project"


@dataclass(frozen=True)
class BuildPlan:
    """What would be built: `run_id` names the inputs; `is_changed` compares them with what is published."""

    run_id: str
    fingerprint: str
    is_changed: bool
    as_of: date | None
    n_deliveries: int
    n_rows: int


def plan_build(home: Home, feeds: dict[str, Feed], as_of: date | None = None, deliveries: list[Delivery] | None = None) -> BuildPlan:
    """The plan for the catalogue as it stands (all of it, if the caller has it: `deliveries`); writes nothing.

    Raises DefinitionError for settings or folders that cannot be used.
    """
    from orchestration.definitions_data import fingerprint as fingerprint_of_definitions
    from orchestration.definitions_data import own_definition_folders

    known = up_to(read_catalogue(home, feeds) if deliveries is None else deliveries, as_of)
    lines = [f"code {code_version()}", f"as of {as_of or 'now'}"]
    lines += [f"own definitions {fingerprint_of_definitions(DBT_SOURCE, own)}"] if (own := own_definition_folders()) else []
    lines += [f"feed {name} {feed.version}" for name, feed in sorted(feeds.items())]
    settings = load_settings(home)
    lines += [f"encounters {settings.encounters.fingerprint()}", f"complaints {settings.complaints.fingerprint()}", f"months {settings.months.fingerprint()}",
              f"small cells {settings.small_cells}"]
    lines += [f"{d.delivery_id} {d.feed} {d.status} {d.reason} {d.delivered_at.isoformat()} {d.delivery_sequence}" for d in known]
    lines += [f"annotation {entry['entry']} {entry['previous']}" for entry in Ledger(home.ledger).entries("annotation")]
    fingerprint = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    used = [d for d in known if d.status == "accepted"]
    n_rows = sum(d.conformed.get("n_accepted", 0) for d in used)
    return BuildPlan(fingerprint[:12], fingerprint, fingerprint != manifest(home).get("fingerprint"), as_of, len(used), n_rows)


@for_owner_alone()
def prepare_build(home: Home, feeds: dict[str, Feed], as_of: date | None = None) -> BuildPlan:
    """Lay out build/input anew and return its plan."""
    import duckdb

    from orchestration.definitions_data import own_definition_folders
    from orchestration.definitions_data import write as write_definitions

    deliveries = read_catalogue(home, feeds, as_of)
    plan = plan_build(home, feeds, as_of, deliveries)
    fresh = home.build / "input.next"
    shutil.rmtree(fresh, ignore_errors=True)
    with duckdb.connect() as con:
        for feed in feeds.values():
            _link_feed(con, home, feed, [d for d in deliveries if d.feed == feed.feed and d.status == "accepted"], fresh)
        _write_catalogue(con, deliveries, feeds, fresh)
        _write_run(con, plan, fresh)
        _write_open_alerts(con, home, as_of, fresh)
        write_encounter_settings(con, load_settings(home).encounters, fresh)
        write_complaint_settings(con, load_settings(home).complaints, fresh)
        write_month_settings(con, load_settings(home).months, fresh)
    write_definitions(DBT_SOURCE, fresh / "definitions", own_definition_folders())
    shutil.rmtree(home.input, ignore_errors=True)
    fresh.rename(home.input)
    return plan


@cache
def code_version() -> str:
    """12 hex characters over the code, SQL and definitions that marts depend on."""
    digest = hashlib.sha256()
    rooms = [ROOT / "ingestion", ROOT / "methods", ROOT / "orchestration", DBT_SOURCE]
    for path in sorted(p for room in rooms for p in room.rglob("*") if p.suffix in (".py", ".sql", ".yml", ".csv")):
        relative = path.relative_to(ROOT)
        if {"target", "logs", "feeds", "samples", "__pycache__"}.isdisjoint(relative.parts):
            digest.update(f"{relative}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _link_feed(con: DuckDBPyConnection, home: Home, feed: Feed, accepted: list[Delivery], fresh: Path) -> None:
    """Hard links cost nothing and keep a file readable while the cache is renewed; the empty one keeps the shape."""
    from ingestion.conform import empty_shape, empty_text

    folder, private = fresh / feed.feed, fresh / "restricted" / feed.feed
    folder.mkdir(parents=True)
    shape = raw_folder(home.raw, feed) / "_empty.parquet"
    if not shape.exists():
        empty_shape(feed, shape, con)
    os.link(shape, folder / "_empty.parquet")
    if feed.has_free_text:
        private.mkdir(parents=True)
        if (written := next(private.parent.glob("*/_empty.parquet"), None)) is not None:
            os.link(written, private / "_empty.parquet")
        else:
            empty_text(private / "_empty.parquet")
    for delivery in accepted:
        os.link(raw_path(home, feed, delivery), folder / f"{delivery.delivery_id}.parquet")
        text = raw_path(home, feed, delivery, is_restricted=True)
        if text.exists():
            os.link(text, private / f"{delivery.delivery_id}.parquet")


def _write_catalogue(con: DuckDBPyConnection, deliveries: list[Delivery], feeds: dict[str, Feed], fresh: Path) -> None:
    con.execute(
        "create table delivery (delivery_id varchar, feed varchar, kind varchar, status varchar, reason varchar, delivered_at timestamp, "
        "delivery_sequence integer, landed_at timestamp, n_rows bigint, n_accepted bigint, n_quarantined bigint, n_bytes bigint, "
        "sha256 varchar, feed_version varchar, delivery_order bigint, supersedes varchar)"
    )
    rows = [
        (d.delivery_id, d.feed, feeds[d.feed].kind, d.status, d.reason, d.delivered_at.replace(tzinfo=None), d.delivery_sequence,
         d.landed_at.replace(tzinfo=None), d.conformed.get("n_rows"), d.conformed.get("n_accepted"), d.conformed.get("n_quarantined"),
         d.n_bytes, d.sha256, feeds[d.feed].version, d.delivery_order, ",".join(d.supersedes) or None)
        for d in deliveries
    ]
    insert_rows(con, "delivery", rows)
    con.execute("create table feed (feed varchar, kind varchar, label varchar, cadence varchar, priority integer, time_zone varchar)")
    insert_rows(con, "feed", [(f.feed, f.kind, f.label, f.cadence, f.priority, f.time_zone) for f in sorted(feeds.values(), key=lambda f: f.feed)])
    for table in ("delivery", "feed"):
        con.execute(f"copy {table} to {literal(str(fresh / f'{table}.parquet'))} (format parquet)")


def _write_run(con: DuckDBPyConnection, plan: BuildPlan, fresh: Path) -> None:
    con.execute("create table run as select ?::varchar as run_id, ?::varchar as code_version, ?::date as as_of_on",
                [plan.run_id, code_version(), plan.as_of])
    con.execute(f"copy run to {literal(str(fresh / 'run.parquet'))} (format parquet)")


def _write_open_alerts(con: DuckDBPyConnection, home: Home, as_of: date | None, fresh: Path) -> None:
    """Ids that the ledger keeps for events that last. Not part of the fingerprint: they name events, they make none."""
    from orchestration.alert_state import open_alerts

    con.execute("create table alert_open (subject_id varchar, alert_id varchar, first_seen_on date)")
    insert_rows(con, "alert_open", [(subject, one["alert_id"], one["first_seen_on"]) for subject, one in sorted(open_alerts(Ledger(home.ledger), as_of).items())])
    con.execute(f"copy alert_open to {literal(str(fresh / 'alert_open.parquet'))} (format parquet)")
