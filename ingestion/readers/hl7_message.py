"""One HL7 v2 message: separators from its header, fields by their HL7 name, escape sequences.

Belongs here: the syntax of a message (HL7 2.5.1 chapter 2).
Does not belong here: splitting a file into messages (hl7v2.py), what the fields mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ingestion.readers import Refused

_PATH = re.compile(r"(?P<segment>[A-Z][A-Z0-9]{2})-(?P<field>\d+)(\[(?P<repetition>\d+)\])?(\.(?P<components>\d+(\+\d+)*))?(\.(?P<sub>\d+))?$")
# Table 0211 as senders write it; a header that names none of them leaves the feed's encoding.
_CHARACTER_SETS = {"ASCII": "ascii", "8859/1": "latin-1", "8859/15": "iso8859-15", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8"}
GROUP = "group"
_STANDARD = "|^~\\&"


class BadHeader(ValueError):
    """An MSH segment that does not say its separators."""


class FieldPath(NamedTuple):
    """Where a value stands; all numbers count from 1 as in HL7, `segment` empty for the group number."""

    segment: bytes
    field: int
    repetition: int
    components: tuple[int, ...]
    sub: int | None


def parse_path(name: str) -> FieldPath:
    """`PID-3[2].1`, `PV1-19.1+4`, `PV1-3.4.1` or `group`. Refused when the feed writes something else."""
    if name == GROUP:
        return FieldPath(b"", 0, 1, (), None)
    if not (found := _PATH.match(name)):
        raise Refused("feed_definition", f"'{name}' in the feed is not a field of a message",
                      "Write fields such as PV1-19, PID-3.1, PID-3[2].1 or PV1-19.1+4.")
    components = tuple(int(one) for one in (found["components"] or "").split("+") if one)
    return FieldPath(found["segment"].encode(), int(found["field"]), int(found["repetition"] or 1), components,
                     int(found["sub"]) if found["sub"] else None)


@lru_cache(maxsize=64)
def _marks(start: bytes) -> str:
    """Field separator and encoding characters. MSH-2 may leave out the last ones when the sender uses none of them."""
    marks = start.decode("latin-1")
    marks += _STANDARD[len(marks):] if len(marks) > 1 else ""
    if len(marks) < 5 or len(set(marks)) < 5 or any(mark.isalnum() or mark.isspace() for mark in marks):
        raise BadHeader
    return marks


@dataclass
class Header:
    """The separators of one message, its encoding and its own fields."""

    parts: list[bytes]
    encoding: str
    field: bytes
    component: str
    repetition: str
    escape: str
    sub: str

    @classmethod
    def of(cls, msh: bytes, encoding: str) -> Header:
        """From MSH-1 and MSH-2. Raises BadHeader when they are missing or not distinct."""
        if len(msh) < 5:
            raise BadHeader
        parts = msh.split(msh[3:4])
        marks = _marks(msh[3:4] + parts[1][:4])
        said = parts[17].decode("latin-1").split(marks[2])[0].strip().upper() if len(parts) > 17 else ""
        return cls(parts, _CHARACTER_SETS.get(said, encoding), marks[0].encode("latin-1"), *marks[1:4], marks[4])

    def message_type(self) -> str | None:
        """MSH-9.1, for example ADT."""
        return self.value({b"MSH": self.parts}, FieldPath(b"MSH", 9, 1, (1,), None), 1)

    def value(self, segments: dict[bytes, list[bytes]], path: FieldPath, group_number: int) -> str | None:
        """The text of a field or of its components joined with ^; None when absent or explicitly null ("").

        `segments` are the fields of each segment, split at the field separator.
        """
        if not path.segment:
            return str(group_number)
        fields = segments.get(path.segment, ())
        index = path.field - (path.segment == b"MSH")  # MSH-1 is the separator itself
        if index >= len(fields) or not fields[index]:
            return None
        text = fields[index].decode(self.encoding)
        if self.repetition in text or path.repetition > 1:
            repetitions = text.split(self.repetition)
            if path.repetition > len(repetitions):
                return None
            text = repetitions[path.repetition - 1]
        if path.components == (1,) and path.sub is None and self.escape not in text:  # nearly every field that is asked for
            text = text.partition(self.component)[0]
            return text if text not in ("", '""') else None
        return self._component(text, path)

    def _component(self, text: str, path: FieldPath) -> str | None:
        components = text.split(self.component)
        wanted = [components[n - 1] if n <= len(components) else "" for n in path.components] if path.components else components
        if path.sub is not None:
            wanted = [(one.split(self.sub) + [""] * path.sub)[path.sub - 1] for one in wanted]
        while wanted and wanted[-1] in ("", '""'):
            wanted.pop()
        return "^".join(self._unescaped("" if one == '""' else one) for one in wanted) or None

    def _unescaped(self, text: str) -> str:
        if self.escape not in text:
            return text
        mark = re.escape(self.escape)
        return re.sub(f"{mark}([^{mark}]*){mark}", self._meaning, text)

    def _meaning(self, sequence: re.Match[str]) -> str:
        """HL7 2.5.1 section 2.7: separators, hexadecimal data, line breaks; highlighting has no text."""
        code = sequence[1]
        plain = {"F": self.field.decode("latin-1"), "S": self.component, "T": self.sub, "R": self.repetition, "E": self.escape,
                 ".br": "\n", ".sp": "\n"}
        if code in plain:
            return plain[code]
        if code[:1] == "X":
            try:
                return bytes.fromhex(code[1:]).decode(self.encoding)
            except ValueError:
                return ""
        return ""
