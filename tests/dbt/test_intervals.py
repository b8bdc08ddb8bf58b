"""The interval macros against independent software."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import jinja2
import pytest

from orchestration.dbt_render import PROJECT_DIR


@pytest.fixture(scope="module")
def macros():
    text = (PROJECT_DIR / "macros" / "intervals.sql").read_text(encoding="utf-8")
    return jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(text).module


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return [row for row in csv.DictReader(handle) if float(row["conf"]) == 0.95]


def test_wilson_agrees_with_the_oracle(macros, shared: Path) -> None:
    rows = _rows(shared / "oracles" / "rates" / "proportion_ci.csv")
    assert len(rows) >= 5
    with duckdb.connect() as con:
        for row in rows:
            p, n = f"({row['x']}::double / {row['n']})", f"{row['n']}::bigint"
            low, high = con.execute(f"select {macros.wilson(p, n, -1)}, {macros.wilson(p, n, 1)}").fetchone()
            assert (low, high) == pytest.approx((float(row["wilson_lo"]), float(row["wilson_hi"])), rel=1e-9, abs=1e-12)


def test_phe_rule_agrees_with_the_oracle(macros, shared: Path) -> None:
    rows = _rows(shared / "oracles" / "rates" / "poisson_rate_ci.csv")
    assert any(int(row["count"]) < 10 for row in rows) and any(int(row["count"]) >= 10 for row in rows)
    with duckdb.connect() as con:
        con.execute(f"create table garwood as from read_csv('{PROJECT_DIR / 'seeds' / 'garwood_limit.csv'}')")
        for row in rows:
            count = f"{row['count']}::double"
            low, high = con.execute(
                f"select {macros.phe_count_lower(count, 'g')}, {macros.phe_count_upper(count, 'g')} from (select 1) "
                f"left join garwood as g on g.confidence = 0.95 and g.n_events = {row['count']}"
            ).fetchone()
            k = 1000 / float(row["encounters"])
            assert (low * k, high * k) == pytest.approx((float(row["phe_rate_lo"]), float(row["phe_rate_hi"])), rel=1e-9, abs=1e-12)


def test_nothing_has_no_interval(macros) -> None:
    with duckdb.connect() as con:
        found = con.execute(f"select {macros.wilson('null::double', '10', 1)}, {macros.wilson('0.5', '0', -1)}, "
                            f"{macros.phe_count_lower('null::double', 'g')} from (select null::double as lower) as g").fetchone()
    assert found == (None, None, None)
