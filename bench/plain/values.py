"""The values.

Belongs here: an expression per KPI, a row per value. Does not belong here: sums.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bench.plain.pieces import in_, month_number
from bench.plain.script import Script
from bench.plain.surveys import FEEDS

# Source of a measure: the feeds whose newest file closes months; of the others those of surveys.
CLOSING = {"cases": ("rl6_feedback",), "handled_cases": ("rl6_feedback",), "metrics": ("metrics",)}


def values(script: Script, out: Path) -> None:
    """A column per KPI, an expression over the sums; then a row per value. A month is closed when a delivery came after it."""
    columns = []
    for kpi, measure, source, scale, start, end, levels, grains in script.rows("""
            select kpi_id, measure_id, source, scale_factor, coalesce(valid_from_on, date '1900-01-01'),
                coalesce(valid_to_on, date '9999-11-30'), (select list(level) from kpi_level as l where l.kpi_id = k.kpi_id),
                (select list(period_grain) from kpi_window as w where w.kpi_id = k.kpi_id)
            from kpi as k join measure using (measure_id)
            where source <> 'adjusted' order by all"""):
        first = month_number(start - timedelta(days=1)) + 1
        last = min(month_number(end + timedelta(days=1)), script.open_month(*CLOSING.get(source, FEEDS))) - 1
        kind = {"cases": script.denominators.get(measure), "handled_cases": "handled", "metrics": measure}.get(source, "survey")
        columns.append(f"""case when level in {in_(levels)} and grain in {in_(grains)} and end_month <= {last}
            and end_month - n_months + 1 >= {first} and is__{kind} then {scale} * {_mean(script, measure, source)} end as {kpi}""")
    script.run(f"""
        copy (
            select kpi || ':' || key as kpi_key, value from (select key, {", ".join(columns)} from span)
            unpivot (value for kpi in (columns(* exclude key)))
            union all
            from adjusted_value
        ) to '{out}' (format parquet)""")


def _mean(script: Script, measure: str, source: str) -> str:
    """SQL: numerator / denominator; for answers the mean over the items that anybody answered."""
    match source:
        case "cases":
            return f"coalesce(cases__{measure}, 0) / nullif(encounters__{script.denominators[measure]}, 0)"
        case "handled_cases":
            return f"done__{measure} / nullif(decided__{measure}, 0)"
        case "metrics":
            return f"numerator__{measure} / nullif(denominator__{measure}, 0)"
        case "surveys":
            return "n_complete / nullif(n_eligible, 0)"
    shares, is_answered = [], []
    for item, weights in script.weights[measure].items():
        n = " + ".join(f"{item}__{answer}" for answer in weights)
        weighed = " + ".join(f"{weight} * {item}__{answer}" for answer, weight in weights.items() if weight) or "0"
        shares.append(f"coalesce(({weighed}) / nullif({n}, 0), 0)")
        is_answered.append(f"case when {n} > 0 then 1 else 0 end")
    return f"({' + '.join(shares)}) / nullif({' + '.join(is_answered)}, 0)"
