"""The package of a workbook: whether it is safe to open, which sheets it has, what its cells hold oddly.

Belongs here: the zip directory, limits against bombs, sheet names, cells with errors or without results.
Does not belong here: cell values (workbook_sheet.py).

The library that reads the values allocates a sheet as a full rectangle: two cells at opposite corners
would ask for hundreds of gigabytes and end the process. So the extent of a sheet is measured first.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ingestion.readers import Refused
from ingestion.readers.content import OLE, ZIP, describe, describe_text

# Worksheets of repeated values reach about 60 : 1; deflate reaches at most about 1,030 : 1.
MAX_RATIO = 200
_RATIO_COUNTS_FROM_BYTES = 16 << 20
MAX_UNPACKED_BYTES = 2 << 30
MAX_ENTRIES = 10_000
# A full rectangle of this size takes about 0.5 GB while it is read.
MAX_CELLS = 10_000_000
_SEND_AGAIN = "Ask the sender for the file again, saved as .xlsx."


@dataclass(frozen=True)
class Part:
    """One worksheet: its name for people, its place in the package."""

    name: str
    path: str
    is_visible: bool


@dataclass
class Facts:
    """What the raw cells of a sheet say beyond their values; (row, column) are 0-based."""

    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    unsaved: set[tuple[int, int]] = field(default_factory=set)


def parts_of(path: Path, max_bytes: int) -> list[Part]:
    """The worksheets in the order of the tabs. Raises Refused for a package that is not a safe .xlsx."""
    _refuse_other_content(path)
    try:
        with zipfile.ZipFile(path) as package:
            _refuse_unsafe(package, min(max_bytes, MAX_UNPACKED_BYTES), path.stat().st_size)
            return _parts(package)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise Refused("damaged_workbook", "the workbook's zip package is damaged or cut off", _SEND_AGAIN) from None


def scan(path: Path, part: Part) -> Facts:
    """Read the raw cells of one sheet. Raises Refused for one that is too large or damaged."""
    cells = _Cells()
    try:
        with zipfile.ZipFile(path) as package:
            _parse(package, part.path, cells.start, cells.end, cells.text)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise Refused("damaged_workbook", f"sheet '{part.name}' is damaged", _SEND_AGAIN) from None
    if cells.extent > MAX_CELLS:
        raise Refused("too_large", f"sheet '{part.name}' spans {cells.extent:,} cells, more than {MAX_CELLS:,}",
                      "Have the empty rows and columns deleted, or the data exported as CSV.")
    return cells.facts


def _refuse_other_content(path: Path) -> None:
    with path.open("rb") as handle:
        start = handle.read(512)
        rest = handle.read(8 << 20) if start.startswith(OLE) else b""
    if start.startswith(ZIP):
        return
    if start.startswith(OLE):
        is_encrypted = "EncryptedPackage".encode("utf-16-le") in rest
        found = "an encrypted workbook" if is_encrypted else "an old .xls workbook"
        way_out = "Have it saved without a password." if is_encrypted else "Have it saved as .xlsx."
        raise Refused("encrypted_workbook" if is_encrypted else "old_workbook", f"the file is {found}", way_out)
    raise Refused("not_a_workbook", f"the file is {describe(start) or describe_text(start)}, not an .xlsx workbook",
                  "Have it saved as .xlsx, or describe this format in a feed of its own.")


def _refuse_unsafe(package: zipfile.ZipFile, max_bytes: int, n_bytes: int) -> None:
    entries = package.infolist()
    names = [entry.filename for entry in entries]
    unsafe = "the workbook's zip package is not one a spreadsheet program writes: "
    if len(entries) > MAX_ENTRIES or len(set(names)) < len(names):
        raise Refused("unsafe_workbook", f"{unsafe}it has too many entries or a repeated one", _SEND_AGAIN)
    if any(_is_outside(name) for name in names):
        raise Refused("unsafe_workbook", f"{unsafe}an entry points outside of it", _SEND_AGAIN)
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused("encrypted_workbook", "the workbook's zip package is encrypted", _SEND_AGAIN)
    if sum(entry.compress_size for entry in entries) > n_bytes:
        raise Refused("unsafe_workbook", f"{unsafe}its entries overlap", _SEND_AGAIN)
    total = sum(entry.file_size for entry in entries)
    if total > max_bytes:
        raise Refused("too_large", f"the workbook unpacks to {total:,} bytes, more than {max_bytes:,}",
                      "Have the data exported as CSV.")
    if any(e.file_size > _RATIO_COUNTS_FROM_BYTES and e.file_size > MAX_RATIO * e.compress_size for e in entries):
        raise Refused("zip_bomb", f"a part of the workbook unpacks to more than {MAX_RATIO} times its size",
                      "Ask the sender what this is; if it is right, have the data exported as CSV.")
    if "xl/workbook.xml" not in names:
        raise Refused("not_a_workbook", "the file is a zip archive without an .xlsx workbook in it", _SEND_AGAIN)
    # Sizes in the directory may lie. Reading a part to its end compares them with what is there.
    for entry in entries:
        with package.open(entry) as content:
            while content.read(1 << 20):
                pass


def _is_outside(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name


def _parts(package: zipfile.ZipFile) -> list[Part]:
    targets: dict[str, str] = {}
    found: list[tuple[str, str, bool]] = []

    def relation(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            targets[attributes["Id"]] = posixpath.normpath(posixpath.join("/xl", attributes["Target"])).lstrip("/")

    def sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            key = next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), "")
            found.append((attributes.get("name", ""), key, attributes.get("state", "visible") == "visible"))

    rels = "xl/_rels/workbook.xml.rels"
    if rels in package.namelist():
        _parse(package, rels, relation)
    _parse(package, "xl/workbook.xml", sheet)
    return [Part(name, targets[key], is_visible) for name, key, is_visible in found if key in targets]


def _parse(package: zipfile.ZipFile, name: str, start: Any, end: Any = None, text: Any = None) -> None:
    """Parse one part as a stream; handlers get local names. A document type ends it."""
    from xml.parsers import expat

    def doctype(*_: object) -> None:
        raise Refused("unsafe_workbook", f"{PurePosixPath(name).name} declares a document type", _SEND_AGAIN)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition(":")[2], attributes)
    if end:
        parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
        parser.CharacterDataHandler = text
    try:
        with package.open(name) as content:
            parser.ParseFile(content)
    except (expat.ExpatError, KeyError):
        raise Refused("damaged_workbook", f"part {PurePosixPath(name).name} of the workbook is missing or broken",
                      _SEND_AGAIN) from None


class _Cells:
    """Handlers over `<c r="B3" t="e"><f/><v>..</v></c>`: the extent, error texts, formulas never calculated."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._rows, self._columns = [1 << 30, -1], [1 << 30, -1]
        self._at: tuple[int, int] = (0, -1)
        self._row = -1
        self._type = ""
        self._has_formula = self._has_value = False
        self._text: list[str] | None = None
        self._letters: dict[str, int] = {}

    @property
    def extent(self) -> int:
        """Cells of the rectangle around everything that has a value."""
        return max(0, (self._rows[1] - self._rows[0] + 1) * (self._columns[1] - self._columns[0] + 1))

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self._at = self._position(attributes.get("r", ""))
            self._type = attributes.get("t", "")
            self._has_formula = self._has_value = False
        elif tag == "row":
            number = attributes.get("r", "")
            self._row = int(number) - 1 if number.isdecimal() else self._row + 1
            self._at = (self._row, -1)
        elif tag == "f":
            self._has_formula = True
        elif tag in ("v", "is"):
            self._has_value = True
            self._text = [] if self._type == "e" else None

    def end(self, tag: str) -> None:
        if tag == "v" and self._text is not None:
            self.facts.errors[self._at] = "".join(self._text)[:20]
            self._text = None
        elif tag == "c":
            if self._has_value:
                self._grow()
            elif self._has_formula:
                self.facts.unsaved.add(self._at)

    def text(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _position(self, reference: str) -> tuple[int, int]:
        match = re.fullmatch(r"([A-Z]{1,3})(\d{1,7})", reference)
        if not match:
            return self._at[0], self._at[1] + 1
        letters = match[1]
        if letters not in self._letters:
            number = 0
            for letter in letters:
                number = number * 26 + ord(letter) - 64
            self._letters[letters] = number - 1
        return int(match[2]) - 1, self._letters[letters]

    def _grow(self) -> None:
        row, column = self._at
        self._rows = [min(self._rows[0], row), max(self._rows[1], row)]
        self._columns = [min(self._columns[0], column), max(self._columns[1], column)]
