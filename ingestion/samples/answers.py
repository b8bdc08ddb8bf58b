"""How an invented patient answers each question of the two HCAHPS forms, as SQL.

Belongs here: the order of questions, shares of answers, skips, missing marks, break-offs.
Does not belong here: who was asked and how the file is laid out (surveys.py, survey_xml.py).

Answers of one patient hang together: an opinion is read off x = (own draw + the patient's mood) / 2 on
0..65535, which has a triangular distribution, plus the shift of unit and month. Shares of answers are of
the size of the national results that the agency publishes (80 % "Always" for nurses and so on).
"""

from __future__ import annotations

from dataclasses import dataclass

_RANGE = 65_536
_MISSING_ONE_IN, _TWO_MARKS_ONE_IN, _IGNORES_SKIP_ONE_IN = 47, 1_009, 211


@dataclass(frozen=True)
class Item:
    """One item: `codes` from best to worst with their shares in percent.

    `effect` names the shift it follows; None is a fact about the patient, not an opinion.
    `after` is a screener and the answer that skips this item; `not_applicable` a code and its share.
    """

    code: str
    codes: tuple[str, ...]
    shares: tuple[float, ...]
    effect: str | None = None
    after: tuple[str, str] | None = None
    not_applicable: tuple[str, int] | None = None


def _often(code: str, effect: str, always: float, usually: float, **more) -> Item:
    rest = 100 - always - usually
    return Item(code, ("4", "3", "2", "1"), (always, usually, 0.7 * rest, 0.3 * rest), effect, **more)


def _definitely(code: str, effect: str, yes: float, somewhat: float) -> Item:
    return Item(code, ("1", "2", "3"), (yes, somewhat, 100 - yes - somewhat), effect)


_OPINIONS = (
    _often("nurse_courtesy_respect", "nurse", 86, 11), _often("nurse_listen", "nurse", 77, 18), _often("nurse_explain", "nurse", 75, 19),
    _often("call_button", "nurse", 62, 27, not_applicable=("9", 12)),
    _often("dr_courtesy_respect", "doctor", 86, 11), _often("dr_listen", "doctor", 77, 17), _often("dr_explain", "doctor", 74, 19),
    _often("cleanliness", "place", 72, 19), _often("quiet", "place", 61, 29), _often("rest", "place", 58, 29),
    _often("informed_about_care", "nurse", 70, 21), _often("worked_together", "doctor", 74, 18),
    _often("bathroom_help", "nurse", 65, 23, after=("bathroom_screener", "2")), _often("help_right_away", "nurse", 64, 25),
    _often("med_for", "medicine", 73, 17, after=("new_med_screener", "2")),
    _often("side_effects", "medicine", 48, 20, after=("new_med_screener", "2")),
    _definitely("rest_recovery", "place", 71, 23), _definitely("plans_made", "leaving", 68, 23),
    _definitely("family_symptom_information", "leaving", 64, 22),
    Item("help_after_discharge", ("1", "2"), (84, 16), "leaving", ("discharge_screener", "3")),
    Item("symptoms", ("1", "2"), (88, 12), "leaving", ("discharge_screener", "3")),
    Item("overall_rate", tuple(str(n) for n in range(10, -1, -1)), (50, 21, 14, 6, 3, 3, 1, 0.7, 0.5, 0.3, 0.5), "nurse"),
    Item("recommend", ("4", "3", "2", "1"), (69, 24, 5, 2), "nurse"),
    Item("ct_preferences", ("4", "3", "2", "1"), (45, 48, 5, 2), "leaving"),
    Item("ct_understanding", ("4", "3", "2", "1"), (52, 42, 4, 2), "leaving"),
    Item("ct_purpose_med", ("4", "3", "2", "1"), (60, 35, 3, 2), "leaving", None, ("5", 9)),
)
_FACTS = (
    Item("bathroom_screener", ("1", "2"), (45, 55)), Item("new_med_screener", ("1", "2"), (56, 44)),
    Item("discharge_screener", ("1", "2", "3"), (82, 7, 11)), Item("er_admission", ("1", "2"), (58, 42)),
    Item("stay_planned", ("1", "2", "3"), (31, 12, 57)), Item("overall_health", tuple("12345"), (10, 24, 36, 22, 8)),
    Item("mental_health", tuple("12345"), (24, 31, 29, 12, 4)), Item("education", tuple("123456"), (5, 7, 30, 29, 15, 14)),
    Item("ethnic", tuple("12345"), (88, 1, 6, 1, 4)), Item("race_white", ("1", "0"), (74, 26)),
    Item("race_african_amer", ("1", "0"), (14, 86)), Item("race_asian", ("1", "0"), (5, 95)),
    Item("race_hi_pacific_islander", ("1", "0"), (1, 99)), Item("race_amer_indian_ak", ("1", "0"), (2, 98)),
    Item("language_speak", ("1", "2", "3", "4", "5", "6", "7", "8", "9", "20"), (90, 6, 1, 0.5, 0.5, 0.3, 0.3, 0.4, 0.4, 0.6)),
)
ITEMS = {item.code: item for item in (*_FACTS, *_OPINIONS)}
SCREENERS = ("bathroom_screener", "new_med_screener", "discharge_screener")

_RACE = ("race_white", "race_african_amer", "race_asian", "race_hi_pacific_islander", "race_amer_indian_ak")
# Items in the order of the questions; the five boxes of the race question are one question.
FORM_29: tuple[tuple[str, ...], ...] = tuple((code,) for code in (
    "nurse_courtesy_respect", "nurse_listen", "nurse_explain", "call_button", "dr_courtesy_respect", "dr_listen", "dr_explain",
    "cleanliness", "quiet", "bathroom_screener", "bathroom_help", "new_med_screener", "med_for", "side_effects", "discharge_screener",
    "help_after_discharge", "symptoms", "overall_rate", "recommend", "ct_preferences", "ct_understanding", "ct_purpose_med",
    "er_admission", "overall_health", "mental_health", "education", "ethnic")) + (_RACE, ("language_speak",))
FORM_32: tuple[tuple[str, ...], ...] = tuple((code,) for code in (
    "nurse_courtesy_respect", "nurse_listen", "nurse_explain", "dr_courtesy_respect", "dr_listen", "dr_explain", "cleanliness", "rest",
    "quiet", "informed_about_care", "worked_together", "bathroom_screener", "bathroom_help", "help_right_away", "new_med_screener",
    "med_for", "side_effects", "rest_recovery", "plans_made", "family_symptom_information", "discharge_screener",
    "help_after_discharge", "symptoms", "overall_rate", "recommend", "stay_planned", "overall_health", "mental_health",
    "language_speak", "education", "ethnic")) + (_RACE,)
N_DRAWS = (len(ITEMS) + 2) // 2 + 1  # two items share one 32-bit draw; the last one is the mood


@dataclass(frozen=True)
class Marks:
    """How one layout writes special marks, and which records to spoil (percent of overall ratings blanked)."""

    two_marks: str = "M"
    blank_ratings_pct: int = 0


def screeners_sql(prefix: str) -> str:
    """SQL: the screener columns s_*, needed before their dependants."""
    return ", ".join(f"{_plain(ITEMS[code], _own(code, prefix), 'M')} as s_{code}" for code in SCREENERS)


def answer_sql(code: str, question: int, prefix: str, marks: Marks) -> str:
    """SQL: what stands in the answer field of one item; null where the record has no answers.

    Reads columns has_answers, stop_after (the last question answered), shift_*, seq, the draws and s_*.
    """
    item, own = ITEMS[code], _own(code, prefix)
    value = f"s_{code}" if code in SCREENERS else _plain(item, own, marks.two_marks, _mood(prefix))
    if item.after:
        screener, skip = item.after
        value = f"case when s_{screener} = '{skip}' and {own} % {_IGNORES_SKIP_ONE_IN} <> 1 then '8' else {value} end"
    if code == "overall_rate" and marks.blank_ratings_pct:
        value = f"case when seq * 37 % 100 < {marks.blank_ratings_pct} then 'M' else {value} end"
    return f"case when not has_answers then null when stop_after < {question} then 'M' else {value} end"


def _own(code: str, prefix: str) -> str:
    """The 16 bits that belong to one item."""
    index = list(ITEMS).index(code)
    return f"({prefix}{index // 2} & 65535)" if index % 2 == 0 else f"({prefix}{index // 2} >> 16)"


def _mood(prefix: str) -> str:
    return f"({prefix}{N_DRAWS - 1} & 65535)"


def _plain(item: Item, own: str, two_marks: str, mood: str | None = None) -> str:
    """The answer as if every question applied."""
    whens = [f"when {own} % {_MISSING_ONE_IN} = 0 then 'M'", f"when {own} % {_TWO_MARKS_ONE_IN} = 5 then '{two_marks}'"]
    if item.not_applicable:
        code, percent = item.not_applicable
        whens.append(f"when {own} % 101 < {percent} then '{code}'")
    place = f"(({own} + {mood}) // 2)::integer - shift_{item.effect}" if item.effect else own
    total = 0.0
    for code, share in zip(item.codes[:-1], item.shares[:-1], strict=True):
        total += share
        bound = _triangular(total / 100) if item.effect else total / 100
        whens.append(f"when {place} < {round(bound * _RANGE)} then '{code}'")
    return f"case {' '.join(whens)} else '{item.codes[-1]}' end"


def _triangular(share: float) -> float:
    """The point of the triangular distribution on 0..1 below which `share` of it lies."""
    return (share / 2) ** 0.5 if share < 0.5 else 1 - ((1 - share) / 2) ** 0.5
