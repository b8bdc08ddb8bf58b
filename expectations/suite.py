"""The expectations every delivery must meet, generated from its feed.

Belongs here: which numbers of the profile have which limit, as GX expectations, and the sentence a
person reads when one is not met.
Does not belong here: how the numbers are made (measure.py, comparison.py), extras of a feed (extras.py).

The suite runs over the table `profile`, where every delivery has a row, so the number of expectations
of a feed does not depend on how many deliveries arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

    from expectations.settings import FeedExpectations

# Row of the profile that failed -> what to say; every value below is a number, never a cell of a delivery.
Row = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One limit on one number of the profile.

    `limit_column` replaces the fixed limit where every row of the profile has its own.
    """

    name: str
    number: str
    meaning: str
    message: str
    minimum: float | None = None
    maximum: float | None = None
    limit_column: str | None = None
    is_warning: bool = False

    def limit(self, row: Row) -> float | None:
        """The limit that held for this row."""
        if self.limit_column:
            return row[self.limit_column]
        return self.minimum if self.minimum is not None else self.maximum

    @property
    def description(self) -> str:
        """The check in words for Data Docs."""
        limit = self.limit_column or f"{self.limit({}):g}"
        return f"{self.meaning[0].upper()}{self.meaning[1:]}: {self.number} is {'at least' if self.minimum is not None else 'at most'} {limit}"

    def say(self, row: Row) -> str:
        """The sentence for a row that failed."""
        return self.message.format(**{**row, "observed": row[self.number], "limit": self.limit(row)})


def checks_of(settings: FeedExpectations) -> list[Check]:
    """The checks of a feed; those whose limit is null are left out."""
    checks = [
        Check("row_count", "n_rows", "a delivery holds rows", "the file holds no rows", minimum=0 if settings.allow_empty else 1),
        Check("quarantined_share", "quarantined_pct", "few rows are quarantined",
              "{observed:g} % of the rows are quarantined, at most {limit:g} % are accepted{leading_faults}",
              maximum=settings.max_quarantined_pct),
        Check("duplicate_share", "duplicate_pct", "keys repeat rarely inside a file",
              "{observed:g} % of the rows repeat the key of an earlier row of the file, at most {limit:g} % are accepted",
              maximum=settings.max_duplicate_pct),
        Check("volume_low", "volume_ratio", "a file is not much smaller than usual",
              "{volume:,.0f} {volume_unit}, {observed:g} times the usual {usual_volume:,.0f} of the {n_base} comparable deliveries before it; "
              "less than {limit:g} times looks cut off", minimum=settings.min_volume_ratio),
        Check("volume_high", "volume_growth", "a file is not much larger than usual",
              "{volume:,.0f} {volume_unit}, {observed:g} times the usual {usual_volume:,.0f} of the {n_base} comparable deliveries before it; "
              "more than {limit:g} times looks repeated or joined wrongly", maximum=settings.max_volume_ratio),
        Check("answered_low", "answered_ratio", "as many surveys as usual carry answers",
              "{n_answered:,} surveys carry an answer, {observed:g} times the usual {usual_answered:,.0f}; at least {limit:g} times is expected",
              minimum=settings.min_volume_ratio),
        Check("future_share", "future_pct", "events do not lie after the delivery",
              "{observed:g} % of the rows have a date more than {tolerance} days after the delivery, at most {limit:g} % are accepted; "
              "newest date {newest_on}", maximum=settings.max_future_pct),
        Check("missing_share", "missing_pct", "columns are filled as usual",
              "column {column_name} is empty in {observed:g} % of {asked_rows}, at most {limit:g} % is expected{usual_missing}",
              limit_column="missing_limit_pct"),
        Check("shift", "shift", "codes are distributed as in earlier deliveries",
              "column {column_name} has its codes distributed unlike earlier deliveries: distance {observed:g}, at most {limit:g}{moved}",
              maximum=settings.max_shift),
        Check("reorder", "reorder", "codes have not swapped their shares",
              "column {column_name} looks as if its codes had changed their meaning: shares of {observed:g} have changed places, "
              "at most {limit:g}{moved}", maximum=settings.max_reorder),
        Check("repaired_share", "repaired_pct", "few rows had a value set missing or repaired",
              "{observed:g} % of the rows had a value set missing or repaired (more than {limit:g} %)",
              maximum=settings.warn_repaired_pct, is_warning=True),
        Check("age", "age_days", "a file speaks of recent events",
              "the newest date is {observed} days before the delivery, at most {limit:g} are expected", maximum=settings.max_age_days),
        Check("gap", "gap_days", "deliveries come regularly",
              "{observed} days have passed since the delivery before it, at most {limit:g} are expected",
              maximum=settings.warn_gap_days, is_warning=True),
        Check("marked_missing", "marked_missing_pct", "few answers are marked missing",
              "column {column_name} is marked missing in {observed:g} % of the answered surveys (more than {limit:g} %)",
              maximum=settings.warn_marked_missing_pct, is_warning=True),
    ]
    if settings.allow_empty:
        checks.insert(1, Check(
            "emptied", "n_left_standing", "an empty file does not stand where one with rows stood",
            "the file holds no rows, and the earlier file of this name holds {observed:,}. A file replaces what its own rows name, so this one replaces nothing: "
            "released, it changes no number, and those rows stay counted. If they are wrong, have the file sent again with its rows", maximum=0))
    return [check for check in checks if check.limit_column or check.limit({}) is not None]


def build_suite(name: str, checks: list[Check]) -> ExpectationSuite:
    """The checks as a GX suite over the table `profile`."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    def expectation(check: Check):
        common = {"severity": "warning" if check.is_warning else "critical", "description": check.description, "meta": {"check": check.name}}
        if check.limit_column:
            return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=check.limit_column, column_B=check.number, or_equal=True, ignore_row_if="either_value_is_missing", **common)
        return gxe.ExpectColumnValuesToBeBetween(column=check.number, min_value=check.minimum, max_value=check.maximum, **common)

    return gx.ExpectationSuite(name=name, expectations=[expectation(check) for check in checks])
