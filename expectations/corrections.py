"""Which new deliveries only correct rows that were delivered before.

Belongs here: telling a correction from a file that was cut off.
Does not belong here: what follows from it (comparison.py leaves out what would be meaningless).

A small file is a correction when nearly all its business keys stood in earlier deliveries. Where a
delivery replaces whole scopes (`replaces`), it must also bring most of the keys these scopes had: a
file cut off in the middle of a month would remove the rest of that month.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed

_SMALL_SHARE = 0.5  # of the usual rows; a full resubmission is judged like any other file
_KNOWN_SHARE = 0.8


def find_corrections(con: DuckDBPyConnection, feed: Feed) -> list[str]:
    """Ids of the new deliveries in `profile` that are corrections."""
    if not feed.business_key:
        return []
    small = con.execute(
        "select delivery_id from profile p join measured m using (delivery_id) where column_name = '' and n_accepted > 0 "
        f"and m.n_rows < {_SMALL_SHARE} * usual_rows").fetchall()
    return [delivery_id for (delivery_id,) in small if _only_corrects(con, feed, delivery_id)]


def _only_corrects(con: DuckDBPyConnection, feed: Feed, delivery_id: str) -> bool:
    """Whether earlier good deliveries hold nearly all keys of this one, and it nearly all keys of the scopes it replaces."""
    path, = con.execute("select path from judged where delivery_id = ?", [delivery_id]).fetchone()
    earlier = con.execute(
        "select b.path from judged b join judged n on b.place_in_order < n.place_in_order where n.delivery_id = ? and b.is_good",
        [delivery_id]).fetchall()
    if not earlier:
        return False
    mine = f"(from read_parquet({literal(path)}) where len(problems) = 0)"
    theirs = f"(from read_parquet([{', '.join(literal(one) for (one,) in earlier)}], union_by_name = true) where len(problems) = 0)"
    key = tuple_of(feed.business_key)
    n, n_known = con.execute(f"select count(*), count(*) filter ({key} in (select {key} from {theirs})) from {mine}").fetchone()
    if n_known < _KNOWN_SHARE * n or not feed.replaces:
        return n_known >= _KNOWN_SHARE * n
    scope = tuple_of(feed.replaces)
    n_before, n_kept = con.execute(
        f"select count(*), count(*) filter (key in (select {key} from {mine})) "
        f"from (select distinct {key} as key from {theirs} where {scope} in (select {scope} from {mine}))").fetchone()
    return n_kept >= _KNOWN_SHARE * n_before


def tuple_of(columns: list[str]) -> str:
    """SQL of the values of several columns as one value that can be compared."""
    return f"struct_pack({', '.join(f'{identifier(name)} := {identifier(name)}' for name in columns)})"
