"""Pseudo-random numbers inside SQL: the same for the same seed, on every machine and version.

Belongs here: integer mixing as nested SELECTs.
Does not belong here: what the numbers are used for.

The mixer is the 32-bit integer hash "lowbias32" by Chris Wellons (xor-shift and multiply, bias 0.17).
DuckDB's own hash() may change between versions, and md5 costs fifty times as much.
"""

from __future__ import annotations

MASK = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9  # 2**32 / golden ratio: neighbouring keys land far apart
_ROUNDS = ((16, 0x7FEB352D), (15, 0x846CA68B))


def with_draws(relation: str, key: str, salt: int, prefix: str, count: int) -> str:
    """`relation` with columns {prefix}0..{prefix}{count-1}: UBIGINT, uniform on 0..2**32-1.

    `key` is an SQL expression below 2**32 that identifies the row; `salt` separates uses of one key.
    """
    names = [f"{prefix}{index}" for index in range(count)]
    start = f"(select *, (({key})::ubigint * {_GOLDEN} + {salt & MASK}) & {MASK} as _start from {relation})"
    mixed = _mix(start, ["_start"])
    columns = ", ".join(f"(_start + {(index + 1) * _GOLDEN & MASK}) & {MASK} as {name}" for index, name in enumerate(names))
    return _mix(f"(select * exclude (_start), {columns} from {mixed})", names)


def salt_of(seed: int, use: str) -> int:
    """A 32-bit salt for one use of a seed."""
    import zlib

    return zlib.crc32(f"{seed}:{use}".encode())


def unit_interval(draw: str) -> str:
    """A draw as DOUBLE in [0, 1)."""
    return f"({draw} / 4294967296.0)"


def _mix(relation: str, names: list[str]) -> str:
    for shift, factor in _ROUNDS:
        steps = ", ".join(f"(xor({name}, {name} >> {shift}) * {factor}) & {MASK} as {name}" for name in names)
        relation = f"(select * replace ({steps}) from {relation})"
    last = ", ".join(f"xor({name}, {name} >> 16) as {name}" for name in names)
    return f"(select * replace ({last}) from {relation})"
