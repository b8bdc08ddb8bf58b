"""The judgement: measure, compare, let Great Expectations decide, until nothing changes any more.

Belongs here: the order of the steps, which deliveries may serve as history, verdicts from results.
Does not belong here: the numbers (measure.py, comparison.py), the limits (suite.py), pages (docs.py).

A delivery that fails is no measure for the ones after it. So the suite of a feed runs again without
the failed ones until the same deliveries fail twice. A verdict depends on earlier deliveries only, so
each round settles at least one more delivery for good; without failures there is one round.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.comparison import compare
from expectations.corrections import find_corrections
from expectations.extras import names_only, run_extras
from expectations.findings import describe, of_extra, overview, without_repetition
from expectations.measure import measure
from expectations.settings import FeedExpectations, settings_of
from expectations.suite import build_suite, checks_of
from expectations.verdict import DeliveryRaw, Failure, Verdict
from ingestion.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from great_expectations.data_context import EphemeralDataContext

    from expectations.extras import Outcome
    from expectations.suite import Check
    from ingestion.feed import Feed

# Where an expectation is not met, the delivery and the column are needed; values are not.
_NAMES_ONLY = names_only("delivery_id", "column_name")


def judge_deliveries(
    feeds: dict[str, Feed], new: list[DeliveryRaw], history: list[DeliveryRaw], docs_dir: Path, work_dir: Path
) -> list[Verdict]:
    """See `expectations.judge`. Imports Great Expectations."""
    settings = {name: settings_of(feeds[name]) for name in sorted({d.feed for d in new})}
    work_dir.mkdir(parents=True, exist_ok=True)
    verdicts: dict[tuple[str, str], Verdict] = {}
    with _quiet_context() as context:
        from expectations.docs import DataDocs
        from expectations.duckdb_engine import open_database

        docs = DataDocs(docs_dir)
        with open_database(context, work_dir / "spill") as (source, con):
            for name, limits in settings.items():
                mine = [d for d in new if d.feed == name]
                ids = {d.delivery_id for d in mine}
                judgement = _FeedJudgement(con, source, feeds[name], limits, mine,
                                           [d for d in history if d.feed == name and d.delivery_id not in ids])
                page = docs.page(feeds[name])
                found = judgement.run(work_dir, page.path)
                page.write(judgement.result, found, judgement.new, overview(con), judgement.outcomes)
                verdicts |= {(v.feed, v.delivery_id): v for v in found}
        docs.write_index()
    return [verdicts[d.feed, d.delivery_id] for d in new]


@contextmanager
def _quiet_context() -> Iterator[EphemeralDataContext]:
    """A GX context in memory without progress bars, analytics or log lines.

    GX logs errors with the text of the database, which may quote a cell.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logger, nowhere = logging.getLogger("great_expectations"), logging.NullHandler()
    propagate, logger.propagate = logger.propagate, False  # parts of GX set a level of their own, so a level here would not do
    logger.addHandler(nowhere)
    try:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        yield context
    finally:
        logger.removeHandler(nowhere)
        logger.propagate = propagate


class _FeedJudgement:
    """The judgement of the new deliveries of one feed."""

    def __init__(
        self, con: DuckDBPyConnection, source: Any, feed: Feed, settings: FeedExpectations, new: list[DeliveryRaw], earlier: list[DeliveryRaw]
    ) -> None:
        self.con, self.source, self.feed, self.settings = con, source, feed, settings
        self.new = sorted(new, key=lambda d: d.order)
        self.all = sorted([*new, *earlier], key=lambda d: d.order)
        self.checks = checks_of(settings)
        self.outcomes: dict[str, list[Outcome]] = {}
        self.result: Any = None

    def run(self, work_dir: Path, docs_path: str) -> list[Verdict]:
        """Verdicts of the new deliveries in delivery order."""
        measure(self.con, self.feed, self.settings, self.all, work_dir)
        extras, bad = self.settings.extra, set[str]()
        looks_back = any(extra.looks_back for extra in extras)
        while True:
            self._prepare(bad)
            if extras and (looks_back or not self.outcomes):
                self.outcomes = run_extras(self.con, self.source, self.feed, self.new, extras, self._earlier() if looks_back else {})
            failures, warnings = self._validate()
            if set(failures) == bad:
                break
            bad = set(failures)
        return [Verdict(d.delivery_id, d.feed, d.delivery_id not in failures, failures.get(d.delivery_id, []),
                        len(self.checks) + len(self.settings.extra), f"{docs_path}#{d.delivery_id}", warnings.get(d.delivery_id, []))
                for d in self.new]

    def _prepare(self, bad: set[str]) -> None:
        """The table `profile` with `bad` deliveries excluded from everybody's history."""
        new = {d.delivery_id for d in self.new}
        asks = bool(self.feed.replaces) and self.settings.allow_empty  # where a file may be empty, and an empty one replaces nothing
        rows = ", ".join(
            f"({literal(d.delivery_id)}, {place}, {d.delivery_id in new}, {d.delivery_id not in bad}, false, "
            f"timestamp '{d.order[0]:%Y-%m-%d %H:%M:%S}', {d.delivery_sequence}, {literal(str(d.path))}, {literal(d.place) if asks and d.place else 'null'}::varchar)"
            for place, d in enumerate(self.all))
        self.con.execute(
            f"create or replace temp table judged as select * from (values {rows}) t(delivery_id, place_in_order, is_new, is_good, "
            "is_correction, delivered_at, delivery_sequence, path, place)").fetchall()
        compare(self.con, self.settings)
        if corrections := find_corrections(self.con, self.feed):
            self.con.execute(f"update judged set is_correction = true where delivery_id in ({', '.join(map(literal, corrections))})").fetchall()
            compare(self.con, self.settings)

    def _earlier(self) -> dict[str, list[str]]:
        """The files of good deliveries before each new one that speak of a facility of it."""
        shared = "list_has_any(mine.places, theirs.places)" if self.settings.place_column else "true"
        return dict(self.con.execute(
            "select n.delivery_id, list(b.path order by b.place_in_order) from judged n join measured mine on mine.delivery_id = n.delivery_id "
            "join judged b on b.place_in_order < n.place_in_order and b.is_good join measured theirs on theirs.delivery_id = b.delivery_id "
            f"where n.is_new and {shared} group by 1").fetchall())

    def _validate(self) -> tuple[dict[str, list[Failure]], dict[str, list[Failure]]]:
        """Failures and warnings by delivery: of the suite over the profile, then of the extras."""
        from expectations.duckdb_engine import whole_table

        failures: dict[str, list[Failure]] = {}
        warnings: dict[str, list[Failure]] = {}
        batch = whole_table(self.source, "profile", f"{self.feed.feed}_profile")
        # Yes or no for all expectations is a single query; only those with a no are asked for the deliveries.
        self.result = batch.validate(build_suite(self.feed.feed, self.checks), result_format="BOOLEAN_ONLY")
        unmet = {_check(one) for one in self.result.results if not one.success}
        if checks := [check for check in self.checks if check.name in unmet]:
            named = {_check(one): one for one in batch.validate(build_suite(f"{self.feed.feed}_unmet", checks), result_format=_NAMES_ONLY).results}
            self.result.results = [named.get(_check(one), one) for one in self.result.results]
            for check in checks:
                for delivery_id, found in self._described(check, named[check.name]).items():
                    (warnings if check.is_warning else failures).setdefault(delivery_id, []).extend(found)
        failures = {delivery_id: without_repetition(found) for delivery_id, found in failures.items()}
        for delivery_id, outcomes in self.outcomes.items():
            for one in outcomes:
                if not one.is_met:
                    (warnings if one.extra.severity == "warning" else failures).setdefault(delivery_id, []).append(of_extra(one))
        return failures, warnings

    def _described(self, check: Check, result: Any) -> dict[str, list[Failure]]:
        return describe(self.con, self.feed, self.settings, check, _index(result, check.name))


def _check(result: Any) -> str:
    """The name of the check behind a GX result."""
    return result.expectation_config.meta["check"]


def _index(result: Any, check: str) -> list[tuple[str, str]]:
    """(delivery_id, column_name) of the rows an expectation found."""
    lists = (result.result or {}).get("unexpected_index_list")
    if not lists:
        raise RuntimeError(f"Great Expectations could not evaluate the check '{check}'")
    return [pair for part in lists for pair in zip(part["delivery_id"], part["column_name"], strict=True)]
