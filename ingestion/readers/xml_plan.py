"""Which element of a record goes to which column, and what is met that nobody declared.

Belongs here: declared paths as a tree, filling one row from one element, counting the rest.
Does not belong here: reading the file (xml.py).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ingestion.readers import Refused

_PRESENT = "@present"
# Further undeclared names are counted as one, so that a hostile file cannot fill the memory or the notes.
MAX_UNDECLARED = 200
_MAX_NAME_CHARACTERS = 60


def local_name(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


class _Node(dict):
    """One element below the record: raw tag -> node of the child, filled in as tags are met."""

    __slots__ = ("children", "column", "is_block", "is_list", "n", "path", "plan", "present", "record")

    def __init__(self, plan: Plan, path: str) -> None:
        super().__init__()
        self.plan, self.path = plan, path
        self.children: dict[str, _Node] = {}
        self.column: int | None = None  # where its text goes
        self.present: int | None = None  # where it says that it was there
        self.is_block = False  # declared elements lie below it
        self.is_list = False  # it may occur several times; its texts stand in one column, parted by |
        self.n = 0  # how often it was met; for blocks: with anything in it
        self.record = 0  # the last record it was met in, kept for blocks

    def __missing__(self, tag: str) -> _Node:
        name = local_name(tag)
        node = self.children.get(name) or self.plan.undeclared_node(self, name)
        if node is not self.plan.others:
            self[tag] = node
        return node

    def __bool__(self) -> bool:
        return True

    def child(self, name: str) -> _Node:
        """The declared child of that name, made on first use."""
        path = f"{self.path}/{name}" if self.path else name
        node = self.children.setdefault(name, _Node(self.plan, path))
        node.is_list = self.is_list or path in self.plan.lists
        return node


class Plan:
    """Declared paths below one element, such as `administration/patient-id` or `patientresponse/@present`."""

    def __init__(self, paths: list[str], lists: Collection[str] = ()) -> None:
        self.paths, self.lists = paths, frozenset(lists)
        self.n_records = 0
        self.others = _Node(self, "(other names)")
        self._undeclared = [self.others]
        self._root = _Node(self, "")
        self._empty: list[str | None] = [None] * len(paths)
        self._parents = [self._declare(column, path) for column, path in enumerate(paths)]
        self._unseen = {column for column, value in enumerate(self._empty) if value is None}

    def row(self, element: Any) -> tuple[list[str | None], str | None]:
        """Texts in the order of the paths, and the rule the element breaks.

        `repeated_element`: a declared element occurs twice; the first text is kept.
        """
        self.n_records += 1
        row = self._empty.copy()
        problem = self._fill(element, self._root, row)
        self._unseen.difference_update([column for column in self._unseen if row[column] is not None])
        return row, problem

    def absent(self) -> set[str]:
        """Declared paths that never occurred although their parent had elements: the element is gone or renamed."""
        self._root.n = self.n_records
        return {self.paths[column] for column in self._unseen if self._parents[column].n}

    def undeclared(self) -> dict[str, int]:
        """How often each undeclared element was met."""
        return {node.path: node.n for node in self._undeclared if node.n}

    def undeclared_node(self, parent: _Node, name: str) -> _Node:
        """A place to count an element nobody declared."""
        if len(self._undeclared) > MAX_UNDECLARED or parent is self.others:
            return self.others
        node = parent.child(name[:_MAX_NAME_CHARACTERS])
        self._undeclared.append(node)
        return node

    def _declare(self, column: int, path: str) -> _Node:
        *parts, last = path.split("/")
        node = self._root
        for part in parts:
            node = node.child(part)
            node.is_block = True
        if last == _PRESENT and parts:
            node.present = column
            self._empty[column] = "false"
        elif last.startswith("@"):
            raise Refused("feed_definition", f"the feed asks for '{path}'; attributes are not read",
                          "Declare elements, or <block>/@present for whether a block is there.")
        else:
            node.child(last).column = column
        return node

    def _fill(self, element: Any, node: _Node, row: list[str | None]) -> str | None:
        problem = None
        for child in element:
            below = node[child.tag]
            column = below.column
            if column is not None:
                text = child.text
                if below.is_list:
                    row[column] = (text or "") if row[column] is None else f"{row[column]}|{text or ''}"
                elif row[column] is not None:
                    problem = "repeated_element"
                else:
                    row[column] = text or ""
                if text or not len(child):
                    continue
            elif below.is_block:
                if below.record == self.n_records and not below.is_list:
                    problem = "repeated_element"
                below.record = self.n_records
                below.n += len(child) > 0
                if below.present is not None:
                    row[below.present] = "true"
            else:
                below.n += 1
            problem = self._fill(child, below, row) or problem
        return problem


class HeaderPlan(Plan):
    """The one element whose texts hold for every record of the file."""

    values: list[str | None]

    def take(self, element: Any, name: str) -> None:
        """Keep its texts. Raises Refused for a second header and for a declared element that repeats in it."""
        if self.n_records:
            raise Refused("two_headers", f"the file has a second <{name}> element at line {element.sourceline}",
                          "Have one file made per header; which records belong to which cannot be told.")
        row, problem = self.row(element)
        if problem:
            raise Refused(problem, f"<{name}> at line {element.sourceline} holds a declared element twice",
                          "Ask the sender for a corrected file.")
        self.values = [(text or "").strip() or None for text in row]
