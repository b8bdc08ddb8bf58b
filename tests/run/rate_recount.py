"""Complaint rates counted again in pandas and plain Python from the facts of a build.

Belongs here: numerators, denominators, wholeness, reasons and intervals by other means than the SQL and methods of the product.
Does not belong here: which build is looked at (test_complaint_rate.py).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import duckdb
import pandas

GRAINS = {"month": 1, "quarter": 3, "rolling_12_months": 12}
BANDS = {("generic5", 1): "low", ("generic5", 2): "low", ("generic5", 3): "medium", ("generic5", 4): "high", ("generic5", 5): "high",
         ("hcat", 0): "none", ("hcat", 1): "low", ("hcat", 2): "medium", ("hcat", 3): "high"}
Entity = tuple[str, str]


def number(day) -> int:
    return day.year * 12 + day.month - 1


@dataclass
class Recount:
    """Cases by (entity, class, segment type, segment) and month, encounters by (entity, class) and month."""

    classes: set[str]
    cases: dict[tuple, Counter] = field(default_factory=lambda: defaultdict(Counter))
    encounters: dict[tuple, Counter] = field(default_factory=lambda: defaultdict(Counter))
    incomplete: dict[tuple, set[int]] = field(default_factory=lambda: defaultdict(set))
    wanting: dict[tuple, set[str]] = field(default_factory=lambda: defaultdict(set))
    expected: dict[tuple, set[int]] = field(default_factory=lambda: defaultdict(set))
    first_open: int = 0
    n_valid: int = 0

    def is_whole(self, facility: str | None, rate_class: str, month: int) -> bool:
        return month in self.expected[facility, rate_class] and month not in self.incomplete[facility, rate_class]


def entities(facility: str, unit: str, line: str) -> list[Entity]:
    return [("enterprise", "all"), ("facility", facility), ("service_line", f"{facility}/{line}"), ("unit", f"{facility}/{unit}")]


def recount(build: duckdb.DuckDBPyConnection, classes: set[str]) -> Recount:
    """Read the facts and count; `classes` are those of the declared total."""
    found = Recount(classes)
    units = {row.unit_key: entities(row.facility_id, row.unit_id, row.service_line) for row in build.sql("select * from marts.dim_unit").df().itertuples()}
    visits = build.sql("select unit_key, encounter_class, month_start_on, n_encounters from core.fct_encounter where is_counted").df()
    mix: dict[tuple, Counter] = defaultdict(Counter)
    for row in visits.itertuples():
        if row.encounter_class != "unassigned" and not row.unit_key.endswith("/unassigned"):
            mix[row.unit_key, row.month_start_on.year][row.encounter_class] += row.n_encounters
        if row.encounter_class in classes:
            for entity in units[row.unit_key]:
                for rate_class in (row.encounter_class, "total"):
                    found.encounters[entity, rate_class][number(row.month_start_on)] += row.n_encounters
    _cases(build, found, units, mix)
    _wholeness(build, found, visits)
    newest = build.execute("select max(d.delivered_at) from read_parquet(getvariable('deliveries')) as d where kind = 'complaint' and status = 'accepted'").fetchone()[0]
    found.first_open = number(newest)
    return found


def _wholeness(build: duckdb.DuckDBPyConnection, found: Recount, visits: pandas.DataFrame) -> None:
    """Every month since a facility and class was first counted, up to the last that is over, is expected; only a row COMPLETE makes it whole."""
    query = "select max(delivered_at) from read_parquet(getvariable('deliveries')) where status = 'accepted' and (kind = 'complaint' or kind like 'encounter%')"
    over = number(build.execute(query).fetchall()[0][0])
    known = {(row.facility_id, row.encounter_class, number(row.month_start_on)): row for row in build.sql("select * from core.encounter_completeness").df().itertuples()}
    first: dict[tuple, int] = {}
    for row in visits.itertuples():
        key = row.unit_key.split("/")[0], row.encounter_class
        first[key] = min(first.get(key, 10**6), number(row.month_start_on))
    due = {(*key, month) for key, start in first.items() for month in range(start, over) if key[0] != "unassigned"} | set(known)
    for facility_id, encounter_class, month in due:
        if encounter_class not in found.classes:
            continue
        row = known.get((facility_id, encounter_class, month))
        for facility in (None, facility_id):
            for rate_class in (encounter_class, "total"):
                found.expected[facility, rate_class].add(month)
                if row is None or row.state != "COMPLETE":
                    found.incomplete[facility, rate_class].add(month)
                    feeds = row.missing_feeds if row else "?"
                    found.wanting[facility, rate_class, month].add(f"{feeds}: {encounter_class} of {facility_id} in {month // 12}-{month % 12 + 1:02d}")


def _cases(build: duckdb.DuckDBPyConnection, found: Recount, units: dict, mix: dict) -> None:
    cases = build.sql("select * from core.fct_complaint").df()
    cases = cases[cases.is_valid_case]
    found.n_valid = len(cases)
    issues = build.sql("select feed, case_id, scheme_id, category_code from core.fct_complaint_issue").df()
    categories: dict[tuple, set[str]] = defaultdict(set)
    for row in issues.itertuples():
        categories[row.feed, row.case_id].add("unmapped" if pandas.isna(row.category_code) else f"{row.scheme_id}:{row.category_code}")
    for row in cases.itertuples():
        month, counts = number(row.month_start_on), mix[row.unit_key, row.month_start_on.year]
        level = None if pandas.isna(row.severity_level) else int(row.severity_level)
        segments = [("all", "all"), ("severity", BANDS.get((row.severity_scheme_id, level), "unmapped"))]
        segments += [("grievance", "grievance")] if row.is_grievance is True or row.is_grievance == 1 else []
        segments += [("category", name) for name in categories[row.feed, row.case_id]]
        own = min(counts, key=lambda name: (-counts[name], name)) if counts else "unassigned"
        for entity in units[row.unit_key]:
            for kind, value in segments:
                found.cases[entity, "total", kind, value][month] += 1
                if kind in ("all", "grievance"):
                    found.cases[entity, own, kind, value][month] += 1


def byar_or_exact(c: int, n: int) -> tuple[float, float]:
    """The PHE rule, written from statistics: exact below 10, Byar from 10 on; per 1,000."""
    if c < 10:
        return exact(c, n)
    z = 1.959963984540054
    low = c * (1 - 1 / (9 * c) - z / (3 * math.sqrt(c))) ** 3
    high = (c + 1) * (1 - 1 / (9 * (c + 1)) + z / (3 * math.sqrt(c + 1))) ** 3
    return 1000 * low / n, 1000 * high / n


def exact(c: int, n: int) -> tuple[float, float]:
    """Garwood through the chi-square distribution; per 1,000."""
    from scipy.stats import chi2

    return (1000 * chi2.ppf(0.025, 2 * c) / 2 / n if c else 0.0), 1000 * chi2.ppf(0.975, 2 * c + 2) / 2 / n


def ratio_of(c1: int, n1: int, c2: int, n2: int) -> tuple[float, float]:
    """Ratio and exact two-sided p value."""
    from scipy.stats import binomtest

    return (c1 / n1) / (c2 / n2), binomtest(c1, c1 + c2, n1 / (n1 + n2)).pvalue


def ratio_limits(c1: int, n1: int, c2: int, n2: int) -> tuple[float, float]:
    """Exact 95 % limits of the ratio: the Clopper-Pearson limits of c1 among c1 + c2, as odds, times n2 / n1."""
    from scipy.stats import binomtest

    share = binomtest(c1, c1 + c2).proportion_ci(method="exact")
    return share.low / (1 - share.low) * n2 / n1, share.high / (1 - share.high) * n2 / n1
