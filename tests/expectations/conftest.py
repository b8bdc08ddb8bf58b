"""Feeds and raw Parquet of any shape for the tests of the judgement.

Raw Parquet is made by SQL over a range, with values from hashes of (row, delivery, column): the same
test always sees the same files, and two deliveries differ like two samples of one population.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from expectations import DeliveryRaw, Verdict, judge
from ingestion.feed import Feed

FAULTS = 'struct(rule varchar, "column" varchar, masked varchar)[]'
START = datetime(2025, 2, 5)


def survey_feed(**changes) -> Feed:
    """A monthly survey feed with two header generations; keys of `changes` replace those of the definition."""
    old = {"nurse_listen": "Q1", "overall_rate": "Q2", "race": "Q3", "call_button": "Q4"}
    new = {"nurse_listen": "Q1", "overall_rate": "Q2", "race": "Q3", "rest": "Q5"}
    definition = {
        "feed": "panel", "label": "Panel survey", "kind": "survey", "files": "*.csv", "format": {"type": "delimited"}, "cadence": "monthly",
        "business_key": ["survey_id"], "unique": True,
        "columns": {
            "survey_id": {"from": "ID", "required": True}, "facility_code": {"from": "FAC", "required": True},
            "unit_code": {"from": "UNIT"}, "sex_code": {"from": "SEX"}, "patient_id": {"from": "MRN", "privacy": "patient"},
            "discharge_on": {"from": "DIS", "type": "date", "formats": ["%Y-%m-%d"], "required": True},
            "disposition_code": {"from": "DISP", "required": True},
            "comment": {"from": "TEXT", "privacy": "free_text"},
        },
        "items": {"family": "panel", "generations": [{"id": "new", "has": ["Q5"], "columns": new}, {"id": "old", "has": ["Q4"], "columns": old}]},
    }
    return Feed.model_validate(definition | changes)


def count_feed(**changes) -> Feed:
    """A yearly growing workbook of encounter counts, one column per month."""
    definition = {
        "feed": "counts", "label": "Encounter counts", "kind": "encounter_count", "files": "*.xlsx", "format": {"type": "workbook"},
        "cadence": "monthly", "business_key": ["facility_code", "unit_code", "class_code", "period_start_on"], "unique": True,
        "columns": {
            "facility_code": {"from": "FAC", "required": True}, "unit_code": {"from": "UNIT"}, "class_code": {"from": "CLASS", "required": True},
            "period_start_on": {"from": "M", "type": "date", "formats": ["%Y-%m"], "required": True},
            "n_encounters": {"from": "N", "type": "integer", "required": True}, "is_partial": {"from": "P", "type": "boolean"},
        },
    }
    return Feed.model_validate(definition | changes)


def draw(name: str, shares: dict[str, float]) -> str:
    """SQL of a code drawn with the given shares, by row and delivery."""
    text, total = "case", 0.0
    for code, share in shares.items():
        total += share
        text += f" when hash(i, seed, '{name}') % 100000 < {round(100_000 * total / sum(shares.values()))} then {code}"
    return f"{text} end"


ANSWERED = "hash(i, seed, 'answered') % 100 < 40"
RACE = {"1": 0.70, "2": 0.15, "3": 0.08, "4": 0.05, "5": 0.02}


def answer(name: str, shares: dict[str, float], missing: float = 0.03) -> str:
    """SQL of an item: null without an answered survey, some answers marked missing."""
    return f"(case when not ({ANSWERED}) then null when hash(i, seed, '{name}?') % 1000 < {round(1000 * missing)} then -1 else {draw(name, shares)} end)::tinyint"


SURVEY = {
    "survey_id": "'S' || seed || '-' || i", "facility_code": "'F' || (1 + i % 4)", "unit_code": "'U' || (i % 30)",
    "sex_code": draw("sex", {"'1'": 0.45, "'2'": 0.55}), "patient_id": "sha256('SYN' || seed || '-' || i)[:32]",
    "discharge_on": "delivered_at::date - 10 - (i % 28)::int", "disposition_code": f"case when {ANSWERED} then '1' else '8' end",
    "comment_length": f"case when {ANSWERED} and i % 3 = 0 then 80 end",
    "nurse_listen": answer("nurse_listen", {"1": 0.02, "2": 0.05, "3": 0.18, "4": 0.75}),
    "overall_rate": answer("overall_rate", {"5": 0.05, "7": 0.1, "8": 0.2, "9": 0.25, "10": 0.4}),
    "race": answer("race", RACE), "call_button": answer("call_button", {"1": 0.8, "2": 0.2}), "rest": "null::tinyint",
}
COUNTS = {
    "facility_code": "'F' || (1 + i % 2)", "unit_code": "'U' || (i % 10)", "class_code": "'IMP'",
    "period_start_on": "make_date(2025, 1 + (i // 10)::int, 1)", "n_encounters": "(90 + hash(i, seed) % 20)::integer",
    "is_partial": "(i // 10) = (select max(j // 10) from range(n_rows) t(j))",
}


class Workshop:
    """Makes raw Parquet and lets it be judged."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.docs, self.work = folder, folder / "docs", folder / "work"

    def delivery(
        self, feed: Feed, number: int, n_rows: int = 600, *, shape: dict[str, str] | None = None, seed: int | None = None, sequence: int = 0,
        faulty: str = "false", rule: str = "bad_date", delivery_id: str | None = None, place: str | None = None, **columns: str,
    ) -> DeliveryRaw:
        """One delivery, month `number`; `columns` replace SQL of columns, rows where `faulty` holds are quarantined."""
        known = delivery_id or f"{feed.feed[:1]}{number:03d}{sequence:02d}0000000000"[:16]
        moment = START + timedelta(days=30 * number)
        path = self.folder / "raw" / feed.feed / f"{known}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = (shape or SURVEY) | columns
        listed = ", ".join(f"{sql} as {name}" for name, sql in values.items())
        duckdb.sql(f"""
            copy (with input as (select i, {number if seed is None else seed} as seed, {n_rows}::bigint as n_rows, timestamp '{moment}' as delivered_at
                                 from range({n_rows}) t(i))
            select {listed}, '{known}' as delivery_id, delivered_at, {sequence}::integer as delivery_sequence, i + 1 as row_number,
              (case when {faulty} then [{{'rule': '{rule}', 'column': 'discharge_on', 'masked': '99/99/9999'}}] else [] end)::{FAULTS} as problems,
              []::{FAULTS} as warnings from input) to '{path}' (format parquet)""")
        return DeliveryRaw(feed.feed, known, path, moment, path.stat().st_size, sequence, place)

    def months(self, feed: Feed, n: int, **changes) -> list[DeliveryRaw]:
        """Normal deliveries of the months 0 to n-1."""
        return [self.delivery(feed, number, **changes) for number in range(n)]

    def judge(self, feed: Feed | list[Feed], new: list[DeliveryRaw], history: list[DeliveryRaw] = ()) -> list[Verdict]:
        """The verdicts on `new`."""
        feeds = feed if isinstance(feed, list) else [feed]
        return judge({one.feed: one for one in feeds}, list(new), list(history), self.docs, self.work)

    def failures(self, feed: Feed, new: DeliveryRaw, history: list[DeliveryRaw] = ()) -> set[tuple[str, str | None]]:
        """(check, column) of what one delivery fails."""
        return {(failure.expectation, failure.column) for failure in self.judge(feed, [new], history)[0].failures}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def make_workshop(tmp_path: Path) -> Callable[[str], Workshop]:
    return lambda name: Workshop(tmp_path / name)
