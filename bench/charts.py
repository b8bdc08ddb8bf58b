"""How long control charts take for every KPI of a large group: 150,000 series x 36 months.

Belongs here: timing only; nothing is asserted. Does not belong here: correctness (tests/methods).
Run: python bench/charts.py [n_series]. Prints seconds for the limits and rules alone, for the whole of methods.control_chart, and their
ratio to a baseline that only sums the same rows per series in DuckDB.
"""
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MONTHS = 36


def table(n_series):
    """Synthetic complaints and encounters, one row per KPI, unit and month, as an Arrow table."""
    import numpy as np
    import pyarrow as pa
    random = np.random.default_rng(20260131)
    n_units = max(n_series // 30, 1)
    series = np.repeat(np.arange(n_series), MONTHS)
    encounters = random.integers(500, 9000, series.size)
    month = np.tile(np.arange("2023-01", "2026-01", dtype="datetime64[M]").astype("datetime64[D]"), n_series)
    return pa.table({"kpi_id": pa.array(series // n_units), "unit_key": pa.array(series % n_units), "period": month,
                     "numerator": random.poisson(encounters * 0.004).astype(float), "denominator": encounters.astype(float)})


def timed(label, work, baseline=None):
    start = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - start
    print(f"{label:<44}{seconds:8.2f} s" + (f"   {seconds / baseline:6.1f} x baseline" if baseline else ""))
    return seconds, found


def main(n_series=150_000):
    import duckdb
    import numpy as np

    from methods import charts, making_data_count, signals
    from methods.control import control_chart

    rows = table(n_series)
    print(f"{n_series:,} series x {MONTHS} months = {len(rows):,} rows")
    con = duckdb.connect()
    con.register("rows", rows)
    sums = "select kpi_id, unit_key, sum(numerator), sum(denominator), sum(numerator) / sum(denominator) from rows group by all"
    baseline, _ = timed("baseline: DuckDB sums per series", lambda: con.sql(sums).to_arrow_table())
    c, n = (np.asarray(rows.column(name)).reshape(-1, MONTHS) for name in ("numerator", "denominator"))
    timed("baseline: numpy sums per series", lambda: c.sum(1) / n.sum(1), baseline)

    def laney():
        found = charts.limits("u'", c, n)
        return signals.anhoej(found.y, found.centre)

    timed("arrays: u' limits and Anhoej", laney, baseline)
    timed("arrays: xmr limits and Making Data Count", lambda: making_data_count.rules(charts.limits("xmr", c, n)), baseline)
    keys = ["kpi_id", "unit_key"]
    timed("table: control_chart, u', Anhoej", lambda: control_chart(rows, unit=keys, chart="u'", scale=1000), baseline)
    timed("table: control_chart, auto, NHS", lambda: control_chart(rows, unit=keys, rules="nhs", scale=1000), baseline)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
