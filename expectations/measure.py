"""What is counted of a delivery by itself, without looking at any other delivery.

Belongs here: one statement per feed over the raw Parquet, one row per delivery, and its cache.
Does not belong here: comparing deliveries (comparison.py).

Columns of a measured row: n_rows, n_quarantined, n_repaired, n_duplicate (null where nobody asks),
n_accepted, volume, n_answered (surveys), n_future, newest_on, places (codes of the facilities it
speaks of), columns (one struct per column: column_name, is_item, n_asked, n_missing,
n_marked_missing, n_valued, codes), faults (rule, column, n). Column facts are of accepted rows.

Everything is counted exactly but the columns of large files: there one row in k is looked at. At
50,000 rows a share has a standard error of at most 0.23 points, and limits on shares are tens of
points; counting all of 10 million rows x 32 items would take eight times as long.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.settings import MAX_CODES
from ingestion.home import replacing
from ingestion.kinds import PROVENANCE
from ingestion.raw_files import rows_by_file
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from expectations.settings import FeedExpectations
    from expectations.verdict import DeliveryRaw
    from ingestion.feed import Feed

_NO_DATA = {*PROVENANCE, "problems", "warnings"}
# Coded columns whose distribution may change without any fault: organisations close and open, the
# state of a case follows its age, survey modes are changed by contract.
_FREE_TO_CHANGE = {"facility_code", "unit_code", "status_code", "outcome_code", "mode_code"}
_KINDS_WITH_CODES = {"survey", "complaint", "encounter"}
# Files of one statement. Planning it takes half a second for a survey feed; counts of 256 files need little memory.
_FILES_AT_ONCE = 256
LOOKED_AT = 50_000  # rows of one file
# Rows the feed does not want, such as previews of a survey, are no fault of the file.
_IS_SET_ASIDE = "list_contains(list_transform(problems, lambda p: p.rule), 'set_aside')"

# Written down, because asking the statement for them means planning it a second time (a second for a survey feed).
_COLUMNS = (
    "delivery_id varchar, source varchar, n_rows bigint, n_quarantined bigint, n_repaired bigint, n_duplicate bigint, n_accepted bigint, "
    "volume double, n_answered bigint, n_future bigint, newest_on date, places varchar[], "
    'faults struct("rule" varchar, "column" varchar, n bigint)[], '
    "columns struct(column_name varchar, is_item boolean, n_asked bigint, n_missing bigint, n_marked_missing bigint, n_valued bigint, "
    "codes map(varchar, ubigint))[]"
)


# Rows of `spread` (delivery, column, value -> rows) to one list of structs per delivery. The same few expressions for all
# columns: written out per column they took a second to plan. Answers below 0 are reasons why there is no answer.
_COLUMN_FACTS = f"""valued as (
  select *, case when is_item then list_filter(map_entries(counted), lambda e: not starts_with(e.key, '-')) else map_entries(counted) end as entries
  from spread),
summed as (
  select *, coalesce(list_sum(list_transform(entries, lambda e: e.value)), 0)::bigint as n_valued,
    (case when is_item then n_answering else n_looked_at end)::bigint as n_asked,
    case when is_item then coalesce(counted['-3'], 0) else 0 end::bigint as n_not_asked,
    case when is_item then coalesce(counted['-1'], 0) else 0 end::bigint as n_marked_missing
  from valued),
column_facts as (
  select delivery_id, list({{
    'column_name': column_name, 'is_item': is_item, 'n_asked': n_asked, 'n_missing': greatest(n_asked - n_valued - n_not_asked, 0),
    'n_marked_missing': n_marked_missing, 'n_valued': n_valued,
    'codes': case when is_coded and (is_item or len(entries) between 1 and {MAX_CODES}) then map_from_entries(entries) end}} order by place) as columns
  from summed group by delivery_id)"""


def measure(con: DuckDBPyConnection, feed: Feed, settings: FeedExpectations, deliveries: list[DeliveryRaw], cache: Path) -> None:
    """Create the temporary table `measured` with one row per delivery; only those not in the cache are read."""
    shape = _shape(con, deliveries[0])
    statement = _Statement(feed, settings, shape)
    kept = cache / f"{feed.feed}-{statement.fingerprint()}.parquet"
    _want(con, deliveries)
    con.execute(f"create or replace temp table measured ({_COLUMNS})").fetchall()
    if kept.exists():
        con.execute(f"insert into measured by name from read_parquet({literal(str(kept))}) semi join wanted using (delivery_id, source)").fetchall()
    known = {row[0] for row in con.execute("select delivery_id from measured").fetchall()}
    fresh = [delivery for delivery in deliveries if delivery.delivery_id not in known]
    for step, batch in _batches(con, fresh):
        _want(con, batch)
        con.execute(f"insert into measured by name {statement.text(batch, step)}").fetchall()
    if fresh:
        _set_aside_unasked_items(con, feed)
        _keep(con, kept, cache, feed)


def _batches(con: DuckDBPyConnection, deliveries: list[DeliveryRaw]) -> Iterator[tuple[int, list[DeliveryRaw]]]:
    """Files that are read together, with how many rows stand for one that is looked at (a power of two)."""
    by_step: dict[int, list[DeliveryRaw]] = {}
    n_rows = rows_by_file(con, [delivery.path for delivery in deliveries])
    for delivery in deliveries:
        by_step.setdefault(1 << max(0, math.ceil(math.log2(max(n_rows[delivery.path], 1) / LOOKED_AT))), []).append(delivery)
    for step, alike in sorted(by_step.items()):
        for start in range(0, len(alike), _FILES_AT_ONCE):
            yield step, alike[start:start + _FILES_AT_ONCE]


def _want(con: DuckDBPyConnection, deliveries: list[DeliveryRaw]) -> None:
    rows = [(d.delivery_id, f"{d.path.parent.name}/{d.path.name}:{d.path.stat().st_size}") for d in deliveries]
    values = ", ".join(f"({literal(delivery_id)}, {literal(source)})" for delivery_id, source in rows)
    con.execute(f"create or replace temp table wanted as select * from (values {values}) t(delivery_id, source)").fetchall()


def _shape(con: DuckDBPyConnection, delivery: DeliveryRaw) -> dict[str, str]:
    """Column -> DuckDB type of a raw Parquet; all of one feed version are alike."""
    rows = con.execute(f"describe from read_parquet({literal(str(delivery.path))})").fetchall()
    return {row[0]: row[1] for row in rows if row[0] not in _NO_DATA}


def _keep(con: DuckDBPyConnection, kept: Path, cache: Path, feed: Feed) -> None:
    """Write the cache anew: what was just measured and what older runs measured under the same statement."""
    cache.mkdir(parents=True, exist_ok=True)
    old = f"union all by name (from read_parquet({literal(str(kept))}) anti join measured using (delivery_id, source))" if kept.exists() else ""
    with replacing(kept) as part:
        con.execute(f"copy (from measured {old}) to {literal(str(part))} (format parquet, compression zstd)").fetchall()
    for other in cache.glob(f"{feed.feed}-????????????.parquet"):
        if other != kept:
            other.unlink(missing_ok=True)


def _set_aside_unasked_items(con: DuckDBPyConnection, feed: Feed) -> None:
    """An item without any answer was not asked, if a header generation without it explains all that was answered.

    A vendor who leaves the column of an asked item blank is not excused: then the other items of the
    file belong to a generation that has the item.
    """
    generations = [set(generation.columns) for generation in (feed.items.generations if feed.items else ())]
    if len(generations) < 2:
        return
    rows = con.execute(
        "select delivery_id, list(c.column_name) filter (c.n_valued > 0), list(c.column_name) filter (c.n_valued = 0) "
        "from (select delivery_id, unnest(columns) as c from measured) where c.is_item group by all").fetchall()
    for delivery_id, answered, silent in rows:
        fitting = [items for items in generations if set(answered or ()) <= items]
        unasked = [item for item in silent or () if any(item not in items for items in fitting)]
        if unasked:
            con.execute(
                "update measured set columns = list_transform(columns, lambda c: case when list_contains(?, c.column_name) "
                "then struct_update(c, n_asked := 0::bigint, n_missing := 0::bigint) else c end) where delivery_id = ?",
                [unasked, delivery_id]).fetchall()


def _is_looked_at(step: int) -> str:
    """One row in `step`, spread by multiplicative hashing: a plain remainder would meet files that repeat every few rows."""
    return f"(((row_number * 2654435761) & 4294967295) >> 16) % {step} = 0"


class _Statement:
    """The measuring select of one feed."""

    def __init__(self, feed: Feed, settings: FeedExpectations, shape: dict[str, str]) -> None:
        self.feed, self.settings, self.shape = feed, settings, shape
        self.items = [name for name, kind in shape.items() if kind == "TINYINT"]
        self.coded = set(self._coded())

    def fingerprint(self) -> str:
        """12 hex characters that change when the same Parquet would be measured differently."""
        return hashlib.sha256(self.text([], LOOKED_AT).encode()).hexdigest()[:12]

    def text(self, deliveries: list[DeliveryRaw], step: int) -> str:
        """The select over the raw Parquet of `deliveries`; it left-joins them, so an empty file has a row too."""
        # Written out at each place: as a common table expression DuckDB would read all columns of all rows.
        raw = f"read_parquet([{', '.join(literal(str(delivery.path)) for delivery in deliveries)}])"
        counted = ",\n    ".join(f"{self._counted(name)} as {identifier('a_' + name)}" for name in self.shape)
        columns = ",\n    ".join(f"{{'column_name': {literal(name)}, 'is_item': {name in self.items}, 'is_coded': {name in self.coded}, "
                                 f"'counted': {identifier('a_' + name)}}}" for name in self.shape)
        return f"""
with everything as (
  select delivery_id, count(*) as n_rows, count_if(len(problems) > 0 and not {_IS_SET_ASIDE}) as n_quarantined, count_if(len(warnings) > 0) as n_repaired,
    {self._duplicates()} as n_duplicate
  from {raw} group by delivery_id),
fault as (
  select delivery_id, list({{'rule': rule, 'column': "column", 'n': n}} order by n desc, rule, "column") as faults
  from (select delivery_id, p.rule, p."column", count(distinct row_number) as n
        from (select delivery_id, row_number, unnest(problems) as p from {raw} where len(problems) > 0) group by all)
  group by delivery_id),
accepted as (
  select delivery_id, count(*) as n_accepted, {self._volume()} as volume, {self._future()} as n_future,
    {self._newest()} as newest_on, {self._places()} as places
  from {raw} where len(problems) = 0 group by delivery_id),
looked_at as (
  select delivery_id, count(*) as n_looked_at, {self._answered()} as n_answering,
    {counted}
  from {raw} where len(problems) = 0 and {_is_looked_at(step)} group by delivery_id),
spread as (
  select delivery_id, n_looked_at, n_answering, unnest([
    {columns}], max_depth := 2), generate_subscripts([{', '.join('0' for _ in self.shape)}], 1) as place
  from looked_at),
{_COLUMN_FACTS}
select wanted.delivery_id, wanted.source, coalesce(n_rows, 0) as n_rows, coalesce(n_quarantined, 0) as n_quarantined,
  coalesce(n_repaired, 0) as n_repaired, n_duplicate, coalesce(n_accepted, 0) as n_accepted,
  {'volume' if self._counts_encounters() else 'coalesce(n_rows, 0)'}::double as volume,
  round(n_answering * n_accepted / n_looked_at)::bigint as n_answered, n_future, newest_on,
  coalesce(places, []) as places, coalesce(faults, []) as faults, coalesce(columns, []) as columns
from wanted left join everything using (delivery_id) left join fault using (delivery_id) left join accepted using (delivery_id)
  left join looked_at using (delivery_id) left join column_facts using (delivery_id)"""

    def _coded(self) -> list[str]:
        if self.settings.shift_columns is not None:
            return [name for name in self.settings.shift_columns if name in self.shape]
        if self.feed.kind not in _KINDS_WITH_CODES:
            return []
        specs = self.feed.columns
        lists = {name for name, spec in specs.items() if spec.has_codes or spec.allowed}
        return [name for name, kind in self.shape.items() if name not in _FREE_TO_CHANGE and
                (name in lists or kind in ("TINYINT", "BOOLEAN") or name.endswith("_code"))]

    def _counted(self, name: str) -> str:
        """Value -> how many rows have it; where the values do not matter, they are one."""
        if name in self.coded or name in self.items:
            return f"histogram({identifier(name)})::map(varchar, ubigint)"
        return f"map {{'': count({identifier(name)})::ubigint}}"

    def _duplicates(self) -> str:
        """Rows whose key stood in the file before: counted while conforming where a key must be unique, else here if asked for."""
        if self.settings.max_duplicate_pct is None:
            return "null::bigint"
        if self.feed.unique:
            return "count_if(len(problems) > 0 and list_contains(list_transform(problems, lambda p: p.rule), 'duplicate_key'))"
        key = ", ".join(f"{identifier(name)} := {identifier(name)}" for name in self.feed.business_key if name in self.shape)
        return f"(count(*) - count(distinct struct_pack({key})))" if key else "null::bigint"

    def _counts_encounters(self) -> bool:
        return self.feed.kind == "encounter_count" and {"n_encounters", "period_start_on"} <= set(self.shape)

    def _volume(self) -> str:
        """Rows, or for count files encounters per whole period: a workbook that grows over the year is no anomaly."""
        if not self._counts_encounters():
            return "null::double"
        whole = "not coalesce(is_partial, false)" if "is_partial" in self.shape else "true"
        return f"sum(n_encounters) filter ({whole}) / nullif(count(distinct period_start_on) filter ({whole}), 0)"

    def _answered(self) -> str:
        return f"count(*) filter (greatest({', '.join(map(identifier, self.items))}) >= 0)" if self.items else "null::bigint"

    def _event(self) -> str | None:
        name = self.settings.event_column
        return identifier(name) if name in self.shape else None

    def _future(self) -> str:
        event = self._event()
        days = self.settings.future_tolerance_days
        return f"count(*) filter ({event}::date > delivered_at::date + {days})" if event else "null::bigint"

    def _newest(self) -> str:
        event = self._event()
        return f"max({event})::date" if event else "null::date"

    def _places(self) -> str:
        name = self.settings.place_column
        return f"map_keys(histogram({identifier(name)}))" if name in self.shape else "[]::varchar[]"
