"""Intervals and comparisons of complaint rates, by methods.intervals, once for each set of counts that occurs.

Belongs here: which counts are asked for. Does not belong here: formulas (methods/intervals.py), which of them may be shown (complaint_rate.sql).

Only whole windows have a rate. Counts against one encounter are there for every number of cases that occurs: limits of a count, for the standardised rate.
"""

COUNTS = """
    with asked as (
        select distinct
            numerator, denominator,
            case when is_last_year_whole then last_year_numerator end as last_year_numerator,
            case when is_last_year_whole then last_year_denominator end as last_year_denominator
        from rate_count
        where denominator > 0 and is_whole
    )

    select * from asked
    union
    select unnest(range(coalesce((select max(numerator) from rate_count), 0) + 1)), 1, null, null
    order by all
"""


def model(dbt, session):
    dbt.config(materialized="table")
    import numpy
    import pyarrow

    from methods.intervals import garwood, phe, rate_ratio

    rate_count = dbt.ref("complaint_rate_count")  # noqa: F841 (DuckDB reads it by name)
    counts = session.sql(COUNTS).to_arrow_table()
    c1, n1, c2, n2 = (counts.column(i).cast(pyarrow.float64()).to_numpy() for i in range(4))
    # A hundred times fewer numbers of cases than sets of counts: their limits are made once and divided.
    cases, at = numpy.unique(c1, return_inverse=True)
    limits = {"ci": phe(cases, per=1000), "exact": garwood(cases, per=1000)}
    ratio, low, high, p = rate_ratio(c1, n1, c2, n2)
    found = {f"{name}_{side}": values[at] / n1 for name, pair in limits.items() for side, values in zip(("low", "high"), pair, strict=True)}
    found |= {"rate_ratio": ratio, "rate_ratio_low": low, "rate_ratio_high": high, "rate_ratio_p": p}
    # An infinite ratio (no case last year) is no number for a reader: null, and complaint_rate says why.
    arrays = [pyarrow.array(values, type=pyarrow.float64(), mask=~numpy.isfinite(values)) for values in found.values()]
    return pyarrow.table([*counts.columns, *arrays], names=[*counts.column_names, *found])
