"""What a publication leaves out: the selects that do it, in numbers for the manifest and in sentences for a run.

Belongs here: the reasons a suppressed row carries, the record of one publication.
Does not belong here: which cells are suppressed (small_cells.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingestion.sql import identifier

PRIMARY, COMPLEMENTARY = "SUPPRESSED", "SUPPRESSED_COMPLEMENTARY"
NO_RULE = "nothing is suppressed: a limited data set, for internal use only (docs/privacy.md)"


def is_suppressed(reason: str | None) -> bool:
    """Whether the reason of a published row says that its numbers are left out."""
    return bool(reason) and reason.startswith(PRIMARY)


@dataclass
class Suppression:
    """What is published instead of each mart. `counts` tells rows with suppressed numbers by mart and reason."""

    rule: str = NO_RULE
    smallest_shown: int | None = None
    left_out: list[str] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    selects: dict[str, str] = field(default_factory=dict)
    n_turned_hidden: int = 0
    n_turned_shown: int = 0

    def select(self, mart: str) -> str:
        """The relation to publish as `mart`."""
        return self.selects.get(mart, f"build.marts.{identifier(mart)}")

    def lines(self) -> Iterator[str]:
        """What a run says about it; nothing where nothing is suppressed."""
        if self.smallest_shown is None:
            return
        n = {reason: sum(counts.get(reason, 0) for counts in self.counts.values()) for reason in (PRIMARY, COMPLEMENTARY)}
        yield f"small cells: {self.rule}; {n[PRIMARY]:,} rows have such a count, {n[COMPLEMENTARY]:,} more would give one back"
        if self.left_out:
            yield f"small cells: left out, because they do not say which columns are counts: {', '.join(self.left_out)}"
        for mart, n in sorted(self.dropped.items()):
            yield f"small cells: {n:,} rows of {mart} are left out"
        if self.n_turned_hidden or self.n_turned_shown:
            yield (f"small cells: {self.n_turned_hidden:,} values of the publication before are hidden now and {self.n_turned_shown:,} hidden ones are "
                   "shown; who keeps both may count the difference, so think before you pass the new one on")

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        if self.smallest_shown is None:
            return {"rule": self.rule}
        return {"rule": self.rule, "smallest_shown": self.smallest_shown, "rows_with_suppressed_numbers": self.counts, "left_out": self.left_out, "rows_left_out": self.dropped,
                "kpi_values_hidden_that_were_shown": self.n_turned_hidden, "kpi_values_shown_that_were_hidden": self.n_turned_shown}
