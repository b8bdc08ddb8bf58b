"""Columns followed through the SQL we write."""

from __future__ import annotations

import pytest
from sqlglot.errors import SqlglotError

from orchestration.column_lineage import find_columns

PLACES = {"case": '"px"."core"."fct_complaint"', "file": "read_parquet('/home/build/input/visits/*.parquet')"}
COLUMNS = {"case": {"case_id": "VARCHAR", "unit_id": "VARCHAR"}, "file": {"unit": "VARCHAR", "n": "BIGINT"}}


def test_follows_ctes_joins_stars_and_file_functions() -> None:
    sql = """
        with cases as (select * from "px"."core"."fct_complaint"),
        visits as (select unit as unit_id, sum(n) as n from read_parquet('/home/build/input/visits/*.parquet') group by all)
        select c.unit_id, count(distinct c.case_id) / max(v.n) as rate, 1 as one
        from cases as c join visits as v using (unit_id) group by c.unit_id
    """
    found = find_columns(sql, PLACES, COLUMNS)
    assert found == {"unit_id": [["case", "unit_id"]], "rate": [["case", "case_id"], ["file", "n"]], "one": []}


def test_a_union_takes_from_both_sides() -> None:
    sql = """
        select unit_id as u from "px"."core"."fct_complaint" union all
        select unit from read_parquet('/home/build/input/visits/*.parquet')
    """
    assert find_columns(sql, PLACES, COLUMNS) == {"u": [["case", "unit_id"], ["file", "unit"]]}


def test_a_column_named_only_once_is_found_without_its_table() -> None:
    sql = """
        select case_id, n
        from "px"."core"."fct_complaint", read_parquet('/home/build/input/visits/*.parquet') as v where unit = unit_id
    """
    assert find_columns(sql, PLACES, COLUMNS) == {"case_id": [["case", "case_id"]], "n": [["file", "n"]]}


def test_sql_that_cannot_be_followed_says_so() -> None:
    with pytest.raises(SqlglotError):
        find_columns("select from where", PLACES, COLUMNS)
