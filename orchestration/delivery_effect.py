"""What loading one delivery would do: whose rows it brings, which loaded rows it replaces, which codes nobody mapped.

Belongs here: the facts, read from raw Parquet, and the lines that tell them.
Does not belong here: whether the delivery is good (expectations/), loading it (pipeline.py).

The rules are those of dbt core, told before a build: a newer delivery wins per business key and per
replaced scope (superseded_row), a code finds its unit by facility and unit text (unit_lookup).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.catalogue import Delivery, raw_path
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.sql import literal
from ingestion.values_sql import key_text
from ingestion.words import counted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DATES = ("discharge_on", "received_on", "start_on", "period_start_on")  # when the thing a row tells of happened, by kind
_SHOWN = 6
Order = tuple[datetime, int]


@dataclass
class Effect:
    """Rows are good rows (not quarantined). `earlier` maps deliveries to how many of their rows would be replaced."""

    n_rows: int = 0
    n_new: int = 0
    n_replacing: int = 0
    n_outdated: int = 0
    n_removed: int = 0
    first_on: date | None = None
    last_on: date | None = None
    facilities: list[str] = field(default_factory=list)
    earlier: dict[str, int] = field(default_factory=dict)
    is_mapping_known: bool = True  # also of rows that name no place: nothing of theirs could be mapped
    n_unmapped_rows: int = 0
    n_without_facility: int = 0
    unmapped: list[tuple[str, str, int]] = field(default_factory=list)  # facility code, unit code, rows


def effect(home: Home, feeds: dict[str, Feed], feed: Feed, raw: Path, order: Order, deliveries: Sequence[Delivery]) -> Effect:
    """The effect of the raw Parquet `raw` of a delivery that is not loaded; `deliveries` is the catalogue."""
    import duckdb

    loaded = [d for d in deliveries if d.status == "accepted" and raw_path(home, feeds[d.feed], d).exists()]
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"create view mine as from read_parquet({literal(str(raw))}) where len(problems) = 0")
        columns = {row[0] for row in con.execute("describe mine").fetchall()}
        found = Effect(n_rows=con.execute("select count(*) from mine").fetchone()[0])
        found.n_new = found.n_rows
        on = next((name for name in _DATES if name in columns), None)
        if on:
            found.first_on, found.last_on = con.execute(f"select min({on}), max({on}) from mine").fetchone()
        _compare(con, home, feed, order, [d for d in loaded if d.feed == feed.feed], found)
        if "facility_code" in columns and feed.kind != "org_unit":
            _places(con, home, feeds, feed, loaded, columns, on, found)
    return found


def lines(found: Effect, feed: Feed, names: dict[str, str]) -> Iterator[str]:
    """The effect for a person; `names` gives the file name of a delivery."""
    span = f", dated {found.first_on} to {found.last_on}" if found.first_on else ""
    where = f"; facilities {_listed(found.facilities)}" if found.facilities else ""
    yield f"{counted(found.n_rows, 'good row')}{span}{where}"
    if found.earlier or found.n_outdated:
        what = "a re-delivery: every row is known" if not found.n_new else f"partly known: {counted(found.n_new, 'row is', 'rows are')} new"
        key = f" (same {', '.join(feed.business_key)})" if feed.business_key else ""
        files = _listed([f"{names.get(one, one)} ({n:,})" for one, n in found.earlier.items()])
        yield f"{what}{key}" + (f"; earlier files with these rows: {files}" if files else "")
    if found.n_replacing:
        yield f"  {counted(found.n_replacing, 'row would replace a loaded one', 'rows would replace loaded ones')}"
    if found.n_outdated:
        yield f"  {counted(found.n_outdated, 'row is', 'rows are')} older than what is loaded and would change nothing"
    if found.n_removed:
        scope = " and ".join(feed.replaces) or "the whole feed"
        yield f"  {counted(found.n_removed, 'loaded row')} would leave: this file replaces {scope} as a whole and does not hold them"
    yield from mapping_lines(found, feed)


def mapping_lines(found: Effect, feed: Feed) -> Iterator[str]:
    """Codes that would count as unassigned, and the way out."""
    if feed.kind in ("org_unit", "benchmark") or not found.n_rows:
        return
    if not found.is_mapping_known:
        yield ("UNMAPPED: this warehouse has no org_units file yet, so every row would count under 'unassigned' and no unit or facility "
               "would have values; deliver an org_units file (docs/add_a_feed.md)")
    elif found.n_unmapped_rows:
        codes = _listed([f"{place or '(none)'} / {unit or '(none)'} ({n:,})" for place, unit, n in found.unmapped])
        facility = f", {found.n_without_facility:,} of these without a facility" if found.n_without_facility else ""
        yield (f"UNMAPPED: {found.n_unmapped_rows:,} of {counted(found.n_rows, 'row')} would count under 'unassigned', without a unit{facility}; "
               f"codes (facility / unit) that no org_units row maps: {codes}")
        yield f"  way out: rows with these codes in the org_units file with SourceSystem {feed.feed} or * (a newer file replaces all rows of its SourceSystem)"


def _compare(con: DuckDBPyConnection, home: Home, feed: Feed, order: Order, own: list[Delivery], found: Effect) -> None:
    """Which rows are known, by key and by replaced scope."""
    before, after = [d for d in own if d.order <= order], [d for d in own if d.order > order]
    if feed.business_key:
        key = _key(feed.business_key)
        known = f"(select distinct on (k) {key} as k, delivery_id from {_rows(home, feed, before)} order by k, delivered_at desc, delivery_sequence desc)"
        newer = f"(select distinct {key} as k from {_rows(home, feed, after)})"
        rows = con.execute(
            f"select known.delivery_id, newer.k is not null as is_outdated, count(*) from (select {key} as k from mine) mine "
            f"left join {known} known using (k) left join {newer} newer on newer.k = mine.k group by all").fetchall()
        for delivery_id, is_outdated, n in rows:
            found.n_outdated += n * is_outdated
            found.n_replacing += n * (delivery_id is not None and not is_outdated)
            found.n_new -= n * (delivery_id is not None or is_outdated)
            if delivery_id is not None:
                found.earlier[delivery_id] = found.earlier.get(delivery_id, 0) + n
    elif before:  # without a key the newest delivery stands for the whole feed
        found.n_removed = con.execute(f"select count(*) from {_rows(home, feed, before[-1:])}").fetchone()[0]
    if feed.replaces and feed.business_key:
        scope, key = _key(feed.replaces), _key(feed.business_key)
        found.n_removed = con.execute(
            f"select count(distinct {key}) from {_rows(home, feed, before)} where {scope} in (select {scope} from mine) "
            f"and {key} not in (select {key} from mine)").fetchone()[0]
    found.earlier = dict(sorted(found.earlier.items(), key=lambda item: -item[1]))


def _places(con: DuckDBPyConnection, home: Home, feeds: dict[str, Feed], feed: Feed, loaded: list[Delivery], columns: set[str],
            on: str | None, found: Effect) -> None:
    """Our facilities of the rows, and the codes that have no unit on their date."""
    maps = [d for name, one in feeds.items() if one.kind == "org_unit" for d in _in_force([d for d in loaded if d.feed == name], one)]
    found.is_mapping_known = bool(maps)
    parts = " union all by name ".join(f"(from {_rows(home, feeds[d.feed], [d])})" for d in maps)
    wanted = "source_feed source_facility_code source_unit_code facility_id facility_name unit_id valid_from_on valid_to_on".split()
    shape = f"(select {', '.join(f'null::varchar as {name}' for name in wanted[:6])}, null::date as valid_from_on, null::date as valid_to_on limit 0)"
    con.execute(f"""create temp table mapped as select upper(trim(source_facility_code)) as place, upper(trim(coalesce(source_unit_code, ''))) as unit,
        * exclude (source_facility_code, source_unit_code) from (from {shape} {'union all by name ' + parts if maps else ''})
        where coalesce(source_feed, '*') in ('*', {literal(feed.feed)})""")
    unit = "unit_code" if "unit_code" in columns else "null"
    day = on or "null::date"
    rows = con.execute(f"""
        with code as (select facility_code, {unit} as unit_code, upper(trim(facility_code)) as place, upper(trim(coalesce({unit}, ''))) as unit,
            {day} as on_day, count(*) as n from mine group by all)
        select facility_code, unit_code, exists(select 1 from mapped m where m.place = c.place and m.unit in (c.unit, '') and m.unit_id is not null
            and (on_day is null or on_day between coalesce(m.valid_from_on, on_day) and coalesce(m.valid_to_on, on_day))) as is_mapped, sum(n)::bigint,
            (select max(concat_ws(' ', facility_id, facility_name)) from mapped m where m.place = c.place)
        from code c group by all order by 4 desc, 1, 2""").fetchall()
    found.facilities = sorted({place or f"{code or '(none)'} (not mapped)" for code, _, _, _, place in rows})
    found.unmapped = [(code, unit_code, n) for code, unit_code, is_mapped, n, place in rows if not (is_mapped or place and not feed.names_units)]
    found.n_unmapped_rows = sum(n for _, _, n in found.unmapped)
    found.n_without_facility = sum(n for _, _, _, n, place in rows if place is None)


def _in_force(own: list[Delivery], feed: Feed) -> list[Delivery]:
    """Without a key the newest delivery stands for the whole feed."""
    return own if feed.business_key or feed.replaces else own[-1:]


def _rows(home: Home, feed: Feed, deliveries: Sequence[Delivery]) -> str:
    """A relation of the good rows of loaded deliveries; without any, of the shape of `mine`."""
    if not deliveries:
        return "(from mine where false)"
    paths = ", ".join(literal(str(raw_path(home, feed, d))) for d in deliveries)
    return f"(from read_parquet([{paths}], union_by_name = true) where len(problems) = 0)"


def _key(columns: Sequence[str]) -> str:
    return f"hash({', '.join(map(key_text, columns))})"


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
