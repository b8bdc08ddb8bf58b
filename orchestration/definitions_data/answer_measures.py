"""Measures of survey answers: from a file's scores or own weights to weights per item and answer.

Belongs here: expanding a response scale into weights, checks against instruments and scales.
Does not belong here: rates of cases and surveys (rate_measures.py), arithmetic (scoring.py).
"""

from __future__ import annotations

from orchestration.definitions_data.codebook import Answer, Codebook
from orchestration.definitions_data.faults import Faults
from orchestration.definitions_data.measure import Example, Measure
from orchestration.definitions_data.measure_file import AnswersFile

_BOXES = {"top_box": "top", "middle_box": "middle", "bottom_box": "bottom"}
_OPPOSITE = {"increase": "decrease", "decrease": "increase", "neutral": "neutral"}
_STRENGTH = {"verified": 3, "corroborated": 2, "unverified": 1}

Scales = dict[str, str]  # item_code -> scale_id
Weights = dict[str, dict[int, float]]


def of_answers(file: AnswersFile, common: dict, codebook: Codebook, faults: Faults) -> list[Measure]:
    """One measure per score of the file, or one for own weights; faults are noted or raised."""
    _check_form(file, faults)
    scales = _item_scales(file, codebook, faults)
    faults.stop_if_any()
    _check_examples(file, scales, codebook, faults)
    if file.weights:
        return [_of_own_weights(file, _own_weights(file, scales, codebook, faults), common, faults)]
    measures = []
    for score in file.scores:
        _check_standing(file, score, scales, codebook, faults)
        measures.append(_of_score(file, score, _scale_weights(score, scales, codebook, faults), common))
    return measures


def _check_form(file: AnswersFile, faults: Faults) -> None:
    if bool(file.scores) == bool(file.weights):
        faults.add((), "give either 'scores' with 'items', or own 'weights'")
    elif bool(file.weights) == bool(file.items):
        faults.add(("items",), "named scores need items; with own weights the items stand in 'weights'")
    if file.weights and file.standing.box != file.standing.linear:
        faults.add(("standing",), "own weights have one standing")
    for key in ("unit", "scale_factor", "interval"):
        if file.scores and getattr(file, key) is not None:
            faults.add((key,), "belongs to own weights; named scores bring their own")
    faults.repeated(("items",), file.items)
    faults.repeated(("scores",), file.scores)


def _item_scales(file: AnswersFile, codebook: Codebook, faults: Faults) -> Scales:
    """The scale of each item; every form used in the validity period must ask it, on the same scale."""
    forms = codebook.family_or_fault(file.instrument, faults)
    if not forms:
        return {}
    used = [form for form in forms if form.overlaps(file.valid.start, file.valid.end)]
    if not used:
        faults.add(("valid",), f"no form of {file.instrument} was in use in this period")
    asked = {item for form in forms for instrument, item in codebook.item_scales if instrument == form.instrument_id}
    everywhere = {item for _, item in codebook.item_scales}
    scales: Scales = {}
    for index, item in enumerate(file.items or file.weights):
        place = ("items", index) if file.items else ("weights", item)
        if item not in everywhere:
            faults.unknown(place, "item", item, asked)
        elif item not in asked:
            faults.add(place, f"'{item}' is not an item of {file.instrument}")
        for form in used if item in asked else []:
            scale = codebook.item_scales.get((form.instrument_id, item))
            if scale is None:
                until = f" to {form.valid_to_on}" if form.valid_to_on else ""
                faults.add(place, f"'{item}' is not asked on {form.instrument_id} (discharges from "
                                  f"{form.valid_from_on}{until}); narrow 'valid' or choose another item")  # fmt: skip
            elif scales.setdefault(item, scale) != scale:
                faults.add(place, f"'{item}' has scale {scales[item]} on one form and {scale} on another")
    return scales


def _check_examples(file: AnswersFile, scales: Scales, codebook: Codebook, faults: Faults) -> None:
    for number, example in enumerate(file.example):
        place = _example_place(file, number)
        for item in sorted(set(scales) - set(example.answers)):
            faults.add((*place, "answers"), f"has no answers for '{item}'; write [] where nobody answered")
        for item, answers in example.answers.items():
            if item not in scales:
                faults.unknown((*place, "answers", item), "item", item, scales)
                continue
            for code in sorted({code for code in answers if code is not None}):
                if code not in codebook.known_codes(item, scales[item]):
                    faults.add((*place, "answers", item), f"{code} is neither an answer of scale {scales[item]} "
                                                          "nor a known other code of the item")  # fmt: skip
        if file.weights and ("value" not in example.model_fields_set or example.values):
            faults.add(place, "own weights have one 'value', not 'values'")
        if file.scores and "value" in example.model_fields_set:
            faults.add((*place, "value"), "named scores have 'values', one per score")
        for score in [score for score in file.scores if score not in example.values]:
            faults.add((*place, "values"), f"has no value for {score}")
        for score in [score for score in example.values if file.scores and score not in file.scores]:
            faults.add((*place, "values", score), "is not among the scores of the measure")


def _example_place(file: AnswersFile, number: int) -> tuple:
    return ("example",) if len(file.example) == 1 else ("example", number)


def _check_standing(file: AnswersFile, score: str, scales: Scales, codebook: Codebook, faults: Faults) -> None:
    """A score cannot be better known than the values of the scales it is made of."""
    kind = "box" if score in _BOXES else "linear"
    claimed = getattr(file.standing, kind)
    for scale_id in sorted(set(scales.values())):
        values = codebook.scales[scale_id].values()
        known = {answer.box_standing if kind == "box" else answer.linear_standing for answer in values}
        weakest = min(known, key=lambda standing: _STRENGTH.get(standing, 0))
        if _STRENGTH.get(claimed, 0) > _STRENGTH.get(weakest, 0):
            faults.add(("standing",), f"{score} is called {claimed}, but the {kind} values of {scale_id} are {weakest}")


def _scale_weights(score: str, scales: Scales, codebook: Codebook, faults: Faults) -> Weights:
    """Boxes: 1 in the box, else 0; linear mean: points 0 to 100. One weight per answer of the scale."""
    place = ("scores",)
    weights: Weights = {}
    for item, scale_id in scales.items():
        answers = codebook.scales[scale_id]
        if score == "linear_mean" and any(answer.linear is None for answer in answers.values()):
            faults.add(place, f"linear_mean: scale {scale_id} of '{item}' has no linear values")
        elif score != "linear_mean" and not any(answer.box in _BOXES.values() for answer in answers.values()):
            faults.add(place, f"{score}: scale {scale_id} of '{item}' has no boxes")
        weights[item] = {code: _weight(score, answer) for code, answer in sorted(answers.items())}
    # A yes/no item has no middle box: 0 beside items that have one, senseless where no item has.
    if score != "linear_mean" and not any(weight for by_answer in weights.values() for weight in by_answer.values()):
        faults.add(place, f"{score}: no answer of {', '.join(sorted(set(scales.values())))} belongs to it")
    return weights


def _weight(score: str, answer: Answer) -> float:
    return (answer.linear or 0.0) if score == "linear_mean" else float(answer.box == _BOXES[score])


def _own_weights(file: AnswersFile, scales: Scales, codebook: Codebook, faults: Faults) -> Weights:
    """The file's weights; null leaves an answer out of both sums, and every answer must be decided."""
    weights: Weights = {}
    for item, by_answer in file.weights.items():
        answers = codebook.scales[scales[item]]
        for code in sorted(set(by_answer) - set(answers)):
            faults.add(("weights", item), f"{code} is no answer of scale {scales[item]}")
        for code in sorted(set(answers) - set(by_answer)):
            faults.add(("weights", item), f"answer {code} has no weight; null leaves it out of the denominator")
        weights[item] = {code: weight for code, weight in sorted(by_answer.items()) if weight is not None}
        if not weights[item]:
            faults.add(("weights", item), "no answer is left to count")
    return weights


def _of_score(file: AnswersFile, score: str, weights: Weights, common: dict) -> Measure:
    is_box = score in _BOXES
    return Measure(**common | dict(
        measure_id=f"{file.measure}_{score}",
        score=score,
        label=f"{file.label}, {score.replace('_', ' ')}",
        unit="percent" if is_box else "points",
        statistic=score,
        direction=_direction(score, file.direction),
        standing=file.standing.box if is_box else file.standing.linear,
        scale_factor=100.0 if is_box else 1.0,
        interval_method="wilson" if is_box else "none",
        denominator_rule="valid_answers",
        instrument_family=file.instrument,
        weights=weights,
        examples=tuple(Example(example.answers, example.values.get(score)) for example in file.example),
    ))


def _direction(score: str, direction: str) -> str:
    """A middle box may grow from below or from above, so it is never better or worse by itself."""
    return {"bottom_box": _OPPOSITE[direction], "middle_box": "neutral"}.get(score, direction)


def _of_own_weights(file: AnswersFile, weights: Weights, common: dict, faults: Faults) -> Measure:
    unit = file.unit or "points"
    scale_factor = file.scale_factor or (1.0 if unit == "points" else 100.0)
    values = {weight for by_answer in weights.values() for weight in by_answer.values()}
    if file.interval == "wilson" and (unit != "percent" or not values <= {0.0, 1.0} or scale_factor != 100.0):
        faults.add(("interval",), "a Wilson interval needs weights of 0 and 1, unit percent and scale_factor 100")
    return Measure(**common | dict(
        unit=unit,
        statistic="weighted_mean",
        standing=file.standing.box,
        scale_factor=scale_factor,
        interval_method=file.interval or "none",
        denominator_rule="valid_answers",
        instrument_family=file.instrument,
        weights=weights,
        examples=tuple(Example(example.answers, example.value) for example in file.example),
    ))
