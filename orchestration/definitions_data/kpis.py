"""KPIs: a measure with its scope, windows, minimum, target and owner.

Belongs here: the keys of a KPI file, their checks, one KPI per score.
Does not belong here: measures (measures.py), computing values (dbt_project/models/marts).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ingestion.strict_yaml import DefinitionError, fit, load_with_lines
from orchestration.definitions_data.chart_settings import Chart, ChartSettings, check_chart
from orchestration.definitions_data.faults import Faults, definition_files
from orchestration.definitions_data.measure import Measure
from orchestration.definitions_data.measure_file import Id, Strict, Text, as_list
from orchestration.kpi_names import Level, Window


class Target(Strict):
    """A value to reach, in the unit of the measure, for periods that end on these dates (both included)."""

    value: float
    start: date = Field(alias="from")
    end: date | None = Field(default=None, alias="to")
    reason: Text


Targets = Annotated[list[Target], BeforeValidator(as_list)]


class Scope(Strict):
    """What one score may say otherwise than the file; absent keys follow the file."""

    levels: list[Level] | None = None
    windows: list[Window] | None = None
    minimum_denominator: Annotated[int, Field(ge=1)] | None = None
    chart: Chart | None = None
    target: Targets | None = None


def _scopes(value: Any) -> Any:
    """`scores` may be a list of names, or names with what differs for each."""
    if isinstance(value, list):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if scope is None else scope for name, scope in value.items()}
    return value


class KpiFile(Scope):
    """One KPI file: a measure, optionally several of its scores."""

    kpi: Id | None = None
    measure: str
    scores: Annotated[dict[str, Scope], BeforeValidator(_scopes)] = Field(default_factory=dict)
    label: Text | None = None
    owner: Text
    minimum_denominator: Annotated[int, Field(ge=1)]
    chart: Chart


@dataclass(frozen=True)
class Kpi:
    """One KPI. minimum_denominator counts what the measure divides by: answers to the item most answered, surveys or encounters."""

    kpi_id: str
    measure_id: str
    label: str
    owner: str
    minimum_denominator: int
    chart_settings: ChartSettings
    levels: tuple[str, ...]
    windows: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    path: Path | None = None

    @property
    def chart(self) -> str:
        """The type of the control chart."""
        return self.chart_settings.type


def load_kpis(directory: Path, measures: Mapping[str, Measure], extra_dirs: Iterable[Path] = ()) -> dict[str, Kpi]:
    """All KPIs by id, sorted; DefinitionError lists every fault of every file with its line."""
    kpis: dict[str, Kpi] = {}
    faults: list[str] = []
    for path in definition_files(directory, *extra_dirs):
        try:
            loaded = _load(path, measures)
        except DefinitionError as error:
            faults.append(str(error))
            continue
        for kpi in loaded:
            if kpi.kpi_id in kpis:
                faults.append(f"{path}:1: kpi: '{kpi.kpi_id}' is already defined in {kpis[kpi.kpi_id].path}")
            kpis[kpi.kpi_id] = kpi
    if faults:
        raise DefinitionError("\n".join(faults))
    return dict(sorted(kpis.items()))


def _load(path: Path, measures: Mapping[str, Measure]) -> list[Kpi]:
    data, lines = load_with_lines(path)
    file, faults = fit(path, data, lines, KpiFile), Faults(path, lines)
    kpis = [_of(file, measure, scope, faults) for measure, scope in _chosen(file, measures, faults)]
    faults.stop_if_any()
    return kpis


def _chosen(file: KpiFile, measures: Mapping[str, Measure], faults: Faults) -> list[tuple[Measure, Scope]]:
    """The measures the file speaks of, each with what its score says otherwise."""
    if file.measure in measures:
        if file.scores:
            faults.add(("scores",), f"'{file.measure}' is one single measure; it has no scores to choose from")
        return [(measures[file.measure], Scope())]
    scores = {m.score: m for m in measures.values() if m.measure_name == file.measure and m.score}
    if not scores:
        known = {m.measure_name for m in measures.values()} | set(measures)
        faults.unknown(("measure",), "measure", file.measure, known)
        return []
    if not file.scores:
        faults.add(("measure",), f"'{file.measure}' has several scores; choose from them in 'scores': {', '.join(scores)}")
    chosen = []
    for name, scope in file.scores.items():
        if name in scores:
            chosen.append((scores[name], scope))
        else:
            faults.unknown(("scores", name), "score", name, scores)
    return chosen


def _of(file: KpiFile, measure: Measure, scope: Scope, faults: Faults) -> Kpi:
    at = ("scores", measure.score) if measure.score in file.scores else ()

    def said(key: str) -> tuple[Any, tuple]:
        own = getattr(scope, key)
        return (getattr(file, key), (key,)) if own is None else (own, (*at, key))

    for key in ("levels", "windows"):
        value, place = said(key)
        if not value:
            faults.add(place, f"name at least one of the {key}")
        faults.repeated(place, value or ())
    targets, place = said("target")
    _check_targets(targets or [], measure, place, faults)
    chart, place = said("chart")
    check_chart(chart, measure, place, faults)
    return Kpi(
        kpi_id=_kpi_id(file, measure),
        measure_id=measure.measure_id,
        label=file.label if file.label and len(file.scores) < 2 else measure.label,
        owner=file.owner,
        minimum_denominator=said("minimum_denominator")[0],
        chart_settings=chart,
        levels=tuple(said("levels")[0] or ()),
        windows=tuple(said("windows")[0] or ()),
        targets=tuple(targets or ()),
        path=faults.path,
    )


def _kpi_id(file: KpiFile, measure: Measure) -> str:
    if file.kpi is None:
        return measure.measure_id
    return f"{file.kpi}_{measure.score}" if len(file.scores) > 1 else file.kpi


def _check_targets(targets: list[Target], measure: Measure, place: tuple, faults: Faults) -> None:
    if targets and measure.direction == "neutral":
        faults.add(place, f"'{measure.measure_id}' is neither better when high nor when low, so no value can be its target")
    before: Target | None = None
    for target in sorted(targets, key=lambda target: target.start):
        if target.end and target.end < target.start:
            faults.add(place, f"the target from {target.start} ends before it starts")
        if before and (before.end is None or target.start <= before.end):
            faults.add(place, f"two targets hold on {target.start}; end the earlier one with 'to'")
        if target.value < 0 or (measure.unit == "percent" and target.value > 100):
            faults.add(place, f"{target.value:g} cannot be reached by a measure in {measure.unit}")
        before = target
