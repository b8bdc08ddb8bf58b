"""Value-Based Purchasing points of every facility and four quarters, by methods.hvbp, one payment year after the other."""

RATES = """
    with whole as (
        select facility_id, period_start_on, period_end_on, adjustment, measure_name, instrument_family, top_box_pct, n, coalesce(reason, '') as reason
        from score
        where level = 'facility' and period_grain = 'rolling_4_quarters' and adjustment in ('raw', 'adjusted_published') and date_basis = 'discharge'
            and segment_type = 'all' and top_box_pct is not null
    ),
    rate as (
        select st.fiscal_year, st.dimension, s.facility_id, s.adjustment, s.period_start_on, s.period_end_on,
            (sum(s.top_box_pct::decimal(38, 18)) / count(*))::double as rate, min(s.n) as n, bool_or(s.reason = 'DSRS_UNWEIGHTED') as is_unweighted,
            count(*) = any_value(len(string_split(st.measure_names, ';'))) as is_whole
        from standard as st
        inner join whole as s on list_contains(string_split(st.measure_names, ';'), s.measure_name)
        group by all
    ),
    hospital as (
        select distinct st.fiscal_year, s.facility_id, s.adjustment, s.period_start_on, s.period_end_on
        from whole as s cross join (select distinct fiscal_year from standard) as st
        where s.instrument_family = 'hcahps' and s.adjustment = 'raw'
        union
        select fiscal_year, facility_id, adjustment, period_start_on, period_end_on from rate
    )
    select h.fiscal_year, h.facility_id, h.adjustment, h.period_start_on, h.period_end_on, st.dimension, st.floor, st.threshold, st.benchmark,
        case when p.is_whole and not p.is_unweighted then p.rate end as performance, case when b.is_whole and not b.is_unweighted then b.rate end as baseline,
        p.n, p.is_unweighted
    from hospital as h
    inner join standard as st on st.fiscal_year = h.fiscal_year
    left join rate as p on (p.fiscal_year, p.dimension, p.facility_id, p.adjustment, p.period_start_on)
        = (h.fiscal_year, st.dimension, h.facility_id, h.adjustment, h.period_start_on)
    left join rate as b on (b.fiscal_year, b.dimension, b.facility_id, b.adjustment, b.period_end_on)
        = (h.fiscal_year, st.dimension, h.facility_id, h.adjustment, h.period_start_on - 1)
    order by h.fiscal_year, h.facility_id, h.adjustment, h.period_start_on, st.dimension
"""
GIVEN = ("performance", "baseline", "floor", "threshold", "benchmark")
KEPT = ("fiscal_year", "facility_id", "adjustment", "period_start_on", "period_end_on", "dimension", *GIVEN, "n", "is_unweighted")
POINTS = ("achievement", "improvement", "dimension", "base", "consistency", "domain")


def model(dbt, session):
    dbt.config(materialized="table")
    import numpy as np
    import pyarrow as pa

    from methods.hvbp import score_hospitals

    score, standard = dbt.ref("survey_score"), dbt.ref("hvbp_standard")  # noqa: F841 (DuckDB reads them by name)
    rates = session.sql(RATES).to_arrow_table()
    given = {name: np.array([np.nan if v is None else v for v in rates[name].to_pylist()], dtype=float) for name in GIVEN}
    years, dimensions = np.array(rates["fiscal_year"].to_pylist()), np.array(rates["dimension"].to_pylist(), dtype=object)
    points = {name: np.full(len(years), np.nan) for name in POINTS}
    for year in np.unique(years):  # a year has dimensions of its own: 8 in 2024, fewer in later years
        of_year = years == year
        shape = (-1, len(np.unique(dimensions[of_year])))
        for name, values in score_hospitals(**{name: values[of_year].reshape(shape) for name, values in given.items()}).items():
            points[name][of_year] = (values if values.ndim == 2 else np.repeat(values[:, None], shape[1], axis=1)).ravel()
    found = {name: rates[name] for name in KEPT} | {f"{name}_points": pa.array(values, pa.float64(), from_pandas=True) for name, values in points.items()}
    return pa.table(found)
