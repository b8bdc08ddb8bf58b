"""Great Expectations inside DuckDB: the engine subclass, and the reason for it."""

from __future__ import annotations

import pytest


@pytest.fixture
def context():
    import great_expectations as gx

    return gx.get_context(mode="ephemeral")


def _suite():
    import great_expectations as gx
    import great_expectations.expectations as gxe

    return gx.ExpectationSuite(name="suite", expectations=[
        gxe.ExpectColumnValuesToBeBetween(column="n", max_value=6), gxe.ExpectColumnValuesToBeUnique(column="name")])


def test_expectations_run_in_duckdb_and_name_the_rows(context, tmp_path):
    from expectations.duckdb_engine import DuckDBExecutionEngine, open_database

    with open_database(context, tmp_path) as (source, con):
        con.execute("create table t as select i as n, 'row ' || i as name from range(10) t(i)").fetchall()
        batch = source.add_table_asset("t", table_name="t").add_batch_definition_whole_table("all").get_batch()
        assert isinstance(source.get_execution_engine(), DuckDBExecutionEngine)
        result = batch.validate(_suite(), result_format={
            "result_format": "COMPLETE", "unexpected_index_column_names": ["name"], "exclude_unexpected_values": True})
        between, unique = result.results
        assert between.result["unexpected_count"] == 3 and not between.success and unique.success
        assert between.result["unexpected_index_list"] == [{"name": ["row 7", "row 8", "row 9"]}]


def test_a_table_made_after_the_first_query_is_seen(context, tmp_path):
    """GX keeps its connection open; without autocommit it would go on seeing the old table."""
    from expectations.duckdb_engine import open_database

    with open_database(context, tmp_path) as (source, con):
        found = []
        for n_rows in (10, 3):
            con.execute(f"create or replace table t as select i as n, 'row ' || i as name from range({n_rows}) t(i)").fetchall()
            asset = source.get_asset("t") if source.assets else source.add_table_asset("t", table_name="t")
            definition = asset.batch_definitions[0] if asset.batch_definitions else asset.add_batch_definition_whole_table("all")
            found.append(definition.get_batch().validate(_suite()).results[0].result["unexpected_count"])
        assert found == [3, 0]


def test_databases_are_apart_and_closed(context, tmp_path):
    from expectations.duckdb_engine import open_database

    for _ in range(2):
        with open_database(context, tmp_path) as (_, con):
            con.execute("create table t (n integer)").fetchall()  # would exist already if the first database lived on
    assert list(context.data_sources.all()) == []


@pytest.mark.filterwarnings("ignore:You are using a generic SQLDatasource")
def test_the_plain_sql_data_source_still_needs_the_subclass(context, tmp_path):
    """When this fails, GX or the dialect has learned to do it, and duckdb_engine.py may shrink."""
    import duckdb

    with duckdb.connect(str(tmp_path / "t.duckdb")) as con:
        con.execute("create table t as select i as n, 'row ' || i as name from range(10) t(i)")
    source = context.data_sources.add_sql("plain", connection_string=f"duckdb:///{tmp_path}/t.duckdb")
    batch = source.add_table_asset("t", table_name="t").add_batch_definition_whole_table("all").get_batch()
    result = batch.validate(_suite())
    assert any("list index out of range" in str(one.exception_info) for one in result.results)
