"""Metrics that other departments keep: training, staffing, engagement.

Belongs here: which rows count, as what. Does not belong here: windows.
"""

from __future__ import annotations

from bench.plain.pieces import month_of
from bench.plain.script import Script
from bench.plain.units import at_place, place, stretch


def metrics(script: Script) -> None:
    """Table metric_month: per unit and month the rows of every metric and the parts of those that count.

    A mean without a numerator takes the value, weighted by the denominator; a share needs counts, the upper no more than the lower.
    """
    script.run(f"""
        create temp table metric as
        select 'metrics' as feed, lower(trim(Metric)) as metric, Facility as facility_code, coalesce(Unit, '') as unit_code,
            try_strptime(Month, ['%Y-%m-%d', '%Y-%m'])::date as start_on, {stretch(script, "start_on")} as stretch_on,
            Numerator as numerator, Denominator as denominator, Value as value
        from {script.csv("metrics", {"Numerator": "DOUBLE", "Denominator": "BIGINT", "Value": "DOUBLE"})}
        where Metric is not null and Facility is not null and start_on is not null and coalesce(Denominator, 0) >= 0
        qualify row_number() over (partition by Metric, Facility, Unit, Month order by file_index desc) = 1""")
    place(script, "metric")
    parts = []
    for measure, statistic in script.rows("select measure_id, statistic from measure where source = 'metrics' order by all"):
        upper, lower, is_sound = "numerator", "denominator", "numerator between 0 and denominator and numerator = floor(numerator)"
        if statistic == "mean":
            lower = "coalesce(denominator, 1)"
            upper, is_sound = f"coalesce(numerator, value * {lower})", "coalesce(numerator, value) >= 0"
        is_own = f"metric = '{script.metrics[measure]}'"
        parts += [f"count(*) filter ({is_own}) as rows__{measure}"] + [
            f"sum({part}) filter ({is_own} and {is_sound} and {lower} > 0) as {name}__{measure}"
            for name, part in (("numerator", upper), ("denominator", lower))]
    script.run(f"""
        create temp table metric_month as
        select facility_id, unit_id, {month_of("start_on")} as month, {", ".join(parts)} from {at_place("metric")} group by all""")
