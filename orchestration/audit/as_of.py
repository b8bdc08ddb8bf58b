"""A KPI as it stood on a date: as it was published then, and as it would be built today from what was known then.

Belongs here: the build from a ledger cut at the date, the published values of the date, comparing both.
Does not belong here: output (commands/as_of.py).

What was known on a date is what had landed by its end (UTC): the ledger up to that moment is itself a
whole ledger, with the verdicts and releases of the time. Built by the code that published then, it gives
what was published then; so where the two differ, code or definitions have changed, and the answer
names what. A home that was filled later with old files knew nothing on the date; it is then asked by the
deliveries' own dates, as `pxw run --as-of` does, and the answer says so.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from ingestion.home import Home
from ingestion.ledger import Ledger
from ingestion.sql import dicts
from orchestration.audit.history import kept_file, moment, publications
from orchestration.audit.kept import code_difference, definition_difference, file_differences, setting_differences
from orchestration.audit.side_build import build_aside, copy_state, link_tree
from orchestration.build_input import DBT_SOURCE, code_version
from orchestration.published import open_marts

LANDED, DELIVERED = "landed", "delivered"
_KEPT_BUILDS = 3


@dataclass
class Standing:
    """One KPI row on the date: `published` as it was published, `rebuilt` as built today; either may be absent."""

    kpi_key: str
    published: dict[str, Any] | None
    rebuilt: dict[str, Any] | None

    @property
    def is_same(self) -> bool:
        """Both exist and have the same value, n and reason."""
        if self.published is None or self.rebuilt is None:
            return False
        values = self.published["value"], self.rebuilt["value"]
        close = values[0] == values[1] if None in values else abs(values[0] - values[1]) <= 1e-9 * max(1.0, abs(values[0]))
        return close and all(self.published[name] == self.rebuilt[name] for name in ("n", "is_publishable", "reason"))


@dataclass
class AsOf:
    """The answer: which way the date was taken, the publication that stood then, the rows, why they differ."""

    on: date
    by: str
    publication: dict[str, Any] | None
    rows: list[Standing] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def way_of(home: Home, on: date, wanted: str | None) -> tuple[str, list[str]]:
    """How the date is taken, with a note where that was not asked for. Raises ValueError when nothing was known at all."""
    landed = [entry["at"] for entry in Ledger(home.ledger).entries("delivery")]
    if not landed:
        raise ValueError(f"no delivery has ever landed in {home.root}")
    if wanted:
        if wanted == LANDED and min(landed) >= _end(on):
            raise ValueError(f"nothing had landed by {on}; the first file landed on {min(landed)[:10]} (--by delivered asks by the files' own dates)")
        return wanted, []
    if min(landed) >= _end(on):
        return DELIVERED, [f"nothing had landed by {on} (the first file landed on {min(landed)[:10]}), so this is by the files' own dates"]
    return LANDED, []


def build_as_of(home: Home, on: date, by: str, progress: Callable[[str], None]) -> Home:
    """The home of the date, built once and kept until the ledger before the date, the code or the definitions change."""
    shelf = home.build / "as_of"
    other = Home(shelf / f"{on}-{by}-{_state(home, on, by)}")
    if (other.published / "manifest.json").exists():
        return other
    shutil.rmtree(other.root, ignore_errors=True)
    _forget(shelf)
    end = _end(on)
    copy_state(home, other, (lambda entry: entry["at"] < end) if by == LANDED else (lambda _: True))
    link_tree(home.raw, other.raw)
    build_aside(other, on if by == DELIVERED else None, progress)
    return other


def as_of(home: Home, other: Home, on: date, by: str, where: str, values: list[Any]) -> AsOf:
    """Compare the rows of kpi_value that fit `where`, in both."""
    stood = next((one for one in reversed(publications(home)) if moment(one) < _end(on)[:19]), None)
    with open_marts(other) as con:
        rebuilt = _rows(con, f"select * from marts.kpi_value where {where}", values)
    keys = set(rebuilt)
    end = datetime.combine(on + timedelta(days=1), time())
    with open_marts(home) as con:
        published = _rows(con, "select h.* from marts.kpi_history as h where h.valid_from_at < ? and (h.valid_to_at is null or h.valid_to_at >= ?) and "
                               f"(h.kpi_key in (select unnest(?::varchar[])) or h.kpi_key in (select kpi_key from marts.kpi_value where {where}))",
                          [end, end, sorted(keys), *values])
    answer = AsOf(on, by, stood, [Standing(key, published.get(key), rebuilt.get(key)) for key in sorted(keys | set(published))])
    if stood and not all(row.is_same for row in answer.rows):
        answer.causes = _causes(home, other, stood, {row.kpi_key.split(":")[0] for row in answer.rows if not row.is_same})
    return answer


def _rows(con: Any, query: str, values: list[Any]) -> dict[str, dict[str, Any]]:
    return {row["kpi_key"]: row for row in dicts(con, query, *values)}


def _causes(home: Home, other: Home, stood: dict[str, Any], kpis: set[str]) -> list[str]:
    """What was different when that publication was made, from its kept context."""
    then = json.loads(kept_file(home, stood["context"]).read_text())
    now = json.loads(kept_file(other, publications(other)[-1]["context"]).read_text())
    told = [text for kpi in sorted(kpis) if (text := definition_difference(kpi, then, now))]
    told += setting_differences(then, now).values()
    if code := code_difference(then, now):
        told.append(f"{code}: published by the first, built now by the second")
    elif files := file_differences(then, now):
        told.append(f"own definitions changed: {', '.join(files)}")
    changed_feeds = sorted(name for name in then["feeds"].keys() & now["feeds"].keys() if then["feeds"][name] != now["feeds"][name])
    if changed_feeds:
        told.append(f"feeds are read otherwise: {', '.join(changed_feeds)}")
    new, gone = (sorted(set(a["deliveries"]) - set(b["deliveries"])) for a, b in ((now, then), (then, now)))
    if new:
        told.append(f"{len(new)} deliveries known on the date came after that publication: {', '.join(new[:5])}{', ...' if len(new) > 5 else ''}")
    if gone:
        told.append(f"{len(gone)} deliveries of that publication are not in this build: {', '.join(gone[:5])}{', ...' if len(gone) > 5 else ''}")
    return told or ["nothing that was kept differs: not explained"]


def _end(on: date) -> str:
    return datetime.combine(on + timedelta(days=1), time(), UTC).isoformat()


def _state(home: Home, on: date, by: str) -> str:
    """Changes when the build of the date would."""
    digest, end = hashlib.sha256(code_version().encode()), _end(on)
    from ingestion.feed import load_feeds
    from orchestration.definitions_data import fingerprint, own_definition_folders

    digest.update(fingerprint(DBT_SOURCE, own_definition_folders()).encode())
    digest.update("".join(feed.version for feed in load_feeds().values()).encode())
    for path in sorted(path for path in home.config.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    for entry in Ledger(home.ledger).entries("delivery", "repeat", "conform", "verdict", "release"):
        if by == DELIVERED or entry["at"] < end:
            digest.update(entry["previous"].encode())
    return digest.hexdigest()[:12]


def _forget(shelf: Path) -> None:
    """Builds of the past are a cache: the newest few stay."""
    kept = sorted(shelf.glob("*"), key=lambda path: path.stat().st_mtime) if shelf.exists() else []
    for old in kept[: max(0, len(kept) - _KEPT_BUILDS + 1)]:
        shutil.rmtree(old, ignore_errors=True)
