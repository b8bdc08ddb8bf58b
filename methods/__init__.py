"""Published statistical methods as plain functions over arrays and tables, usable without the warehouse.

Belongs here: intervals, control charts, run rules, funnels, case-mix adjustment, scoring rules of public programs.
Does not belong here: the warehouse, dbt, Dagster, files; anything that knows a KPI by name.

Control charts: control_chart(table, ...) for everybody; charts.limits and signals.* over arrays. Funnels: funnel_chart(table, ...)
and funnel.funnel. Nothing heavy is imported until one of them is used.
"""


def __getattr__(name):
    if name == "control_chart":
        from methods.control import control_chart
        return control_chart
    if name == "funnel_chart":
        from methods.funnel_table import funnel_chart
        return funnel_chart
    raise AttributeError(f"module 'methods' has no attribute {name!r}")
