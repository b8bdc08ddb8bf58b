"""Small workbooks written cell by cell.

Belongs here: bytes of .xlsx files for the tests of the workbook reader.
Does not belong here: what the reader must make of them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import xlsxwriter


def workbook(*rows: list[Any], name: str = "Volumes", before: tuple[str, ...] = (), after: tuple[str, ...] = (),
             touch: Callable[[xlsxwriter.Workbook, Any], None] | None = None) -> bytes:
    """A workbook with the rows in sheet `name`; `touch` may write more into it. None leaves a cell out."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd", "strings_to_formulas": False}) as book:
        for other in before:
            book.add_worksheet(other)
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if value is not None:
                    sheet.write(number, column, value)
        if touch:
            touch(book, sheet)
        for other in after:
            book.add_worksheet(other)
    return out.getvalue()


def repacked(content: bytes, change: Callable[[str, bytes], bytes | None], extra: dict[str, bytes] | None = None,
             compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The package with parts changed (None drops one) and parts added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for info in old.infolist():
            part = change(info.filename, old.read(info))
            if part is not None:
                new.writestr(info.filename, part)
        for name, part in (extra or {}).items():
            new.writestr(name, part)
    return out.getvalue()
