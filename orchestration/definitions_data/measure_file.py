"""What one may write in a measure file: strict models, one per source of numbers.

Belongs here: keys, their types and defaults.
Does not belong here: whether an item, scale or class exists (measures.py), KPIs (kpis.py).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

Score = Literal["top_box", "middle_box", "bottom_box", "linear_mean"]
Direction = Literal["increase", "decrease", "neutral"]
Standing = Literal["verified", "corroborated", "unverified", "product-defined"]
CaseKind = Literal["complaint", "grievance", "not_grievance", "undetermined"]
CaseState = Literal["in_target", "late", "open_past_target", "open", "done", "fault"]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]


def as_list(value: Any) -> Any:
    """One thing may be written without the list around it."""
    return value if isinstance(value, list) else [value]


def _per_kind(value: Any) -> Any:
    return {"box": value, "linear": value} if isinstance(value, str) else value


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Period(Strict):
    """First and last date, both included; an absent last date means still valid."""

    start: date = Field(alias="from")
    end: date | None = Field(default=None, alias="to")


class Break(Strict):
    """A date from which the series goes on but is not fully comparable with what was before."""

    start: date = Field(alias="from")
    note: Text


class Standings(Strict):
    """How well the rule is known, for shares of answers (box) and for means (linear)."""

    box: Standing
    linear: Standing


class AnswersExample(Strict):
    """Answers per item, with the value of each score (`values`) or of own weights (`value`)."""

    answers: dict[str, list[StrictInt | None]]
    values: dict[Score, float | None] = {}
    value: float | None = None


class CasesExample(Strict):
    """Cases per kind and encounters per class, with the rate per 1,000."""

    cases: dict[CaseKind, Annotated[int, Field(ge=0)]]
    encounters: dict[str, Annotated[int, Field(ge=0)]]
    value: float | None


class SurveysExample(Strict):
    """Sampled surveys per disposition group, with the percentage."""

    surveys: dict[str, Annotated[int, Field(ge=0)]]
    value: float | None


class PatientsExample(Strict):
    """Answers of a few patients, one mapping of item to answer code each, with the mean score."""

    patients: Annotated[list[dict[str, StrictInt | None]], Field(min_length=1)]
    value: float | None


class MeasureFile(Strict):
    """What every measure file has, whatever its source."""

    measure: Id
    label: Text
    version: Annotated[int, Field(ge=1)] = 1
    breaks: list[Break] = []
    note: Text | None = None


class AnswersFile(MeasureFile):
    """A score of survey answers: named scores take the weights of the response scale, or own `weights`."""

    source: Literal["answers"] = "answers"
    instrument: str
    items: list[str] = []
    is_outcome: bool = False
    scores: list[Score] = []
    weights: dict[str, dict[int, float | None]] = {}
    unit: Literal["percent", "points", "net_points"] | None = None
    scale_factor: Annotated[float, Field(gt=0)] | None = None
    interval: Literal["wilson", "none"] | None = None
    direction: Direction = "increase"
    standing: Annotated[Standings, BeforeValidator(_per_kind)]
    valid: Period
    example: Annotated[list[AnswersExample], BeforeValidator(as_list)] = []


class CasesFile(MeasureFile):
    """Valid cases per 1,000 encounters of the declared classes.

    A case must meet every condition that is written: its severity band, one of its categories (`hcat:safety`), the
    encounter class of its owning unit. The example counts the cases that meet them.
    """

    source: Literal["cases"]
    numerator: Literal["all", "grievance"]
    severity_bands: list[Literal["none", "low", "medium", "high", "unmapped"]] = []
    categories: list[Text] = []
    case_classes: list[str] = []
    encounter_classes: Annotated[list[str], Field(min_length=1)]
    direction: Direction = "decrease"
    standing: Standing
    valid: Period | None = None
    example: Annotated[list[CasesExample], BeforeValidator(as_list)] = []


class SurveysFile(MeasureFile):
    """Completed surveys as a percentage of the sampled patients who were eligible."""

    source: Literal["surveys"]
    instrument: str
    numerator: Literal["complete"]
    direction: Direction = "increase"
    standing: Standing
    valid: Period
    example: Annotated[list[SurveysExample], BeforeValidator(as_list)] = []


class HandledCasesExample(Strict):
    """Cases per state of a step, with the percentage: in_target, late, open_past_target, open, done, fault."""

    cases: dict[CaseState, Annotated[int, Field(ge=0)]]
    value: float | None


class HandledCasesFile(MeasureFile):
    """Cases in which a step was done by its due day, as a percentage of those that are decided (complaint_clock)."""

    source: Literal["handled_cases"]
    step: Literal["acknowledge", "respond", "interim", "resolve", "make"]
    cases: Literal["all", "grievance"] = "all"
    direction: Direction = "increase"
    standing: Standing
    valid: Period | None = None
    example: Annotated[list[HandledCasesExample], BeforeValidator(as_list)] = []


class PatientMeansFile(MeasureFile):
    """Mean score of a vendor questionnaire: a patient's answered items per section, then sections, then patients."""

    source: Literal["patient_means"]
    instrument: str
    sections: Annotated[list[str], Field(min_length=1)]
    direction: Direction = "increase"
    standing: Standing
    valid: Period
    example: Annotated[list[PatientsExample], BeforeValidator(as_list)] = []


class MetricExample(Strict):
    """What one month of one unit delivers, with its value."""

    numerator: float | None = None
    denominator: Annotated[int, Field(ge=0)] | None = None
    metric_value: float | None = None
    value: float | None


class MetricsFile(MeasureFile):
    """A number that others keep and deliver per unit and month, in a feed of kind metric."""

    source: Literal["metrics"]
    metric: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
    statistic: Literal["proportion", "rate", "mean"]
    unit: Text | None = None
    scale_factor: Annotated[float, Field(gt=0)] | None = None
    direction: Direction
    standing: Standing = "product-defined"
    valid: Period | None = None
    example: Annotated[list[MetricExample], BeforeValidator(as_list)] = []


FILES: dict[str, type[MeasureFile]] = {"answers": AnswersFile, "cases": CasesFile, "surveys": SurveysFile,
                                      "patient_means": PatientMeansFile, "handled_cases": HandledCasesFile, "metrics": MetricsFile}  # fmt: skip
