"""The marts about complaints and scores of the scenario with small cells hidden: a brute force finds no count of 1 to 10 again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import duckdb
import pytest

from tests.dbt.small_cell_search import PLACE, Marts, Row, lines_give_nothing_back, rows_give_no_small_rest, shares_go_with_their_counts, shows_no_small_count
from tests.dbt.warehouse import Warehouse


@pytest.fixture(scope="module")
def every(warehouse: Warehouse) -> Iterator[Marts]:
    with duckdb.connect() as con:
        con.execute(f"attach '{warehouse.file}' as build (read_only)")
        yield Marts(con)


@pytest.mark.parametrize("mart", ["complaint_rate", "complaint_timeliness", "complaint_outcomes", "grievance_compliance", "complaint_backlog",
                                  "experience_scorecard", "survey_score", "equity_gap"])
def test_no_count_of_one_to_ten_is_shown_and_shares_go_with_their_counts(every, mart):
    shows_no_small_count(every, mart)
    shares_go_with_their_counts(every, mart)


@pytest.mark.parametrize("mart", ["complaint_timeliness", "complaint_outcomes", "grievance_compliance", "complaint_backlog"])
def test_a_row_gives_no_small_rest(every, mart):
    rows_give_no_small_rest(every, mart)


@pytest.mark.parametrize("mart", ["complaint_rate", "complaint_timeliness", "complaint_outcomes", "grievance_compliance", "complaint_issue_counts"])
def test_no_line_gives_a_hidden_count_back(every, mart):
    lines_give_nothing_back(every, mart)


def test_segments_of_a_rate_give_no_hidden_count_back(every):
    """Classes and severity bands add up to all cases; a category hides its rest."""
    by: dict[tuple, list[tuple[Row, Row]]] = defaultdict(list)
    for pair in every.pairs("complaint_rate"):
        row = pair[0]
        entity = tuple(row[name] for name in (*PLACE, "period_grain", "period_start_on"))
        by["class", row["encounter_class"] == "total", entity, row["segment_type"], row["segment_value"]].append(pair)
        if row["segment_type"] in ("all", "severity"):
            by["band", row["segment_type"] == "all", entity, row["encounter_class"]].append(pair)
    tried = 0
    for (kind, is_total, *rest), whole in by.items():
        parts = by.get((kind, False, *rest), [])
        if is_total and parts and whole[0][1]["numerator"] == sum(true["numerator"] for _, true in parts):
            hidden = [true["numerator"] for row, true in parts if row["numerator"] is None]
            tried += bool(hidden)
            if whole[0][0]["numerator"] is not None:
                assert not hidden or (len(hidden) > 1 or hidden[0] == 0) and not 0 < sum(hidden) < 11, (kind, rest, hidden)
    assert tried > 10


def test_shares_of_boxes_and_their_difference_give_no_count_back(every):
    for row, true in every.pairs("survey_score"):
        for box in ("top_box_pct", "middle_box_pct", "bottom_box_pct"):
            if row[box] is None or row["n_items"] != 1 or row["period_grain"] == "rolling_4_quarters":
                continue
            count = round(true["n"] * row[box] / 100, 6)
            assert count == 0 or count > 10, (box, row)
        boxes = [row[box] is None for box in ("top_box_pct", "middle_box_pct", "bottom_box_pct") if true[box] is not None]
        assert sum(boxes) != 1 or row["top_box_pct"] is not None or len(boxes) == 1, row
        assert len(boxes) < 2 or sum(boxes) != 1 or len(boxes) == 2, row


def test_scores_and_rates_hide_what_the_kpi_of_the_same_number_hides(every):
    kpis = {row["kpi_key"]: row for row in every.rows("kpi_value")}
    tried = 0
    for row, _ in every.pairs("complaint_rate"):
        if row["encounter_class"] == "total" and row["segment_type"] == "all":
            kpi = kpis.get("complaint_rate:" + row["rate_key"].removesuffix(":total:all:all") + ":all")
            if kpi is not None:
                tried += 1
                assert (row["numerator"] is None) == (kpi["numerator"] is None) and (row["denominator"] is None) == (kpi["denominator"] is None), (row, kpi)
    for row, _ in every.pairs("survey_score"):
        name, adjustment, basis, window, rest = row["score_key"].split(":", 4)
        kpi = kpis.get(f"{name}_top_box:{window.replace('rolling_4_quarters', 'rolling_12_months')}:{rest}")
        if kpi is not None and str(kpi["reason"]).startswith("SUPPRESSED") and basis == "discharge":
            tried += 1
            assert row["score"] is None and row["top_box_pct"] is None, row
    assert tried > 50
