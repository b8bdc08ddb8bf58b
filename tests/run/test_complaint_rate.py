"""Every number of complaint_rate over the sample `hospital`, counted again from the facts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import duckdb
import pytest

from ingestion.samples import complaints, encounters, organisation, visits, volumes, workbook
from ingestion.samples.delivery import Inbox
from ingestion.samples.scale import SCALES
from tests.complaints import recount as from_files
from tests.run.conftest import run_pxw
from tests.run.rate_recount import GRAINS, Recount, byar_or_exact, exact, number, ratio_limits, ratio_of, recount

pytestmark = pytest.mark.heavy

CLASSES = {"inpatient", "observation", "emergency", "urgent_care", "outpatient", "office", "surgery_short_stay", "virtual", "home", "post_acute", "other"}
SEED = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hospital")


@pytest.fixture(scope="module")
def build(folder: Path):
    """The hospital sample without its surveys, run once."""
    size = SCALES["hospital"]
    inbox, places = Inbox(folder / "inbox"), organisation.facilities(size, SEED)
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")
        volumes.build(con, size, places, SEED)
        organisation.write_org_units(inbox, size, places)
        workbook.write(inbox, con, size)
        encounters.write(inbox, con, size)
        visits.write_fhir(inbox, con, size, places, SEED)
        visits.write_synthea(inbox, size, places, SEED)
        complaints.write(inbox, con, size, SEED)
    home = folder / "home"
    run_pxw(home, "run", "--inbox", str(folder / "inbox"))
    with duckdb.connect(str(home / "build" / "px.duckdb"), read_only=True) as con:
        con.execute("set variable deliveries = ?", [str(Path(home) / "build" / "input" / "delivery.parquet")])
        yield con


@pytest.fixture(scope="module")
def truth(build) -> Recount:
    return recount(build, CLASSES)


@pytest.fixture(scope="module")
def rows(build) -> list[dict]:
    found = build.sql("select * from marts.complaint_rate order by rate_key").df()
    return found.astype(object).where(found.notna(), None).to_dict("records")


def entity_of(row: dict) -> tuple[str, str]:
    inner = {"facility": "", "unit": f"/{row['unit_id']}", "service_line": f"/{row['service_line']}"}
    return row["level"], "all" if row["level"] == "enterprise" else row["facility_id"] + inner[row["level"]]


def series_of(row: dict) -> tuple:
    return entity_of(row), row["encounter_class"], row["segment_type"], row["segment_value"]


def months_of(row: dict) -> list[int]:
    return list(range(number(row["period_start_on"]), number(row["period_end_on"]) + 1))


def test_there_is_enough_to_compare(rows):
    assert len(rows) > 30_000
    assert {row["segment_type"] for row in rows} == {"all", "grievance", "severity", "category"}
    assert sum(row["rate"] is not None for row in rows) > 10_000 and sum(row["rate_ratio"] is not None for row in rows) > 2_000


def test_numerators_and_denominators(rows, truth):
    for row in rows:
        months = months_of(row)
        assert len(months) == GRAINS[row["period_grain"]]
        entity = entity_of(row)
        assert row["numerator"] == sum(truth.cases[series_of(row)][month] for month in months), row["rate_key"]
        assert row["denominator"] == sum(truth.encounters[entity, row["encounter_class"]][month] for month in months), row["rate_key"]


def test_no_case_is_lost_or_counted_twice(rows, truth):
    assert truth.n_valid > 500
    by = {kind: Counter() for kind in ("level", "class", "severity")}
    for row in rows:
        if row["period_grain"] != "month":
            continue
        if row["segment_type"] == "all" and row["encounter_class"] == "total":
            by["level"][row["level"]] += row["numerator"]
        if row["segment_type"] == "all" and row["encounter_class"] != "total" and row["level"] == "unit":
            by["class"]["unit"] += row["numerator"]
        if row["segment_type"] == "severity" and row["level"] == "enterprise":
            by["severity"]["enterprise"] += row["numerator"]
    assert by["level"] == dict.fromkeys(("enterprise", "facility", "service_line", "unit"), truth.n_valid)
    assert by["class"]["unit"] == by["severity"]["enterprise"] == truth.n_valid


def test_cases_and_grievances_are_those_of_the_files(build, rows, folder):
    """The numerators once more, from the delivered CSV files and none of the facts."""
    cases = from_files.valid_cases(folder / "inbox")
    months: dict[tuple, Counter] = defaultdict(Counter)
    band = {1: "low", 2: "low", 3: "medium", 4: "high", 5: "high", None: "unmapped"}
    for case in cases:
        facility, unit, line = case.unit
        for entity in (("enterprise", "all"), ("facility", facility), ("service_line", f"{facility}/{line}"), ("unit", f"{facility}/{unit}")):
            months[entity, "all"][number(case.received)] += 1
            months[entity, "grievance"][number(case.received)] += case.is_grievance
            months[entity, band[case.severity]][number(case.received)] += 1
    n_compared = 0
    for row in rows:
        if row["encounter_class"] == "total" and row["segment_type"] != "category":
            assert row["numerator"] == sum(months[entity_of(row), row["segment_value"]][month] for month in months_of(row)), row["rate_key"]
            n_compared += row["numerator"] > 0
    assert n_compared > 2_000
    # The page of a unit and month weighs each case by its band: 1, 2 and 3; one that nobody mapped weighs 1.
    weights, n_pages = {"low": 1, "medium": 2, "high": 3, "unmapped": 1}, 0
    pages = build.cursor().sql("select facility_id, unit_id, month_start_on, n_severe, n_encounters, complaints_per_1000, severity_weighted_per_1000 as weighted "
                      "from marts.experience_scorecard where severity_weighted_per_1000 is not null").fetchall()
    for facility, unit, month, n_severe, n_encounters, rate, weighted in pages:
        counts = {name: months[("unit", f"{facility}/{unit}"), name][number(month)] for name in weights}
        assert n_severe == counts["high"]
        assert weighted == pytest.approx(1000 * sum(weights[name] * n for name, n in counts.items()) / n_encounters, rel=1e-12)
        n_pages += weighted > rate
    assert n_pages > 50


def reason_of(row: dict, truth: Recount, first: int) -> str | None:
    """Why there is no rate, in the order in which reasons are given; BELOW_MINIMUM is no obstacle."""
    entity, months, rate_class = entity_of(row), months_of(row), row["encounter_class"]
    whole = all(truth.is_whole(row["facility_id"], rate_class, month) for month in months)
    if "unassigned" in (row["facility_id"], row["unit_id"], row["service_line"], rate_class):
        return "UNASSIGNED_UNIT"
    if months[-1] >= truth.first_open:
        return "PERIOD_OPEN"
    if len(months) > 1 and not (whole and months[0] >= first):
        return "WINDOW_INCOMPLETE"
    if sum(truth.encounters[entity, rate_class][month] for month in months) == 0:
        return "DENOMINATOR_MISSING"
    return None if whole else "DENOMINATOR_INCOMPLETE"


def test_reasons(rows, truth):
    firsts: dict[tuple, int] = {}
    for row in rows:
        if row["period_grain"] == "month":
            firsts[entity_of(row)] = min(firsts.get(entity_of(row), 10**6), months_of(row)[0])
    seen = Counter()
    for row in rows:
        obstacle = reason_of(row, truth, firsts[entity_of(row)])
        expected = obstacle or ("BELOW_MINIMUM" if row["denominator"] < 100 else None)
        assert row["reason"] == expected, row["rate_key"]
        assert (row["rate"] is None) == (obstacle is not None) and row["is_publishable"] == (expected is None)
        seen[row["reason"]] += 1
        wanting = sorted(one for month in months_of(row) for one in truth.wanting[row["facility_id"], row["encounter_class"], month])
        if obstacle in ("WINDOW_INCOMPLETE", "DENOMINATOR_INCOMPLETE", "DENOMINATOR_MISSING") and wanting:
            told = "; ".join(wanting[:5]) + (f"; and {len(wanting) - 5} more" if len(wanting) > 5 else "")
            assert row["missing_feeds"] == told, row["rate_key"]
            seen["named", obstacle] += 1
        else:
            assert row["missing_feeds"] is None, row["rate_key"]
    assert {"UNASSIGNED_UNIT", "PERIOD_OPEN", "WINDOW_INCOMPLETE", "DENOMINATOR_INCOMPLETE", "DENOMINATOR_MISSING", None} | {("named", one) for one in ("WINDOW_INCOMPLETE", "DENOMINATOR_INCOMPLETE", "DENOMINATOR_MISSING")} <= set(seen), seen


def test_rates_and_intervals(rows):
    near, whole = cache(byar_or_exact), cache(exact)
    for row in rows:
        if row["rate"] is None:
            assert [row[name] for name in ("ci_low", "ci_high", "exact_low", "exact_high", "rate_ratio", "rate_ratio_p")] == [None] * 6
            continue
        c, n = row["numerator"], row["denominator"]
        assert row["rate"] == pytest.approx(1000 * c / n, rel=1e-12)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(near(c, n), rel=1e-9, abs=1e-12)
        assert (row["exact_low"], row["exact_high"]) == pytest.approx(whole(c, n), rel=1e-9, abs=1e-12)


def test_comparison_with_the_year_before(rows, truth):
    by_series = {(series_of(row), row["period_grain"], months_of(row)[-1]): row for row in rows}
    compare, limits, n_compared = cache(ratio_of), cache(ratio_limits), 0
    for (series, grain, end), row in by_series.items():
        months = [month - 12 for month in months_of(row)]
        if row["last_year_numerator"] is not None:
            assert row["last_year_numerator"] == sum(truth.cases[series][month] for month in months), row["rate_key"]
            assert row["last_year_denominator"] == sum(truth.encounters[series[0], series[1]][month] for month in months)
        assert (row["rate_ratio"] is None) == (row["ratio_reason"] is not None), row["rate_key"]
        before = by_series.get((series, grain, end - 12))
        if row["rate_ratio"] is None:
            if row["ratio_reason"] == "NO_YEAR_BEFORE":
                assert before is None
            continue
        assert all(truth.is_whole(row["facility_id"], row["encounter_class"], month) for month in months)
        ratio, p = compare(row["numerator"], row["denominator"], row["last_year_numerator"], row["last_year_denominator"])
        assert row["rate_ratio"] == pytest.approx(ratio, rel=1e-9) and row["rate_ratio_p"] == pytest.approx(p, rel=1e-9)
        low, high = limits(row["numerator"], row["denominator"], row["last_year_numerator"], row["last_year_denominator"])
        assert row["rate_ratio_low"] == pytest.approx(low, rel=1e-9, abs=1e-12), row["rate_key"]
        assert row["rate_ratio_high"] == pytest.approx(high, rel=1e-9), row["rate_key"]
        n_compared += 1
    assert n_compared > 2_000


def test_standardised_rates(rows, truth):
    whole = [month for month in sorted(truth.expected[None, "total"]) if truth.is_whole(None, "total", month)
             and any(month == months_of(row)[0] for row in rows if row["level"] == "enterprise" and row["period_grain"] == "month" and row["segment_type"] == "all")]
    standard = {name: sum(truth.encounters[("enterprise", "all"), name][month] for month in whole[:12]) for name in CLASSES}
    weights = {name: n / sum(standard.values()) for name, n in standard.items() if n}
    n_compared = 0
    for row in rows:
        if row["standard_reason"] == "NOT_STANDARDISED":
            assert row["encounter_class"] != "total" or row["segment_type"] in ("severity", "category")
            continue
        assert (row["standardised_rate"] is None) == (row["standard_reason"] is not None)
        if row["standardised_rate"] is None:
            continue
        entity, months = entity_of(row), months_of(row)
        cases = {name: sum(truth.cases[entity, name, row["segment_type"], row["segment_value"]][m] for m in months) for name in weights}
        visits = {name: sum(truth.encounters[entity, name][m] for m in months) for name in weights}
        rate = sum(w * cases[name] / visits[name] for name, w in weights.items())
        assert row["standardised_rate"] == pytest.approx(1000 * rate, rel=1e-9)
        total = sum(cases.values())
        if total:
            spread = math.sqrt(sum(w * w * cases[name] / visits[name] ** 2 for name, w in weights.items()) / total)
            limits = [1000 * (rate + spread * (limit / 1000 - total)) for limit in byar_or_exact(total, 1)]
            assert (row["standardised_low"], row["standardised_high"]) == pytest.approx(limits, rel=1e-9)
        n_compared += 1
    assert n_compared > 20


def test_the_total_is_the_kpi(build):
    differing = build.execute("""
        select count(*), count(*) filter ((k.numerator, k.denominator, k.value, k.ci_low, k.ci_high, k.reason)
            is distinct from (r.numerator::double, r.denominator::double, r.rate, r.ci_low, r.ci_high, r.reason)
            and not (k.reason is not distinct from r.reason and abs(k.value - r.rate) < 1e-9 and abs(k.ci_low - r.ci_low) < 1e-9 and abs(k.ci_high - r.ci_high) < 1e-9))
        from marts.kpi_value as k
        inner join marts.complaint_rate as r
            on r.period_grain = k.period_grain and r.period_start_on = k.period_start_on and r.level = k.level
            and r.facility_id is not distinct from k.facility_id and r.unit_id is not distinct from k.unit_id
            and r.service_line is not distinct from k.service_line
            and r.encounter_class = 'total' and r.segment_type = case k.kpi_id when 'complaint_rate' then 'all' else 'grievance' end
        where k.kpi_id in ('complaint_rate', 'grievance_rate')""").fetchone()
    assert differing[0] > 2_000 and differing[1] == 0
