"""Nothing that names a person leaves the restricted places: searched in the text of every table, not only in its bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlalchemy

from ingestion.samples.names import IDENTIFYING_PATTERNS, SYNTHETIC_FAMILY, SYNTHETIC_GIVEN, SYNTHETIC_STAFF
from tests.run.conftest import SampleRun, run_pxw

PATTERN = "|".join([*map(re.escape, (*SYNTHETIC_GIVEN, *SYNTHETIC_FAMILY, *SYNTHETIC_STAFF)), *IDENTIFYING_PATTERNS])


def n_found(con: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, int]:
    """Rows of a relation, and how many of them name a person."""
    return con.execute(f"select count(*), count(*) filter (regexp_matches(t::varchar, ?)) from {relation} as t", [PATTERN]).fetchone()


def relations(file: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, str, str]]:
    with duckdb.connect(str(file), read_only=True) as con:
        for schema, name in con.execute("select schema_name, table_name from duckdb_tables() where not internal order by 1, 2").fetchall():
            yield con, schema, f'"{schema}"."{name}"'


def test_the_samples_hold_what_is_searched_for(sample_run: SampleRun):
    narratives = str(sample_run.home / "raw" / "restricted" / "*" / "*" / "*.parquet")
    n_rows, n_naming = n_found(duckdb.connect(), f"read_parquet('{narratives}', union_by_name = true)")
    assert n_rows > 100 and n_naming > 20
    planted = re.compile(PATTERN.encode())
    assert sum(bool(planted.search(p.read_bytes())) for p in sample_run.inbox.iterdir()) > 20


@pytest.mark.parametrize("file", ["published/px.duckdb", "build/px.duckdb"])
def test_no_table_outside_the_restricted_schema_names_anybody(sample_run: SampleRun, file: str):
    searched = {}
    for con, schema, relation in relations(sample_run.home / file):
        if schema != "restricted":
            searched[relation] = n_found(con, relation)
    assert len(searched) > 10 and sum(n for n, _ in searched.values()) > 10_000
    assert {relation: n for relation, (_, n) in searched.items() if n} == {}


def test_no_parquet_file_outside_the_restricted_folder_names_anybody(sample_run: SampleRun):
    files = [p for p in sample_run.home.rglob("*.parquet") if "restricted" not in p.parts]
    with duckdb.connect() as con:
        found = {str(p): n_found(con, f"read_parquet('{p}')") for p in files}
    assert len(found) > 100 and sum(n for n, _ in found.values()) > 10_000
    assert [p for p, (_, n) in found.items() if n] == []


def test_no_text_file_log_or_message_names_anybody(sample_run: SampleRun):
    planted, read = re.compile(PATTERN), 0
    for path in sample_run.home.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".html", ".log", ".sql", ".yml", ".txt", ".csv", ".out", ".err") and "landing" not in path.parts:
            read += 1
            assert not planted.search(path.read_text(errors="replace")), path
    told = "".join((sample_run.output, run_pxw(sample_run.home, "status").stdout, run_pxw(sample_run.home, "status", "--json").stdout,
                    run_pxw(sample_run.home, "check", str(next(sample_run.inbox.glob("rl6_feedback_202606_*.csv")))).stdout))
    assert read > 50 and not planted.search(told)


def test_the_keys_are_in_no_file_of_the_home(sample_run: SampleRun, tmp_path_factory):
    import os

    keys = json.loads(Path(os.environ["PXW_KEY_FILE"]).read_text())
    parts = [key.encode() for key in keys.values()] + [bytes.fromhex(key) for key in keys.values()]
    files = [p for p in sample_run.home.rglob("*") if p.is_file()]
    assert len(files) > 100 and len(parts) >= 8
    assert [p for p in files if any(part in p.read_bytes() for part in parts)] == []


def test_the_published_file_opens_the_way_the_bi_page_says(sample_run: SampleRun):
    page = (Path(__file__).parents[2] / "docs" / "bi_tools.md").read_text()
    uri = re.search(r"`(duckdb:////path/to/warehouse/published/px\.duckdb\?access_mode=read_only)`", page)[1]
    arguments = json.loads(re.search(r'`\{"connect_args": (\{.*?\})\}`', page)[1])
    engine = sqlalchemy.create_engine(uri.replace("/path/to/warehouse", str(sample_run.home)), connect_args=arguments)
    with engine.connect() as con:
        assert con.execute(sqlalchemy.text("select count(*) from marts.kpi_value")).scalar() > 1000
        with pytest.raises(Exception, match="(?i)disabled|permission|configuration"):
            con.execute(sqlalchemy.text("select * from read_csv('/etc/hostname')")).fetchall()
    engine.dispose()
