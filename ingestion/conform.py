"""A delivery's text columns to our names, types and codes: one SQL statement for a large file or several small ones.

Belongs here: the statement of a feed, which deliveries share one, raw Parquet and its restricted twin.
Does not belong here: splitting bytes into columns (readers/), fitting headers (header_fit.py), judging a
delivery as a whole (expectations/), choosing between versions of a row (dbt core).

A row that breaks its feed stays in the Parquet with its `problems`; a value that was set missing or
repaired leaves the row accepted and stands in `warnings`. Faulty text is stored masked only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import available_timezones

from ingestion.answers import ItemSource, items_of, told_apart
from ingestion.conform_sql import FAULT_TYPE, Fault, any_fault, column_sql, fault_list, item_sql, people, raw_types
from ingestion.header_fit import choose
from ingestion.home import replacing
from ingestion.kinds import KINDS, PROVENANCE
from ingestion.raw_files import count, mark_repeated_keys, staged, write_apart
from ingestion.readers import WARNING, Refused, Source, open_source, read_or_repair
from ingestion.readers.headers import header_key
from ingestion.row_rules import apply_rules, rules_of
from ingestion.sql import NO_TYPE_PUSHDOWN, identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import ColumnSpec, Feed

TOGETHER_BYTES = 10_000_000  # of small files read by one statement; a larger one gains nothing from company
READER_VERSION = "5"  # raise it when the same bytes and feed would give other raw Parquet


@dataclass(frozen=True)
class ConformReport:
    """What became of the rows of one delivery. `notes` are sentences about its header."""

    delivery_id: str
    n_rows: int = 0
    n_accepted: int = 0
    n_quarantined: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    warning_rules: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    refused: dict[str, str] | None = None


class Job(NamedTuple):
    """A landed file to conform: `order` is the delivery's own moment (UTC) and version number, `out` and
    `restricted_out` are where raw Parquet and free text go, `file_name` is needed by feeds with `from_file_name`."""

    landed: Path
    delivery_id: str
    order: tuple[datetime, int]
    out: Path
    restricted_out: Path
    file_name: str = ""


@dataclass
class _Opened:
    """A delivery whose header fits its feed."""

    job: Job
    feed: Feed
    source: Source
    columns: dict[str, tuple[ColumnSpec | None, list[str] | None]]
    notes: list[str]

    @property
    def delivery_id(self) -> str:
        return self.job.delivery_id

    @property
    def read(self) -> dict[str, tuple[ColumnSpec | None, list[str] | None]]:
        """The columns and items that are read."""
        return {name: (spec, found) for name, (spec, found) in self.columns.items()
                if not (spec and spec.privacy == "drop" and not people(self.feed))}

    @property
    def headers(self) -> list[str]:
        """The source headers that are read."""
        pairs = self.read.values()
        beside = [one for spec, _ in pairs if spec for one in (*spec.true_where, spec.otherwise) if one]
        return list(dict.fromkeys([one for _, found in pairs for one in found or ()] + beside))

    def is_like(self, other: _Opened) -> bool:
        """Whether one statement does for both."""
        is_fixed = self.feed.items is None or self.feed.items.values != "either"  # else each file is looked at
        return is_fixed and self.read == other.read and self.feed == other.feed


def conform(
    feed: Feed, landed: Path, delivery_id: str, order: tuple[datetime, int], keys: dict[str, bytes],
    out: Path, restricted_out: Path, file_name: str = "",
) -> ConformReport:
    """Conform one delivery, see Job and conform_some."""
    return conform_some(feed, [Job(landed, delivery_id, order, out, restricted_out, file_name)], keys)[0]


def conform_some(feed: Feed, jobs: Sequence[Job], keys: dict[str, bytes], database: DuckDBPyConnection | None = None) -> list[ConformReport]:
    """Write the raw Parquet of some deliveries of a feed, rows in file order; reports in the order of `jobs`.

    A file that cannot be used at all writes nothing and comes back with `refused` (rule, message, way out).
    Small files of one layout share a statement. `database` (open_database) is for callers with many
    deliveries: opening one takes 20 ms.
    """
    reports: dict[str, ConformReport] = {}
    with _connection(keys, database) as con, contextlib.ExitStack() as sources:
        groups: list[list[_Opened]] = []
        for job in jobs:
            try:
                opened = _open(con, feed, job)
            except Refused as refusal:
                reports[job.delivery_id] = _refused(job.delivery_id, refusal)
                continue
            sources.push(opened.source)
            group = next((g for g in groups if g[0].is_like(opened) and sum(o.source.n_bytes for o in (*g, opened)) <= TOGETHER_BYTES), None)
            groups.append([opened]) if group is None else group.append(opened)
        for group in groups:
            reports |= {report.delivery_id: report for report in _conformed(con, group)}
    return [reports[job.delivery_id] for job in jobs]


def _open(con: DuckDBPyConnection, feed: Feed, job: Job) -> _Opened:
    feed = _named(feed, job.file_name)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_source(con, job.landed, feed))
        feed = feed.with_iso_dates() if source.is_iso_dated else feed
        feed, odd = _in_stated_zones(feed, source)
        columns, notes = choose(feed, source, job.order[0].date())
        stack.pop_all()  # stays open for the caller
    return _Opened(job, feed, source, columns, [*source.notes, *odd, *notes])


def _in_stated_zones(feed: Feed, source: Source) -> tuple[Feed, list[str]]:
    """The feed with the time zones that the file states, and what to say of those that nobody knows."""
    stated = {header_key(name): zone for name, zone in source.time_zones.items()}
    wanted = {name: zone for name, spec in feed.all_columns.items() if spec.formats
              for zone in [next((stated[header_key(one)] for one in spec.headers if header_key(one) in stated), None)] if zone}
    known = {name: zone for name, zone in wanted.items() if zone in available_timezones()}
    odd = [f"{WARNING}the file states a time zone for {name} that nobody knows; it is read in that of the feed, {feed.time_zone}"
           for name in wanted if name not in known]
    return (feed.with_time_zones(known) if known else feed), odd


def _refused(delivery_id: str, refusal: Refused) -> ConformReport:
    return ConformReport(delivery_id, refused={"rule": refusal.rule, "message": refusal.message, "way_out": refusal.way_out})


def _conformed(con: DuckDBPyConnection, group: list[_Opened]) -> list[ConformReport]:
    try:
        return _write(con, group)
    except Refused as refusal:
        if len(group) > 1:  # one of them cannot be read as it lies; alone, each tells
            return [report for one in group for report in _conformed(con, [one])]
        return [_refused(group[0].delivery_id, refusal)]


def _named(feed: Feed, file_name: str) -> Feed:
    named = feed.named(file_name)
    if named is None:
        what = ", ".join(sorted(feed.constant_names - set(feed.constants)))
        raise Refused("file_name", f"the file's name does not say {what}", "Name the file as from_file_name in the feed expects it.")
    return named


def empty_shape(feed: Feed, out: Path, database: DuckDBPyConnection | None = None) -> None:
    """Write a raw Parquet of the feed with all its columns and no row. `database` is for callers with many feeds."""
    columns = ", ".join(f"null::{type_} as {identifier(name)}" for name, type_ in shape_of(feed).items())
    with _connection({}, database) as con, replacing(out) as part:
        con.execute(f"copy (select {columns} limit 0) to {literal(str(part))} (format parquet)")


def shape_of(feed: Feed) -> dict[str, str]:
    """Columns of the raw Parquet of a feed, in their order, and their types."""
    columns: dict[str, str] = {}
    for name, spec in _dates_first(feed, feed.all_columns).items():
        columns |= raw_types(name, spec, feed)
    columns |= dict.fromkeys(items_of(feed), "tinyint")
    columns |= {name: KINDS[feed.kind][name].type for name in _constants(feed)}
    columns |= {name: column.type for name, column in PROVENANCE.items() if name != "feed"}
    return columns | dict.fromkeys(("problems", "warnings"), FAULT_TYPE)


def empty_text(out: Path) -> None:
    """Write the restricted twin of no delivery."""
    with _connection({}) as con, replacing(out) as part:
        con.execute("copy (select ''::varchar as delivery_id, 0::bigint as row_number, ''::varchar as column_name, ''::varchar as text limit 0) "
                    f"to {literal(str(part))} (format parquet)")


def open_database() -> DuckDBPyConnection:
    """An empty database to conform in. Threads of the caller may share it; close it at the end.

    DuckDB itself gets no threads: deliveries are conformed side by side, and numbering rows needs their order.
    `in_clause` makes a join of each list after IN, which takes a sixth of the CPU of a survey file.
    """
    import duckdb

    return duckdb.connect(config={"threads": 1, "disabled_optimizers": f"{NO_TYPE_PUSHDOWN},in_clause"})


@contextlib.contextmanager
def _connection(keys: dict[str, bytes], database: DuckDBPyConnection | None = None) -> Iterator[DuckDBPyConnection]:
    """A connection of its own for one delivery: temporary tables and keys are seen by nobody else."""
    from ingestion.keys import hmac_pads

    with contextlib.ExitStack() as stack:
        if database is None:
            database = stack.enter_context(open_database())
        con = stack.enter_context(database.cursor())
        con.execute("set TimeZone = 'UTC'")
        for purpose, key in keys.items():
            inner, outer = hmac_pads(key)
            con.execute(f"set variable pad_inner_{purpose} = ?::blob", [inner])
            con.execute(f"set variable pad_outer_{purpose} = ?::blob", [outer])
        yield con


def _statement(feed, relation, columns, items) -> str:
    """The select that types every column and lists the faults of every row."""
    plain = _dates_first(feed, {name: pair for name, pair in columns.items() if pair[0] is not None})
    parts = [column_sql(name, spec, headers, feed) for name, (spec, headers) in plain.items()]
    is_strict = bool(feed.items) and feed.items.on_error == "reject"
    answers = [item_sql(item, source.headers, source.words, source.texts) for item, source in items.items()]
    found = [fault for part in parts for fault in part.faults]
    warnings = [f for f in found if f.is_warning]
    rejects = [Fault("_problem is not null", "_problem", None, None, False), *(f for f in found if not f.is_warning)]
    # A record that could not be split says so once; its empty cells are no faults of their own.
    said = [rejects[0], *(f._replace(condition=f"_problem is null and {f.condition}") for f in rejects[1:])]
    asked = [item for item, source in items.items() if source.headers]
    rejected, warned = (asked, []) if is_strict else ([], asked)
    parts += answers
    typed = ",\n  ".join(sql for part in parts for sql in part.typed)
    final = ",\n  ".join(sql for part in parts for sql in part.final)
    constants = "".join(f"\n  {_constant(value)}::{KINDS[feed.kind][name].type} as {identifier(name)}," for name, value in _constants(feed).items())
    text = (
        f"select\n  {final},{constants}\n  _delivery_id as delivery_id, _delivered_at as delivered_at, _sequence as delivery_sequence, _row_number as row_number,\n"
        f"  {fault_list(said, any_fault(rejects, rejected), rejected)} as problems,\n"
        f"  {fault_list(warnings, any_fault(warnings, warned), warned)} as warnings\n"
        f"from (select _row_number, _problem, _delivery_id, _delivered_at, _sequence,\n  {typed}\nfrom {relation})"
    )
    return apply_rules(text, rules_of(feed, asked))


def _dates_first(feed: Feed, columns: dict[str, Any]) -> dict[str, Any]:
    """The columns, those first whose dates others look at."""
    return {name: columns[name] for name in sorted(columns, key=lambda name: name not in feed.code_dates)}


def _constants(feed: Feed) -> dict[str, str | None]:
    return dict.fromkeys(sorted(feed.constant_names)) | feed.constants


def _constant(value: str | None) -> str:
    return "null" if value is None else literal(value)


def _rows(group: Sequence[_Opened]) -> str:
    """SQL of the texts that are read, one delivery after the other."""
    texts = "".join(f"{identifier(header)}, " for header in group[0].headers)
    return "(" + " union all ".join(
        f"select {texts}_row_number, _problem, {literal(one.delivery_id)} as _delivery_id, "
        f"timestamp '{one.job.order[0]:%Y-%m-%d %H:%M:%S}' as _delivered_at, {one.job.order[1]}::integer as _sequence from {one.source.relation}"
        for one in group) + ")"


def _write(con: DuckDBPyConnection, group: list[_Opened]) -> list[ConformReport]:
    feed = group[0].feed
    with staged([one.job.out for one in group]) as parts:
        _copy(con, group, parts)
        by_delivery = {one.delivery_id: part for one, part in zip(group, parts, strict=True)}
        mark_repeated_keys(con, feed, by_delivery)
        counts = count(con, by_delivery)
    _write_free_text(con, group)
    return [ConformReport(one.delivery_id, n.n_rows, n.n_accepted, n.n_rows - n.n_accepted, n.problems, n.warnings, one.notes)
            for one in group for n in [counts[one.delivery_id]]]


def _copy(con: DuckDBPyConnection, group: list[_Opened], parts: list[Path]) -> None:
    """The typed rows of deliveries of one layout to their files. Raises Refused; of several this only says that one of them is odd."""
    import duckdb

    first = group[0]
    items = {name: ItemSource(pair[1]) for name, pair in first.columns.items() if pair[0] is None}

    def copy(source: Source) -> None:
        if len(group) == 1:
            first.source = source
        known = told_apart(con, first.feed, source.relation, items)
        write_apart(con, lambda some: _statement(first.feed, _rows(some), first.columns, known), group, parts)

    try:
        # Of several, who is odd shows when each is read alone.
        read_or_repair(first.source if len(group) == 1 else replace(first.source, repair=None), copy)
    except (duckdb.BinderException, duckdb.ParserException) as error:
        raise Refused("feed_definition", f"a rule of the feed cannot be evaluated ({type(error).__name__})",
                      "Correct 'when' under rules in the feed: SQL over the names of its columns.") from None


def _write_free_text(con: DuckDBPyConnection, group: list[_Opened]) -> None:
    """Narratives and comments go to a file of their own that only the owner can read."""
    texts = [(name, _first_filled(found)) for name, (spec, found) in group[0].columns.items() if spec and spec.privacy == "free_text" and found]
    if not texts:
        return

    def select(some: Sequence[_Opened]) -> str:
        return " union all ".join(
            f"select {literal(one.delivery_id)} as delivery_id, _row_number as row_number, {literal(name)} as column_name, "
            f"{text} as text from {one.source.relation} where {text} is not null"
            for one in some for name, text in texts)

    with staged([one.job.restricted_out for one in group]) as parts:
        write_apart(con, select, group, parts)


def _first_filled(headers: list[str]) -> str:
    cells = [f"case when trim({identifier(header)}) <> '' then {identifier(header)} end" for header in headers]
    return f"coalesce({', '.join(cells)})"
