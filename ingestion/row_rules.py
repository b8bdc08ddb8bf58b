"""Rules over several columns of a row, and what every rule code means in words.

Belongs here: rules that hold for a kind of feed, the SQL that applies them and those of the feed, the
sentences a person reads.
Does not belong here: rules of a single column (conform_sql.py) or of a delivery as a whole (expectations/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.feed_columns import RowRule
from ingestion.instruments import answered_dispositions
from ingestion.scheme_levels import outside_scheme
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from ingestion.feed import Feed

REASONS = {
    "missing_value": "a required value is blank",
    "bad_integer": "the text is not a whole number",
    "bad_number": "the text is not a number (where numbers have a decimal comma: `decimal: \",\"` in the feed)",
    "bad_boolean": "the text is neither yes nor no",
    "bad_date": "the text is not a date in the feed's formats",
    "bad_timestamp": "the text is not a moment in the feed's formats",
    "excel_serial_date": "the cell holds a spreadsheet's day number instead of a date",
    "implausible_date": "the date lies before 1901 or after 2100",
    "unknown_code": "the code is not in the feed's list, or not in the list of that date",
    "not_allowed": "the value is not one of those allowed",
    "below_minimum": "the value is below the minimum",
    "above_maximum": "the value is above the maximum",
    "leading_zeros_restored": "an identifier had lost its leading zeros; they were put back",
    "answer_not_permitted": "the answer is outside the scale of its item",
    "multiple_marks": "more than one answer is marked where one is asked for",
    "duplicate_key": "an earlier row of the file has the same key",
    "two_units": "the file names two units for the same survey; which one is right cannot be told",
    "discharge_after_receipt": "the survey came back before the discharge it is about",
    "answer_absent": "an answered survey lacks a question that every record must have; it counts as unanswered",
    "complete_without_answers": "the survey is reported as completed and has no answer; it counts as a break-off",
    "person_in_code": "a column of codes holds what looks like a person's name",
    "level_outside_scheme": "the scheme has no such level of severity, stage or harm",
    "set_aside": "the feed keeps other rows only, such as answers that are no previews or tests",
    "too_few_columns": "the record has fewer columns than the header",
    "too_many_columns": "the record has more columns than the header",
    "malformed_line": "the record cannot be split into columns",
    "unterminated_quote": "a quoted text has no end",
    "line_too_long": "the record is longer than any record should be",
    "invalid_encoding": "the record is not in the encoding of the feed",
    "nul_byte": "the record holds a zero byte",
    "record_too_long": "the record is longer than the layout",
    "tab_in_record": "the record holds a tab, which shifts positions",
    "malformed_json": "the line is not JSON",
    "not_an_object": "the line is JSON but no object",
    "repeated_element": "a value that may occur once occurs twice with different content",
    "repeated_response": "a question is answered twice with different answers",
    "unnamed_response": "a response has no variable name",
}


# Where the level of a dimension stands; * where the row says which dimension it is.
_LEVELS = {"complaint_coding": {"severity": "severity_level", "harm": "harm_level"}, "complaint_word": {"*": "level"}}


def reason(feed: Feed | None, rule: str) -> str:
    """The words for a rule code: the feed's own ones first; the code itself where there are none."""
    own = {one.rule: one.say for one in feed.rules} if feed else {}
    return own.get(rule) or REASONS.get(rule, rule)


def rules_of(feed: Feed, items: list[str]) -> list[RowRule]:
    """The rules of the feed's kind that its columns allow, then its own."""
    rules = []
    if feed.kind == "survey":
        if {"received_on", "discharge_on"} <= set(feed.columns):
            rules.append(_rule("discharge_after_receipt", "received_on < discharge_on", "received_on", "reject"))
        program = feed.constants.get("program_code") or (feed.items.family.upper() if feed.items else "")
        if items and "disposition_code" in feed.columns and (codes := answered_dispositions(program)):
            silent = f"coalesce(greatest({', '.join(items)}), -1) < 0"
            told = f"disposition_code in ({', '.join(literal(code) for code in codes)})"
            rules.append(_rule("complete_without_answers", f"{told} and {silent}", "disposition_code", "warn"))
        if items and feed.items and feed.items.whole:
            gap = " or ".join(f"{item} is null" for item in items)
            rules.append(_rule("answer_absent", f"coalesce({', '.join(items)}) is not null and ({gap})", None, "warn"))
    for dimension, column in _LEVELS.get(feed.kind, {}).items():
        if column in feed.columns:
            rules.append(_rule("level_outside_scheme", outside_scheme({dimension: column}), column, "reject"))
    return [*rules, *feed.rules]


def apply_rules(statement: str, rules: list[RowRule]) -> str:
    """The statement with the rules' faults added to its `problems` and `warnings`."""
    if not rules:
        return statement
    lists = ", ".join(f"{_with(name, [r for r in rules if r.on_error == kind])} as {name}"
                      for name, kind in (("problems", "reject"), ("warnings", "warn")))
    return f"select * replace ({lists}) from ({statement})"


def _with(name: str, rules: list[RowRule]) -> str:
    if not rules:
        return name
    guard = " or ".join(f"coalesce(({rule.when}), false)" for rule in rules)
    structs = ", ".join(
        f"case when {rule.when} then {{'rule': {literal(rule.rule)}, 'column': {_text(rule.column)}, 'masked': null::varchar}} end"
        for rule in rules)
    # A row that could not be read says so once; its blanks break no further rule.
    is_read = "not list_contains(list_transform(problems, lambda p: p.rule), 'set_aside') and "
    return (f"case when {is_read if name == 'warnings' else ''}({guard}) then list_concat({identifier(name)}, "
            f"list_filter([{structs}], lambda f: f is not null)) else {identifier(name)} end")


def _rule(rule: str, when: str, column: str | None, on_error: str) -> RowRule:
    return RowRule.model_validate({"rule": rule, "when": when, "say": REASONS[rule], "column": column, "on_error": on_error})


def _text(value: str | None) -> str:
    return literal(value) if value else "null::varchar"
