"""Raw Parquet on disk: rows of several deliveries to a file each, repeated keys marked, rows counted.

Belongs here: what is done to the rows once they are typed.
Does not belong here: their SQL (conform.py, conform_sql.py), where the files are kept (catalogue.py).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.sql import identifier, literal
from ingestion.values_sql import key_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed

_FORMAT = "format parquet, compression zstd"


class Counts:
    """Rows of one delivery: all, accepted, and how often each rule was broken or warned of."""

    def __init__(self) -> None:
        self.n_rows = self.n_accepted = 0
        self.problems: dict[str, int] = {}
        self.warnings: dict[str, int] = {}


@contextlib.contextmanager
def staged(outs: Sequence[Path]) -> Iterator[list[Path]]:
    """Paths to write to; those that exist at the end take the names of `outs` (all in one folder), readable by the owner only."""
    folder = outs[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=folder) as made:
        parts = [Path(made) / out.name for out in outs]
        yield parts
        for part, out in zip(parts, outs, strict=True):
            if part.exists():
                part.chmod(0o600)
                part.replace(out)


def write_apart(con: DuckDBPyConnection, select: Callable[[Sequence[Any]], str], deliveries: Sequence[Any], parts: Sequence[Path]) -> None:
    """Copy the rows of each delivery to its own file; `select` is the SQL over some of them, its rows in file order.

    One statement for several: planning one takes as long as running it on 10,000 rows.
    """
    if len(deliveries) > 1:
        folder = parts[0].parent / "apart"
        con.execute(f"copy ({select(deliveries)}) to {literal(str(folder))} "
                    f"({_FORMAT}, partition_by (delivery_id), write_partition_columns true)").fetchall()
    for one, part in zip(deliveries, parts, strict=True):
        made = part.parent / "apart" / f"delivery_id={one.delivery_id}" / "data_0.parquet"
        if made.exists():
            made.replace(part)
        else:  # the only one, or one without rows
            con.execute(f"copy ({select([one])}) to {literal(str(part))} ({_FORMAT})").fetchall()


def mark_repeated_keys(con: DuckDBPyConnection, feed: Feed, parts: dict[str, Path]) -> None:
    """Second and later rows of a delivery with the same business key become problems; most files have none.

    Rows of one survey that name different units all do: which of them is right cannot be told.
    """
    if not feed.unique:
        return
    key = ", ".join(key_text(name) for name in feed.business_key)
    found = con.execute(f"select distinct delivery_id from {_parquet(*parts.values())} where len(problems) = 0 "
                        f"group by delivery_id, {key} having count(*) > 1").fetchall()
    for (delivery_id,) in found:
        _mark(con, feed, key, parts[delivery_id])


def _mark(con: DuckDBPyConnection, feed: Feed, key: str, part: Path) -> None:
    accepted = f"(select * from {_parquet(part)} where len(problems) = 0)"
    con.execute(
        f"create or replace temp table repeated as select row_number, case when {_is_in_two_units(feed)} then 'two_units' "
        f"when row_number() over (key order by row_number) > 1 then 'duplicate_key' end as rule from {accepted} "
        f"where ({key}) in (select ({key}) from {accepted} group by {key} having count(*) > 1) window key as (partition by {key})"
    ).fetchall()
    if con.execute("select count(rule) from repeated").fetchone()[0] == 0:
        return
    problem = f"{{'rule': d.rule, 'column': {literal(feed.business_key[0])}, 'masked': null::varchar}}"
    marked = part.with_suffix(".marked")
    con.execute(
        f"copy (select r.* replace (case when d.rule is not null then list_append(problems, {problem}) else problems end as problems) "
        f"from {_parquet(part)} as r left join repeated as d using (row_number) "
        f"order by row_number) to {literal(str(marked))} (format parquet, compression zstd)"
    ).fetchall()
    marked.replace(part)


def _is_in_two_units(feed: Feed) -> str:
    if feed.kind != "survey" or "unit_code" not in feed.columns or "unit_code" in feed.business_key:
        return "false"
    unit = "coalesce(unit_code, '')"
    return f"min({unit}) over key <> max({unit}) over key"


def count(con: DuckDBPyConnection, parts: dict[str, Path]) -> dict[str, Counts]:
    """Rows and broken rules by delivery."""
    table, found = _parquet(*parts.values()), {delivery_id: Counts() for delivery_id in parts}
    for delivery_id, n_rows, n_accepted in con.execute(
            f"select delivery_id, count(*), count(*) filter (len(problems) = 0) from {table} group by delivery_id").fetchall():
        found[delivery_id].n_rows, found[delivery_id].n_accepted = n_rows, n_accepted
    for column in ("problems", "warnings"):
        for delivery_id, rule, n in con.execute(
                f"select delivery_id, rule, count(*) from (select delivery_id, unnest({column}).rule as rule from {table} where len({column}) > 0) "
                "group by delivery_id, rule order by delivery_id, rule").fetchall():
            getattr(found[delivery_id], column)[rule] = n
    return found


def rows_by_file(con: DuckDBPyConnection, paths: Sequence[Path]) -> dict[Path, int]:
    """Rows of each file, by what stands in the file; without reading any of them."""
    listed = ", ".join(literal(str(path)) for path in paths)
    found = con.execute(f"select file_name, num_rows from parquet_file_metadata([{listed}]::varchar[])").fetchall() if paths else []
    return {Path(name): n for name, n in found}


def _parquet(*paths: Path) -> str:
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"
