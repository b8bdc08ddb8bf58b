"""What can bear on a KPI: the facts it counts, the kinds of delivery that fill or judge them, the settings.

Belongs here: these tables, as data.
Does not belong here: comparing two publications (causes.py), what is kept of them (kept.py).

A KPI counts rows of facts. A fact is filled by deliveries of some kinds, and its rows are placed and judged by
others: mappings say where a row belongs, references how it is read. Settings of the home judge too.
"""

from __future__ import annotations

# Source of a measure -> the facts whose rows it counts; a name stands for every table that begins so.
FACTS_OF = {
    "answers": ("fct_survey_{family}", "fct_answer_count"), "patient_means": ("fct_survey_{family}",), "surveys": ("fct_survey_{family}",),
    "adjusted": ("fct_survey_{family}",), "cases": ("fct_complaint", "fct_encounter"), "handled_cases": ("complaint_clock",), "metrics": ("fct_metric",),
}
ANY_FACT = ("fct_", "complaint_clock", "case_tag")
CONDITIONS = "case_tag"  # counted by measures of cases that ask for a category, severity or class
# The value of one place depends on the rows of all.
OF_THE_GROUP = ("adjusted",)

_COMPLAINT = frozenset({"complaint", "complaint_issue", "complaint_person"})
# Beginning of a fact -> kinds of delivery that hold its rows.
FILLED_BY = {
    "fct_survey_": frozenset({"survey"}), "fct_answer_count": frozenset({"answer_count"}), "fct_metric": frozenset({"metric"}),
    "fct_encounter": frozenset({"encounter", "encounter_count", "encounter_event"}),
    "fct_complaint": _COMPLAINT, "complaint_clock": _COMPLAINT, "case_tag": _COMPLAINT,
}
# Kinds that place or judge rows of others -> cause, beginnings of the facts.
OF_CASES = ("fct_complaint", "complaint_clock", "case_tag")
JUDGED_BY = {
    "org_unit": ("MAPPING_CHANGE", ANY_FACT), "complaint_word": ("MAPPING_CHANGE", OF_CASES),
    "complaint_scheme": ("REFERENCE_CHANGE", OF_CASES), "complaint_link": ("REFERENCE_CHANGE", OF_CASES),
    "complaint_coding": ("REFERENCE_CHANGE", OF_CASES), "timeliness_rule": ("REFERENCE_CHANGE", ("complaint_clock",)),
}
# Kinds that are compared with KPIs, or scored beside them; no row of kpi_value rests on them.
BEAR_ON_NO_KPI = frozenset({"benchmark", "score", "star_cut_point", "adjustment_coefficient", "initiative"})
# Section of the settings -> beginnings of the facts it judges.
SET_BY = {"encounters": ("fct_encounter", "case_tag")}
SMALL_CELLS = "small_cells"


def facts_of(source: str, family: str | None, *, has_conditions: bool = False) -> list[str]:
    """Beginnings of the names of the facts that a measure of this source counts."""
    facts = [name.format(family=family or "") for name in FACTS_OF.get(source, ANY_FACT)]
    return [*facts, CONDITIONS] if has_conditions else facts


def touches(beginnings: tuple[str, ...], fact: str) -> bool:
    """Whether a fact, or a beginning that stands for several, is among those meant."""
    return any(fact.startswith(one) or one.startswith(fact) for one in beginnings)


def kinds_filling(facts: list[str]) -> set[str]:
    """Kinds of delivery whose rows these facts hold."""
    return set().union(*(kinds for beginning, kinds in FILLED_BY.items() if any(touches((beginning,), fact) for fact in facts)))
