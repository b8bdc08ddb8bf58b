"""How long control charts, signals and funnels take for a large group: the steps of the build over 5,000 units x 30 KPIs x 36 months.

Belongs here: timing only; nothing is asserted. Does not belong here: the arrays alone (charts.py), correctness (tests/dbt/test_trends.py).
Run: python -m bench.trends [n_units] [n_kpis]. Prints CPU and wall seconds of each step as the build runs it: SQL to points, methods, result.
"""

from __future__ import annotations

import importlib.util
import resource
import sys
import time
from pathlib import Path

import duckdb

STEPS = Path(__file__).resolve().parents[1] / "dbt_project" / "models" / "marts" / "steps"
MONTHS = 36


class Dbt:
    """What a Python step asks of dbt: relations by name."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        return self.con.table(name)

    def source(self, _: str, name: str) -> duckdb.DuckDBPyRelation:
        return self.con.table(name)

    def config(self, **_: object) -> None:
        pass


def tables(con: duckdb.DuckDBPyConnection, n_units: int, n_kpis: int) -> None:
    """kpi_value and kpi_series of rates in months, with the other inputs empty."""
    con.execute("select setseed(0.42)")
    con.execute(f"""
        create table kpi_series as
        select row_number() over ()::integer as series_number, 'kpi' || k as kpi_id, 'u_prime' as declared_chart, 'anhoej' as rule_set, true as screen_mr,
            false as laney_floor, 'adjusted' as funnel, 'm' || k as measure_id, 'per_1000' as unit, 'decrease' as direction, 1000.0::double as scale_factor,
            'cases' as source, false as is_share, 'month' as period_grain, 'u_prime' as chart, 1 as setting, 'unit' as level,
            'F' || (u // 20) as facility_id, 'U' || u as unit_id, 'line' as service_line, 'F' || (u // 20) || '/U' || u as entity_code, true as is_charted
        from range({n_kpis}) as k (k), range({n_units}) as u (u)""")
    con.execute(f"""
        create table kpi_value as
        select s.kpi_id, s.measure_id, s.level, s.facility_id, s.unit_id, s.service_line, 'all' as segment_type, 'month' as period_grain,
            make_date(2023 + m::int // 12, m::int % 12 + 1, 1) as period_start_on, last_day(make_date(2023 + m::int // 12, m::int % 12 + 1, 1)) as period_end_on,
            n as denominator, n::bigint as n, floor(n * 0.004 * (0.5 + random()))::double as numerator, 1000 * floor(n * 0.004) / n as value,
            true as is_publishable, null::varchar as reason, 4.0::double as target
        from (select *, (500 + floor(8000 * random()))::double as n from kpi_series cross join range({MONTHS}) as m (m)) as s""")
    con.execute("create table kpi_chart_event (kpi_id varchar, event varchar, event_on date, facility_id varchar, unit_id varchar, reason varchar, decided_by varchar)")
    con.execute("create table measure_break (measure_id varchar, start_on date, note varchar)")
    con.execute("create table initiative (initiative_id varchar, initiative_name varchar, kpi_id varchar, facility_id varchar, unit_id varchar, start_on date, "
                "end_on date, action_code varchar, fault varchar)")
    con.execute("create table kpi_case (series_number integer, event_on date, event_number integer, n_encounters_before double, n_gaps integer)")


def timed(name: str, con: duckdb.DuckDBPyConnection) -> None:
    spec = importlib.util.spec_from_file_location(name, STEPS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cpu, wall = time.process_time(), time.perf_counter()
    found = module.model(Dbt(con), con)
    print(f"{name:<18}{len(found):>12,} rows{time.process_time() - cpu:9.1f} s CPU{time.perf_counter() - wall:9.1f} s wall", flush=True)


def main(n_units: int = 5000, n_kpis: int = 30) -> None:
    import methods.control  # noqa: F401 - a run has loaded these long before

    print(f"{n_units:,} units x {n_kpis} KPIs x {MONTHS} months = {n_units * n_kpis * MONTHS:,} points")
    with duckdb.connect() as con:
        tables(con, n_units, n_kpis)
        for name in ("kpi_chart", "kpi_comparison"):
            timed(name, con)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
