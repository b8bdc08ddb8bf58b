"""From measure files to measures: one file of a domain becomes one measure per score, checked and tried.

Belongs here: walking the files, what all sources have in common, running the worked examples.
Does not belong here: which keys a file may have (measure_file.py), the arithmetic (scoring.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ingestion.strict_yaml import DefinitionError, fit, load_with_lines
from orchestration.definitions_data.answer_measures import of_answers
from orchestration.definitions_data.codebook import Codebook, load_codebook
from orchestration.definitions_data.faults import Faults, definition_files
from orchestration.definitions_data.measure import Measure
from orchestration.definitions_data.measure_file import FILES, MeasureFile
from orchestration.definitions_data.patient_measures import of_patient_means
from orchestration.definitions_data.rate_measures import of_cases, of_handled_cases, of_metrics, of_surveys
from orchestration.definitions_data.scoring import score_example

EXAMPLE_TOLERANCE = 0.00005  # values in examples are written with four decimals

_EXPAND = {"answers": of_answers, "cases": of_cases, "surveys": of_surveys, "patient_means": of_patient_means,
           "handled_cases": of_handled_cases, "metrics": of_metrics}


def load_measures(directory: Path, seeds_dir: Path, extra_dirs: Iterable[Path] = ()) -> dict[str, Measure]:
    """All measures by id, sorted; DefinitionError lists every fault of every file with its line.

    Runs the worked examples: a measure whose example does not come out is refused.
    """
    codebook = load_codebook(seeds_dir)
    measures: dict[str, Measure] = {}
    faults: list[str] = []
    for path in definition_files(directory, *extra_dirs):
        try:
            loaded = _load(path, codebook)
        except DefinitionError as error:
            faults.append(str(error))
            continue
        for measure in loaded:
            if measure.measure_id in measures:
                other = measures[measure.measure_id].path
                faults.append(f"{path}:1: measure: '{measure.measure_id}' is already defined in {other}")
            measures[measure.measure_id] = measure
    if faults:
        raise DefinitionError("\n".join(faults))
    return dict(sorted(measures.items()))


def _load(path: Path, codebook: Codebook) -> list[Measure]:
    data, lines = load_with_lines(path)
    faults = Faults(path, lines)
    source = data.get("source", "answers") if isinstance(data, dict) else "answers"
    if source not in FILES:
        faults.unknown(("source",), "source", str(source), FILES)
        faults.stop_if_any()
    file = fit(path, data, lines, FILES[source])
    if file.valid and file.valid.end and file.valid.end < file.valid.start:
        faults.add(("valid", "to"), "ends before it starts")
    if not file.example:
        faults.add(("example",), "a measure needs a worked example; it is its test")
    measures = _EXPAND[source](file, _common(file, path), codebook, faults)
    faults.stop_if_any()
    for measure in measures:
        _run_examples(measure, faults)
    faults.stop_if_any()
    return measures


def _common(file: MeasureFile, path: Path) -> dict:
    """What a measure has from its file whatever its source; measures of answers go by the score they make."""
    notes = [file.note] if file.note else []
    notes += [f"Trend break {item.start}: {item.note}" for item in file.breaks]
    return {
        "measure_id": file.measure,
        "measure_name": file.measure,
        "score": None,
        "label": file.label,
        "direction": file.direction,
        "standing": file.standing,
        "version": file.version,
        "source": file.source,
        "note": " | ".join(notes) or None,
        "valid_from_on": file.valid.start if file.valid else None,
        "valid_to_on": file.valid.end if file.valid else None,
        "is_outcome": getattr(file, "is_outcome", False),
        "breaks": tuple((item.start, item.note) for item in file.breaks),
        "path": path,
    }


def _run_examples(measure: Measure, faults: Faults) -> None:
    for number, example in enumerate(measure.examples):
        actual = score_example(measure, example.given)
        if _agree(example.value, actual):
            continue
        key = ("values", measure.score) if measure.score else ("value",)
        place = ("example", *key) if len(measure.examples) == 1 else ("example", number, *key)
        faults.add(place, f"expected {_text(example.value)}, the example's data give {_text(actual)}")


def _agree(expected: float | None, actual: float | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    return abs(expected - actual) <= EXAMPLE_TOLERANCE


def _text(value: float | None) -> str:
    return "null" if value is None else f"{value:.4f}"
