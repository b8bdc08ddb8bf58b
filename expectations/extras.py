"""Extra expectations of a feed, run on the rows of every single delivery.

Belongs here: turning `extra:` entries into GX expectations and their results into plain numbers.
Does not belong here: the generated suite (suite.py).

Every result passes `outcome`, which keeps counts only. GX itself would show example values, the
minimum of a column, or a database error that quotes a cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from expectations.corrections import tuple_of
from ingestion.sql import identifier, literal
from ingestion.words import counted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from expectations.duckdb_engine import DuckDBDatasource
    from expectations.settings import Extra
    from expectations.verdict import DeliveryRaw
    from ingestion.feed import Feed

# Types whose observed value is a count or an aggregate of numbers; of the others it would be a cell of the delivery.
_COUNTING = {
    "expect_column_unique_value_count_to_be_between", "expect_column_proportion_of_unique_values_to_be_between",
    "expect_table_row_count_to_be_between", "expect_column_mean_to_be_between", "expect_column_sum_to_be_between",
}
_ERROR_LINE = re.compile(r"^([\w.]*(?:Error|Exception))\b", re.MULTILINE)
_MOST_DAYS = 6  # named in a message
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0, "exclude_unexpected_values": True, "include_unexpected_rows": False}


def names_only(*columns: str) -> dict[str, Any]:
    """How GX shall name the rows that do not meet an expectation. Without a number of its own it names 20 of them, whichever."""
    return {
        "result_format": "COMPLETE", "unexpected_index_column_names": list(columns), "exclude_unexpected_values": True,
        "partial_unexpected_count": 1_000_000, "return_unexpected_index_query": False, "include_unexpected_rows": False,
    }


@dataclass(frozen=True)
class Outcome:
    """What an extra found in one delivery: numbers, and days where it asks for them. `error` names the kind of error, never its text."""

    extra: Extra
    is_met: bool
    n_unexpected: int | None = None
    unexpected_pct: float | None = None
    observed: float | int | None = None
    error: str | None = None
    days: tuple[date, ...] = ()

    def say(self) -> str:
        """The sentence for an extra that was not met."""
        what = self.extra.note or f"{self.extra.type}{f' on {self.extra.column}' if self.extra.column else ''}"
        if self.error:
            return f"{what}: could not be evaluated ({self.error}); check the extra in the feed's definition"
        if self.days:
            return f"{what}: {', '.join(f'{day:%Y-%m}' if day.day == 1 else f'{day}' for day in self.days)}"
        if self.extra.sql is not None:
            return f"{what}: {counted(self.observed, 'unexpected row')}"
        if self.n_unexpected is not None and self.unexpected_pct is not None:
            return f"{what}: not met by {counted(self.n_unexpected, 'row')} ({self.unexpected_pct:.1f} %)"
        return f"{what}: not met{f', observed {self.observed:g}' if self.observed is not None else ''}"


def run_extras(
    con: DuckDBPyConnection, source: DuckDBDatasource, feed: Feed, deliveries: list[DeliveryRaw], extras: list[Extra], earlier: dict[str, list[str]]
) -> dict[str, list[Outcome]]:
    """Outcomes by delivery, in the order of `extras`. `earlier` are the files a delivery is compared with, where an extra looks back.

    Unexpected rows are counted by DuckDB and the counts of all deliveries judged by GX at once: asking GX
    for one delivery costs 65 ms, a month of XML files has 9 such rules. The other types GX runs per delivery.
    """
    from expectations.duckdb_engine import whole_table

    counted = {place: extra for place, extra in enumerate(extras) if extra.sql is not None}
    others = {place: extra for place, extra in enumerate(extras) if extra.sql is None}
    found: dict[str, dict[int, Outcome]] = {}
    for delivery in deliveries:
        tables = {rows: _show(con, delivery, rows) for rows in dict.fromkeys(extra.rows for extra in extras)}
        if any(extra.looks_back for extra in extras):
            _show_earlier(con, feed, delivery, earlier.get(delivery.delivery_id, []))
        found[delivery.delivery_id] = _count(con, tables, counted)
        for rows, table in tables.items():
            if chosen := {place: extra for place, extra in others.items() if extra.rows == rows}:
                found[delivery.delivery_id] |= _run(whole_table(source, table), chosen)
    unmet = _unmet(con, source, found, counted) if counted else set()
    return {delivery_id: [replace(one[place], is_met=one[place].is_met and (delivery_id, place) not in unmet) for place in range(len(extras))]
            for delivery_id, one in found.items()}


def _show(con: DuckDBPyConnection, delivery: DeliveryRaw, rows: str) -> str:
    """The view of the rows of one delivery. View and asset are those of the feed: a new asset per delivery costs GX 50 ms."""
    table = f"rows_{rows}_{delivery.feed}"
    condition = " where len(problems) = 0" if rows == "accepted" else ""
    con.execute(f'create or replace view "{table}" as select * exclude (problems, warnings), len(problems) > 0 as is_quarantined '
                f"from read_parquet({literal(str(delivery.path))}){condition}").fetchall()
    return table


def _show_earlier(con: DuckDBPyConnection, feed: Feed, delivery: DeliveryRaw, paths: list[str]) -> None:
    """The view `earlier`: of the accepted rows in `paths` those that no later file, nor the delivery, replaces."""
    mine = f"(from read_parquet({literal(str(delivery.path))}) where len(problems) = 0)"
    rows = f"read_parquet([{', '.join(map(literal, paths))}], union_by_name = true) where len(problems) = 0" if paths else f"{mine} where false"
    scope = feed.replaces or feed.business_key
    newest = (f"where {tuple_of(scope)} not in (select {tuple_of(scope)} from {mine}) qualify rank() over (partition by {', '.join(map(identifier, scope))} "
              "order by delivered_at desc, delivery_sequence desc, delivery_id desc) = 1") if scope else ""
    con.execute(f"create or replace view earlier as select * exclude (problems, warnings) from (from {rows}) {newest}").fetchall()


def _filled(extra: Extra, tables: dict[str, str]) -> str:
    """The select of an extra over the views of one delivery."""
    return extra.sql.rstrip("; ").replace("{batch}", _quoted(tables[extra.rows])).replace("{earlier}", "earlier")


def _days(con: DuckDBPyConnection, extra: Extra, tables: dict[str, str]) -> tuple[date, ...]:
    """The first days an extra names; a column of another type is an error, so that no other cell comes through."""
    rows = con.execute(f"select distinct {identifier(extra.days)}::date from ({_filled(extra, tables)}) where {identifier(extra.days)} is not null order by 1").fetchall()
    return tuple(day for (day,) in rows[:_MOST_DAYS])


def _count(con: DuckDBPyConnection, tables: dict[str, str], extras: dict[int, Extra]) -> dict[int, Outcome]:
    """Unexpected rows by place. All extras at once; one by one where one of them cannot be evaluated, so that it alone says so."""
    if not extras:
        return {}
    counts = ", ".join(f"(select count(*) from ({_filled(extra, tables)}))" for extra in extras.values())
    try:
        numbers = dict(zip(extras, con.execute(f"select {counts}").fetchone(), strict=True))
        days = {place: _days(con, extra, tables) for place, extra in extras.items() if extra.days and numbers[place]}
    except Exception as error:  # noqa: BLE001 - whatever a user's extra raises must hold this delivery and no other
        if len(extras) == 1:
            return {place: Outcome(extra, is_met=False, error=type(error).__name__) for place, extra in extras.items()}
        return {place: one for number, extra in extras.items() for place, one in _count(con, tables, {number: extra}).items()}
    return {place: Outcome(extra, is_met=True, observed=numbers[place], days=days.get(place, ())) for place, extra in extras.items()}


def _unmet(con: DuckDBPyConnection, source: DuckDBDatasource, found: dict[str, dict[int, Outcome]], counted: dict[int, Extra]) -> set[tuple[str, int]]:
    """(delivery_id, place) where GX finds a count of unexpected rows that is not 0."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    from expectations.duckdb_engine import whole_table

    rows = ", ".join(f"({literal(delivery_id)}, {place}, {'null' if one[place].error else one[place].observed}::bigint)"
                     for delivery_id, one in found.items() for place in counted)
    con.execute(f"create or replace table unexpected as select * from (values {rows}) t(delivery_id, place, n_unexpected)").fetchall()
    suite = gx.ExpectationSuite(name="unexpected_rows", expectations=[gxe.ExpectColumnValuesToBeBetween(column="n_unexpected", max_value=0)])
    result, = whole_table(source, "unexpected").validate(suite, result_format=names_only("delivery_id", "place")).results
    found_at = (result.result or {}).get("unexpected_index_list") or []
    if not result.success and not found_at:
        raise RuntimeError("Great Expectations could not evaluate the counts of unexpected rows")
    return {pair for part in found_at for pair in zip(part["delivery_id"], part["place"], strict=True)}


def _quoted(table: str) -> str:
    return f'"{table}"'


def _run(batch: Any, extras: dict[int, Extra]) -> dict[int, Outcome]:
    """The outcomes by place. All extras at once; one by one where one of them cannot be evaluated, so that it alone says so."""
    import great_expectations as gx

    try:
        suite = gx.ExpectationSuite(name="extras", expectations=[_expectation(extra, place) for place, extra in extras.items()])
        results = batch.validate(suite, result_format=_COUNTS_ONLY).results
        found = {place: outcome(extras[place], one) for one in results for place in [one.expectation_config.meta["place"]]}
    except Exception as error:  # noqa: BLE001 - whatever a user's extra raises must hold this delivery and no other
        found = {place: Outcome(extra, is_met=False, error=type(error).__name__) for place, extra in extras.items()}
    if len(extras) == 1 or not any(one.error for one in found.values()):
        return found
    return {place: one for number, extra in extras.items() for place, one in _run(batch, {number: extra}).items()}


def _expectation(extra: Extra, place: int) -> Any:
    import great_expectations.expectations as gxe

    name = "".join(part.capitalize() for part in extra.type.split("_"))
    return getattr(gxe, name)(**extra.kwargs, severity=extra.severity, meta={"place": place} | ({"notes": extra.note} if extra.note else {}))


def outcome(extra: Extra, result: Any) -> Outcome:
    """The counts of a GX result, and nothing else of it."""
    if error := _raised(result.exception_info):
        return Outcome(extra, is_met=False, error=error)
    facts = result.result or {}
    observed = facts.get("observed_value")
    is_count = extra.type in _COUNTING and isinstance(observed, (int, float)) and not isinstance(observed, bool)
    return Outcome(extra, bool(result.success), facts.get("unexpected_count"), facts.get("unexpected_percent"), observed if is_count else None)


def _raised(info: Any) -> str | None:
    """The kind of error GX met, if any: its information is one record or one per metric."""
    records = [info] if isinstance(info, dict) and "raised_exception" in info else list((info or {}).values())
    for record in records:
        if isinstance(record, dict) and record.get("raised_exception"):
            names = _ERROR_LINE.findall(str(record.get("exception_traceback") or ""))
            names = [name for name in names if name.startswith("_duckdb.")] or names  # the cause says more than what GX made of it
            return names[-1].rsplit(".", 1)[-1] if names else "error"
    return None
