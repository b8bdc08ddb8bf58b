"""The charts of bench/trends.py by one plain DuckDB script: Laney u' limits with screened moving ranges, points outside, Anhoej's run tests.

Belongs here: SQL that knows nothing of this project but the rows of kpi_value. Does not belong here: anything of methods/; timing (trends.py).

What a careful analyst would write for exactly this chart: no other chart, no gaps, no parts, no baseline, no exclusions, no icons, no words, and
no funnels, for which DuckDB has no Poisson quantile.
"""

from __future__ import annotations

import sys
from math import comb

import duckdb

THRESHOLDS = 200        # points at most
CHART = """
    create table plain_point as
    with counted as (
        select kpi_id, facility_id, unit_id, period_start_on, numerator as c, denominator as n, numerator / denominator as y,
            sum(numerator) over series / sum(denominator) over series as centre
        from kpi_value
        where is_publishable
        window series as (partition by kpi_id, facility_id, unit_id)
    ),

    standard as (select *, sqrt(centre / n) as sigma, (y - centre) / sqrt(centre / n) as z, sign(y - centre)::tinyint as side from counted),

    -- Points on the centre line belong to no run and break none.
    ranged as (
        select *, abs(z - lag(z) over series) as mr, last_value(nullif(side, 0) ignore nulls) over (series rows between unbounded preceding and 1 preceding) as side_before
        from standard
        window series as (partition by kpi_id, facility_id, unit_id order by period_start_on)
    ),

    spread as (
        select *, avg(mr) over series as amr,
            sum((side <> 0 and (side_before is null or side <> side_before))::int) over (series order by period_start_on) as run_number
        from ranged
        window series as (partition by kpi_id, facility_id, unit_id)
    ),

    lined as (
        select *, avg(mr) filter (mr < 3.267 * amr) over series / 1.128 as sigma_z,
            count(*) filter (side <> 0) over (partition by kpi_id, facility_id, unit_id, run_number) as run_length,
            count(*) filter (side <> 0) over series as n_useful, max(run_number) over series - 1 as n_crossings
        from spread
        window series as (partition by kpi_id, facility_id, unit_id)
    ),

    judged as (
        select *, max(run_length) over (partition by kpi_id, facility_id, unit_id) as longest_run,
            greatest(centre - 3 * sigma * sigma_z, 0) as lcl, centre + 3 * sigma * sigma_z as ucl
        from lined
    )

    select
        j.kpi_id, j.facility_id, j.unit_id, j.period_start_on, 1000 * y as value, 1000 * centre as centre, 1000 * lcl as lcl, 1000 * ucl as ucl,
        1000 * greatest(centre - 2 * sigma * sigma_z, 0) as lcl95, 1000 * (centre + 2 * sigma * sigma_z) as ucl95,
        case when y > ucl then 'astronomical_high' when y < lcl then 'astronomical_low'
            when side <> 0 and run_length > t.longest_run_max then if(side > 0, 'shift_high', 'shift_low') else 'none' end as signal,
        longest_run, n_crossings, longest_run > t.longest_run_max or n_crossings < t.n_crossings_min as runs_signal
    from judged as j
    inner join threshold as t on t.n_useful = j.n_useful"""


def thresholds() -> list[tuple[int, int, int]]:
    """Useful points -> longest run and fewest crossings without a signal (Anhoej and Olesen 2014)."""
    found = []
    for n in range(1, THRESHOLDS):
        q, below = 0, 1
        while 20 * below < 2 ** (n - 1):
            q += 1
            below += comb(n - 1, q)
        found.append((n, round(n.bit_length() - 1 + (n / 2 ** (n.bit_length() - 1) > 2**0.5)) + 3, q))
    return found


def main(file: str) -> None:
    with duckdb.connect(file) as con:
        con.execute("create table threshold (n_useful integer, longest_run_max integer, n_crossings_min integer)")
        con.executemany("insert into threshold values (?, ?, ?)", thresholds())
        con.execute(CHART).fetchall()


if __name__ == "__main__":
    main(sys.argv[1])
