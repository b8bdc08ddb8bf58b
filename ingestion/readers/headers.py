"""Headers of more than one row: what the columns of an export are called by a stable name.

Belongs here: Qualtrics (names, question texts, import ids), SurveyMonkey (question, choice).
Does not belong here: where the rows come from (delimited.py, workbook.py).
"""

from __future__ import annotations

import json
import re

_IMPORT_ID = re.compile(r'^\s*\{.*"ImportId"', re.IGNORECASE)
_OPEN_COLUMNS = ("", "response", "open-ended response")
MOST_ROWS = 3
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
        ids = [_import_id(cell) for cell in third]
        return ids + [""] * (len(first) - len(ids)), 3
    return [below if _LEGACY_NAME.match(name) and below else name for name, below in zip(first, second, strict=True)], 2


def _import_id(cell: str) -> str:
    if not cell.strip():
        return ""
    try:
        found = json.loads(cell)
    except ValueError:
        return ""
    return str(next((value for key, value in found.items() if key.casefold() == "importid"), "")).strip()


def _questions(first: list[str], second: list[str]) -> list[str]:
    names, question = [], ""
    for name, choice in zip(first, second, strict=True):
        question = name or question
        names.append(question if choice.casefold() in _OPEN_COLUMNS else f"{question} > {choice}")
    return names


def _tidy(name: str) -> str:
    return " ".join(name.split())
