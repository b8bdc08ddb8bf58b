"""A delivery's text columns to our names, types and codes: one SQL statement per delivery.

Belongs here: header check, the SQL of a feed, writing raw Parquet and its restricted twin.
Does not belong here: splitting bytes into columns (readers/), judging a delivery as a whole
(expectations/), choosing between versions of a row (dbt core).

A row that breaks its feed stays in the Parquet with its `problems`; a value that was set missing or
repaired leaves the row accepted and stands in `warnings`. Faulty text is stored masked only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.answers import ItemSource, items_of, told_apart
from ingestion.conform_sql import Fault, any_fault, column_sql, fault_list, item_sql
from ingestion.home import replacing
from ingestion.kinds import KINDS
from ingestion.readers import Refused, Source, open_source
from ingestion.readers.headers import header_key
from ingestion.row_rules import apply_rules, rules_of
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import ColumnSpec, Feed

READER_VERSION = "2"  # raise it when the same bytes and feed would give other raw Parquet


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


def conform(
    feed: Feed, landed: Path, delivery_id: str, order: tuple[datetime, int], keys: dict[str, bytes],
    out: Path, restricted_out: Path, database: DuckDBPyConnection | None = None, file_name: str = "",
) -> ConformReport:
    """Write the raw Parquet of one delivery (and free text to `restricted_out`), rows in file order.

    `order` is the delivery's own moment (UTC) and version number. A file that cannot be used at all
    writes nothing and comes back with `refused` (rule, message, way out). `database` (open_database) is
    for callers with many deliveries: opening one takes 20 ms. `file_name` is needed by feeds with `from_file_name`.
    """
    with _connection(keys, database) as con:
        try:
            feed = _named(feed, file_name)
            with open_source(con, landed, feed) as source:
                feed = feed.with_iso_dates() if source.is_iso_dated else feed
                columns, notes = _choose(feed, source, order[0].date())
                return _write(con, feed, source, columns, delivery_id, order, out, restricted_out,
                              [*source.notes, *notes])
        except Refused as refusal:
            facts = {"rule": refusal.rule, "message": refusal.message, "way_out": refusal.way_out}
            return ConformReport(delivery_id, refused=facts)


def _named(feed: Feed, file_name: str) -> Feed:
    named = feed.named(file_name)
    if named is None:
        what = ", ".join(sorted(feed.constant_names - set(feed.constants)))
        raise Refused("file_name", f"the file's name does not say {what}", "Name the file as from_file_name in the feed expects it.")
    return named


def empty_shape(feed: Feed, out: Path) -> None:
    """Write a raw Parquet of the feed with all its columns and no row."""
    columns = {name: (spec, None) for name, spec in feed.all_columns.items()}
    items = {item: ItemSource(None) for item in items_of(feed)}
    with _connection({}) as con, replacing(out) as part:
        names = [n for spec in feed.all_columns.values() for n in spec.headers] or ["_none"]
        nothing = ", ".join(f"null::varchar as {identifier(n)}" for n in dict.fromkeys(names))
        con.execute(f"create temp view source as select {nothing}, 0::bigint as _row_number, null::varchar as _problem")
        select = _statement(feed, "source", columns, items, "", (datetime(1970, 1, 1), 0), is_hashing=False)
        con.execute(f"copy (select * from ({select}) limit 0) to {literal(str(part))} (format parquet)")


def empty_text(out: Path) -> None:
    """Write the restricted twin of no delivery."""
    with _connection({}) as con, replacing(out) as part:
        con.execute("copy (select ''::varchar as delivery_id, 0::bigint as row_number, ''::varchar as column_name, ''::varchar as text limit 0) "
                    f"to {literal(str(part))} (format parquet)")


def open_database() -> DuckDBPyConnection:
    """An empty database to conform in. Threads of the caller may share it; close it at the end.

    DuckDB itself gets no threads: deliveries are conformed side by side, and numbering rows needs their order.
    Without disabling `type_pushdown`, DuckDB 2.0 moves a try_cast into the CSV reader, where it is strict;
    `in_clause` makes a join of each list after IN, which takes a sixth of the CPU of a survey file.
    """
    import duckdb

    return duckdb.connect(config={"threads": 1, "disabled_optimizers": "type_pushdown,in_clause"})


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


def _choose(feed: Feed, source: Source, delivered_on: date) -> tuple[dict, list[str]]:
    """Canonical column or item -> (spec, source headers). Raises Refused when a declared header is absent.

    Of a sparse source a name that never occurs says nothing: only required columns must be there.
    """
    present = {header_key(name): name for name in reversed(source.headers)}
    chosen: dict[str, tuple[ColumnSpec | None, list[str] | None]] = {}
    absent: list[str] = []
    for name, spec in feed.all_columns.items():
        wanted = [present.get(header_key(one)) for one in (spec.join or spec.source)]
        found = (wanted if all(wanted) else []) if spec.join else list(dict.fromkeys(one for one in wanted if one))
        if not found and not spec.optional and spec.headers != list(spec.true_where) and (spec.required or not source.is_sparse):
            absent.append(" or ".join(spec.source) or " and ".join(spec.join))
        chosen[name] = (_with_present(spec, present), found or None)
    generation, unfit = _generation(feed, present, delivered_on)
    absent += [] if source.is_sparse and generation else unfit
    if absent:
        raise Refused(
            "missing_column", f"the header lacks {'; '.join(absent)}",
            "If the vendor renamed it, add the new name to the feed's 'from'; if it may be absent, set 'optional: true'.",
        )
    chosen |= generation
    used = {one for spec, found in chosen.values() for one in (*(found or ()), *(spec.headers if spec else ()))}
    new = [name for name in source.headers if name not in used and name not in feed.source_names]
    return chosen, [f"new columns, not loaded: {len(new)} ({', '.join(map(repr, new[:10]))})"] if new else []


def _with_present(spec: ColumnSpec, present: dict[str, str]) -> ColumnSpec:
    """The spec with the headers beside its own as the file writes them; one the file lacks says nothing."""
    if not (spec.true_where or spec.otherwise):
        return spec
    marks = {present[header_key(one)]: text for one, text in spec.true_where.items() if header_key(one) in present}
    return spec.model_copy(update={"true_where": marks, "otherwise": present.get(header_key(spec.otherwise or ""))})


def _generation(feed: Feed, present: dict[str, str], delivered_on: date) -> tuple[dict, list[str]]:
    """Items of the first header generation that fits the headers and the day of the delivery, and what it lacks."""
    if not feed.items:
        return {}, []
    nothing = dict.fromkeys(items_of(feed), (None, None))
    fitting = [g for g in feed.items.generations
               if all(header_key(h) in present for h in g.has) and not any(header_key(h) in present for h in g.lacks)]
    for generation in (g for g in fitting if g.holds_on(delivered_on)):
        absent = [h for h in generation.columns.values() if header_key(h) not in present and not generation.optional]
        items = {item: (None, [present[header_key(h)]]) for item, h in generation.columns.items() if header_key(h) in present}
        return nothing | items, [f"{h} (layout {generation.id})" for h in absent]
    if fitting:
        return {}, [f"a layout that holds on {delivered_on}; the headers are those of {', '.join(g.id for g in fitting)}"]
    marks = "; ".join(f"{g.id}: {', '.join(g.has)}" for g in feed.items.generations)
    return {}, [f"the marks of every known header generation ({marks})"]


def _statement(feed, relation, columns, items, delivery_id, order, *, is_hashing=True) -> str:
    """The select that types every column and lists the faults of every row."""
    plain = {name: pair for name, pair in columns.items() if pair[0] is not None}
    plain = {name: plain[name] for name in sorted(plain, key=lambda name: name not in feed.code_dates)}  # dates others look at first
    parts = [column_sql(name, spec, headers, feed, is_hashing) for name, (spec, headers) in plain.items()]
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
    given = dict.fromkeys(sorted(feed.constant_names)) | feed.constants
    constants = "".join(f"\n  {_constant(value)}::{KINDS[feed.kind][name].type} as {identifier(name)}," for name, value in given.items())
    moment, sequence = order
    text = (
        f"select\n  {final},{constants}\n  {literal(delivery_id)} as delivery_id, timestamp '{moment:%Y-%m-%d %H:%M:%S}' as delivered_at,"
        f" {sequence}::integer as delivery_sequence, _row_number as row_number,\n"
        f"  {fault_list(said, any_fault(rejects, rejected), rejected)} as problems,\n"
        f"  {fault_list(warnings, any_fault(warnings, warned), warned)} as warnings\n"
        f"from (select _row_number, _problem,\n  {typed}\nfrom {relation})"
    )
    return apply_rules(text, rules_of(feed, asked))


def _constant(value: str | None) -> str:
    return "null" if value is None else literal(value)


def _write(con, feed, source, columns, delivery_id, order, out, restricted_out, notes) -> ConformReport:
    import duckdb

    items = {name: ItemSource(pair[1]) for name, pair in columns.items() if pair[0] is None}
    with replacing(out) as part:
        try:
            _copy(con, feed, source, columns, items, delivery_id, order, part)
        except (duckdb.IOException, duckdb.OutOfMemoryException):
            raise  # the machine's fault, not the file's: the run fails and can be repeated
        except (duckdb.BinderException, duckdb.ParserException) as error:
            raise Refused("feed_definition", f"a rule of the feed cannot be evaluated ({type(error).__name__})",
                          "Correct 'when' under rules in the feed: SQL over the names of its columns.") from None
        except duckdb.Error as error:
            source = _repair(source, error)
            _copy(con, feed, source, columns, items, delivery_id, order, part)
        _mark_repeated_keys(con, feed, part)
        report = _count(con, delivery_id, part, notes)
    _write_free_text(con, feed, source, columns, delivery_id, restricted_out)
    return report


def _repair(source: Source, error: Exception) -> Source:
    """The careful way of reading a file that could not be read as it lies. Raises Refused where there is none."""
    if source.repair is None:
        raise Refused("unreadable", f"the file cannot be read ({type(error).__name__})", "Ask the sender for the file again.") from None
    return source.repair()


def _copy(con, feed, source, columns, items, delivery_id, order, part: Path) -> None:
    items = told_apart(con, feed, source.relation, items)
    select = _statement(feed, source.relation, columns, items, delivery_id, order)
    con.execute(f"copy ({select}) to {literal(str(part))} (format parquet, compression zstd)").fetchall()


def _mark_repeated_keys(con, feed: Feed, part: Path) -> None:
    """Second and later rows with the same business key become problems; most files have none.

    Rows of one survey that name different units all do: which of them is right cannot be told.
    """
    if not feed.unique:
        return
    key = ", ".join(identifier(name) for name in feed.business_key)
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


def _count(con, delivery_id: str, part: Path, notes: list[str]) -> ConformReport:
    table = _parquet(part)
    n_rows, n_accepted = con.execute(f"select count(*), count(*) filter (len(problems) = 0) from {table}").fetchone()
    rules = {
        column: dict(con.execute(
            f"select rule, count(*) from (select unnest({column}).rule as rule from {table} where len({column}) > 0) "
            "group by rule order by rule").fetchall())
        for column in ("problems", "warnings")
    }
    return ConformReport(delivery_id, n_rows, n_accepted, n_rows - n_accepted, rules["problems"], rules["warnings"], notes)


def _write_free_text(con, feed: Feed, source, columns, delivery_id: str, out: Path) -> None:
    """Narratives and comments go to a file of their own that only the owner can read."""
    texts = [(name, _first_filled(found)) for name, (spec, found) in columns.items() if spec and spec.privacy == "free_text" and found]
    if not texts:
        return
    unions = " union all ".join(
        f"select {literal(delivery_id)} as delivery_id, _row_number as row_number, {literal(name)} as column_name, "
        f"{text} as text from {source.relation} where {text} is not null"
        for name, text in texts
    )
    with replacing(out) as part:
        con.execute(f"copy ({unions}) to {literal(str(part))} (format parquet, compression zstd)").fetchall()
        part.chmod(0o600)


def _first_filled(headers: list[str]) -> str:
    cells = [f"case when trim({identifier(header)}) <> '' then {identifier(header)} end" for header in headers]
    return f"coalesce({', '.join(cells)})"


def _parquet(path: Path) -> str:
    return f"read_parquet({literal(str(path))})"
