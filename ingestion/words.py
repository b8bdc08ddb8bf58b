"""Numbers in sentences.

Belongs here: how many of something, in words that fit the number.
Does not belong here: the sentences.
"""

from __future__ import annotations


def counted(n: int, one: str, many: str = "") -> str:
    """`1 row`, `2 rows`; `many` where it is not `one` with an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
