"""The catalogue of deliveries: what the ledger says about each, in one row.

Belongs here: the state of a delivery (landed, refused, held, accepted), its order, a cut at a date, what became of its rows.
Does not belong here: changing anything, for the ledger is written where things happen; which files are deliveries (sightings.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from ingestion.conform import READER_VERSION
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.landing import is_ahead, landed_path
from ingestion.ledger import Ledger
from ingestion.sightings import sightings, standing


@dataclass(frozen=True)
class Delivery:
    """One delivery as it stands now under today's feed definition."""

    delivery_id: str
    sha256: str
    feed: str
    file_name: str
    source_url: str
    n_bytes: int
    landed_at: datetime
    delivered_at: datetime
    delivery_sequence: int
    supersedes: tuple[str, ...] = ()
    status: str = "landed"  # landed -> refused | conformed -> held | accepted
    reason: str | None = None
    is_released: bool = False
    conformed: dict[str, Any] = field(default_factory=dict)
    no_day: str | None = None  # what its name says in place of the day; its modification time counts then
    delivery_order: int = 0

    @property
    def order(self) -> tuple[datetime, int]:
        """The delivery's own moment and version number."""
        return self.delivered_at, self.delivery_sequence

    @property
    def is_ahead(self) -> bool:
        """Whether its name says a day that had begun nowhere on earth when it came; until then its rows are newer than any others."""
        return is_ahead(self.delivered_at, self.landed_at)


def read_catalogue(home: Home, feeds: dict[str, Feed], as_of: date | None = None) -> list[Delivery]:
    """All deliveries of known feeds in their own order, those up to `as_of`."""
    ledger = Ledger(home.ledger)
    facts = _Facts.read(ledger, feeds)
    known = [facts.delivery(entry) for entry in standing(sightings(ledger), feeds)]
    known.sort(key=lambda d: (d.delivered_at, d.delivery_sequence, d.delivery_id))
    return up_to([replace(delivery, delivery_order=number) for number, delivery in enumerate(known, start=1)], as_of)


def up_to(deliveries: list[Delivery], as_of: date | None) -> list[Delivery]:
    """Those delivered up to the end of `as_of`; all without one."""
    end = datetime.combine(as_of + timedelta(days=1), time(), UTC) if as_of else None
    return [one for one in deliveries if end is None or one.delivered_at < end]


def raw_path(home: Home, feed: Feed, delivery: Delivery, *, is_restricted: bool = False) -> Path:
    """Where the raw Parquet of a delivery is: keyed by feed version, reader version, and its order, which stands inside."""
    name = f"{delivery.delivery_id}-{delivery.delivered_at:%Y%m%dT%H%M%S}-{delivery.delivery_sequence}.parquet"
    return raw_folder(home.restricted if is_restricted else home.raw, feed) / name


def raw_folder(root: Path, feed: Feed) -> Path:
    """The folder of a feed's raw Parquet under today's feed and reader version."""
    return root / feed.feed / f"{feed.version}-{READER_VERSION}"


def landed_file(home: Home, delivery: Delivery) -> Path:
    """The bytes of a delivery."""
    return landed_path(home, delivery.sha256)


def row_facts(deliveries: list[Delivery]) -> dict[str, int]:
    """Rows of deliveries by what became of them; delivered is the sum of the others."""
    def total(key: str, *states: str) -> int:
        return sum(d.conformed.get(key, 0) for d in deliveries if not states or d.status in states)

    accepted, held, waiting = (total("n_accepted", *states) for states in (("accepted",), ("held",), ("conformed",)))
    quarantined = total("n_quarantined")
    facts = {"n_rows_delivered": accepted + quarantined + held + waiting, "n_rows_accepted": accepted, "n_rows_quarantined": quarantined, "n_rows_held": held}
    return facts | ({"n_rows_waiting": waiting} if waiting else {})


@dataclass
class _Facts:
    """The ledger folded by delivery; only what was said under today's feed version counts."""

    conformed: dict[str, dict]
    verdicts: dict[str, dict]
    releases: dict[str, dict]

    @classmethod
    def read(cls, ledger: Ledger, feeds: dict[str, Feed]) -> _Facts:
        facts = cls({}, {}, {})
        for entry in ledger.entries("release", "conform", "verdict"):
            kind, key = entry["kind"], entry.get("delivery_id")
            feed = feeds.get(entry.get("feed", ""))
            if kind == "release":
                facts.releases[key] = entry
            elif feed and entry.get("feed_version") == feed.version and entry.get("reader_version") == READER_VERSION:
                if kind == "conform":
                    facts.conformed[key] = entry
                elif kind == "verdict":
                    facts.verdicts[key] = entry
        return facts

    def delivery(self, entry: dict) -> Delivery:
        key = entry["delivery_id"]
        status, reason = self._status(key)
        return Delivery(
            key, entry["sha256"], entry["feed"], entry["file_name"], entry["source_url"], entry["n_bytes"],
            _moment(entry["at"]), _moment(entry["delivered_at"]), entry["delivery_sequence"], tuple(entry.get("supersedes", ())),
            status, reason, key in self.releases, self.conformed.get(key, {}), entry.get("no_day"),
        )

    def _status(self, key: str) -> tuple[str, str | None]:
        conformed, verdict, release = self.conformed.get(key), self.verdicts.get(key), self.releases.get(key)
        if conformed is None:
            return "landed", None
        if refused := conformed.get("refused"):
            return "refused", f"{refused['message']}. {refused['way_out']}"
        if release is not None:
            return "accepted", f"released by {release['user']}: {release['reason']}"
        if verdict is None:
            return "conformed", None
        return ("accepted", None) if verdict["is_ok"] else ("held", "; ".join(f["message"] for f in verdict["failures"]))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
