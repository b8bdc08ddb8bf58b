"""Small pieces of SQL text that must be written safely.

Belongs here: quoting of names and texts.
Does not belong here: statements.
"""

from __future__ import annotations


def identifier(name: str) -> str:
    """A quoted column or table name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted text value."""
    return "'" + text.replace("'", "''") + "'"
