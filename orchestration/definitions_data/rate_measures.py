"""Measures that are one count over another: cases per 1,000 encounters, completed over eligible surveys.

Belongs here: which kinds, classes and groups count, checks against the code tables.
Does not belong here: survey answers (answer_measures.py), what makes a case valid (dbt_project/models/core).
"""

from __future__ import annotations

from orchestration.definitions_data.codebook import Codebook
from orchestration.definitions_data.faults import Faults
from orchestration.definitions_data.measure import Example, Measure
from orchestration.definitions_data.measure_file import CasesFile, HandledCasesFile, MetricsFile, SurveysFile

_CASE_KINDS = {"all": ("complaint", "grievance", "not_grievance", "undetermined"), "grievance": ("grievance",)}
_NEVER_COUNTED = "exclude"  # encounter class of contacts that are no encounters


def of_cases(file: CasesFile, common: dict, codebook: Codebook, faults: Faults) -> list[Measure]:
    """The rate of valid cases per 1,000 encounters of the declared classes."""
    known = codebook.encounter_classes - {_NEVER_COUNTED}
    for key, names in (("encounter_classes", file.encounter_classes), ("case_classes", file.case_classes)):
        faults.repeated((key,), names)
        for index, name in enumerate(names):
            if name not in known:
                faults.unknown((key, index), "encounter class", name, known)
    conditions = {"severity": file.severity_bands, "category": file.categories, "encounter_class": file.case_classes}
    for example in file.example:
        for name in sorted(set(example.encounters) - known):
            faults.unknown(("example", "encounters", name), "encounter class", name, known)
    return [
        Measure(
            unit="per_1000",
            statistic="rate",
            scale_factor=1000.0,
            interval_method="phe",
            denominator_rule="encounters",
            numerator_rule=file.numerator,
            numerator_groups=_CASE_KINDS[file.numerator],
            denominator_groups=tuple(file.encounter_classes),
            conditions={tag: tuple(values) for tag, values in conditions.items() if values},
            examples=tuple(
                Example({"cases": example.cases, "encounters": example.encounters}, example.value)
                for example in file.example
            ),
            **common,
        )
    ]


def of_surveys(file: SurveysFile, common: dict, codebook: Codebook, faults: Faults) -> list[Measure]:
    """The percentage of eligible sampled patients whose survey has the numerator's disposition."""
    groups = codebook.disposition_groups
    codebook.family_or_fault(file.instrument, faults)
    for example in file.example:
        for name in sorted(set(example.surveys) - set(groups)):
            faults.unknown(("example", "surveys", name), "disposition group", name, groups)
    return [
        Measure(
            unit="percent",
            statistic="proportion",
            scale_factor=100.0,
            interval_method="wilson",
            denominator_rule="eligible_surveys",
            instrument_family=file.instrument,
            numerator_rule=file.numerator,
            numerator_groups=(file.numerator,),
            denominator_groups=tuple(sorted(group for group, is_ineligible in groups.items() if not is_ineligible)),
            examples=tuple(Example(example.surveys, example.value) for example in file.example),
            **common,
        )
    ]


def of_handled_cases(file: HandledCasesFile, common: dict, codebook: Codebook, faults: Faults) -> list[Measure]:
    """The percentage of cases in which a step was done by its due day.

    Decided are cases done, in time or late, and cases past the due day that are still open: a growing backlog
    cannot make the percentage better. Cases still in time, without a limit or with contradicting dates are not.
    """
    return [
        Measure(
            unit="percent",
            statistic="proportion",
            scale_factor=100.0,
            interval_method="wilson",
            denominator_rule="decided_cases" if file.cases == "all" else "decided_grievances",
            numerator_rule=file.step,
            numerator_groups=("in_target",),
            denominator_groups=("in_target", "late", "open_past_target"),
            examples=tuple(Example(example.cases, example.value) for example in file.example),
            **common,
        )
    ]


# statistic -> unit, scale and interval where the file says nothing else
_METRICS = {"proportion": ("percent", 100.0, "wilson"), "rate": ("per_1000", 1000.0, "phe"), "mean": (None, 1.0, "none")}


def of_metrics(file: MetricsFile, common: dict, codebook: Codebook, faults: Faults) -> list[Measure]:
    """A share, rate or mean of what a feed of kind metric delivers under the file's metric code."""
    unit, scale, interval = _METRICS[file.statistic]
    if file.statistic == "mean" and not file.unit:
        faults.add(("statistic",), "a mean needs a 'unit': percent, points, hours, days, ...")
    if file.statistic == "proportion" and (file.unit, file.scale_factor) != (None, None):
        faults.add(("statistic",), "a proportion is in percent; leave out 'unit' and 'scale_factor'")
    if file.statistic == "rate" and (file.unit is None) != (file.scale_factor is None):
        faults.add(("unit",), "a rate is per 1,000; for another one give both 'unit' and 'scale_factor'")
    return [
        Measure(
            unit=file.unit or unit or "",
            statistic=file.statistic,
            scale_factor=file.scale_factor or scale,
            interval_method=interval,
            denominator_rule="delivered",
            numerator_rule=file.metric,
            examples=tuple(Example(example.model_dump(exclude={"value"}), example.value) for example in file.example),
            **common,
        )
    ]
