"""From rows of the profile that failed to sentences and numbers a person can use.

Belongs here: what a sentence needs beyond the profile (leading faults, codes that moved most).
Does not belong here: the sentences themselves (suite.py). No cell of a delivery may pass here but
codes that are too short to be anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import measure
from expectations.verdict import Failure
from ingestion.sql import dicts, literal
from ingestion.words import counted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from expectations.extras import Outcome
    from expectations.settings import FeedExpectations
    from expectations.suite import Check
    from ingestion.feed import Feed

_FAULTS_SHOWN, _MOVES_SHOWN = 2, 3


def describe(
    con: DuckDBPyConnection, feed: Feed, settings: FeedExpectations, check: Check, keys: list[tuple[str, str]]
) -> dict[str, list[Failure]]:
    """Failures by delivery, for the (delivery_id, column_name) that do not meet `check`."""
    values = ", ".join(f"({literal(delivery_id)}, {literal(column)})" for delivery_id, column in keys)
    rows = dicts(con, f"""
        select p.*, m.volume, m.n_answered, m.newest_on, m.faults, m.n_accepted, c.n_asked, c.is_item as is_answer, d.moved
        from profile p join (values {values}) k(delivery_id, column_name) using (delivery_id, column_name)
        join measured m using (delivery_id)
        left join (select delivery_id, unnest(columns, max_depth := 2) from measured) c using (delivery_id, column_name)
        left join distance d using (delivery_id, column_name) order by p.delivery_id, p.column_name""")
    found: dict[str, list[Failure]] = {}
    for row in rows:
        worded = row | {
            "leading_faults": _faults(row["faults"] or []), "moved": _moves(row["moved"] or []), "tolerance": settings.future_tolerance_days,
            "volume_unit": "encounters per whole period" if feed.kind == "encounter_count" else "rows",
            "asked_rows": _asked(row),
            "usual_missing": "" if row["usual_missing_pct"] is None else f"; usual are {row['usual_missing_pct']:.3g} %",
        }
        failure = Failure(check.name, row["column_name"] or None, check.say(worded), row[check.number], check.limit(row))
        found.setdefault(row["delivery_id"], []).append(failure)
    return found


def without_repetition(failures: list[Failure]) -> list[Failure]:
    """Codes that swapped their shares are distributed unlike before, too: one sentence is enough."""
    swapped = {failure.column for failure in failures if failure.expectation == "reorder"}
    return [failure for failure in failures if not (failure.expectation == "shift" and failure.column in swapped)]


def of_extra(outcome: Outcome) -> Failure:
    """The failure an extra expectation amounts to."""
    observed = outcome.observed if outcome.observed is not None else outcome.unexpected_pct
    return Failure(outcome.extra.type, outcome.extra.column, outcome.say(), observed)


def overview(con: DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """delivery_id -> the numbers of the file as a whole."""
    rows = dicts(con, "select p.*, m.volume, m.n_quarantined from profile p join measured m using (delivery_id) where column_name = ''")
    return {row["delivery_id"]: row for row in rows}


def _asked(row: dict[str, Any]) -> str:
    """The rows a share is taken of: answers are looked for in surveys with any answer, and of large files in a part of the rows."""
    if row["n_asked"] is None:
        return "the rows"
    what = "surveys that carry answers" if row["is_answer"] else "accepted rows"
    part = f" in a spread sample of the {row['n_accepted']:,} rows" if row["n_accepted"] > measure.LOOKED_AT else ""
    return f"the {row['n_asked']:,} {what}{part}"


def _faults(faults: list[dict[str, Any]]) -> str:
    shown = [f"{one['rule']}{' in ' + one['column'] if one['column'] else ''} ({counted(one['n'], 'row')})" for one in faults[:_FAULTS_SHOWN]]
    return f"; most often {' and '.join(shown)}" if shown else ""


def _moves(moved: list[dict[str, Any]]) -> str:
    shown = [f"{one['code']}: {100 * one['q']:.0f} % before, {100 * one['p']:.0f} % now" for one in moved if _is_code(one["code"])]
    return f" ({'; '.join(shown[:_MOVES_SHOWN])})" if shown else ""


def _is_code(text: str) -> bool:
    """Whether a value is surely a code: up to three digits, one or two characters, or a boolean. Others are not shown."""
    return (text.isdigit() and len(text) <= 3) or len(text) <= 2 or text in ("true", "false")
