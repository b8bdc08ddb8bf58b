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
from tests.complaints.agreement import gwet_ac1
from tests.dbt.warehouse import Input, Warehouse, day, feed

# Two raters, 100 cases, three ordered categories: Gwet, Handbook of Inter-Rater Reliability (2014), shipped with his R package
# irrCAC as cont3x3abstractors. Its vignette "overview" prints Cohen's kappa 0.7964094 and AC1 0.8493305; the tests of the
# Python package irrCAC print kappa with quadratic weights as 0.892. Rows are the first rater.
PUBLISHED = ((13, 0, 0), (0, 20, 7), (0, 4, 56))
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
    given.delivery("codings", "2026-04-01", rows + published_pairs(at) + four_coders(at))
    given.write()
    warehouse.dbt("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test", "--select", "+complaint_pareto", "+case_severity", "+coding_agreement")
    return warehouse


def published_pairs(coded_at: datetime) -> list[dict]:
    """The published table as two coders' severities 0 to 2 of the first hundred letters, in a scheme of its own."""
    pairs = [(a, b) for a, row in enumerate(PUBLISHED) for b, n in enumerate(row) for _ in range(n)]
    return [{"case_feed": "letters", "case_id": f"L{number}", "coder_id": coder, "coded_at": coded_at.replace(hour=hour), "coded_on": coded_at.date(),
             "scheme_id": "published", "scheme_version": "1", "category_text": category, "severity_level": given}
            for number, pair in enumerate(pairs) for coder, hour, level in zip(("first", "second"), (1, 2), pair, strict=True)
            for category, given in (("severity", level), ("third", int(level == 2)))]


# Gwet 2014, irrCAC dataset cac.raw4raters: four raters, twelve units, five categories; a point is not rated.
RATED = ("1 1 . 1", "2 2 3 2", "3 3 3 3", "3 3 3 3", "2 2 2 2", "1 2 3 4", "4 4 4 4", "1 1 2 1", "2 2 2 2", ". 5 5 5", ". . 1 1", ". . 3 .")


def four_coders(coded_at: datetime) -> list[dict]:
    """Each category of the published table as a category of a case: 1 where the rater chose it, no row where another, blank where none."""
    found = []
    for number, line in enumerate(RATED):
        for rater, chosen in enumerate(line.split()):
            named = [("1", None), ("2", None), ("3", None), ("4", None), ("5", None)] if chosen == "." else [(chosen, 1)]
            found += [{"case_feed": "letters", "case_id": f"L{number}", "coder_id": f"rater {rater}", "coded_at": coded_at.replace(hour=rater),
                       "coded_on": coded_at.date(), "scheme_id": "four", "scheme_version": "1", "category_text": f"choice {category}",
                       "severity_level": level} for category, level in named]
    return found


def test_agreement_of_four_coders_with_gaps(build: Warehouse) -> None:
    rows = {row["category_code"]: row for row in build.rows("select * from marts.coding_agreement where scheme_id = 'four'")}
    assert set(rows) == {*(f"choice {n}" for n in range(1, 6)), "(all)"}
    for n in range(1, 6):
        units = [[int(chosen == str(n)) for chosen in line.split() if chosen != "."] for line in RATED]
        row = rows[f"choice {n}"]
        assert (row["n_double_coded"], row["n_codings"]) == (11, 41), n
        assert row["gwet_ac1"] == pytest.approx(gwet_ac1(units, 2), abs=1e-12), n
    # Kappa is of the first two who coded the case, whoever codes after them.
    firsts = [[int(chosen == "2") for chosen in line.split() if chosen != "."][:2] for line in RATED]
    pairs = [pair for pair in firsts if len(pair) == 2]
    observed = sum((a - b) ** 2 for a, b in pairs) / len(pairs)
    expected = sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / len(pairs) ** 2
    assert rows["choice 2"]["quadratic_weighted_kappa"] == pytest.approx(1 - observed / expected, abs=1e-12)


def test_agreement_is_the_published_one(build: Warehouse) -> None:
    row = build.row("select * from marts.coding_agreement where scheme_id = 'published' and category_code = 'severity'")
    assert (row["n_double_coded"], row["n_codings"], row["reason"]) == (100, 200, None)
    assert round(row["quadratic_weighted_kappa"], 3) == 0.892
    # AC1 is of "present or not": levels 1 and 2 are one, so the table is 13, 0, 0, 87 and both agree wholly.
    assert (row["agreement_pct"], row["gwet_ac1"]) == (100, 1)
    third = build.row("select * from marts.coding_agreement where scheme_id = 'published' and category_code = 'third'")
    pairs = [[0, 0]] * 33 + [[0, 1]] * 7 + [[1, 0]] * 4 + [[1, 1]] * 56
    assert third["agreement_pct"] == pytest.approx(89) and third["gwet_ac1"] == pytest.approx(gwet_ac1(pairs, 2), abs=1e-12)


def test_the_yardsticks_give_the_published_figures() -> None:
    pairs = [[a, b] for a, row in enumerate(PUBLISHED) for b, n in enumerate(row) for _ in range(n)]
    assert gwet_ac1(pairs, 3) == pytest.approx(0.8493305, abs=5e-8)


def test_the_yardstick_with_more_raters_and_gaps() -> None:
    """Four raters, twelve units, five categories, some not rated (Gwet 2014, irrCAC dataset cac.raw4raters): AC1 = 0.77544 there."""
    units = [[int(one) - 1 for one in line.split() if one != "."] for line in RATED]
    assert gwet_ac1(units, 5) == pytest.approx(0.77544, abs=5e-6)


def test_every_letter_is_judged_in_every_category(build: Warehouse, table) -> None:
    assert all(sum(int(row[name]) for name in LEVELS) == 125 for row in table)
    rows = build.rows("select category_code, severity_level, count(*) as n from core.fct_complaint_coding where scheme_id = 'hcat' group by all")
    found = {(row["category_code"], row["severity_level"]): row["n"] for row in rows}
    code = {"Respect and patient rights": "respect_and_patient_rights"}
    expected = {(code.get(row["category"], row["category"].lower().replace(" ", "_")), level): int(row[name])
                for row in table for level, name in enumerate(LEVELS) if int(row[name])}
    assert found == expected


def test_the_published_totals(build: Warehouse) -> None:
    rows = build.rows("select category_code, category_rank, n_cases, cases_pct, cumulative_pct from marts.complaint_pareto "
                      "where level = 'enterprise' and period_grain = 'month' and basis = 'coding' and scheme_id = 'hcat' order by cumulative_pct")
    assert len(rows) == 7
    assert sum(row["n_cases"] for row in rows) == 251
    assert sum(row["n_cases"] for row in rows) / 125 == 2.008
    assert rows[-1]["cumulative_pct"] == 100
    assert all(row["cases_pct"] == pytest.approx(100 * row["n_cases"] / 125) for row in rows)
    severity = build.rows("select n_cases, n_levelled from marts.case_severity where level = 'enterprise' and period_grain = 'month' and basis = 'coding' and scheme_id = 'hcat'")
    assert sum(row["n_cases"] for row in severity) == severity[0]["n_levelled"] == 125
