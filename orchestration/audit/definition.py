"""A KPI's definition in words, and every version of it the ledger has seen.

Belongs here: sentences from the definition files and code tables, where each part stands, who changed it when.
Does not belong here: values (trace.py), output (commands/explain.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ingestion.home import Home
from ingestion.instruments import SEEDS_DIR, seed_rows
from ingestion.ledger import Ledger
from orchestration.audit.record import DEFINITIONS, definition_text
from orchestration.build_input import DBT_SOURCE, ROOT
from orchestration.definitions_data import Kpi, Measure, load
from orchestration.definitions_data.tables import own_definition_folders

INTERVALS = {
    "wilson": "Wilson score interval, 95 %", "phe": "Byar's or exact Poisson limits by the number of events (the PHE rule), 95 %",
    "none": "none: the spread of single answers is not carried along",
}
_SHOWN_LINES = 30


@dataclass
class Explanation:
    """Sections of text: heading -> lines; tables of weights; places; versions, newest first."""

    kpi: Kpi
    measure: Measure
    sections: dict[str, list[str]]
    weights: dict[str, dict[str, str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)


def current() -> tuple[dict[str, Measure], dict[str, Kpi]]:
    """Measures and KPIs as they stand in the project and the own folders. Raises DefinitionError for a fault."""
    return load(DBT_SOURCE, own_definition_folders())


def explain(home: Home, name: str, known: tuple[dict[str, Measure], dict[str, Kpi]] | None = None) -> Explanation:
    """The definition of a KPI or measure; `known` is `current()` for who asks more than once. Raises UsageError for a name nobody knows."""
    measures, kpis = known or current()
    kpi = kpis.get(name) or next((one for one in kpis.values() if one.measure_id == name), None)
    if kpi is None:
        near = [one for one in kpis if name in one] or difflib.get_close_matches(name, kpis, 5)
        raise click.UsageError(f"there is no KPI '{name}'" + (f"; nearest: {', '.join(near[:5])}" if near else "; `pxw kpis` lists all"))
    measure = measures[kpi.measure_id]
    found = Explanation(kpi, measure, {
        "What it is": _what(kpi, measure), "How it is computed": _how(measure), "When it holds": _when(measure),
        "What is reported": _scope(kpi), "Targets": _targets(kpi, measure), "Worked example": _examples(measure),
    })
    found.weights = _weights(measure)
    found.places = _places(kpi, measure)
    found.versions = _versions(home, [path for path in (measure.path, kpi.path) if path])
    return found


def _what(kpi: Kpi, measure: Measure) -> list[str]:
    better = {"increase": "Higher is better.", "decrease": "Lower is better.", "neutral": "Neither higher nor lower is better by itself."}
    unit = {"percent": ", in percent", "points": ", in points"}.get(measure.unit, "")  # a rate per 1,000 says so in its label
    lines = [f"{kpi.label}{unit}. {better.get(measure.direction, '')}",
             f"Owner: {kpi.owner}. Measure {measure.measure_id}, version {measure.version}, standing: {measure.standing}."]
    if measure.standing in ("unverified", "product-defined"):
        lines.append({"unverified": "Unverified: no public source confirms the rule word for word; treat it as ours until it is.",
                      "product-defined": "Product-defined: the rule is a choice of this warehouse, not of a public program."}[measure.standing])
    # The note repeats the breaks, which have their own section.
    return lines + [part for part in (measure.note or "").split(" | ") if part and not part.startswith("Trend break")]


def _how(measure: Measure) -> list[str]:
    scale = f"{measure.scale_factor:g} x " if measure.scale_factor != 1 else ""
    if measure.weights:
        items = ", ".join(measure.weights)
        lines = [f"Per item: {scale}the sum of the weights of all valid answers / the number of valid answers.", f"Items: {items}."]
        if measure.sections:
            lines.append("Each patient has a mean per section first: " + "; ".join(f"{name}: {', '.join(listed)}" for name, listed in measure.sections.items()) + ".")
        elif len(measure.weights) > 1:
            lines.append("The value is the plain mean of the item scores; an item nobody answered is left out.")
        lines.append("Valid are answers whose code is in the item's scale, on completed and eligible surveys of the official sample; "
                     "blank, missing, doubly marked and properly skipped answers are in neither sum.")
    elif measure.source == "cases":
        which = "grievances (flagged by the site, or by the first grievance rule that fits)" if measure.numerator_rule == "grievance" else "valid complaints and grievances, once each"
        lines = [f"{scale}{which} / encounters, by month received and owning unit.",
                 f"Encounters of the classes {', '.join(measure.denominator_groups)}.",
                 "Not valid: tests; cases opened in error, withdrawn, merged into another case, or linked to the same case in another system; "
                 "the same matter of the same patient within 60 days of the letter before; and feedback of other kinds."]
    elif measure.source == "surveys":
        lines = [f"{scale}completed surveys / eligible sampled patients, by month of discharge and unit.",
                 f"Eligible are the disposition groups {', '.join(measure.denominator_groups)}."]
    elif measure.source == "handled_cases":
        which = "grievances" if measure.denominator_rule == "decided_grievances" else "valid cases"
        lines = [f"{scale}{which} with step '{measure.numerator_rule}' done by its due day / those that are decided, by month received and owning unit.",
                 "Decided are cases done, in time or late, and cases past the due day that are still open; limits stand in timeliness_rule."]
    else:
        lines = [f"{scale}the sum of the numerators / the sum of the denominators of {measure.source.replace('_', ' ')}"
                 + (f", numerator: {measure.numerator_rule}" if measure.numerator_rule else "") + f", denominator: {measure.denominator_rule}."]
    return [*lines, f"Interval: {INTERVALS.get(measure.interval_method, measure.interval_method)}."]


def _when(measure: Measure) -> list[str]:
    dates = "discharge" if measure.source not in ("cases", "handled_cases") else "receipt"
    limits = [f"{word} {day}" for word, day in (("from", measure.valid_from_on), ("to", measure.valid_to_on)) if day]
    lines = [f"For dates of {dates} {' '.join(limits)}; a period that is not wholly inside has no value (DEFINITION_CHANGED)." if limits
             else f"For every date of {dates}."]
    return lines + [f"Break on {day}: {note}" for day, note in getattr(measure, "breaks", ())]


def _scope(kpi: Kpi) -> list[str]:
    return [f"Levels: {', '.join(kpi.levels).replace('_', ' ')}. Windows: {', '.join(kpi.windows).replace('_', ' ')}.",
            f"Publishable from a denominator of {kpi.minimum_denominator:,} (for composites: answers to the item most answered). Chart: {kpi.chart}."]


def _targets(kpi: Kpi, measure: Measure) -> list[str]:
    told = [f"{target.value:g} {measure.unit.replace('_', ' ')} from {target.start}{f' to {target.end}' if target.end else ''}: {target.reason}" for target in kpi.targets]
    return told or ["none"]


def _examples(measure: Measure) -> list[str]:
    lines = []
    for example in measure.examples:
        value = "no value" if example.value is None else f"{example.value:g}"
        lines.append("; ".join(f"{name}: {_given(given)}" for name, given in example.given.items()) + f"  ->  {value}")
    return lines or ["None: the score is a regression, not a sum by hand; the study's own example is computed whenever definitions are loaded."]


def _given(given: Any) -> str:
    if isinstance(given, Mapping):
        return ", ".join(f"{name} {n}" for name, n in given.items())
    return ", ".join("blank" if one is None else str(one) for one in given) if isinstance(given, (list, tuple)) else str(given)


def _weights(measure: Measure) -> dict[str, dict[str, str]]:
    """item -> answer with its label -> weight."""
    labels = _answer_labels()
    items = {row["item_code"]: row["scale_id"] for row in seed_rows(SEEDS_DIR, "instrument_item")}
    return {
        item: {f"{answer} {labels.get((items.get(item, ''), str(answer)), '')}".strip(): f"{weight:g}" for answer, weight in by_answer.items()}
        for item, by_answer in measure.weights.items()
    }


def _answer_labels() -> dict[tuple[str, str], str]:
    return {(row["scale_id"], row["answer"]): row["label"] for row in seed_rows(SEEDS_DIR, "scale_answer")}


def _places(kpi: Kpi, measure: Measure) -> dict[str, str]:
    """Where each part stands, as paths in the project."""
    places = {"KPI": kpi.path, "measure": measure.path, "what is summed, and the rows behind it": DBT_SOURCE / "macros" / "sources" / f"{measure.source}.sql",
              "sums per unit and month": DBT_SOURCE / "models" / "core" / "measure_month.sql",
              "windows, value, interval, reason": DBT_SOURCE / "models" / "marts" / "kpi_value.sql",
              "evidence": DBT_SOURCE / "models" / "marts" / "kpi_evidence.sql"}
    if measure.weights:
        places |= {"items and forms": DBT_SOURCE / "seeds" / "instrument_item.csv", "answers, boxes and points": DBT_SOURCE / "seeds" / "scale_answer.csv"}
    if measure.source == "cases":
        places |= {"grievance rules": DBT_SOURCE / "seeds" / "grievance_rule.csv", "encounter classes": DBT_SOURCE / "seeds" / "encounter_class_map.csv",
                   "which cases are valid": DBT_SOURCE / "models" / "core" / "fct_complaint.sql"}
    return {what: _relative(path) for what, path in places.items() if path and path.exists()}


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def _versions(home: Home, paths: list[Path]) -> list[dict[str, Any]]:
    """Changes of the definition files as the ledger saw them, newest first, each with the lines that changed."""
    names = {f"{path.parent.name}/{path.name}" for path in paths}
    found = []
    for entry in Ledger(home.ledger).entries(DEFINITIONS):
        for change in entry["changes"]:
            if change["file"] in names or change["file"].removeprefix("own/") in names:
                found.append({"at": entry["at"], "user": entry["user"], "code_version": entry["code_version"], **change, "lines": _changed_lines(home, change)})
    return found[::-1]


def _changed_lines(home: Home, change: dict[str, Any]) -> list[str]:
    old, new = (definition_text(home, change[name]) if change[name] else None for name in ("old", "new"))
    if old is None or new is None:
        return []
    lines = [line for line in difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0) if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return lines[:_SHOWN_LINES]
