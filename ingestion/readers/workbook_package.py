"""The package of a workbook: whether it is safe to open, and which sheets it has.

Belongs here: the zip directory, limits against bombs, sheet names, the pass over the raw cells of a sheet.
Does not belong here: what the raw cells say (workbook_cells.py), cell values (workbook_sheet.py).

The library that reads the values allocates a sheet as a full rectangle: two cells at opposite corners
would ask for hundreds of gigabytes and end the process. So the extent of a sheet is measured first.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ingestion.readers import Refused
from ingestion.readers.content import OLE, ZIP, describe, describe_text
from ingestion.readers.limits import MAX_RATIO
from ingestion.readers.workbook_cells import Cells, Facts

_RATIO_COUNTS_FROM_BYTES = 16 << 20
MAX_UNPACKED_BYTES = 1 << 30
MAX_ENTRIES = 10_000
# A full rectangle of this size takes about 0.5 GB while it is read.
MAX_CELLS = 10_000_000
_CHUNK_BYTES = 1 << 18
_SEND_AGAIN = "Ask the sender for the file again, saved as .xlsx."


@dataclass(frozen=True)
class Part:
    """One worksheet: its name for people, its place in the package."""

    name: str
    path: str
    is_visible: bool


def parts_of(path: Path, max_bytes: int) -> list[Part]:
    """The worksheets in the order of the tabs. Raises Refused for a package that is not a safe .xlsx."""
    _refuse_other_content(path)
    try:
        with zipfile.ZipFile(path) as package:
            _refuse_unsafe(package, min(max_bytes, MAX_UNPACKED_BYTES), path.stat().st_size)
            return _parts(package)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError):
        raise Refused("damaged_workbook", "the workbook's zip package is damaged or cut off", _SEND_AGAIN) from None


def scan(path: Path, part: Part) -> Facts:
    """Read the raw cells of one sheet. Raises Refused for one that is too large or damaged."""
    parser = _parser(part.path)
    cells = Cells(parser)
    parser.StartElementHandler = cells.start
    try:
        with zipfile.ZipFile(path) as package:
            _parse(package, part.path, parser)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        raise Refused("damaged_workbook", f"sheet '{part.name}' is damaged", _SEND_AGAIN) from None
    cells.finish()
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
    if not all(0 <= entry.header_offset < n_bytes for entry in entries):
        raise Refused("damaged_workbook", "the workbook's zip directory points outside of the file", _SEND_AGAIN)
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
            while content.read(_CHUNK_BYTES):
                pass


def _is_outside(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name


def _parts(package: zipfile.ZipFile) -> list[Part]:
    targets: dict[str, str] = {}
    found: list[tuple[str, str, bool]] = []

    def relation(tag: str, attributes: dict[str, str]) -> None:
        if attributes.get("Type", "").endswith("/worksheet"):
            targets[attributes["Id"]] = posixpath.normpath(posixpath.join("/xl", attributes["Target"])).lstrip("/")

    def sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "sheet":
            key = next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), "")
            found.append((attributes.get("name", ""), key, attributes.get("state", "visible") == "visible"))

    for name, handler in (("xl/_rels/workbook.xml.rels", relation), ("xl/workbook.xml", sheet)):
        parser = _parser(name)
        parser.StartElementHandler = handler
        _parse(package, name, parser)
    return [Part(name, targets[key], is_visible) for name, key, is_visible in found if key in targets]


def _parser(name: str) -> Any:
    """A parser that refuses a document type, and so every entity of the file's own."""
    from xml.parsers import expat

    def doctype(*_: object) -> None:
        raise Refused("unsafe_workbook", f"part {PurePosixPath(name).name} declares a document type", _SEND_AGAIN)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = doctype
    return parser


def _parse(package: zipfile.ZipFile, name: str, parser: Any) -> None:
    from xml.parsers import expat

    try:
        with package.open(name) as content:
            while chunk := content.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError):  # also an encoding nobody knows, a part that is not there
        raise Refused("damaged_workbook", f"part {PurePosixPath(name).name} of the workbook is missing or broken",
                      _SEND_AGAIN) from None
