"""What goes into a judgement and what comes out of it.

Belongs here: plain records without behaviour that other rooms may import for nothing.
Does not belong here: anything that needs DuckDB or Great Expectations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.catalogue import Delivery
    from ingestion.feed import Feed


@dataclass(frozen=True)
class DeliveryRaw:
    """One delivery as raw Parquet. `delivered_at` is UTC, with or without a zone; files of one `place` take each other's (ingestion/sightings.py)."""

    feed: str
    delivery_id: str
    path: Path
    delivered_at: datetime
    n_bytes: int
    delivery_sequence: int = 0
    place: str | None = None

    @classmethod
    def of(cls, delivery: Delivery, path: Path, feed: Feed) -> DeliveryRaw:
        """A delivery of the catalogue with its raw Parquet."""
        from ingestion.sightings import place_of

        place = place_of(delivery.file_name, delivery.source_url, feed)
        return cls(delivery.feed, delivery.delivery_id, path, delivery.delivered_at, delivery.n_bytes, delivery.delivery_sequence, place)

    @property
    def order(self) -> tuple[datetime, int, str]:
        """Delivery order: the delivery's own moment, its version number, its id."""
        moment = self.delivered_at
        plain = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        return plain, self.delivery_sequence, self.delivery_id


@dataclass(frozen=True)
class Failure:
    """One expectation a delivery did not meet. `message` is one sentence for a person, without cell values.

    `expectation` is the name of a check of suite.py or the type of an extra; `observed` and `expected`
    are numbers in the unit of the check, or null.
    """

    expectation: str
    column: str | None
    message: str
    observed: float | int | None = None
    expected: float | int | None = None


@dataclass(frozen=True)
class Verdict:
    """The judgement of one delivery. `warnings` do not hold it; `docs_path` is relative to the docs folder."""

    delivery_id: str
    feed: str
    is_ok: bool
    failures: list[Failure] = field(default_factory=list)
    n_expectations: int = 0
    docs_path: str = ""
    warnings: list[Failure] = field(default_factory=list)
