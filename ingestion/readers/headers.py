"""Headers of more than one row: what the columns of an export are called by a stable name.

Belongs here: Qualtrics (names, question texts, import ids), SurveyMonkey (question, choice).
Headers that stand in a file more than once.
Does not belong here: where the rows come from (delimited.py, workbook.py).
"""

from __future__ import annotations

import json
import re

from ingestion.readers import Refused
from ingestion.sql import identifier

_IMPORT_ID = re.compile(r'^\s*\{.*"ImportId"', re.IGNORECASE)
_OPEN_COLUMNS = ("", "response", "open-ended response")
MOST_ROWS = 3
_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")  # word processors turn quotes into these
_LEGACY_NAME = re.compile(r"V\d+$")


def names_of(rows: list[list[str]], style: str) -> tuple[list[str], int]:
    """The column names, and how many of `rows` (the first rows of the table) are header.

    `plain`: the first row. `import_id`: the ImportId of the third row; a file without that row is the
    legacy layout of two rows, where V1, V2 ... are named by the second row. `question_and_choice`: the
    question, and after ` > ` the choice where a question has several columns; a blank continues the
    question to its left. Blank names stay blank.
    """
    if style == "plain":
        return [name.strip() for name in rows[0]], 1
    first = [_tidy(name) for name in rows[0]]
    second = [_tidy(name) for name in rows[1]] if len(rows) > 1 else []
    second += [""] * (len(first) - len(second))
    if style == "question_and_choice":
        return _questions(first, second), 2
    third = rows[2] if len(rows) > 2 else []
    if third and all(_IMPORT_ID.match(cell) for cell in third if cell.strip()) and any(cell.strip() for cell in third):
        ids = [_entry(cell.strip(), "importid") for cell in third]
        return ids + [""] * (len(first) - len(ids)), 3
    return [below if _LEGACY_NAME.match(name) and below else name for name, below in zip(first, second, strict=True)], 2


def time_zones_of(rows: list[list[str]], style: str) -> dict[str, str]:
    """Column name -> time zone, where a header of import ids states one for the moments of a column."""
    names, n_rows = names_of(rows, style)
    if style != "import_id" or n_rows < MOST_ROWS:
        return {}
    zones = {name: _entry(cell, "timezone") for name, cell in zip(names, rows[2], strict=False)}
    return {name: zone for name, zone in zones.items() if name and zone}


def header_key(name: str) -> str:
    """What of a header counts when it is compared: no case, no stray blanks ("Form  (Field )" is "Form (Field)"), no curly quotes."""
    return " ".join(name.translate(_STRAIGHT).split()).replace("( ", "(").replace(" )", ")").casefold()


def told_apart(names: list[str], repeated: list[str], where: str = "the header") -> list[str]:
    """The names, each once: the second and later columns of a name in `repeated` get names of their own.

    Blank names stay as they are. Raises Refused for another name that stands there twice.
    """
    declared, taken, told, odd = {header_key(name) for name in repeated}, set(), [], set()
    for place, name in enumerate(names, start=1):
        key = header_key(name)
        if name and key in taken:
            odd |= set() if key in declared else {name}
            name = again(key, place)
        taken.add(key)
        told.append(name)
    if odd:
        raise Refused("duplicate_header", f"{where} has {', '.join(map(repr, sorted(odd)))} more than once",
                      "Have the export corrected; where it is meant so, name it in format.repeated: the first filled cell of a row counts.")
    return told


def again(key: str, place: int) -> str:
    """The name of a column whose header an earlier one has."""
    return f"_again_{place}_{key}"


def coalesced(relation: str, names: list[str]) -> tuple[str, list[str]]:
    """The relation with the repeated columns of told_apart in the first one of their name, and the names that are left."""
    later = {name: name.split("_", 3)[3] for name in names if name.startswith("_again_")}
    if not later:
        return relation, names
    left = [name for name in names if name not in later]
    filled = []
    for name in left:
        if others := [one for one, key in later.items() if key == header_key(name)]:
            cells = ", ".join(f"nullif(trim({identifier(one)}), '')" for one in (name, *others))
            filled.append(f"coalesce({cells}, {identifier(name)}) as {identifier(name)}")
    return f"(select * exclude ({', '.join(map(identifier, later))}) replace ({', '.join(filled)}) from {relation})", left


def _entry(cell: str, wanted: str) -> str:
    """What a cell of import ids has under a key; nothing where the cell is no such text."""
    try:
        found = json.loads(cell or "{}")
    except ValueError:
        return ""
    return str(next((value for key, value in found.items() if key.casefold() == wanted), "")).strip()


def _questions(first: list[str], second: list[str]) -> list[str]:
    names, question = [], ""
    for name, choice in zip(first, second, strict=True):
        question = name or question
        names.append(question if choice.casefold() in _OPEN_COLUMNS else f"{question} > {choice}")
    return names


def _tidy(name: str) -> str:
    return " ".join(name.split())
