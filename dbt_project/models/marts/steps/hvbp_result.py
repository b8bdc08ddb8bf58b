"""Value-Based Purchasing points of every facility and four quarters, by methods.hvbp."""

RATES = """
    with rate as (
        select st.fiscal_year, st.dimension, s.facility_id, s.period_start_on, s.period_end_on,
            avg(s.top_box_pct) as rate, min(s.n) as n, count(*) = any_value(len(string_split(st.measure_names, ';'))) as is_whole
        from standard as st
        inner join score as s on list_contains(string_split(st.measure_names, ';'), s.measure_name)
        where s.level = 'facility' and s.period_grain = 'rolling_4_quarters' and s.adjustment = 'raw' and s.date_basis = 'discharge'
            and s.segment_type = 'all' and s.top_box_pct is not null
        group by all
    ),
    hospital as (
        select distinct st.fiscal_year, s.facility_id, s.period_start_on, s.period_end_on
        from score as s cross join (select distinct fiscal_year from standard) as st
        where s.level = 'facility' and s.period_grain = 'rolling_4_quarters' and s.instrument_family = 'hcahps' and s.top_box_pct is not null
            and s.adjustment = 'raw' and s.date_basis = 'discharge' and s.segment_type = 'all'
    )
    select h.fiscal_year, h.facility_id, h.period_start_on, h.period_end_on, st.dimension, st.floor, st.threshold, st.benchmark,
        case when p.is_whole then p.rate end as performance, case when b.is_whole then b.rate end as baseline, p.n
    from hospital as h
    inner join standard as st on st.fiscal_year = h.fiscal_year
    left join rate as p on (p.fiscal_year, p.dimension, p.facility_id, p.period_start_on) = (h.fiscal_year, st.dimension, h.facility_id, h.period_start_on)
    left join rate as b on (b.fiscal_year, b.dimension, b.facility_id, b.period_end_on) = (h.fiscal_year, st.dimension, h.facility_id, h.period_start_on - 1)
    order by h.fiscal_year, h.facility_id, h.period_start_on, st.dimension
"""
KEPT = ("fiscal_year", "facility_id", "period_start_on", "period_end_on", "dimension", "performance", "baseline", "floor", "threshold", "benchmark", "n")


def model(dbt, session):
    dbt.config(materialized="table")
    import numpy as np
    import pyarrow as pa

    from methods.hvbp import score_hospitals

    score, standard = dbt.ref("survey_score"), dbt.ref("hvbp_standard")  # noqa: F841 (DuckDB reads them by name)
    rates = session.sql(RATES).to_arrow_table()
    n_dimensions = len(set(rates["dimension"].to_pylist())) or 1
    as_table = {name: np.array([np.nan if v is None else v for v in rates[name].to_pylist()], dtype=float).reshape(-1, n_dimensions)
                for name in ("performance", "baseline", "floor", "threshold", "benchmark")}
    points = score_hospitals(**as_table)
    found = {name: rates[name] for name in KEPT}
    for name in ("achievement", "improvement", "dimension"):
        found[f"{name}_points"] = pa.array(points[name].ravel(), pa.float64(), from_pandas=True)
    for name in ("base", "consistency", "domain"):
        found[f"{name}_points"] = pa.array(np.repeat(points[name], n_dimensions), pa.float64(), from_pandas=True)
    return pa.table(found)
