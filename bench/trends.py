"""How long control charts, signals and funnels take for a large group, beside a plain DuckDB script: 5,000 units x 30 KPIs x 36 months.

Belongs here: the input, the steps and marts as the build runs them, timing, the comparison of the two results. Does not belong here: the
plain script (plain_trends.py), the arrays alone (charts.py), correctness (tests/dbt/test_trends.py).

    python -m bench.trends                5,000 units x 30 KPIs; part of `make bench`
    python -m bench.trends 200 30         fewer units
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from bench.timing import timed

MARTS = Path(__file__).resolve().parents[1] / "dbt_project" / "models" / "marts"
MACROS = MARTS.parents[1] / "macros"
MONTHS = 36
# Points whose lines, values or signals differ: the two order their additions differently, so lines agree to 1e-9.
DIFFERENT = """
    select count(*), count(*) filter (not coalesce(abs(a.centre - b.centre) <= 1e-9 * b.centre and abs(a.ucl - b.ucl) <= 1e-9 * b.ucl
        and abs(a.lcl - b.lcl) <= 1e-9 * b.ucl and a.signal = b.signal and a.longest_run = b.longest_run and a.n_crossings = b.n_crossings, false)),
        count(*) filter (a.signal <> 'none')
    from kpi_trend as a full join plain_point as b
        on b.kpi_id = a.kpi_id and b.facility_id = a.facility_id and b.unit_id = a.unit_id and b.period_start_on = a.period_start_on"""


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


def write_input(file: Path, n_units: int, n_kpis: int) -> None:
    """kpi_value and kpi_series of rates in months, with the other inputs empty."""
    with duckdb.connect(str(file)) as con:
        con.execute("set threads = 1")      # so that random() gives the same numbers everywhere
        con.execute("select setseed(0.42)").fetchall()
        con.execute(f"""
            create table kpi_series as
            select row_number() over ()::integer as series_number, 'kpi' || k as kpi_id, 'KPI ' || k as kpi_label, 1 as measure_version,
                'u_prime' as declared_chart, 'anhoej' as rule_set, true as screen_mr, false as laney_floor, 'adjusted' as funnel, 'm' || k as measure_id,
                'per_1000' as unit, 'decrease' as direction, 1000.0::double as scale_factor, 'cases' as source, false as is_share,
                'month' as period_grain, 'u_prime' as chart, 1 as setting, 'unit' as level, 'F' || (u // 20) as facility_id, 'U' || u as unit_id,
                'line' as service_line, 'F' || (u // 20) || '/U' || u as entity_code, true as is_charted
            from range({n_kpis}) as k (k), range({n_units}) as u (u)""")
        con.execute(f"""
            create table kpi_value as
            select s.kpi_id, s.measure_id, s.level, s.facility_id, s.unit_id, s.service_line, 'all' as segment_type, 'month' as period_grain,
                make_date(2023 + m::int // 12, m::int % 12 + 1, 1) as period_start_on, last_day(make_date(2023 + m::int // 12, m::int % 12 + 1, 1)) as period_end_on,
                n as denominator, n::bigint as n, floor(n * 0.004 * (0.5 + random()))::double as numerator, 1000 * floor(n * 0.004) / n as value,
                true as is_publishable, null::varchar as reason, 4.0::double as target
            from (select *, (500 + floor(8000 * random()))::double as n from kpi_series cross join range({MONTHS}) as m (m)) as s""")
        con.execute("update kpi_value set value = 1000 * numerator / denominator")
        con.execute("create table run as select 'bench' as run_id")
        con.execute("create table kpi_chart_event (kpi_id varchar, event varchar, event_on date, facility_id varchar, unit_id varchar, reason varchar, decided_by varchar)")
        con.execute("create table measure_break (measure_id varchar, start_on date, note varchar)")
        con.execute("create table initiative (initiative_id varchar, initiative_name varchar, kpi_id varchar, facility_id varchar, unit_id varchar, "
                    "start_on date, end_on date, action_code varchar, fault varchar)")
        con.execute("create table kpi_case (series_number integer, event_on date, event_number integer, n_encounters_before double, n_gaps integer)")


def build(file: Path) -> None:
    """The steps and marts over the input, one after the other as dbt with one thread would; prints what each took."""
    import methods.control  # noqa: F401 - a run has loaded these long before

    with duckdb.connect(str(file)) as con:
        for name in ("kpi_chart", "kpi_trend", "kpi_signal", "kpi_comparison", "kpi_funnel"):
            cpu, wall = time.process_time(), time.perf_counter()
            found = _model(con, name)       # noqa: F841 (DuckDB reads it by name)
            con.execute(f"create or replace table {name} as from found").fetchall()
            n = con.execute(f"select count(*) from {name}").fetchall()[0][0]
            print(f"    {name:<16}{n:>12,} rows{time.perf_counter() - wall:8.1f} s wall{time.process_time() - cpu:8.1f} s CPU", flush=True)


def _model(con: duckdb.DuckDBPyConnection, name: str) -> object:
    """A model of the project over tables of this database: an Arrow table of a Python step, a relation of an SQL mart."""
    step = MARTS / "steps" / f"{name}.py"
    if step.exists():
        spec = importlib.util.spec_from_file_location(name, step)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.model(Dbt(con), con)
    import jinja2

    text = (MACROS / "explanation.sql").read_text() + (MARTS / f"{name}.sql").read_text()
    return con.sql(jinja2.Environment().from_string(text).render(ref=lambda one: one, source=lambda _, one: one))


def main(n_units: int = 5000, n_kpis: int = 30) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pxw-bench-trends-"))
    file, plain = folder / "trends.duckdb", folder / "plain.duckdb"
    print(f"\ncharts: {n_units:,} units x {n_kpis} KPIs x {MONTHS} months = {n_units * n_kpis * MONTHS:,} points", flush=True)
    try:
        write_input(file, n_units, n_kpis)
        shutil.copy(file, plain)
        ours = timed([sys.executable, "-m", "bench.trends", "--build", str(file)], {}, folder / "ours.log")
        theirs = timed([sys.executable, "-m", "bench.plain_trends", str(plain)], {}, folder / "plain.log")
        for what, timing in (("charts, signals, funnels", ours), ("plain DuckDB script", theirs)):
            print(f"  {what:26s}{timing.wall:7.1f} s wall  {timing.cpu:7.1f} s CPU  peak {timing.peak_mb:7,.0f} MB")
        print((folder / "ours.log").read_text(), end="")
        with duckdb.connect(str(file)) as con:
            con.execute(f"attach '{plain}' as plain (read_only)")
            n, n_different, n_signals = con.execute(DIFFERENT.replace("plain_point", "plain.plain_point")).fetchall()[0]
        if n_different or n != n_units * n_kpis * MONTHS or not n_signals:
            raise SystemExit(f"the two do not compute the same: {n_different:,} of {n:,} points differ, {n_signals:,} have a signal")
        print(f"  ratio {ours.wall / theirs.wall:.2f} (wall), {ours.cpu / theirs.cpu:.2f} (CPU); {n:,} points with equal limits and signals, "
              "funnels and icons in ours alone")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--build"]:
        build(Path(sys.argv[2]))
    else:
        main(*(int(argument) for argument in sys.argv[1:]))
