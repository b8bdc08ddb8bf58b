"""SQL expressions of single columns: text as delivered to a typed value, and what can be wrong with it.

Belongs here: one expression builder per column type, masks, keyed hashes.
Does not belong here: statements and files (conform.py).

Every column passes two steps. `typed` makes `t_x` (trimmed text, blank as null) and `v_x` (value or
null); `final` gives the value its name. A fault is a condition over both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ingestion.kinds import KINDS
from ingestion.kinds.column import PLACE
from ingestion.person_names import BEYOND_ASCII, looks_like_person
from ingestion.sql import identifier, literal
from ingestion.values_sql import beside, coded, has_lost_zeros, is_open_range, number, padded, range_end, whole_number

if TYPE_CHECKING:
    from ingestion.feed import ColumnSpec, Feed

# The list type of problems and warnings; `masked` keeps the shape of the text, never its letters or digits.
FAULT_TYPE = 'struct(rule varchar, "column" varchar, masked varchar)[]'
# Several marks where one is asked for: 3,4 or 3 4.
_SEVERAL = "[0-9]{1,2}([,;/ ]+[0-9]{1,2})+"
# Types of columns that are read for checks only; the others have that of their kind.
_TYPES = {"integer": "integer", "number": "double", "date": "date", "timestamp": "timestamp", "boolean": "boolean"}
_BOOLEANS = " ".join(f"when '{word}' then {value}" for value, words in {"true": ("1", "y", "yes", "t", "true"), "false": ("0", "n", "no", "f", "false")}.items()
                     for word in words)
_NO_PLACE = 255  # where the words of an item have a text that is none of them
EXCEL_SERIAL = "excel_serial"  # the format of day numbers
_SERIAL = r"[1-9][0-9]{4}(\.[0-9]+)?"
_FIRST_YEAR, _LAST_YEAR = 1901, 2100  # 1900-01-01 is the default date of many systems, not a date anybody meant


class Fault(NamedTuple):
    """A condition under which a row has a fault; `rule` is SQL, a quoted code or a choice between two."""

    condition: str
    rule: str
    column: str | None
    text: str | None
    is_warning: bool


class ColumnSql(NamedTuple):
    """SQL of one column: expressions of the inner and of the outer select, and its faults."""

    typed: list[str]
    final: list[str]
    faults: list[Fault]


def column_sql(name: str, spec: ColumnSpec, headers: list[str] | None, feed: Feed) -> ColumnSql:
    """SQL of a canonical column read from `headers` (None: the file has none of them)."""
    text, value = f"t_{name}", f"v_{name}"
    if spec.privacy == "drop":
        return ColumnSql([f"{_text(spec, headers)} as {text}"] if people(feed) else [], [], [])
    typed = [f"{_text(spec, headers)} as {text}"]
    if spec.pad:
        typed = [f"{_text(spec, headers)} as u_{name}", f"{padded(f'u_{name}', spec.pad)} as {text}"]
    if spec.privacy == "free_text":
        return ColumnSql(typed, [f"length({text})::integer as {name}_length"], _required(spec, name, text))
    if spec.privacy != "none":
        return ColumnSql(typed, [f"{keyed_hash(text, spec.privacy)} as {identifier(name)}"], _required(spec, name, text))
    known = _without_reasons(spec, text)
    expression, rule = _value(spec, known, feed)
    expression = beside(spec, expression, feed)
    typed.append(f"{expression} as {value}")
    guard = [Fault(_is_person(name, text, spec, feed), "'person_in_code'", name, text, spec.on_error == "warn")] if spec.guard else []
    final = _named(name, spec, text, value, feed, guard)
    return ColumnSql(typed, final, [*_required(spec, name, text), *_faults(spec, name, known, value, rule, feed), *guard])


def raw_types(name: str, spec: ColumnSpec, feed: Feed) -> dict[str, str]:
    """What column_sql makes of a column, by name: the types."""
    if spec.privacy not in ("none", "drop", "free_text"):
        return {name: "varchar"}
    beside = {f"{name}_length": "integer", f"{name}_reason": "varchar", f"{name.removesuffix('_at')}_on": "date"}
    return {one: beside.get(one) or _type(name, spec, feed) for one in spec.raw_names(name)}


def item_sql(item: str, headers: list[str] | None, words: dict[int, str], texts: str | None = None) -> ColumnSql:
    """SQL of one answer: a small integer, negative for the kinds of missing, null for no answer given.

    `words` is answer (-3 to 120) -> the text that stands for it in a cell, `texts` SQL over `{text}` that turns
    other texts into one of these (answers.py makes both). Another text becomes missing (-1), several codes at
    once become -2; both are faults (odd_answer). The words are those of an enum in the order of their numbers,
    so reading a cell is one cast: on 40,000 surveys a third of the CPU of a case per code, and a fifth of its planning.
    """
    if not headers:
        return ColumnSql([], [f"null::tinyint as {item}"], [])
    source, text, place = identifier(headers[0]), f"t_{item}", f"c_{item}"
    blank = min(words) - 1
    # A number that no word has gets a text that no cell has, so that the place of a word still gives its number.
    listed = ["", *(words.get(number, f"\1{number}") for number in range(blank + 1, max(words) + 1))]
    known = f"enum({', '.join(map(literal, listed))})"
    # Only a text that is no word as it stands is looked at again: blanks around a code, a leading zero, small letters.
    plain = f"regexp_replace(upper(trim({source})), '^0([0-9])$', '\\1')"
    tried = [f"coalesce({source}, '')", plain, *([texts.replace("{text}", source)] if texts else [])]
    places = ", ".join(f"enum_code(try_cast({one} as {known}))" for one in tried)
    marks = f"case when {has_several_marks(text)} then (-2)::tinyint else (-1)::tinyint end"
    return ColumnSql([f"{source} as {text}", f"coalesce({places}, {_NO_PLACE}::utinyint) as {place}"],
                     [f"case when {place} = {_NO_PLACE} then {marks} else nullif({place}, 0)::tinyint + ({blank})::tinyint end as {item}"], [])


def odd_answer(items: Sequence[str]) -> str:
    """Condition: an answer of the row is not permitted. A choice for each item takes four times the CPU."""
    return f"greatest({', '.join(f'c_{item}' for item in items)}) = {_NO_PLACE}"


def has_several_marks(text: str) -> str:
    """Condition: the cell holds several codes."""
    return f"regexp_full_match(trim({text}), {literal(_SEVERAL)})"


def bad_answer(text: str) -> str:
    """The rule an answer breaks that is not permitted."""
    return f"case when {has_several_marks(text)} then 'multiple_marks' else 'answer_not_permitted' end"


def fault_list(faults: list[Fault], guard: str, asked: Sequence[str] = ()) -> str:
    """SQL of the list of faults of a row. `guard` is true for every row that has one, and cheap.

    `asked` are item codes whose answers may be not permitted: lists of names and texts, because a fault for
    each costs more to plan than reading a small file does. Only rows that pass the guard build the lists,
    and the mask is written once over them.
    """
    lists = []
    if faults:
        structs = ", ".join(f"case when {fault.condition} then {_struct(fault)} end" for fault in faults)
        lists.append(f"list_filter([{structs}], lambda f: f is not null)")
    if asked:
        texts = ", ".join(f"case when c_{item} = {_NO_PLACE} then t_{item} end" for item in asked)
        pairs = f"list_filter(list_zip([{', '.join(map(literal, asked))}], [{texts}]), lambda a: a[2] is not null)"
        lists.append(f"list_transform({pairs}, lambda a: {{'rule': {bad_answer('a[2]')}, 'column': a[1], 'text': a[2]}})")
    if not lists:
        return f"[]::{FAULT_TYPE}"
    masked = f"lambda f: {{'rule': f.rule, 'column': f.\"column\", 'masked': {mask('f.text')}}}"
    found = lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})"
    return f"(case when {guard} then list_transform({found}, {masked}) else [] end)::{FAULT_TYPE}"


def any_fault(faults: list[Fault], asked: Sequence[str] = ()) -> str:
    """A guard: whether one of the faults holds or an answer of the items `asked` is not permitted."""
    conditions = [fault.condition for fault in faults] + ([odd_answer(asked)] if asked else [])
    return " or ".join(f"({one})" for one in conditions) or "false"


def keyed_hash(text: str, purpose: str) -> str:
    """HMAC-SHA256 (RFC 2104) of a text with the key of `purpose`, as the first 32 hex characters."""
    inner = f"sha256(getvariable('pad_inner_{purpose}') || encode({text}))"
    return f"case when {text} is not null then left(sha256(getvariable('pad_outer_{purpose}') || unhex({inner})), 32) end"


def mask(text: str) -> str:
    """The shape of a text: digits as 9, letters as x, at most 24 characters."""
    return f"left(regexp_replace(regexp_replace({text}, '[0-9]', '9', 'g'), '[A-Za-z{BEYOND_ASCII}]', 'x', 'g'), 24)"


def _struct(fault: Fault) -> str:
    column = literal(fault.column) if fault.column else "null::varchar"
    return f"{{'rule': {fault.rule}, 'column': {column}, 'text': {fault.text or 'null::varchar'}}}"


def _text(spec: ColumnSpec, headers: list[str] | None) -> str:
    if not headers:
        return literal(spec.default) if spec.default is not None else "null::varchar"
    parts = [_cell(header, spec) for header in headers]
    if spec.join:
        return "(" + f" || {literal(spec.separator)} || ".join(parts) + ")"
    # Of several headers that a file has, the first one filled in the row.
    parts += [literal(spec.default)] if spec.default is not None else []
    return f"coalesce({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _cell(header: str, spec: ColumnSpec) -> str:
    text = identifier(header)
    if spec.strip:
        text = f"regexp_replace({text}, {literal(spec.strip)}, '', 'g')"
    if spec.extract:
        text = f"regexp_extract({text}, {literal(spec.extract)}, {int('(' in spec.extract)})"
    if spec.split:
        text = f"array_to_string(list_transform(string_split({text}, {literal(spec.split)}), lambda part: trim(part)), '|')"
    if spec.count:
        return f"len(regexp_extract_all({text}, {literal(spec.count)}))::varchar"
    return f"nullif(trim({text}), '')"


def _without_reasons(spec: ColumnSpec, text: str) -> str:
    """The text, null where it is one of the declared words for 'missing'."""
    if not spec.missing:
        return text
    words = ", ".join(literal(word.casefold()) for word in spec.missing)
    return f"(case when lower({text}) not in ({words}) then {text} end)"


def _value(spec: ColumnSpec, text: str, feed: Feed) -> tuple[str, str]:
    """Expression of the value (null where it cannot be read) and the rule such a text breaks."""
    if spec.has_codes:
        kind = {"boolean": "::boolean", "integer": "::integer"}.get(spec.type, "")
        return f"({coded(spec, text, feed)}){kind}", "unknown_code"
    if spec.part:
        return range_end(spec, text), "bad_number"
    if spec.type == "integer":
        return whole_number(text, spec), "bad_integer"
    if spec.type == "number":
        return number(text, spec), "bad_number"
    if spec.type == "boolean":
        # A list after IN is planned as a join: 20 ms per column and file.
        return f"case lower({text}) {_BOOLEANS} end", "bad_boolean"
    if spec.type == "date":
        day = _day(spec, text, feed)
        # Months before the first one of such a year belong to the calendar year after the one it is called by.
        late = f"case when month({day}) < {spec.year_starts_in} then ({day} + interval 1 year)::date else {day} end"
        return (late if spec.year_starts_in > 1 else day), "bad_date"
    if spec.type == "timestamp":
        return _timestamp(spec, text, feed), "bad_timestamp"
    return text, "bad_text"


def _day(spec: ColumnSpec, text: str, feed: Feed) -> str:
    """The day as it is written; of a moment in a stated zone, or with an offset, the day in the feed's zone."""
    moments = [one for one in spec.formats if "%H" in one or "%I" in one]
    if not moments or not (spec.time_zone or spec.utc or any("%z" in one or one.endswith("Z") for one in moments)):
        return f"{_parsed(text, spec.formats)}::date"
    days = [one for one in spec.formats if one not in moments]
    local = f"(({_timestamp(spec.model_copy(update={'formats': moments}), text, feed)} at time zone 'UTC') at time zone {literal(feed.time_zone)})"
    return f"coalesce({_parsed(text, days)}, {local})::date" if days else f"{local}::date"


def _timestamp(spec: ColumnSpec, text: str, feed: Feed) -> str:
    """The moment in UTC. A format with an offset (%z) or a final Z says it itself, others are local or declared as UTC."""
    zoned = [one for one in spec.formats if "%z" in one]
    utc = [one for one in spec.formats if one not in zoned and (spec.utc or one.endswith("Z"))]
    local = [one for one in spec.formats if one not in zoned and one not in utc]
    readings = []
    if zoned:
        readings.append(f"(try_strptime({text}, {_formats(zoned)}) at time zone 'UTC')")
    if utc:
        readings.append(f"try_strptime({text}, {_formats(utc)})")
    if local:
        readings.append(f"(({_parsed(text, local)} at time zone {literal(spec.time_zone or feed.time_zone)}) at time zone 'UTC')")
    return readings[0] if len(readings) == 1 else f"coalesce({', '.join(readings)})"


def _parsed(text: str, formats: list[str]) -> str:
    """The local moment by the declared formats. Day 1 of a spreadsheet is 1900-01-01 and it knows a 29 February 1900,
    so counting from 1899-12-30 is right for every day after that; seconds are rounded, the fraction is binary."""
    named = [one for one in formats if one != EXCEL_SERIAL]
    readings = [f"try_strptime({text}, {_formats(named)})"] if named else []
    if len(named) < len(formats):
        number = f"case when regexp_full_match({text}, '{_SERIAL}') then {text}::double end"
        readings.append(f"(timestamp '1899-12-30' + to_seconds(round({number} * 86400)))")
    return readings[0] if len(readings) == 1 else f"coalesce({', '.join(readings)})"


def _formats(formats: list[str]) -> str:
    return "[" + ", ".join(literal(one) for one in formats) + "]"


def people(feed: Feed) -> list[str]:
    """The columns of a row that name people, for feeds that guard a column against names; they are read and not kept."""
    if not any(spec.guard for spec in feed.all_columns.values()):
        return []
    return [name for name, spec in feed.all_columns.items() if spec.privacy == "staff" or (spec.privacy != "none" and name.endswith("_name"))]


def _is_person(name: str, text: str, spec: ColumnSpec, feed: Feed) -> str:
    """Condition: the text looks like a person, or holds the name of one that stands elsewhere in the row."""
    shaped = looks_like_person(text, is_place=name in PLACE)
    if spec.not_people:
        shaped += f" and lower({text}) not in ({', '.join(literal(one.casefold()) for one in spec.not_people)})"
    named = "".join(f" or coalesce(length(t_{name}) >= 5 and contains(lower({text}), lower(t_{name})), false)" for name in people(feed))
    return f"{text} is not null and (({shaped}){named})"


def _named(name: str, spec: ColumnSpec, text: str, value: str, feed: Feed, guard: list[Fault]) -> list[str]:
    limits = [fault.condition for fault in (*_limits(spec, name, text, value), *guard)] if spec.on_error == "warn" else []
    kept = f"case when {' or '.join(limits)} then null else {value} end" if limits else value
    final = [f"({kept})::{_type(name, spec, feed)} as {identifier(name)}"]
    if spec.missing:
        whens = " ".join(f"when {literal(word.casefold())} then {literal(reason)}" for word, reason in spec.missing.items())
        final.append(f"(case lower({text}) {whens} end)::varchar as {name}_reason")
    if spec.type == "timestamp":
        local = f"(({value} at time zone 'UTC') at time zone {literal(feed.time_zone)})::date"
        final.append(f"{local} as {name.removesuffix('_at')}_on")
    return final


def _type(name: str, spec: ColumnSpec, feed: Feed) -> str:
    known = KINDS[feed.kind].get(name)
    return known.type if known else _TYPES.get(spec.type, "varchar")


def _required(spec: ColumnSpec, name: str, text: str) -> list[Fault]:
    return [Fault(f"{text} is null", "'missing_value'", name, None, False)] if spec.required else []


def _faults(spec: ColumnSpec, name: str, text: str, value: str, rule: str, feed: Feed) -> list[Fault]:
    is_warning = spec.on_error == "warn"
    # What other cells say of the row stands in for a text that cannot be read: the text is told all the same.
    unread = f"{text} is not null and {_value(spec, text, feed)[0] if spec.otherwise or spec.true_where else value} is null"
    if spec.part:
        unread += f" and not {is_open_range(spec, text)}"
    faults = []
    if spec.type in ("date", "timestamp"):
        # The pattern stands in the rule, not in the condition: conditions are computed for every row.
        serial = f"regexp_full_match({text}, '{_SERIAL}')"
        which = f"case when {serial} then 'excel_serial_date' else {literal(rule)} end"
        faults.append(Fault(unread, which, name, text, is_warning))
        faults.append(Fault(f"year({value}) not between {_FIRST_YEAR} and {_LAST_YEAR}", "'implausible_date'", name, text, is_warning))
    elif spec.type != "text" or spec.has_codes:
        faults.append(Fault(unread, literal(rule), name, text, is_warning))
    if spec.pad:
        faults.append(Fault(has_lost_zeros(f"u_{name}", spec.pad), "'leading_zeros_restored'", name, text, True))
    return faults + _limits(spec, name, text, value)


def _limits(spec: ColumnSpec, name: str, text: str, value: str) -> list[Fault]:
    """Faults of values that can be read but are not acceptable; under on_error warn they become null."""
    is_warning, faults = spec.on_error == "warn", []
    if spec.allowed:
        words = ", ".join(literal(str(one)) for one in spec.allowed)
        faults.append(Fault(f"{value}::varchar not in ({words})", "'not_allowed'", name, text, is_warning))
    if spec.minimum is not None:
        faults.append(Fault(f"{value} < {spec.minimum}", "'below_minimum'", name, text, is_warning))
    if spec.maximum is not None:
        faults.append(Fault(f"{value} > {spec.maximum}", "'above_maximum'", name, text, is_warning))
    return faults
