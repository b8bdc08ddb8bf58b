"""Pieces of SQL and of file names that several steps write.

Belongs here: text in, text or a number out. Does not belong here: anything that runs a query or knows a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

ZONE = "America/Chicago"  # of local times in complaints; a visit's date for looking up its unit is taken there too


def order(path: Path) -> tuple[date, int, str]:
    """A file's own place among the versions: the day in its name, its number."""
    found = re.search(r"_(\d{8})(?:_v(\d+))?\.", path.name)
    return datetime.strptime(found[1], "%Y%m%d").date(), int(found[2] or 0), path.name


def header_of(path: Path, delimiter: str = ",") -> list[str]:
    with path.open(encoding="utf-8-sig") as text:
        return text.readline().rstrip("\r\n").split(delimiter)


def csv_relation(files: Iterable[Path], header: Iterable[str], types: dict[str, str], options: str = "", delimiter: str = ",",
                 has_header: bool = True) -> str:
    """SQL that reads files of one layout; `file_index` is a file's place in the list. Lines that do not fit are dropped."""
    columns = {name: types.get(name, "VARCHAR") for name in header}
    return (f"read_csv({listed(files)}, auto_detect = false, header = {has_header}, delim = '{delimiter}', quote = '\"', escape = '\"', "
            f"columns = {columns}, ignore_errors = true{options})")


def listed(files: Iterable[Path]) -> str:
    return str([str(path) for path in files])


def in_(values: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def among(item: str, codes: list[int]) -> str:
    return f"{item} between {codes[0]} and {codes[-1]}" if len(codes) == codes[-1] - codes[0] + 1 else f"{item} in {tuple(codes)}"


def utc(column: str) -> str:
    return f"try_strptime({column}, '%Y-%m-%dT%H:%M:%SZ') at time zone 'UTC'"


def local(moment: str, fallback: str) -> str:
    """SQL: the date of a moment where the facility is."""
    return f"coalesce((({moment}) at time zone zone)::date, {fallback})"


def month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def month_of(day: str) -> str:
    return f"(year({day}) * 12 + month({day}) - 1)::integer"


def first_day_of(month: str) -> str:
    return f"make_date({month} // 12, {month} % 12 + 1, 1)"
