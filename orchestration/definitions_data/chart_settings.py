"""What a KPI file may say about its control chart: type, rules, baseline, process changes, exclusions, funnel.

Belongs here: the keys under `chart`, their defaults, what cannot go together.
Does not belong here: limits and rules (methods/), other keys of a KPI (kpis.py).

Policy (reference of the statistics, section 7): a baseline is frozen, a chart is rebased and a point is excluded only with a recorded
reason and the role that decided it, never automatically after a signal. Rule sets are never mixed.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ingestion.person_names import SIGNS_IN_WORDS
from orchestration.definitions_data.faults import Faults
from orchestration.definitions_data.measure import Measure
from orchestration.definitions_data.measure_file import Strict, Text, as_list

Type = Literal["auto", "run", "i", "xmr", "c", "u", "u_prime", "p", "p_prime", "ip", "g", "t", "none"]
Rules = Literal["anhoej", "nhs", "western_electric", "ihi"]

_CHARTS_OF_RULES = {"nhs": {"auto", "xmr", "none"}, "ihi": {"auto", "run", "none"}}
_SHARES = {"p", "p_prime"}
_COUNTS = {"c", "g", "t"}
_RATES = {"u", "u_prime"}


def _no_person(text: str) -> str:
    if re.search(SIGNS_IN_WORDS, text):
        raise ValueError("name a role or a board, never a person or an address")
    return text


Role = Annotated[Text, AfterValidator(_no_person)]


class Decision(Strict):
    """A recorded decision about a chart, for all series of the KPI or those of a facility or unit (with everything inside it)."""

    reason: Role
    decided_by: Role
    facility: Text | None = None
    unit: Text | None = None


class Freeze(Decision):
    """Last date of the baseline; later points are judged against it."""

    until: date


class Rebase(Decision):
    """First date of a new process: a new part of the chart begins."""

    start: date = Field(alias="from")


class Exclusion(Decision):
    """A date in the period to leave out of centre line, sigma and runs; the point stays visible and is judged by the limits."""

    period: date


class ChartSettings(Strict):
    """`chart`: a type alone, or these keys."""

    type: Type
    rules: Rules | None = None
    screen_mr: bool = True
    laney_floor: bool = False
    freeze: Annotated[list[Freeze], BeforeValidator(as_list)] = []
    rebase: Annotated[list[Rebase], BeforeValidator(as_list)] = []
    exclude: Annotated[list[Exclusion], BeforeValidator(as_list)] = []
    funnel: Literal["exact", "adjusted", "none"] = "adjusted"

    @property
    def rule_set(self) -> str:
        """The rules that judge the chart: those named, else the ones that belong to the type."""
        return self.rules or ("nhs" if self.type == "xmr" else "anhoej")

    def unit_without_facility(self) -> bool:
        """Whether a decision names a unit and not the facility it is in."""
        return any(one.unit and not one.facility for one in (*self.freeze, *self.rebase, *self.exclude))

    def events(self) -> list[tuple[str, date, str | None, str | None, str, str]]:
        """Decisions as rows: event, date, facility, unit, reason, decided by."""
        dated = [("freeze", one.until, one) for one in self.freeze]
        dated += [("rebase", one.start, one) for one in self.rebase]
        dated += [("exclude", one.period, one) for one in self.exclude]
        return [(event, on, one.facility, one.unit, one.reason, one.decided_by) for event, on, one in dated]


def _of_type(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Chart = Annotated[ChartSettings, BeforeValidator(_of_type)]


def check_chart(chart: ChartSettings, measure: Measure, place: tuple, faults: Faults) -> None:
    """Note what cannot be: a chart the measure has no counts for, mixed rule sets, one decision taken twice."""
    needs = {**dict.fromkeys(_SHARES, measure.is_share), **dict.fromkeys(_COUNTS, measure.source == "cases"),
             **dict.fromkeys(_RATES, measure.unit == "per_1000" or measure.is_share)}  # fmt: skip
    if not needs.get(chart.type, True):
        faults.add(place, f"chart {chart.type} does not fit '{measure.measure_id}', which is {measure.statistic} in {measure.unit}; "
                          "i fits every measure, p shares, u rates, c, g and t cases")  # fmt: skip
    allowed = _CHARTS_OF_RULES.get(chart.rule_set)
    if allowed and chart.type not in allowed:
        faults.add(place, f"rules {chart.rule_set} belong to chart {' or '.join(sorted(allowed - {'none'}))}, not {chart.type}")
    if chart.type == "xmr" and chart.rule_set != "nhs":
        faults.add(place, "chart xmr is that of rules nhs; with other rules take i")
    if chart.rule_set == "nhs" and chart.exclude:
        faults.add((*place, "exclude"), "Making Data Count leaves no point out; use rebase or freeze")
    if chart.unit_without_facility():
        faults.add(place, "a unit needs its facility: units are unique only inside one")
    keys = [f"{event} {on} {facility or 'all'} {unit or 'all'}" for event, on, facility, unit, _, _ in chart.events()]
    faults.repeated(place, keys)
