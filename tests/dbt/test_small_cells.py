"""Suppression over the marts of the scenario: no published number gives a count of 1 to 10 back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from orchestration.dbt_render import PROJECT_DIR
from orchestration.small_cells import declared, suppress
from orchestration.suppression import Suppression
from tests.dbt.warehouse import Warehouse

MARTS = ["kpi_value", "kpi_scorecard", "response_rate", "unmapped_codes", "data_quality", "feed_status", "dim_unit"]
Row = dict[str, Any]


class Publication:
    """The marts of the scenario with counts below 11 left out."""

    def __init__(self, con: duckdb.DuckDBPyConnection, marts: list[str] = MARTS) -> None:
        self.con = con
        self.told: Suppression = suppress(con, marts, declared(PROJECT_DIR), 11)

    def rows(self, mart: str, relation: str | None = None) -> list[Row]:
        found = self.con.execute(f"select * from {relation or self.told.select(mart)}")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def publication(warehouse: Warehouse) -> Iterator[Publication]:
    with duckdb.connect() as con:
        con.execute(f"attach '{warehouse.file}' as build (read_only)")
        yield Publication(con)


@pytest.fixture(scope="module")
def shown(publication: Publication) -> dict[str, Row]:
    return {row["kpi_key"]: row for row in publication.rows("kpi_value")}


@pytest.fixture(scope="module")
def whole(publication: Publication) -> dict[str, Row]:
    return {row["kpi_key"]: row for row in publication.rows("kpi_value", "build.marts.kpi_value")}


def test_no_count_of_one_to_ten_is_shown_and_every_hidden_number_says_why(shown, whole):
    hidden = 0
    for key, row in shown.items():
        true = whole[key]
        for name in ("numerator", "denominator", "n"):
            assert row[name] in (None, true[name])
            if row[name] is not None and float(row[name]).is_integer():
                assert row[name] == 0 or row[name] > 10, (key, name)
        is_adjusted = true["numerator"] is None  # a regression: no count is shown, so none is hidden
        if row["denominator"] is None or (row["numerator"] is None and not is_adjusted) or str(row["reason"]).startswith("SUPPRESSED"):
            hidden += 1
            assert row["reason"].startswith("SUPPRESSED") and not row["is_publishable"]
            assert (row["value"], row["ci_low"], row["ci_high"]) == (None, None, None)
        elif is_adjusted and 0 < true["denominator"] - true["n"] < 11:
            assert row == true | {"n": None}
        else:
            assert row == true
    assert 0 < hidden < len(shown)
    assert any(row["value"] is not None for row in shown.values())


def lines(whole: dict[str, Row]) -> Iterator[tuple[str, list[str]]]:
    """Totals and parts among the rows of one KPI: places inside places, months in quarters and years."""
    by: dict[tuple, dict[str, Row]] = defaultdict(dict)
    for key, row in whole.items():
        by[row["kpi_id"], row["period_grain"], row["period_start_on"], row["level"]][key] = row
    inside = {"enterprise": ("facility", ()), "facility": ("unit", ("facility_id",)), "service_line": ("unit", ("facility_id", "service_line"))}
    for key, row in whole.items():
        below, same = inside.get(row["level"], (None, ()))
        parts = by.get((row["kpi_id"], row["period_grain"], row["period_start_on"], below), {})
        if found := [k for k, part in parts.items() if all(part[c] == row[c] for c in same)]:
            yield key, found
        if row["level"] == "facility":
            services = by.get((row["kpi_id"], row["period_grain"], row["period_start_on"], "service_line"), {})
            if found := [k for k, part in services.items() if part["facility_id"] == row["facility_id"]]:
                yield key, found
        months = {"quarter": 3, "rolling_12_months": 12}.get(row["period_grain"], 0)
        rest = key.split(":", 3)[3]
        starts = [date(y, m + 1, 1) for y, m in (divmod(row["period_start_on"].year * 12 + row["period_start_on"].month - 1 + i, 12) for i in range(months))]
        if found := [k for start in starts if (k := f"{row['kpi_id']}:month:{start}:{rest}") in whole]:
            yield key, found


@pytest.mark.parametrize("number", ["numerator", "denominator"])
def test_no_total_and_its_parts_give_a_hidden_count_back(shown, whole, number):
    tried = 0
    for total, parts in lines(whole):
        if whole[total][number] is None or not float(whole[total][number]).is_integer():
            continue
        unknown = [key for key in (total, *parts) if shown[key][number] is None]
        tried += bool(unknown)
        assert len(unknown) != 1, (total, unknown)
        hidden = [whole[key][number] for key in parts if shown[key][number] is None]
        if hidden and shown[total][number] is not None:
            assert sum(hidden) > 10 or all(whole[p][number] == 0 or shown[p][number] is None for p in parts), (total, hidden)
    assert tried > 50


def test_twelve_months_less_twelve_months_give_no_month_back(shown, whole):
    tried = 0
    for key, row in whole.items():
        if row["period_grain"] != "rolling_12_months" or row["kpi_id"] != "complaint_rate":
            continue
        rest = key.split(":", 3)[3]
        start = row["period_start_on"]
        after = date(start.year + start.month // 12, start.month % 12 + 1, 1)
        four = [key, f"complaint_rate:rolling_12_months:{after}:{rest}", f"complaint_rate:month:{start}:{rest}",
                f"complaint_rate:month:{date(start.year + 1, start.month, 1)}:{rest}"]
        if all(one in whole for one in four):
            tried += 1
            assert sum(shown[one]["numerator"] is None for one in four) != 1
    assert tried > 0


def test_the_scorecard_hides_what_kpi_value_hides(publication, shown):
    seen = set()
    for row in publication.rows("kpi_scorecard"):
        place = f"month:{row['month_start_on']}:unit:{row['facility_id']}/{row['unit_id']}:all"
        value = shown.get(f"complaint_rate:{place}")
        if value and str(value["reason"]).startswith("SUPPRESSED"):
            assert (row["n_complaints"], row["n_encounters"], row["complaints_per_1000"], row["complaints_ci_high"]) == (None,) * 4
            assert row["complaints_per_1000_reason"] == value["reason"]
            seen.add(value["reason"])
        elif value:
            assert row["n_complaints"] == value["numerator"]
        assert row["n_surveys"] is None or row["n_surveys"] == 0 or row["n_surveys"] > 10
    assert "SUPPRESSED" in seen


def test_other_marts_show_no_small_count_and_say_so(publication):
    for row in publication.rows("response_rate"):
        counts = [row[name] for name in row if name.startswith("n_")]
        assert all(n is None or n == 0 or n > 10 for n in counts)
        assert None not in counts or row["reason"].startswith("SUPPRESSED")
    for mart in ("unmapped_codes", "data_quality"):
        rows = publication.rows(mart)
        assert all((row["n_rows"] is None) == row["is_suppressed"] and (row["n_rows"] in (None, 0) or row["n_rows"] > 10) for row in rows)
        assert any(row["is_suppressed"] for row in rows)
    assert publication.told.left_out == [] and publication.told.counts["kpi_value"]["SUPPRESSED"] > 0


def test_the_build_keeps_every_number(publication, whole):
    assert not [row for row in whole.values() if row["denominator"] is None or row["n"] is None or str(row["reason"]).startswith("SUPPRESSED")]
    adjusted = {row["measure_id"] for row in publication.rows("dim_measure", "build.marts.dim_measure") if row["source"] == "adjusted"}
    assert all((row["numerator"] is None) == (row["measure_id"] in adjusted) for row in whole.values())
    assert not [row for row in publication.rows("unmapped_codes", "build.marts.unmapped_codes") if row["is_suppressed"] or row["n_rows"] is None]


@pytest.fixture(scope="module")
def adjusted(warehouse: Warehouse) -> Iterator[Any]:
    """Publishes the kpi_value of the scenario after an adjusted row and the plain row of its place were given these counts."""
    key = "rolling_12_months:2024-01-01:facility:F9:all"

    def publish(denominator: int, n: int, numerator: int, plain: int) -> tuple[Row, Row]:
        with duckdb.connect() as con:
            con.execute(f"attach '{warehouse.file}' as scenario (read_only)")
            con.execute("attach ':memory:' as build; create schema build.marts")
            con.execute("create table build.marts.dim_measure as from scenario.marts.dim_measure")
            con.execute("create table build.marts.kpi_value as from scenario.marts.kpi_value limit 0")
            for measure, counts in (("adjusted_top_box", (None, denominator, n)), ("top_box", (numerator, plain, plain))):
                name = f"hcahps_overall_rating_{measure}"
                con.execute(
                    """insert into build.marts.kpi_value by name select ? as kpi_key, ? as kpi_id, ? as measure_id, 'facility' as level, 'F9' as facility_id,
                    'all' as segment_type, 'all' as segment_value, 'rolling_12_months' as period_grain, date '2024-01-01' as period_start_on,
                    date '2024-12-31' as period_end_on, ? as numerator, ? as denominator, ? as n, 70.0 as value, 60.0 as ci_low, 80.0 as ci_high,
                    true as is_publishable""", [f"{name}:{key}", name, name, *counts])
            rows = sorted(Publication(con, ["kpi_value"]).rows("kpi_value"), key=lambda row: row["kpi_key"])
            return rows[0], rows[1]  # adjusted_top_box, top_box

    yield publish


NUMBERS = ("denominator", "n", "value", "ci_low", "ci_high", "reason", "is_publishable")


@pytest.mark.parametrize(("counts", "expected", "is_plain_shown"), [
    ((60, 60, 40, 60), (60, 60, 70, 60, 80, None, True), True),
    ((60, 57, 40, 60), (60, None, 70, 60, 80, None, True), True),  # 3 surveys without adjusters
    ((60, 49, 40, 60), (60, 49, 70, 60, 80, None, True), True),
    ((10, 10, 40, 60), (None, None, None, None, None, "SUPPRESSED", False), True),
    ((30, 9, 40, 60), (None, None, None, None, None, "SUPPRESSED", False), True),
    ((60, 60, 5, 60), (60, 60, None, None, None, "SUPPRESSED", False), False),  # the share would give the plain count
])
def test_an_adjusted_value_is_hidden_by_the_surveys_it_rests_on(adjusted, counts, expected, is_plain_shown):
    row, plain = adjusted(*counts)
    assert tuple(row[name] for name in NUMBERS) == expected
    assert (plain["value"] is not None) == is_plain_shown and plain["is_publishable"] == is_plain_shown


def test_every_mart_of_the_scenario_is_published_or_left_out(warehouse: Warehouse):
    with duckdb.connect() as con:
        con.execute(f"attach '{warehouse.file}' as build (read_only)")
        tables = "select table_name from duckdb_tables() where database_name = 'build' and schema_name = 'marts' order by 1"
        marts = [row[0] for row in con.execute(tables).fetchall()]
        known = declared(PROJECT_DIR)
        every = Publication(con, marts)
        assert every.told.left_out == [mart for mart in marts if mart not in known]
        assert {"complaint_problem", "suspect_pair"} <= set(every.told.left_out)  # a row per case
        for mart in set(marts) - set(every.told.left_out):
            n = con.execute(f"select count(*) from build.marts.{mart}").fetchone()[0]
            assert len(every.rows(mart)) == n - every.told.dropped.get(mart, 0), mart
        _no_chart_and_no_alert_tells_of_a_hidden_value(every)


def _no_chart_and_no_alert_tells_of_a_hidden_value(every: Publication) -> None:
    """Signals, funnels, targets, drivers and alerts of series with a hidden point say nothing; the others say what the build says."""
    hidden = {":".join((key.split(":")[0], key.split(":")[1], key.split(":", 3)[3].removesuffix(":all")))
              for key, row in ((row["kpi_key"], row) for row in every.rows("kpi_value")) if str(row["reason"]).startswith("SUPPRESSED")}
    for mart, key, column in (("kpi_signal", "series_key", "explanation"), ("kpi_target_status", "series_key", "last_value")):
        rows, build = every.rows(mart), {tuple(row.items())[0]: row for row in every.rows(mart, f"build.marts.{mart}")}
        is_hidden = [row[key].replace(":event:", ":month:") in hidden for row in rows]
        assert True in is_hidden and all((row[column] is None) == is_not for row, is_not in zip(rows, is_hidden, strict=True)), mart
        assert all(row == build[next(iter(row.items()))] for row, is_not in zip(rows, is_hidden, strict=True) if not is_not)
    alerts, whole = every.rows("alert"), every.rows("alert", "build.marts.alert")
    told, real = ({row["subject_key"].rpartition(":")[0] for row in rows if row["alert_kind"] == "new_signal"} for rows in (alerts, whole))
    assert told == real - hidden and len(whole) - len(alerts) == every.told.dropped["alert"] > 0
    overdue = [row for row in alerts if row["alert_kind"] == "grievance_overdue"]
    assert overdue and all((row["message"], row["unit_id"]) == (None, None) and row["facility_id"] for row in overdue)
    drivers = every.rows("key_driver")
    assert any(row["n"] is None and row["reason"].startswith("SUPPRESSED") for row in drivers)
    assert all(row[name] is None or row[name] > 10 for row in drivers for name in ("n", "n_score", "n_partial"))
    hidden_rows = {row["kpi_key"] for row in every.rows("kpi_value") if str(row["reason"]).startswith("SUPPRESSED")}
    funnels = every.rows("kpi_funnel")
    assert any(row["is_suppressed"] for row in funnels)
    assert all((row["value"], row["centre"], row["phi"]) == (None, None, None) for row in funnels if row["kpi_key"] in hidden_rows or row["is_suppressed"])
