"""The same input gives the same content, whatever order files lie in and whatever was built before."""

from __future__ import annotations

from pathlib import Path

from tests.dbt.conftest import Truth, write_deliveries
from tests.dbt.warehouse import Input, Warehouse


def _fingerprints(warehouse: Warehouse) -> dict[str, tuple]:
    tables = warehouse.rows("select schema_name, table_name from duckdb_tables() where schema_name in ('core', 'marts') order by all")
    found = {}
    for table in tables:
        name = f"{table['schema_name']}.{table['table_name']}"
        left_out = "exclude (entity_number)" if table["table_name"] == "kpi_month" else ""
        row = warehouse.row(f"select count(*) as n, md5(string_agg(t::varchar, chr(10) order by t::varchar)) as md5 from (select * {left_out} from {name}) as t")
        found[name] = (row["n"], row["md5"])
    return found


def test_a_rebuild_from_scratch_has_identical_content(warehouse: Warehouse, truth: Truth, tmp_path: Path) -> None:
    again = Warehouse(tmp_path, list(warehouse.feeds.values()))
    write_deliveries(again.input, Truth(truth.items))
    again.dbt("build", "--exclude-resource-type", "test", "unit_test")
    first, second = _fingerprints(warehouse), _fingerprints(again)
    assert len(first) > 25 and second == first
    again.dbt("run", "--select", "measure_month", "kpi_month", "kpi_value")  # over the existing file
    assert _fingerprints(again) == first


def test_a_warehouse_without_surveys_or_deliveries_builds(warehouse: Warehouse, tmp_path: Path) -> None:
    feeds = [warehouse.feeds[name] for name in ("rl6", "sheet")]
    empty = Warehouse(tmp_path, feeds)
    Input(empty.input, feeds).write()
    empty.dbt("build", "--exclude-resource-type", "test", "unit_test")
    assert [row["feed"] for row in empty.rows("select feed from marts.feed_status order by feed")] == ["rl6", "sheet"]
    assert empty.rows("select * from marts.kpi_value") == empty.rows("select * from core.fct_survey_hcahps") == []
    assert len(empty.rows("select * from marts.dim_unit")) == 1
