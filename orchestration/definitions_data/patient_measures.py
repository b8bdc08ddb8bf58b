"""Measures that are a mean over patients: sections of a vendor questionnaire.

Belongs here: which items a section has, their points, checks against instruments and scales.
Does not belong here: measures that are means of item scores (answer_measures.py), arithmetic (scoring.py).
"""

from __future__ import annotations

from orchestration.definitions_data.codebook import Codebook
from orchestration.definitions_data.faults import Faults
from orchestration.definitions_data.measure import Example, Measure
from orchestration.definitions_data.measure_file import PatientMeansFile


def of_patient_means(file: PatientMeansFile, common: dict, codebook: Codebook, faults: Faults) -> list[Measure]:
    """The mean score over one section or several; faults are noted or raised."""
    sections = _sections(file, codebook, faults)
    faults.stop_if_any()
    items = {item: scale for by_item in sections.values() for item, scale in by_item.items()}
    weights = {item: {code: answer.linear or 0.0 for code, answer in sorted(codebook.scales[scale].items())} for item, scale in items.items()}
    for number, example in enumerate(file.example):
        for patient in example.patients:
            for item in sorted(set(patient) - set(items)):
                faults.unknown(("example", number, "patients"), "item", item, items)
    return [
        Measure(
            unit="points",
            statistic="mean_score",
            scale_factor=1.0,
            interval_method="none",
            denominator_rule="answering_patients",
            instrument_family=file.instrument,
            weights=weights,
            sections={name: tuple(by_item) for name, by_item in sections.items()},
            examples=tuple(Example({"patients": example.patients}, example.value) for example in file.example),
            **common,
        )
    ]


def _sections(file: PatientMeansFile, codebook: Codebook, faults: Faults) -> dict[str, dict[str, str]]:
    """Section -> item -> scale. Every item of a section needs points."""
    forms = codebook.family_or_fault(file.instrument, faults)
    if not forms:
        return {}
    faults.repeated(("sections",), file.sections)
    known: dict[str, dict[str, str]] = {}
    for form in forms:
        for (instrument, item), section in codebook.item_sections.items():
            if instrument == form.instrument_id:
                known.setdefault(section, {})[item] = codebook.item_scales[instrument, item]
    for index, section in enumerate(file.sections):
        if section not in known:
            faults.unknown(("sections", index), "section", section, known)
        for item, scale in known.get(section, {}).items():
            if any(answer.linear is None for answer in codebook.scales[scale].values()):
                faults.add(("sections", index), f"scale {scale} of '{item}' has no points")
    return {section: known[section] for section in file.sections if section in known}
