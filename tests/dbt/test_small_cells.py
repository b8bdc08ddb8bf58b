"""Suppression over the marts of the scenario: no published number gives a count of 1 to 10 back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from orchestration.dbt_render import PROJECT_DIR
from orchestration.small_cells import Suppression, declared, suppress
from tests.dbt.warehouse import Warehouse

MARTS = ["kpi_value", "kpi_scorecard", "response_rate", "unmapped_codes", "data_quality", "feed_status", "dim_unit"]
Row = dict[str, Any]


class Publication:
    """The marts of the scenario with counts below 11 left out."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.told: Suppression = suppress(con, MARTS, declared(PROJECT_DIR), 11)

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
        if row["numerator"] is None or row["denominator"] is None:
            hidden += 1
            assert row["reason"].startswith("SUPPRESSED") and not row["is_publishable"]
            assert (row["value"], row["ci_low"], row["ci_high"]) == (None, None, None)
        else:
            assert {k: v for k, v in row.items()} == true
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
        if not float(whole[total][number]).is_integer():
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
    assert not [row for row in whole.values() if row["numerator"] is None or str(row["reason"]).startswith("SUPPRESSED")]
    assert not [row for row in publication.rows("unmapped_codes", "build.marts.unmapped_codes") if row["is_suppressed"] or row["n_rows"] is None]
