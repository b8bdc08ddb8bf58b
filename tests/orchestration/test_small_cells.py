"""Small cells: what is hidden, and that it cannot be counted out of what is shown."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import duckdb
import pytest

from orchestration.dbt_render import PROJECT_DIR
from orchestration.small_cells import declared, suppress
from orchestration.suppression import COMPLEMENTARY, PRIMARY

TABLE = {"ward": [{
    "counts": ["n"], "cell": "site || ward || class", "hides": ["n"], "reason": "reason",
    "lines": [
        {"part": "case when ward <> 'all' then site || ':' || class end", "total": "case when ward = 'all' then site || ':' || class end"},
        {"part": "case when class <> 'all' then site || ';' || ward end", "total": "case when class = 'all' then site || ';' || ward end"},
    ],
}]}


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(f"attach '{tmp_path / 'build.duckdb'}' as build")
        con.execute("create schema build.marts")
        yield con


def publish(con: duckdb.DuckDBPyConnection, cells: dict[tuple[str, str], int], smallest_shown: int = 11) -> dict[tuple[str, str], tuple]:
    """A table of wards x classes with all its totals: what is shown of it, and why not."""
    con.execute("create or replace table build.marts.ward (site varchar, ward varchar, class varchar, n bigint, reason varchar)")
    con.executemany("insert into build.marts.ward values ('S', ?, ?, ?, null)", [(*key, n) for key, n in with_totals(cells).items()])
    for table in ("cell", "member", "known", "suppressed", "lined", "fresh", "hidden_ward"):
        con.execute(f"drop table if exists {table}")
    told = suppress(con, ["ward"], TABLE, smallest_shown)
    return {(ward, cls): (n, reason) for ward, cls, n, reason in con.execute(f"select ward, class, n, reason from {told.select('ward')}").fetchall()}


def with_totals(cells: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    wards, classes = {w for w, _ in cells}, {c for _, c in cells}
    whole = dict(cells)
    for ward in wards:
        whole[ward, "all"] = sum(cells[ward, c] for c in classes)
    for cls in classes:
        whole["all", cls] = sum(cells[w, cls] for w in wards)
    whole["all", "all"] = sum(cells.values())
    return whole


def equations(whole: dict[tuple[str, str], int]) -> Iterator[tuple[tuple[str, str], list[tuple[str, str]]]]:
    """Total and parts of every line of the table."""
    wards, classes = {w for w, _ in whole}, {c for _, c in whole}
    for ward in wards:
        yield (ward, "all"), [(ward, c) for c in classes - {"all"}]
    for cls in classes:
        yield ("all", cls), [(w, cls) for w in wards - {"all"}]


def test_counts_of_one_to_ten_and_one_more_of_their_line_are_hidden(con):
    shown = publish(con, {("A", "x"): 3, ("B", "x"): 40, ("C", "x"): 25, ("A", "y"): 0, ("B", "y"): 30, ("C", "y"): 50})
    assert shown["A", "x"] == (None, PRIMARY)
    assert shown["C", "x"] == (None, COMPLEMENTARY) and shown["B", "x"] == (40, None)  # the next smallest of the column
    assert shown["A", "y"] == (0, None)  # nobody is somebody
    assert shown["A", "all"] == (None, PRIMARY)  # x + y of ward A is 3 as well


def test_two_hidden_parts_that_add_up_to_few_hide_a_third(con):
    shown = publish(con, {("A", "x"): 2, ("B", "x"): 5, ("C", "x"): 40, ("D", "x"): 60})
    assert [shown[ward, "x"][1] for ward in "ABCD"] == [PRIMARY, PRIMARY, COMPLEMENTARY, None]
    enough = publish(con, {("A", "x"): 6, ("B", "x"): 5, ("C", "x"): 40, ("D", "x"): 60})
    assert [enough[ward, "x"][1] for ward in "ABCD"] == [PRIMARY, PRIMARY, None, None]


def test_where_no_other_part_has_anybody_the_total_goes(con):
    shown = publish(con, {("A", "x"): 4, ("B", "x"): 0})
    assert shown["A", "x"] == (None, PRIMARY) and shown["all", "x"] == (None, PRIMARY) and shown["B", "x"] == (0, None)


def test_the_threshold_is_a_setting(con):
    assert publish(con, {("A", "x"): 4, ("B", "x"): 7}, smallest_shown=5)["A", "x"] == (None, PRIMARY)
    assert publish(con, {("A", "x"): 5, ("B", "x"): 7}, smallest_shown=5)["A", "x"] == (5, None)


@pytest.mark.parametrize("seed", range(15))
def test_no_line_gives_a_hidden_count_back(con, seed):
    draw = random.Random(seed)
    cells = {key: draw.choice([0, 1, 3, 8, 12, 20, 45, 90]) for key in product("ABCDE"[: draw.randint(2, 5)], "wxyz"[: draw.randint(1, 4)])}
    whole, shown = with_totals(cells), publish(con, cells)
    assert all(n is None or n == whole[key] for key, (n, _) in shown.items())
    assert all(n is not None for key, (n, _) in shown.items() if whole[key] == 0)
    assert not [key for key, (n, _) in shown.items() if n is not None and 0 < n < 11]
    for total, parts in equations(whole):
        unknown = [key for key in (total, *parts) if shown[key][0] is None]
        assert len(unknown) != 1, (total, unknown)
        hidden = [whole[key] for key in parts if shown[key][0] is None]
        assert shown[total][0] is None or not hidden or sum(hidden) > 10 or all(whole[p] == 0 or shown[p][0] is None for p in parts)


def test_the_same_input_hides_the_same_cells_whatever_the_order(con):
    cells = {key: n for key, n in zip(product("ABCD", "xyz"), [3, 40, 40, 12, 9, 30, 30, 30, 11, 11, 0, 70], strict=True)}
    assert publish(con, cells) == publish(con, dict(reversed(cells.items())))


def test_a_mart_that_says_nothing_is_left_out(con):
    con.execute("create table build.marts.ward (site varchar, ward varchar, class varchar, n bigint, reason varchar)")
    con.execute("create table build.marts.other (n bigint)")
    told = suppress(con, ["ward", "other"], TABLE, 11)
    assert told.left_out == ["other"] and "left out" in " ".join(told.lines())


def test_the_marts_of_this_project_say_what_is_a_count():
    said = declared(PROJECT_DIR)
    assert {"kpi_value", "kpi_scorecard", "response_rate", "unmapped_codes", "data_quality", "feed_status"} <= {name for name, parts in said.items() if parts}
    assert {"dim_facility", "dim_unit", "dim_kpi", "dim_measure", "benchmark"} <= {name for name, parts in said.items() if not parts}
