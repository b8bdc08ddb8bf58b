"""Reading a definition file: YAML into a strict model, errors with file and line.

Belongs here: line numbers, duplicate keys, turning a validation error into a sentence, where own definitions lie.
Does not belong here: the models themselves.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from ingestion.home import Home
from ingestion.told import Told

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)

OWN_FEEDS, OWN_DEFINITIONS = "PXW_FEEDS", "PXW_DEFINITIONS"  # variables that list folders of one's own, parted by ':'
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DefinitionError(Told, ValueError):
    """A definition file cannot be used; the message names file, line and key."""


def load_model(path: Path, model: type[Model]) -> Model:
    """Read one YAML file into `model`; DefinitionError names the line of every fault."""
    return fit(path, *load_with_lines(path), model)


def fit(path: Path, data: Any, lines: dict[tuple, int], model: type[Model]) -> Model:
    """What load_with_lines gave, as `model`; DefinitionError names the line of every fault."""
    from pydantic import ValidationError

    if not isinstance(data, dict):
        raise DefinitionError(f"{path}:1: expected a mapping of keys")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = [_fault(path, lines, fault) for fault in error.errors()]
        raise DefinitionError("\n".join(faults)) from None


def load_with_lines(path: Path) -> tuple[Any, dict[tuple, int]]:
    """The data of a YAML file and, per key path, its 1-based line; duplicate keys are refused."""
    try:
        loader = LOADER(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DefinitionError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    lines: dict[tuple, int] = {(): 1}
    if node is None:
        return None, lines
    _walk(path, node, (), lines)
    return loader.construct_document(node), lines


def own_folders(variable: str) -> list[Path]:
    """The folders with definitions of one's own: that of the home (`PXW_HOME`) if there is one, and those the environment variable lists."""
    of_home = Home.from_env().own_feeds if variable == OWN_FEEDS else Home.from_env().own_definitions
    listed = [Path(part) for part in os.environ.get(variable, "").split(os.pathsep) if part]
    return [*([of_home] if of_home.is_dir() else []), *listed]


def _walk(path: Path, node: yaml.Node, at: tuple, lines: dict[tuple, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            child = (*at, key.value)
            if child in lines:
                raise DefinitionError(f"{path}:{key.start_mark.line + 1}: key '{key.value}' stands twice")
            lines[child] = key.start_mark.line + 1
            _walk(path, value, child, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*at, index)] = value.start_mark.line + 1
            _walk(path, value, (*at, index), lines)


def _fault(path: Path, lines: dict[tuple, int], fault: dict) -> str:
    place = tuple(fault["loc"])
    while place and place not in lines:
        place = place[:-1]
    key = ".".join(str(part) for part in fault["loc"]) or "file"
    message = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    return f"{path}:{lines.get(place, 1)}: {key}: {message}"
