"""Checks on the deliveries of a feed, as Dagster shows them.

Belongs here: what each check is called, whether it stops what is downstream, how it reads.
Does not belong here: judging rows (ingestion/conform.py) or whole deliveries (expectations/).

Only lost rows stop a run. A refused or held delivery stays out by itself and the others go on.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from ingestion.catalogue import Delivery, raw_path
from ingestion.conform import ConformReport
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.landing import LandReport
from ingestion.raw_files import rows_by_file
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROWS = "rows_reconcile"
READABLE = "deliveries_readable"
EXPECTED = "deliveries_as_expected"
PLACED = "files_placed"


def specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of one feed."""
    held = "No delivery is held by Great Expectations; a held one waits for `pxw release`."
    return [
        dg.AssetCheckSpec(ROWS, asset=asset, blocking=True, description="Rows delivered = accepted + quarantined, for every delivery."),
        dg.AssetCheckSpec(READABLE, asset=asset, description="No file was refused because it could not be read as this feed."),
        dg.AssetCheckSpec(EXPECTED, asset=asset, description=held),
    ]


def placed_spec(asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check on files that nobody can place."""
    return dg.AssetCheckSpec(PLACED, asset=asset, description="Every file of the inboxes belongs to exactly one feed.")


def results(
    con: "DuckDBPyConnection", home: Home, feed: Feed, asset: dg.AssetKey, own: Sequence[Delivery], new: Sequence[ConformReport],
) -> list[dg.AssetCheckResult]:
    """Results for a feed; none for a feed that never had a delivery, nothing can be said of it. `con` reads the raw files."""
    if not own:
        return []
    rows = _rows(con, home, feed, asset, own, {report.delivery_id for report in new})
    return [rows, _open(asset, READABLE, "refused", own), _open(asset, EXPECTED, "held", own)]


def placed(asset: dg.AssetKey, landed: LandReport) -> dg.AssetCheckResult:
    """A warning with the files that match no feed, or more than one."""
    rows = [{"file": path, "why": "no feed has a pattern for it"} for path in landed.unmatched]
    rows += [{"file": path, "why": f"belongs to {' and '.join(owners)}"} for path, owners in landed.ambiguous.items()]
    return _result(asset, PLACED, rows, dg.AssetCheckSeverity.WARN, "every file has its feed", "files left where they are")


def _rows(con: "DuckDBPyConnection", home: Home, feed: Feed, asset: dg.AssetKey, own: Sequence[Delivery], new: set[str]) -> dg.AssetCheckResult:
    """The numbers of the ledger against the files: new deliveries row by row, older ones by the file's own count."""
    wrong, n_rows = [], 0
    paths = {d.delivery_id: raw_path(home, feed, d) for d in own if d.status in ("conformed", "held", "accepted")}
    counted = rows_by_file(con, [path for path in paths.values() if path.exists()])
    for delivery in (d for d in own if d.delivery_id in paths):
        path = paths[delivery.delivery_id]
        said = tuple(delivery.conformed[name] for name in ("n_rows", "n_accepted", "n_quarantined"))
        found: tuple[int, ...] | None = (counted[path],) if path in counted else None
        if found and delivery.delivery_id in new:
            found = con.execute(f"select count(*), count(*) filter (len(problems) = 0), count(*) filter (len(problems) > 0) from read_parquet({literal(str(path))})").fetchone()
        if found is None or found != said[:len(found)] or said[1] + said[2] != said[0]:
            wrong.append({"delivery": delivery.delivery_id, "file": delivery.file_name, "ledger": str(said), "raw": str(found)})
        n_rows += said[0]
    return _result(asset, ROWS, wrong, dg.AssetCheckSeverity.ERROR, f"{n_rows:,} rows delivered, all accounted for",
                   "deliveries that do not add up (rows, accepted, quarantined)")


def _open(asset: dg.AssetKey, name: str, state: str, own: Sequence[Delivery]) -> dg.AssetCheckResult:
    """A warning with the deliveries in `state` that no accepted delivery has replaced."""
    replaced = {old for d in own if d.status == "accepted" for old in d.supersedes}
    left = [d for d in own if d.status == state and d.delivery_id not in replaced]
    rows = [{"delivery": d.delivery_id, "file": d.file_name, "why": d.reason or ""} for d in left]
    return _result(asset, name, rows, dg.AssetCheckSeverity.WARN, f"none of {len(own)} deliveries is {state}", f"of {len(own)} deliveries {state}")


def _result(
    asset: dg.AssetKey, name: str, bad: list[dict[str, str]], severity: dg.AssetCheckSeverity, good: str, what: str,
) -> dg.AssetCheckResult:
    metadata = {"found": dg.MetadataValue.table([dg.TableRecord(row) for row in bad[:100]])} if bad else {}
    return dg.AssetCheckResult(
        asset_key=asset, check_name=name, passed=not bad, severity=severity, metadata=metadata,
        description=f"{len(bad)} {what}" if bad else good,
    )
