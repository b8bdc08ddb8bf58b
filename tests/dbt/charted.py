"""Series of the statistics oracle as deliveries, and KPIs that chart them in every way.

Belongs here: the build that several tests of charts read. Does not belong here: what is expected of it (test_trends.py and others).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from ingestion.feed import Feed
from ingestion.kinds import KINDS
from orchestration import definitions_data
from orchestration.dbt_render import PROJECT_DIR
from tests.dbt.warehouse import Input, Warehouse, feed

KPI = """kpi: {name}
measure: {measure}
levels: [facility]
windows: [month]
minimum_denominator: 1
owner: test
chart: {{type: {type}, {more}}}
"""


def feeds() -> list[Feed]:
    """One feed of cases, one of monthly encounters, the organisation."""
    return [
        feed("cases", "complaint", ["case_id", "facility_code", "received_at", "status_code"], business_key=["case_id"]),
        feed("sheet", "encounter_count", list(KINDS["encounter_count"]), cadence="monthly",
             business_key=["facility_code", "class_code", "period_start_on"]),
        feed("org", "org_unit", list(KINDS["org_unit"])),
    ]


def counts_of_oracle(path: Path) -> list[tuple[str, date, int | None, int | None]]:
    """Series, month, encounters, complaints; null where the series has a gap."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    whole = [(row["series"], date.fromisoformat(row["month"]), row["encounters"], row["complaints"]) for row in rows]
    return [(series, month, *(int(n) if n not in ("", "NA") else None for n in both)) for series, month, *both in whole]


def cases_of(series: str, month: date, n: int) -> list[dict[str, Any]]:
    """n cases of a facility, one after the other through the month."""
    received = [datetime(month.year, month.month, 1, 12) + timedelta(minutes=37 * i) for i in range(n)]
    return [{"case_id": f"{series}-{month:%Y%m}-{i}", "facility_code": series, "received_at": at, "received_on": at.date(), "status_code": "closed"}
            for i, at in enumerate(received)]


def deliver(given: Input, counts: Iterable[tuple[str, date, int | None, int | None]], on: str) -> None:
    """The counts as one delivery of cases and one of encounters, made at `on`."""
    counts = [row for row in counts if row[2] is not None]
    given.delivery("sheet", on, [
        {"facility_code": series, "class_code": "inpatient", "period_grain": "month", "period_start_on": month, "n_encounters": n}
        for series, month, n, _ in counts
    ])
    given.delivery("cases", on, [case for series, month, _, n in counts for case in cases_of(series, month, n)])


def organisation(given: Input, series: Iterable[str], on: str) -> None:
    """Each series is a facility of its own, without units."""
    given.delivery("org", on, [{"source_feed": "*", "source_facility_code": name, "facility_id": name, "facility_name": name} for name in series])


def define(folder: Path, out: Path, kpis: dict[str, tuple], more: dict[str, str] | None = None) -> None:
    """Definitions of the project with KPIs of one's own: name -> (type, further keys of `chart`, target, measure or nothing for the rate).

    A target is a number, or what stands after `target:`.
    """
    (folder / "kpis").mkdir(parents=True, exist_ok=True)
    for name, (kind, rest, target, *measure) in kpis.items():
        text = KPI.format(name=name, type=kind, more=rest, measure=measure[0] if measure else "complaints_per_1000_encounters")
        goal = "" if target is None else f"target: {target if isinstance(target, str) else f'{{value: {target}, from: 2020-01-01, reason: test}}'}\n"
        (folder / "kpis" / f"{name}.yml").write_text(text + goal)
    for name, text in (more or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    definitions_data.write(PROJECT_DIR, out, [folder])


def build(warehouse: Warehouse, *models: str) -> None:
    """Seeds and models up to those named, without the tests."""
    warehouse.dbt("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test", "--select", *(f"+{name}" for name in models))
