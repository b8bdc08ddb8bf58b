"""What each publication changed in published KPI values, kept beside the ledger.

Belongs here: comparing a publication with what was published before, the files of changes, the marts
kpi_history and restatement that are made from them.
Does not belong here: why a row changed (causes.py), writing the publication itself (publish.py).

Per publication that changed anything, `ledger/history` gets a Parquet file of the changed rows, a
summary of the evidence and a context (deliveries, feeds, definitions, code). Their SHA-256 stand in
the entry `publication` of the ledger, so history is as safe as the chain. The marts are folded from
these files: what is compared is the published table, with everything suppressed in it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.home import Home, fsync_dir, replacing, sha256_of
from ingestion.ledger import Ledger
from ingestion.sql import identifier, insert_rows, literal
from orchestration.built import connect_to_build

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from orchestration.build_input import BuildPlan

PUBLICATION = "publication"
ANNOTATION = "annotation"
FILLED_AT_PUBLICATION = ("kpi_history", "restatement")
TRACKED = ("value", "numerator", "denominator", "n", "is_publishable", "reason", "measure_version")
# A published double may differ in its last digits under another version of the engine: that is no change.
_NOISE = 1e-9


@dataclass(frozen=True)
class Recorded:
    """What is to be said of a publication: facts for its ledger entry, facts of the two marts for its manifest."""

    facts: dict[str, Any]
    tables: dict[str, dict[str, Any]]


def history_folder(home: Home) -> Path:
    """Where the files of changes are; state, like the ledger beside it."""
    return home.ledger / "history"


def publications(home: Home) -> list[dict[str, Any]]:
    """All publications in order, as the ledger has them."""
    return list(Ledger(home.ledger).entries(PUBLICATION))


def record(home: Home, plan: BuildPlan, fresh: Path, published_at: str, *, hides_small_cells: bool = False) -> Recorded:
    """Compare the tables in `fresh` with the last publication, keep the difference, fill the two marts.

    With `hides_small_cells` the two marts show no number of an earlier publication: that one may have shown what is hidden now.
    """
    from orchestration.audit.causes import explain_changes
    from orchestration.audit.kept import keep_context, keep_evidence

    earlier = publications(home)
    with connect_to_build(home) as con:
        con.execute(f"attach {literal(str(fresh / 'px.duckdb'))} as px")
        if not _has_kpis(con):
            return Recorded({}, {})
        _fold(con, home, earlier)
        n = _compare(con)
        number = (earlier[-1]["publication"] if earlier else 0) + 1
        if sum(n.values()) == 0 and earlier and earlier[-1]["run_id"] == plan.run_id:
            kept = {name: earlier[-1][name] for name in ("evidence", "context")}
            changes = None
        else:
            kept = {"evidence": keep_evidence(con, home), "context": keep_context(con, home, plan)}
            explain_changes(con, home, earlier[-1] if earlier else None, kept)
            changes = _keep_changes(con, home, number) if sum(n.values()) else None
        this = {"publication": number, "run_id": plan.run_id, "at": published_at, "changes": changes}
        tables = _fill(con, home, [*earlier, this], fresh / "marts", hides_small_cells)
        con.execute("checkpoint px")
    return Recorded({"publication": number, "changes": changes, "n_changes": n, **kept}, tables)


def _has_kpis(con: DuckDBPyConnection) -> bool:
    tables = {row[0] for row in con.execute("select table_name from duckdb_tables() where database_name = 'px' and schema_name = 'marts'").fetchall()}
    return {"kpi_value", *FILLED_AT_PUBLICATION} <= tables


def _fold(con: DuckDBPyConnection, home: Home, earlier: list[dict[str, Any]]) -> None:
    """Tables `change` (all changes so far) and `known` (the last published state of every row)."""
    create_changes(con, home, earlier)
    con.execute("create temp table known as select * from change where change <> 'removed' and replaced_by is null")


def create_changes(con: DuckDBPyConnection, home: Home, entries: list[dict[str, Any]]) -> None:
    """Table `change`: every change of every publication, and the publication that replaced it.

    Most rows never change, so the publication that replaced a row is looked up among the later files only.
    """
    files = [(entry["publication"], kept_file(home, entry["changes"])) for entry in entries if entry.get("changes")]
    shape = "''::varchar as change, ''::varchar as kpi_key, null::double as value, null::double as numerator, null::double as denominator, " \
            "null::bigint as n, null::boolean as is_publishable, null::varchar as reason, null::integer as measure_version, " \
            "null::varchar as change_kind, null::varchar as cause, null::varchar as cause_detail"
    parts = [f"select *, {number} as publication_number from read_parquet({literal(str(path))})" for number, path in files]
    con.execute("create temp table stored as " + " union all by name ".join([f"select {shape}, 0 as publication_number where false", *parts]))
    con.execute("create temp table later as select kpi_key, publication_number from stored "
                "where publication_number > (select min(publication_number) from stored)")
    con.execute("create temp table change as select s.*, (select min(l.publication_number) from later as l where l.kpi_key = s.kpi_key "
                "and l.publication_number > s.publication_number) as replaced_by from stored as s")


def _compare(con: DuckDBPyConnection) -> dict[str, int]:
    """Table `difference`: rows that were added, changed or removed since the last publication."""
    doubles = TRACKED[:3]
    same = " and ".join([*(f"(abs(v.{name} - k.{name}) <= {_NOISE} * greatest(1, abs(k.{name}))) is not false and (v.{name} is null) = (k.{name} is null)"
                           for name in doubles),
                         *(f"v.{name} is not distinct from k.{name}" for name in TRACKED if name not in doubles)])
    before = ", ".join(f"k.{name} as {name}_before" for name in TRACKED)
    con.execute(
        f"create temp table difference as select *, case when change = 'added' then null when is_publishable_before then "
        "case when coalesce(is_publishable, false) then 'restated' else 'withdrawn' end "
        "when is_publishable then 'completed' else 'provisional' end as change_kind, null::varchar as cause, null::varchar as cause_detail from ("
        f"select case when k.kpi_key is null then 'added' when v.kpi_key is null then 'removed' else 'changed' end as change, "
        f"coalesce(v.kpi_key, k.kpi_key) as kpi_key, {', '.join(f'v.{name}' for name in TRACKED)}, {before} "
        f"from px.marts.kpi_value as v full join known as k on k.kpi_key = v.kpi_key "
        f"where k.kpi_key is null or v.kpi_key is null or not ({same}))")
    counted = dict(con.execute("select change, count(*) from difference group by 1").fetchall())
    return {name: counted.get(name, 0) for name in ("added", "changed", "removed")}


def _keep_changes(con: DuckDBPyConnection, home: Home, number: int) -> dict[str, str]:
    query = f"select change, kpi_key, {', '.join(TRACKED)}, change_kind, cause, cause_detail from difference order by kpi_key"
    return keep_parquet(con, home, f"changes-{number:06d}", query)


def keep_parquet(con: DuckDBPyConnection, home: Home, name: str, query: str) -> dict[str, str]:
    """Write the result below ledger/history under its own hash; file and SHA-256."""
    folder = history_folder(home)
    unnamed = folder / f".{name}.parquet"
    with replacing(unnamed, is_durable=True) as part:
        con.execute(f"copy ({query}) to {literal(str(part))} (format parquet, compression zstd)").fetchall()
        part.chmod(0o600)  # DuckDB puts a file of its own in its place
        sha256 = sha256_of(part)
    final = unnamed.replace(folder / f"{name}-{sha256[:16]}.parquet")
    fsync_dir(folder)  # the ledger entry that follows must not outlive the name
    return {"file": final.name, "sha256": sha256}


def keep_json(home: Home, name: str, facts: dict[str, Any]) -> dict[str, str]:
    """Write facts below ledger/history under their own hash; file and SHA-256."""
    text = json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n"
    sha256 = hashlib.sha256(text).hexdigest()
    final = history_folder(home) / f"{name}-{sha256[:16]}.json"
    with replacing(final, is_durable=True) as part:
        part.write_bytes(text)
    return {"file": final.name, "sha256": sha256}


def kept_file(home: Home, told: dict[str, str]) -> Path:
    """The path of a kept file."""
    return history_folder(home) / told["file"]


def _fill(con: DuckDBPyConnection, home: Home, entries: list[dict[str, Any]], marts: Path, hides_small_cells: bool) -> dict[str, dict[str, Any]]:
    """The two marts, from all changes, with this publication among them."""
    for table in ("change", "later", "stored", "known"):
        con.execute(f"drop table {table}")
    create_changes(con, home, entries)
    create_publications(con, entries)
    create_annotations(con, home)
    con.execute(HISTORY_SQL)
    con.execute(RESTATEMENT_SQL)
    if hides_small_cells:
        con.execute("update kpi_history set value = null, numerator = null, denominator = null, n = null, is_publishable = false, "
                    "reason = 'SUPPRESSED' where valid_to_at is not null")
        con.execute("update restatement set value_before = null, value_after = null, n_before = null, n_after = null, "
                    "reason_before = 'SUPPRESSED', reason_after = 'SUPPRESSED'")
    return {name: _publish(con, name, marts / f"{name}.parquet", order) for name, order in
            (("kpi_history", "kpi_key, valid_from_at"), ("restatement", "publication_number, kpi_key"))}


def _publish(con: DuckDBPyConnection, name: str, parquet: Path, order: str) -> dict[str, Any]:
    table = f"px.marts.{identifier(name)}"
    n_rows = con.execute(f"insert into {table} by name select * from {name} order by {order}").fetchone()[0]
    con.execute(f"copy (select * from {table}) to {literal(str(parquet))} (format parquet, compression zstd)").fetchall()
    return {"n_rows": n_rows, "sha256": sha256_of(parquet)}


def create_publications(con: DuckDBPyConnection, entries: list[dict[str, Any]]) -> None:
    """Table `publication`: number, run and moment."""
    con.execute("create temp table publication (publication_number integer, run_id varchar, published_at timestamp)")
    insert_rows(con, "publication", [(entry["publication"], entry["run_id"], moment(entry)) for entry in entries])


def moment(entry: dict[str, Any]) -> str:
    """When a publication was made, UTC, as DuckDB reads it."""
    return str(entry.get("published_at") or entry["at"])[:19]


def create_annotations(con: DuckDBPyConnection, home: Home) -> None:
    """Table `note`: what people said about the restatements of a publication; the newest words count."""
    con.execute("create temp table note (publication_number integer, kpi_id varchar, what_happened varchar, how_found varchar, "
                "corrective_action varchar, facilities_affected varchar, nth integer)")
    rows = [(e["publication"], e.get("kpi_id"), e["what_happened"], e["how_found"], e["corrective_action"], ", ".join(e["facilities"]), e["entry"])
            for e in Ledger(home.ledger).entries(ANNOTATION)]
    insert_rows(con, "note", rows)


# The parts of a kpi_key: kpi, grain, first day, level, entity, segment.
HISTORY_SQL = """
create temp table kpi_history as
select
    c.kpi_key, split_part(c.kpi_key, ':', 1) as kpi_id, p.published_at as valid_from_at, r.published_at as valid_to_at,
    c.value, c.numerator, c.denominator, c.n, c.is_publishable, c.reason, c.measure_version, c.publication_number, p.run_id
from change as c
inner join publication as p using (publication_number)
left join publication as r on r.publication_number = c.replaced_by
where c.change <> 'removed'
"""

RESTATEMENT_SQL = """
create temp table restatement as
with restated as (
    select c.*, split_part(c.kpi_key, ':', 1) as kpi_id, p.run_id, p.published_at,
        b.value as value_before, b.n as n_before, b.is_publishable as is_publishable_before, b.reason as reason_before
    from change as c
    inner join publication as p using (publication_number)
    inner join change as b on b.kpi_key = c.kpi_key and b.replaced_by = c.publication_number
    where c.change <> 'added' and c.change_kind <> 'provisional'
)
select
    r.kpi_key, r.kpi_id, split_part(r.kpi_key, ':', 2) as period_grain, split_part(r.kpi_key, ':', 3)::date as period_start_on,
    split_part(r.kpi_key, ':', 4) as level, split_part(r.kpi_key, ':', 5) as entity_code,
    r.publication_number, r.run_id, r.published_at as restated_at, r.change_kind,
    r.value_before, r.value as value_after, r.n_before, r.n as n_after, r.is_publishable_before,
    coalesce(r.is_publishable, false) as is_publishable_after, r.reason_before, r.reason as reason_after, r.cause, r.cause_detail,
    w.what_happened, w.how_found, w.corrective_action, w.facilities_affected
from restated as r
left join lateral (
    select * from note as w where w.publication_number = r.publication_number and coalesce(w.kpi_id, r.kpi_id) = r.kpi_id
    order by w.nth desc limit 1
) as w on true
"""
