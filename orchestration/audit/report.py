"""The report for an auditor: one folder that opens in a browser without a network, with the data beside the page.

Belongs here: what goes into the folder, and how each part is collected.
Does not belong here: the words of the page (templates/report.html), options (commands/report.py).

Everything comes from the published layer, so what is suppressed there is suppressed here. Counts of
evidence are the one thing read from the build file; they are left out for suppressed rows, and counts
by rule below the smallest count shown are not told where the publication hides small cells.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.feed import load_feeds
from ingestion.home import Home, sha256_of
from ingestion.ledger import Ledger
from ingestion.sightings import entries_by_id
from ingestion.sql import dicts
from orchestration.audit.definition import current, explain
from orchestration.audit.evidence import Cut, cut_evidence, open_build
from orchestration.audit.lineage import read_lineage
from orchestration.audit.pages import write_page
from orchestration.audit.verify import examine
from orchestration.periods import period_end, period_words
from orchestration.published import manifest, open_marts
from orchestration.suppression import is_suppressed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Periods inside the one asked for; a rolling window belongs to where it ends, as a person names it.
_ENDS = "last_day(period_start_on + to_months(case period_grain when 'month' then 0 when 'quarter' then 2 else 11 end::integer))"
_ASKED = (f"kpi_id in (select unnest($1)) and level in (select unnest($2)) and {_ENDS} between $3 and $4 "
          "and (period_start_on >= $3 or starts_with(period_grain, 'rolling'))")
_ON_PAGE = 500  # rows of a table on the page; the CSV has them all


@dataclass
class Report:
    """The parts of a report; `tables` are CSV files and tables of the page."""

    kpis: list[str]
    first_on: date
    last_on: date
    levels: list[str]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    definitions: list[Any] = field(default_factory=list)
    measures: dict[str, Any] = field(default_factory=dict)  # kpi_id -> its measure
    findings: list[Any] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)
    n_ledger: int = 0
    ledger_head: str = ""
    smallest_shown: int | None = None  # of the publication; None where it hides no small cells


def period_of(text: str) -> tuple[date, date]:
    """First and last day of 2026, 2026-Q1 or 2026-03. Raises UsageError."""
    if re.fullmatch(r"\d{4}", text):
        return date(int(text), 1, 1), date(int(text), 12, 31)
    last = period_end(text, "quarter" if "q" in text.lower() else "month")
    return (date(last.year, last.month - 2, 1) if "q" in text.lower() else last.replace(day=1)), last


def collect(home: Home, kpis: Iterable[str], first_on: date, last_on: date, levels: Iterable[str]) -> Report:
    """All parts. Raises ClickException when nothing is published for what was asked."""
    told = manifest(home)
    report = Report(sorted(kpis), first_on, last_on, list(levels), smallest_shown=told.get("small_cells", {}).get("smallest_shown"))
    with open_marts(home) as con:
        report.tables["values"] = dicts(con, f"select * from marts.kpi_value where {_ASKED} order by kpi_id, level, kpi_key", *_asked(report))
        if not report.tables["values"]:
            raise click.ClickException(f"nothing is published for {', '.join(report.kpis[:3])} at level {', '.join(report.levels)} from {first_on} to {last_on}")
        report.tables["restatements"] = dicts(con, f"select * from marts.restatement where {_ASKED} order by publication_number, kpi_key", *_asked(report))
        report.tables["history"] = dicts(con, f"select h.* from marts.kpi_history as h semi join (select kpi_key from marts.kpi_value where {_ASKED}) as v using (kpi_key) "
                                              "order by kpi_key, valid_from_at", *_asked(report))
        report.tables["data_quality"] = dicts(con, "select * from marts.data_quality where n_rows > 0 or status <> 'accepted' order by all")
        report.tables["unmapped_codes"] = dicts(con, "select * from marts.unmapped_codes order by all")
    known = current()
    report.definitions = [explain(home, kpi, known) for kpi in report.kpis]
    report.measures = {one.kpi.kpi_id: one.measure for one in report.definitions}
    evidence, rules = _evidence(home, report)
    report.tables |= {"evidence_counts": evidence, "evidence_rules": rules}
    report.tables["deliveries"] = _deliveries(home)
    report.tables["holds_and_releases"] = _holds(home)
    report.tables["lineage"] = _lineage(home)
    report.tables["hashes"] = [{"table": name, **facts} for name, facts in sorted(told["tables"].items())]
    report.run = {name: told.get(name) for name in ("run_id", "fingerprint", "code_version", "as_of", "published_at")}
    report.findings = list(examine(home, None))
    report.n_ledger, report.ledger_head = Ledger(home.ledger).newest()
    return report


def write(report: Report, folder: Path, home: Home) -> list[Path]:
    """Write the folder: index.html, data/*.csv, the manifest of the publication, SHA256SUMS over all of them."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name, rows in report.tables.items():
        _write_csv(data / f"{name}.csv", rows)
    (data / "definitions.json").write_text(json.dumps([_definition(one) for one in report.definitions], indent=1, default=str) + "\n")
    shutil.copy(home.published / "manifest.json", data / "manifest.json")
    (data / "manifest.json").chmod(0o644)
    shown = {name: rows[:_ON_PAGE] for name, rows in report.tables.items()}
    shown["values"] = [row | _in_words(row) for row in shown["values"]]
    write_page(folder / "index.html", "report.html", f"Audit report, {report.first_on} to {report.last_on}", r=report, shown=shown, n_on_page=_ON_PAGE,
               made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), is_whole=all(finding.is_ok for finding in report.findings))
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    sums = "".join(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums)
    return files


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    """Place, period and interval of a value, each in one cell of the page; the CSV has their parts."""
    place = "/".join(str(row[name]) for name in ("facility_id", "unit_id", "service_line") if row[name] is not None)
    interval = None if row["ci_low"] is None else f"{row['ci_low']:.4g} to {row['ci_high']:.4g}"
    return {"place": place or "all", "period": period_words(row["period_grain"], row["period_start_on"]), "interval_95": interval}


def _asked(report: Report) -> tuple[Any, ...]:
    return report.kpis, report.levels, report.first_on, report.last_on


def _evidence(home: Home, report: Report) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows behind every value, with whether their sums are those published; and rows by rule for each KPI."""
    counts, rules = [], []
    by_kpi: dict[str, list[dict[str, Any]]] = {}
    for row in report.tables["values"]:
        by_kpi.setdefault(row["kpi_id"], []).append(row)
    for kpi_id, rows in by_kpi.items():
        with open_build(home) as con:
            units = tuple(one[0] for one in con.execute("select unit_key from built.marts.dim_unit").fetchall())
            first = min(row["period_start_on"] for row in rows).replace(day=1)
            measure = report.measures[kpi_id]
            cut_evidence(con, home, Cut(kpi_id, measure.measure_id, measure.source, measure.instrument_family, units, first, max(row["period_end_on"] for row in rows)))
            con.execute("create temp table e as select facility_id, unit_id, service_line, month_start_on, delivery_id, is_counted, rule, source_kind, count(*) as n_rows, "
                        "sum(numerator) as numerator, sum(denominator) as denominator from marts.kpi_evidence where kpi_id = ? group by all", [kpi_id])
            counts += [_counted(con, row) for row in rows]
            rules += [{"kpi_id": kpi_id, **one} for one in dicts(
                con, "select source_kind, rule, is_counted, sum(n_rows)::bigint as n_rows from e where month_start_on between ? and ? group by all order by all",
                report.first_on, report.last_on)]
    if report.smallest_shown is not None:
        rules = [one | {"n_rows": one["n_rows"] if one["n_rows"] == 0 or one["n_rows"] >= report.smallest_shown else None} for one in rules]
    return counts, rules


def _counted(con: DuckDBPyConnection, row: dict[str, Any]) -> dict[str, Any]:
    if is_suppressed(row["reason"]):
        return {"kpi_key": row["kpi_key"], "n_rows": None, "n_counted": None, "n_deliveries": None, "is_equal": None, "note": "suppressed"}
    where = " and ".join(f"{name} = ?" for name in ("facility_id", "unit_id", "service_line") if row[name] is not None) or "true"
    values = [row[name] for name in ("facility_id", "unit_id", "service_line") if row[name] is not None]
    n_rows, n_counted, n_deliveries, numerator, denominator = con.execute(
        f"select coalesce(sum(n_rows), 0)::bigint, coalesce(sum(n_rows) filter (is_counted), 0)::bigint, count(distinct delivery_id), coalesce(sum(numerator), 0)::double, "
        f"coalesce(sum(denominator), 0)::double from e where {where} and month_start_on between ? and ?", [*values, row["period_start_on"], row["period_end_on"]]).fetchone()
    is_equal = all(abs((row[name] or 0) - found) <= 1e-9 * max(1, abs(found)) for name, found in (("numerator", numerator), ("denominator", denominator)))
    return {"kpi_key": row["kpi_key"], "n_rows": n_rows, "n_counted": n_counted, "n_deliveries": n_deliveries, "is_equal": is_equal, "note": ""}


def _deliveries(home: Home) -> list[dict[str, Any]]:
    """The deliveries the publication was built from, with their names and hashes."""
    named = entries_by_id(Ledger(home.ledger))
    return [{"delivery_id": one["delivery_id"], "feed": one["feed"], "file_name": named.get(one["delivery_id"], {}).get("file_name"), "sha256": one["sha256"],
             "delivered_at": one["delivered_at"], "landed_at": named.get(one["delivery_id"], {}).get("at", "")[:19],
             **{name: one.get(name) for name in ("n_rows", "n_accepted", "n_quarantined")}} for one in manifest(home)["deliveries"]]


def _holds(home: Home) -> list[dict[str, Any]]:
    """Deliveries that were held or refused, and who released which of them why."""
    told = []
    for entry in Ledger(home.ledger).entries("verdict", "release", "conform"):
        if entry["kind"] == "verdict" and not entry["is_ok"]:
            reason = "; ".join(failure["message"] for failure in entry["failures"])
        elif entry["kind"] == "conform" and entry.get("refused"):
            reason = entry["refused"]["message"]
        elif entry["kind"] == "release":
            reason = f"{entry['user']}: {entry['reason']}"
        else:
            continue
        what = {"verdict": "held", "conform": "refused", "release": "released"}[entry["kind"]]
        told.append({"at": entry["at"][:19], "what": what, "delivery_id": entry["delivery_id"], "feed": entry.get("feed"), "reason": reason})
    return told


def _lineage(home: Home) -> list[dict[str, Any]]:
    """Where the columns of kpi_value end: headers of the vendors and definitions."""
    path = home.dbt / "target" / "manifest.json"
    if not path.exists():
        return []
    lineage = read_lineage(home, json.loads(path.read_text()), load_feeds())
    return [{"column": column, "dataset": dataset, "source_column": name}
            for column in lineage.columns("marts.kpi_value") for dataset, name in lineage.roots(("marts.kpi_value", column))]


def _definition(told: Any) -> dict[str, Any]:
    return {"kpi_id": told.kpi.kpi_id, "measure_id": told.measure.measure_id, "version": told.measure.version, "definition_sha256": told.measure.definition_sha256,
            "sections": told.sections, "weights": told.weights, "places": told.places, "versions": told.versions}


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        out = csv.DictWriter(handle, list(rows[0]) if rows else ["nothing"], lineterminator="\n")
        out.writeheader()
        out.writerows(rows)
