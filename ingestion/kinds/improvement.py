"""Columns of what others measure and what is done about it: metrics kept elsewhere, improvement initiatives.

Belongs here: names, types and meanings of canonical columns.
Does not belong here: which metrics there are (dbt_project/measures, source metrics), anything about a single system (feeds/).
"""

from __future__ import annotations

from ingestion.kinds.column import DATE, INTEGER, NUMBER, PLACE, TEXT, Column, Columns

METRIC: Columns = {
    "metric_code": Column(TEXT, "Metric as the measure file names it (key `metric`); case does not matter", True),
    **PLACE,
    "period_start_on": Column(DATE, "A date in the month that the number is about", True),
    "numerator": Column(NUMBER, "Events, hours, persons: what is counted"),
    "denominator": Column(INTEGER, "What it is counted of; with a value alone: how many stand behind it, 1 when absent"),
    "value": Column(NUMBER, "The number itself where there is no numerator, in the unit of the measure"),
}

INITIATIVE: Columns = {
    "initiative_id": Column(TEXT, "Initiative", True),
    "initiative_name": Column(TEXT, "What is done, in a few words; no persons", True),
    **PLACE,
    "kpi_id": Column(TEXT, "KPI it is meant to change", True),
    "start_on": Column(DATE, "First day", True),
    "end_on": Column(DATE, "Last day; null while it lasts"),
    "owner_role": Column(TEXT, "Role or board that answers for it; never a person", True),
    "action_code": Column(TEXT, "rebase: a declared process change, the chart begins a new part; annotate: shown on the chart only; withdraw: taken back"),
}
