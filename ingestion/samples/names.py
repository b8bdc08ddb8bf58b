"""Synthetic people: the only names, telephones and addresses that may occur in a sample.

Belongs here: the fixed lists and the SQL that picks from them.
Does not belong here: sentences (narratives.py).

Marked as synthetic on purpose: nobody is called so, telephones are 555-01xx, mail is example.org, record
numbers begin with SYN. A test may search any published file for these words to prove that none leaked.
"""

from __future__ import annotations

from ingestion.sql import literal

SYNTHETIC_GIVEN = (
    "Aldwyna", "Borvic", "Celinth", "Dorwen", "Elvarra", "Fenwick-Syn", "Gorlan", "Hestrid", "Ilvane", "Jorunda",
    "Kelvash", "Lorinth", "Mavrick-Syn", "Nerwyn", "Ostrava-Syn", "Pellura", "Quorin", "Rosvelt-Syn", "Sylvane", "Torvella",
)
SYNTHETIC_FAMILY = (
    "Testerly", "Samplewright", "Mockhaven", "Fixturesen", "Placeholdt", "Exampleton", "Dummarski", "Fauxmoor",
    "Pseudonova", "Synthwell", "Fabricado", "Makebelief", "Trialstone", "Stubsworth", "Notrealey", "Specimenko",
)
SYNTHETIC_STAFF = ("Nurse Simulata", "Nurse Demoski", "Dr. Phantasmo", "Dr. Modelkin", "Clerk Prototti", "Aide Draftwell")
IDENTIFYING_PATTERNS = (r"555-01\d\d", r"@example\.org", r"\bSYN\d{8}\b")


def pick(words: tuple[str, ...], draw: str) -> str:
    """SQL: one of `words`, chosen by an integer draw."""
    listed = ", ".join(literal(word) for word in words)
    return f"[{listed}][1 + ({draw} % {len(words)})::integer]"


def given(draw: str) -> str:
    return pick(SYNTHETIC_GIVEN, draw)


def family(draw: str) -> str:
    return pick(SYNTHETIC_FAMILY, draw)


def record_number(draw: str) -> str:
    """SQL: a record number such as SYN00412345."""
    return f"'SYN' || lpad(({draw} % 100000000)::varchar, 8, '0')"


def telephone(draw: str) -> str:
    """SQL: a number from the range reserved for fiction."""
    return f"'555-01' || lpad(({draw} % 100)::varchar, 2, '0')"


def email(draw: str) -> str:
    """SQL: an address that cannot exist."""
    return f"lower({family(draw)}) || ({draw} % 9973)::varchar || '@example.org'"
