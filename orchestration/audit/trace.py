"""One published KPI row down to the rows of the delivered files.

Belongs here: collecting the facts of a trace as plain data.
Does not belong here: choosing the row (choose.py), terminal output (commands/trace.py), pages (pages.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.home import Home
from ingestion.ledger import Ledger
from ingestion.sightings import entries_by_id
from ingestion.sql import dicts, literal
from orchestration.audit import adjusted
from orchestration.audit.choose import Wanted, published_row
from orchestration.audit.evidence import Cut, cut_evidence, open_build
from orchestration.audit.recompute import Component, components, disagreements, value_of
from orchestration.built import run_of_build
from orchestration.published import manifest, open_marts
from orchestration.suppression import is_suppressed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SORTED = "is_counted desc, numerator desc, denominator desc, feed, delivery_order, row_number, component_code"


class Suppressed(click.ClickException):
    """The row is published without its numbers; exit code 1."""


@dataclass
class Trace:
    """Everything behind one KPI row. `rows` holds at most the number asked for; `n_rows` says how many there are."""

    published: dict[str, Any]
    publication: dict[str, Any]
    definition: dict[str, Any]
    components: list[Component] = field(default_factory=list)
    recomputed: float | None = None
    study: adjusted.Study | None = None  # of an adjusted measure, whose value is no sum of its rows
    differences: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    n_rows: int = 0
    restated: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """The evidence gives the published value and its parts; for an adjusted one the study agrees as well."""
        return not self.differences


def find(home: Home, wanted: Wanted, *, is_restricted: bool = False) -> dict[str, Any]:
    """The published row that is meant; with `is_restricted` a suppressed one as it was built.

    Raises NoSuchRow, Suppressed, or UsageError for words nobody knows.
    """
    with open_marts(home) as con:
        row = published_row(con, wanted)
    if not is_suppressed(row["reason"]):
        return row
    if not is_restricted:
        raise Suppressed(f"{row['kpi_key']} is suppressed in the published layer ({row['reason']}): its rows would give the number away. "
                         "With access to the restricted home: --restricted (every use is written to the ledger)")
    with open_build(home) as con:
        found = dicts(con, f"select * from built.marts.kpi_value where kpi_key = {literal(row['kpi_key'])}")
    return found[0] | {"published_reason": row["reason"]}


def trace_row(home: Home, row: dict[str, Any], n_shown: int | None) -> Trace:
    """Trace a row of marts.kpi_value; `n_shown` limits the listed evidence rows (None: all).

    Raises NothingBuilt when the build file is gone: it is disposable, a run makes it again.
    """
    told = manifest(home)
    publication = {name: told.get(name) for name in ("run_id", "code_version", "published_at", "as_of")}
    with open_build(home) as con:
        definition = _definition(con, home, row["kpi_id"])
        trace = Trace(row, publication, definition)
        if (built_by := run_of_build(home)) != row["run_id"]:
            trace.warnings.append(f"the build file is of run {built_by}, the published row of {row['run_id']}: "
                                  "what follows is the evidence of the build; `pxw run` brings both together")
        cut_evidence(con, home, Cut(row["kpi_id"], row["measure_id"], definition["source"], definition["instrument_family"], _units(con, row), row["period_start_on"].replace(day=1), row["period_end_on"]))
        _load(con, home, row["kpi_id"])
        parts = components(con.execute(
            "select component_code, sum(numerator), sum(denominator) from summed group by 1 order by 1").fetchall())
        _compare(con, home, trace, parts)
        trace.n_rows = con.execute("select coalesce(sum(n_rows), 0)::bigint from summed").fetchone()[0]
        trace.rules = dicts(con, "select source_kind, rule, is_counted, sum(n_rows)::bigint as n_rows, sum(numerator) as numerator, "
                                  "sum(denominator) as denominator from summed group by all order by is_counted desc, source_kind, rule")
        names = _file_names(home)
        trace.deliveries = _deliveries(con, names)
        trace.rows = _rows(con, names, n_shown)
    trace.restated = restatements_of(home, row["kpi_key"])
    return trace


def restatements_of(home: Home, kpi_key: str) -> list[dict[str, Any]]:
    """What publications changed in a row that had been published before, newest first; as published, so suppressed numbers stay so."""
    with open_marts(home) as con:
        if not con.execute("select count(*) from duckdb_tables() where schema_name = 'marts' and table_name = 'restatement'").fetchone()[0]:
            return []
        return dicts(con, "select publication_number, restated_at, change_kind, value_before, value_after, n_before, n_after, reason_before, reason_after, cause, cause_detail "
                          f"from marts.restatement where kpi_key = {literal(kpi_key)} and change_kind <> 'completed' order by publication_number desc")


def _compare(con: DuckDBPyConnection, home: Home, trace: Trace, parts: list[Component]) -> None:
    if trace.definition["source"] == adjusted.SOURCE:
        trace.study = adjusted.study_of(con, home, trace.published, trace.definition)
        trace.recomputed = trace.study.again.value if trace.study.again else None
        trace.differences = adjusted.disagreements(trace.published, parts, trace.study)
        return
    scale_factor = trace.definition["scale_factor"]
    value = value_of(parts, scale_factor)
    trace.components, trace.recomputed = parts, None if value is None else float(value)
    trace.differences = disagreements(trace.published, parts, scale_factor)


def _definition(con: DuckDBPyConnection, home: Home, kpi_id: str) -> dict[str, Any]:
    folder = home.input / "definitions"
    found = dicts(con, f"select k.label, k.owner, k.minimum_denominator, m.* exclude (label), m.label as measure_label "
                        f"from {_parquet(folder / 'kpi.parquet')} as k join {_parquet(folder / 'measure.parquet')} as m using (measure_id) "
                        f"where k.kpi_id = {literal(kpi_id)}")
    return found[0]


def _units(con: DuckDBPyConnection, row: dict[str, Any]) -> tuple[str, ...]:
    where = " and ".join(f"{name} = {literal(row[name])}" for name in ("facility_id", "unit_id", "service_line") if row[name] is not None)
    return tuple(one[0] for one in con.execute(f"select unit_key from built.marts.dim_unit where {where or 'true'}").fetchall())


def _load(con: DuckDBPyConnection, home: Home, kpi_id: str) -> None:
    """The evidence, its sums and the catalogue of deliveries as temporary tables."""
    con.execute(f"create temp table delivery as select delivery_id, sha256, feed, delivered_at, landed_at, delivery_order, feed_version, "
                f"n_rows as n_delivered, n_quarantined from {_parquet(home.input / 'delivery.parquet')}")
    con.execute(f"create temp table evidence as select * exclude (kpi_id, measure_id) from marts.kpi_evidence where kpi_id = {literal(kpi_id)}")
    con.execute("create temp table summed as select component_code, source_kind, rule, is_counted, delivery_id, count(*) as n_rows, "
                "sum(numerator) as numerator, sum(denominator) as denominator from evidence group by all")


def _deliveries(con: DuckDBPyConnection, names: dict[str, str]) -> list[dict[str, Any]]:
    found = dicts(con, "select d.*, e.* exclude (delivery_id) from (select delivery_id, sum(n_rows)::bigint as n_rows, coalesce(sum(n_rows) filter (is_counted), 0)::bigint as n_counted, "
                        "sum(numerator) as numerator, sum(denominator) as denominator from summed group by 1) as e join delivery as d using (delivery_id) "
                        "order by d.delivery_order")
    return [one | {"file_name": names.get(one["delivery_id"])} for one in found]


def _rows(con: DuckDBPyConnection, names: dict[str, str], n_shown: int | None) -> list[dict[str, Any]]:
    """The evidence rows, each with the older rows it stands for."""
    con.execute(f"create temp table shown as select e.*, d.sha256, d.delivery_order from evidence as e join delivery as d using (delivery_id) "
                f"order by {_SORTED}" + (f" limit {int(n_shown)}" if n_shown is not None else ""))
    older: dict[tuple, list[dict[str, Any]]] = {}
    # A survey that another feed delivered too stands behind the one that counts.
    same = " union all select counted_feed, delivery_id, row_number, rule, counted_delivery_id, counted_row_number from built.core.same_survey" if con.execute(
        "select count(*) from duckdb_tables() where database_name = 'built' and table_name = 'same_survey'").fetchone()[0] else ""
    for one in dicts(con, "select s.* from (select feed, delivery_id, row_number, rule, superseded_by_delivery_id, superseded_by_row_number "
                          f"from built.core.superseded_row{same}) as s semi join shown as e on e.delivery_id = s.superseded_by_delivery_id "
                           "and e.row_number = s.superseded_by_row_number and e.feed = s.feed join delivery as d on d.delivery_id = s.delivery_id "
                           "order by d.delivery_order, s.row_number"):
        older.setdefault((one["superseded_by_delivery_id"], one["superseded_by_row_number"]), []).append(one)
    rows = dicts(con, f"select * exclude (delivery_order) from shown order by {_SORTED}")
    return [
        row | {"file_name": names.get(row["delivery_id"]), "replaces": [
            {"file_name": names.get(one["delivery_id"]), "delivery_id": one["delivery_id"], "row_number": one["row_number"], "rule": one["rule"]}
            for one in older.get((row["delivery_id"], row["row_number"]), [])]}
        for row in rows
    ]


def _file_names(home: Home) -> dict[str, str]:
    """Names of the files as delivered, by delivery: they stand in the ledger only."""
    return {key: entry["file_name"] for key, entry in entries_by_id(Ledger(home.ledger)).items()}


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(str(path))})"


def as_json(trace: Trace) -> str:
    """The trace for machines: numbers as numbers, dates and moments as ISO text."""
    facts = {
        "published": trace.published, "publication": trace.publication, "definition": trace.definition,
        "recomputed": {"value": trace.recomputed, "is_equal": trace.is_equal, "differences": trace.differences, "components": [
            {"component_code": part.code, "numerator": float(part.numerator), "denominator": float(part.denominator),
             "score": None if part.score is None else float(part.score)} for part in trace.components]},
        "study": None if trace.study is None else asdict(trace.study) | {"adjustment": trace.study.adjustment},
        "warnings": trace.warnings, "rules": trace.rules, "deliveries": trace.deliveries, "n_rows": trace.n_rows, "rows": trace.rows,
    }
    return json.dumps(facts, indent=1, default=_plain)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else float(value)
