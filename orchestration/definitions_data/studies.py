"""Case-mix studies: which measures are adjusted for what, at which levels and in which windows.

Belongs here: the keys of a study file, their checks, its worked example, the adjusted measures it makes.
Does not belong here: the algorithm (methods/case_mix), reading surveys (dbt model case_mix_result).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ingestion.kinds import KINDS
from ingestion.strict_yaml import DefinitionError, fit, load_with_lines
from orchestration.definitions_data.codebook import Codebook, load_codebook
from orchestration.definitions_data.faults import Faults
from orchestration.definitions_data.measure import Measure
from orchestration.definitions_data.measure_file import Id, Standing, Strict, Text
from orchestration.definitions_data.measures import EXAMPLE_TOLERANCE

_BOXES = ("bottom", "middle", "top")


class AdjusterFile(Strict):
    """One adjuster: a column of the surveys or an item, as a number; `codes` turn other codes into numbers."""

    column: str
    lowest: float | None = None
    highest: float | None = None
    codes: dict[str, float] = {}


class StudyExample(Strict):
    """Respondents of a few entities and the adjusted linear mean of each entity."""

    measure: str
    respondents: Annotated[list[dict[str, str | float | None]], Field(min_length=4)]
    values: dict[str, float]


class StudyFile(Strict):
    """One study."""

    case_mix: Id
    label: Text
    instrument: str
    measures: Annotated[list[str], Field(min_length=1)]
    adjusters: Annotated[dict[Id, AdjusterFile], Field(min_length=1)]
    levels: Annotated[list[Literal["facility", "unit", "provider"]], Field(min_length=1)]
    windows: Annotated[dict[Literal["quarter", "rolling_4_quarters"], Annotated[int, Field(ge=1)]], Field(min_length=1)]
    boxes: bool = True
    impute: bool = True
    k: Annotated[float, Field(ge=0)] = 1
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    change: Annotated[float, Field(ge=0)] = 0.0
    mean_difference: Annotated[float, Field(ge=0)] = 0.0
    standing: Standing
    example: StudyExample


@dataclass(frozen=True)
class Study:
    """A checked study; `settings` is what the model case_mix_result and methods.case_mix.study.run_study take."""

    case_mix_id: str
    label: str
    instrument_family: str
    standing: str
    settings: str
    measures: tuple[Measure, ...]  # one adjusted measure per measure and score


def load_studies(project_dir: Path, measures: Mapping[str, Measure], extra_dirs: Iterable[Path] = ()) -> dict[str, Study]:
    """All studies by id; a project may have none. DefinitionError lists every fault of every file with its line."""
    folders = [folder for folder in (project_dir / "case_mix", *(path / "case_mix" for path in extra_dirs)) if folder.is_dir()]
    studies: dict[str, Study] = {}
    faults: list[str] = []
    codebook = load_codebook(project_dir / "seeds") if folders else None
    for path in sorted(path for folder in folders for path in folder.glob("*.yml")):
        try:
            study = _load(path, measures, codebook)
        except DefinitionError as error:
            faults.append(str(error))
            continue
        if study.case_mix_id in studies:
            faults.append(f"{path}:1: case_mix: '{study.case_mix_id}' is already defined")
        studies[study.case_mix_id] = study
    if faults:
        raise DefinitionError("\n".join(faults))
    return studies


def _load(path: Path, measures: Mapping[str, Measure], codebook: Codebook) -> Study:
    data, lines = load_with_lines(path)
    file, faults = fit(path, data, lines, StudyFile), Faults(path, lines)
    items = {item for (form, item) in codebook.item_scales if codebook.instruments[form].family == file.instrument}
    codebook.family_or_fault(file.instrument, faults)
    known = items | set(KINDS["survey"])
    for name, adjuster in file.adjusters.items():
        if adjuster.column not in known:
            faults.unknown(("adjusters", name, "column"), "column", adjuster.column, known)
    linear = {m.measure_name: m for m in measures.values() if m.score == "linear_mean" and m.instrument_family == file.instrument}
    for index, name in enumerate(file.measures):
        if name not in linear:
            faults.unknown(("measures", index), "measure with a linear mean", name, linear)
    if file.example.measure not in file.measures:
        faults.unknown(("example", "measure"), "measure of the study", file.example.measure, file.measures)
    faults.stop_if_any()
    of_scale = {item: scale for (_, item), scale in codebook.item_scales.items()}
    settings = {
        "measures": [_measure(linear[name], of_scale, codebook) for name in file.measures],
        "adjusters": [{"name": name, "is_item": one.column in items, **one.model_dump()} for name, one in file.adjusters.items()],
        "levels": file.levels, "windows": file.windows, "adjust_boxes": file.boxes,
        **file.model_dump(include={"impute", "k", "alpha", "change", "mean_difference"}),
    }  # fmt: skip
    _try_example(file, settings, faults)
    faults.stop_if_any()
    adjusted = tuple(_adjusted(file, linear[name], score, measures, path) for name in file.measures
                     for score in ("linear_mean", *(("top_box",) if file.boxes else ())))  # fmt: skip
    return Study(file.case_mix, file.label, file.instrument, file.standing, json.dumps(settings, sort_keys=True), adjusted)


def _measure(measure: Measure, of_scale: Mapping[str, str], codebook: Codebook) -> dict:
    """Items with the points of each answer; the boxes as lists of points, worst first."""
    boxes: dict[str, set[float]] = {box: set() for box in _BOXES}
    for item in measure.weights:
        for answer in codebook.scales[of_scale[item]].values():
            boxes[answer.box].add(answer.linear)
    points = {item: {str(answer): weight for answer, weight in by_answer.items()} for item, by_answer in measure.weights.items()}
    return {
        "name": measure.measure_name, "items": sorted(measure.weights), "answers": points,
        "points": sorted({value for by_answer in measure.weights.values() for value in by_answer.values()}),
        "boxes": [sorted(boxes[box]) for box in _BOXES if boxes[box]],
        "valid_from_on": str(measure.valid_from_on or date.min), "valid_to_on": str(measure.valid_to_on or date.max),
    }  # fmt: skip


def _try_example(file: StudyFile, settings: dict, faults: Faults) -> None:
    """Run the example through the function the warehouse uses; a study whose example does not come out is refused."""
    import numpy as np

    from methods.case_mix.study import run_study

    (measure,) = [one for one in settings["measures"] if one["name"] == file.example.measure]
    rows = file.example.respondents
    labels = sorted({str(row.get("entity")) for row in rows})
    columns = {item: [measure["answers"][item].get(f"{row[item]:g}" if row.get(item) is not None else "", np.nan) for row in rows]
               for item in measure["items"]}  # fmt: skip
    columns |= {name: [np.nan if row.get(name) is None else row[name] for row in rows] for name in file.adjusters}
    table = {name: np.array(values, dtype=float) for name, values in columns.items()}
    table["entity"] = np.array([labels.index(str(row.get("entity"))) for row in rows])
    found = run_study(table, settings | {"measures": [measure]})
    actual = {
        labels[int(entity)]: adjusted
        for kind, score, entity, adjusted in zip(found["row_kind"], found["score"], found["entity"], found["adjusted"], strict=True)
        if kind == "entity" and score == "linear_mean" and adjusted is not None
    }
    for entity in sorted(set(actual) | set(file.example.values)):
        expected = file.example.values.get(entity)
        if expected is None or entity not in actual or abs(expected - actual[entity]) > EXAMPLE_TOLERANCE:
            faults.add(("example", "values", entity), f"expected {expected}, the example's data give {actual.get(entity, 'nothing')}")


def _adjusted(file: StudyFile, linear: Measure, score: str, measures: Mapping[str, Measure], path: Path) -> Measure:
    base = measures.get(f"{linear.measure_name}_{score}", linear)
    return Measure(
        measure_id=f"{linear.measure_name}_adjusted_{score}",
        measure_name=f"{linear.measure_name}_adjusted",
        score=score,
        version=linear.version,
        label=f"{base.label}, adjusted within the group",
        unit=base.unit,
        source="adjusted",
        statistic=score,
        direction=base.direction,
        standing=file.standing,
        scale_factor=1.0,
        interval_method="normal",
        denominator_rule="answering_patients",
        numerator_rule=file.case_mix,
        instrument_family=file.instrument,
        valid_from_on=linear.valid_from_on,
        valid_to_on=linear.valid_to_on,
        note=f"{file.label}. Relative to the entities of the run; not the adjustment of CMS.",
        breaks=linear.breaks,
        weights=linear.weights,
        path=path,
    )
