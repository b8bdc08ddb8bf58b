"""SQL of values that are more than a cast: code lists with dates, ends of ranges, lost leading zeros.

Belongs here: expressions over one text, pure functions from the feed to SQL.
Does not belong here: faults and statements (conform_sql.py, conform.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from ingestion.feed import ColumnSpec, Feed
    from ingestion.feed_columns import Dated

# A comma parts thousands and nothing else: 8,5 is no number, never 85.
_WHOLE = r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_INTEGER, _DECIMAL = rf"{_WHOLE}(?:\.0+)?", rf"{_WHOLE}(?:\.[0-9]*)?"
# 21.85 - 23.64, >= 31.53, 88, 97 %; also with a dash of typographers.
_NUMBER = rf"{_WHOLE}(?:\.[0-9]+)?"
_RANGE = rf"\s*(>=|<=|>|<|≥|≤)?\s*({_NUMBER})\s*%?\s*(?:[-–]\s*({_NUMBER})\s*%?\s*)?"


def key_text(name: str) -> str:
    """A column of a key as it is compared: clin and CLIN are one code wherever places and classes are looked up (dbt: key_texts)."""
    return f"upper({identifier(name)})" if name in ("facility_code", "unit_code", "class_code") else identifier(name)


def whole_number(text: str, spec: ColumnSpec) -> str:
    """The integer a text says, null where it says none; 3.0 is 3."""
    plain = _in_points(text, spec)
    return (f"case when regexp_full_match({plain}, {literal(_INTEGER)}) "
            f"then try_cast(try_cast(replace({plain}, ',', '') as decimal(18, 4)) as integer) end")


def number(text: str, spec: ColumnSpec) -> str:
    """The finite number a text says, null where it says none."""
    plain = _in_points(text, spec)
    cast = f"try_cast(replace({plain}, ',', '') as double)"
    is_grouped = f"(not contains({plain}, ',') or regexp_full_match({plain}, {literal(_DECIMAL)}))"
    return f"case when {is_grouped} and isfinite({cast}) then {cast} end"


def _in_points(text: str, spec: ColumnSpec) -> str:
    """The text with a decimal point. Under `decimal: ","` points part thousands, and so do blanks and apostrophes."""
    if spec.decimal == ".":
        return text
    signs = "" if spec.part else " \u00a0\u202f'\u2019"
    return f"translate({text}, {literal(',.' + signs)}, {literal('.,' + ',' * len(signs))})"


def padded(text: str, width: int) -> str:
    """A spreadsheet takes 010001 for a number. Only digits are padded: an identifier with letters never lost any."""
    return f"case when {has_lost_zeros(text, width)} then lpad({text}, {width}, '0') else {text} end"


def has_lost_zeros(text: str, width: int) -> str:
    """Condition: only digits, and fewer than there must be."""
    return f"length({text}) < {width} and regexp_full_match({text}, '[0-9]+')"


def coded(spec: ColumnSpec, text: str, feed: Feed) -> str:
    """Our code for the vendor's; of dated lists the one that holds on the date of the row, none without a date."""
    if spec.codes:
        return _looked_up(spec.codes, text)
    day = f"v_{feed.codes_on(spec.codes_on)}"
    return "case " + " ".join(f"when {during(book, day)} then {_looked_up(book.map, text)}" for book in spec.codebooks) + " end"


def beside(spec: ColumnSpec, value: str, feed: Feed) -> str:
    """The value with what other cells of the row say: `otherwise` where it is null, `true_where` whatever it is."""
    if spec.otherwise:
        return f"coalesce({value}, {coded(spec, f'trim({identifier(spec.otherwise)})', feed)})"
    if not spec.true_where:
        return value
    cells = [(identifier(header), literal(text)) for header, text in spec.true_where.items()]
    fits = " or ".join(f"coalesce(regexp_matches({cell}, {text}), false)" for cell, text in cells)
    is_told = " or ".join(f"trim({cell}) <> ''" for cell, _ in cells)
    return f"case when {fits} then true else coalesce({value}, case when {is_told} then false end) end"


def _looked_up(codes: dict[str, str | bool | int], text: str) -> str:
    whens = " ".join(f"when {literal(theirs.casefold())} then {_ours(ours)}" for theirs, ours in codes.items())
    return f"case lower({text}) {whens} end"


def during(dated: Dated, day: str) -> str:
    """Condition: the day lies between the dates, both included. Null without a day."""
    first = f"{day} >= date '{dated.valid_from_on}'" if dated.valid_from_on else f"{day} is not null"
    return f"{first} and {day} <= date '{dated.valid_to_on}'" if dated.valid_to_on else first


def range_end(spec: ColumnSpec, text: str) -> str:
    """The lower or upper end of a range of numbers; a plain number is both ends, an open range has no other end.

    A word of `ranges` gives its own ends, null for an open one.
    """
    is_lower, plain = spec.part == "lower", _in_points(text, spec)
    sign, first, second = (f"nullif(regexp_extract({plain}, {literal('^' + _RANGE + '$')}, {group}), '')" for group in (1, 2, 3))
    absent = "'<', '<=', '≤'" if is_lower else "'>', '>=', '≥'"
    end = first if is_lower else f"coalesce({second}, {first})"
    bound = f"case when {sign} in ({absent}) then null else try_cast(replace({end}, ',', '') as double) end"
    whens = " ".join(f"when {literal(word.casefold())} then {_bound(ends[0 if is_lower else 1])}" for word, ends in spec.ranges.items())
    return f"(case lower({text}) {whens} else {bound} end)" if whens else f"({bound})"


def _bound(value: float | None) -> str:
    return "null::double" if value is None else f"{value}::double"


def is_open_range(spec: ColumnSpec, text: str) -> str:
    """Condition: the text is a range whose wanted end is open, so a null is its value and no fault."""
    lower = spec.part == "lower"
    words = [literal(word.casefold()) for word, ends in spec.ranges.items() if ends[0 if lower else 1] is None]
    known = f" or lower({text}) in ({', '.join(words)})" if words else ""
    signs = "<≤" if lower else ">≥"
    return f"(regexp_full_match({_in_points(text, spec)}, {literal(_RANGE)}) and regexp_full_match({text}, {literal(f'[{signs}].*')}){known})"


def _ours(value: str | bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else literal(str(value))
