"""Collecting what is wrong in a definition file, every fault at the line of its key.

Belongs here: the list of faults of one file, hints for misspelt names, finding definition files.
Does not belong here: reading YAML (ingestion/strict_yaml.py), deciding what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from ingestion.strict_yaml import DefinitionError


class Faults:
    """Faults of one file; `lines` maps a key path to its 1-based line."""

    def __init__(self, path: Path, lines: Mapping[tuple, int]) -> None:
        self.path = path
        self._lines = lines
        self._found: list[str] = []

    def add(self, place: tuple, message: str) -> None:
        """Note a fault at a key path; the nearest key that is written in the file gives the line."""
        known = place
        while known and known not in self._lines:
            known = known[:-1]
        key = ".".join(str(part) for part in place) or "file"
        self._found.append(f"{self.path}:{self._lines.get(known, 1)}: {key}: {message}")

    def unknown(self, place: tuple, what: str, name: str, known: Iterable[str]) -> None:
        """Note a name that does not exist, with the nearest one that does."""
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
        self.add(place, f"unknown {what} '{name}'; {hint}")

    def repeated(self, place: tuple, names: Iterable[str]) -> None:
        """Note each name that stands more than once in a list."""
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self.add(place, f"'{name}' stands twice")
            seen.add(name)

    def stop_if_any(self) -> None:
        """Raise DefinitionError with all faults, if there are any."""
        if self._found:
            raise DefinitionError("\n".join(self._found))


def definition_files(*directories: Path) -> list[Path]:
    """The YAML files under the folders, sorted; a folder that is missing or holds none is an error."""
    found: list[Path] = []
    for directory in directories:
        files = sorted(path for path in directory.rglob("*") if path.suffix in (".yml", ".yaml"))
        if not files:
            raise DefinitionError(f"{directory}: no definition files (*.yml) here")
        found += files
    return found
