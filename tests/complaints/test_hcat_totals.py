"""The 125 letters of the published HCAT reference coding, put through the warehouse: its totals come out again.

Belongs here: agreement with oracles/hcat_published_tables.
Does not belong here: rules of coding (test_scenario.py).
"""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import pytest

from ingestion.kinds import KINDS
from tests.dbt.warehouse import Input, Warehouse, day, feed

LEVELS = ("not_present_0", "low_1", "medium_2", "high_3")


@pytest.fixture(scope="module")
def table(shared: Path) -> list[dict[str, str]]:
    with (shared / "oracles" / "hcat_published_tables" / "referent_standard_severity.csv").open(newline="") as text:
        return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def build(table: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    feeds = [
        feed("letters", "complaint", ["case_id", "facility_code", "unit_code", "received_at"], business_key=["case_id"]),
        feed("codings", "complaint_coding", [name for name in KINDS["complaint_coding"] if name != "coded_on"],
             business_key=["case_id", "coder_id", "category_text"]),
        feed("org", "org_unit", list(KINDS["org_unit"])),
    ]
    warehouse = Warehouse(tmp_path_factory.mktemp("hcat"), feeds)
    given = Input(warehouse.input, feeds)
    given.delivery("org", "2026-01-01", [{"source_facility_code": "H", "source_unit_code": "W", "facility_id": "H", "unit_id": "W", "time_zone": "UTC"}])
    at = datetime(2026, 3, 2)
    given.delivery("letters", "2026-04-01", [
        {"case_id": f"L{number}", "facility_code": "H", "unit_code": "W", "received_at": at, "received_on": at.date()} for number in range(125)])
    rows = []
    for place, row in enumerate(table):
        levels = [level for level, name in enumerate(LEVELS) for _ in range(int(row[name]))]
        for number, level in enumerate(levels):
            # Turned by a different step per category: which letters share categories is not published.
            rows.append({"case_feed": "letters", "case_id": f"L{(number * 7 + 11 * place) % 125}", "coder_id": "reference", "coded_at": at, "coded_on": day("2026-03-02"),
                         "scheme_id": "hcat", "scheme_version": "2016", "category_text": row["category"], "severity_level": level})
    given.delivery("codings", "2026-04-01", rows)
    given.write()
    warehouse.dbt("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test", "--select", "+complaint_pareto", "+case_severity")
    return warehouse


def test_every_letter_is_judged_in_every_category(build: Warehouse, table) -> None:
    assert all(sum(int(row[name]) for name in LEVELS) == 125 for row in table)
    rows = build.rows("select category_code, severity_level, count(*) as n from core.fct_complaint_coding group by all")
    found = {(row["category_code"], row["severity_level"]): row["n"] for row in rows}
    code = {"Respect and patient rights": "respect_and_patient_rights"}
    expected = {(code.get(row["category"], row["category"].lower().replace(" ", "_")), level): int(row[name])
                for row in table for level, name in enumerate(LEVELS) if int(row[name])}
    assert found == expected


def test_the_published_totals(build: Warehouse) -> None:
    rows = build.rows("select category_code, category_rank, n_cases, cases_pct, cumulative_pct from marts.complaint_pareto "
                      "where level = 'enterprise' and period_grain = 'month' and basis = 'coding' order by cumulative_pct")
    assert len(rows) == 7
    assert sum(row["n_cases"] for row in rows) == 251
    assert sum(row["n_cases"] for row in rows) / 125 == 2.008
    assert rows[-1]["cumulative_pct"] == 100
    assert all(row["cases_pct"] == pytest.approx(100 * row["n_cases"] / 125) for row in rows)
    severity = build.rows("select n_cases, n_levelled from marts.case_severity where level = 'enterprise' and period_grain = 'month' and basis = 'coding'")
    assert sum(row["n_cases"] for row in severity) == severity[0]["n_levelled"] == 125
