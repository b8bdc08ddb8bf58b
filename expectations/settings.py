"""What a feed may say under `expectations:`, with defaults under which a normal delivery always passes.

Belongs here: the strict model, the defaults and their reasons, which columns a feed can speak of.
Does not belong here: measuring (measure.py, comparison.py) or the expectations themselves (suite.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingestion.kinds import KINDS, PROVENANCE
from ingestion.strict_yaml import DefinitionError

if TYPE_CHECKING:
    from ingestion.feed import Feed

Percent = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]

# Shares over very few rows say nothing. A rule over bad rows needs this many of them, or all rows bad.
MIN_BAD_ROWS = 5
# Volume: with a usual 20 rows, fewer than 6 (0.3 x) has a Poisson probability below 1e-4; below 20 noise would hold files.
MIN_USUAL_ROWS = 20
# Missing shares of 50 rows have a standard error of at most 7 points, the default limit is a rise of 40.
MIN_MISSING_ROWS = 50
# Distances between distributions: both sides need this many values (see comparison.py for what noise remains).
MIN_SHIFT_ROWS = 200
# A column with more different values than this is not a code list.
MAX_CODES = 50

# GX expectation types that run inside DuckDB and may be named as extras. Regular expressions and
# quantiles do not run there (`unexpected_rows` does the same in SQL).
EXTRA_TYPES = frozenset({
    "unexpected_rows",
    "expect_column_values_to_be_between", "expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_be_null", "expect_column_values_to_not_be_null", "expect_column_values_to_be_unique",
    "expect_column_value_lengths_to_be_between", "expect_column_value_lengths_to_equal",
    "expect_column_unique_value_count_to_be_between", "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_min_to_be_between", "expect_column_max_to_be_between", "expect_column_mean_to_be_between",
    "expect_column_sum_to_be_between", "expect_column_distinct_values_to_be_in_set",
    "expect_column_pair_values_to_be_equal", "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_compound_columns_to_be_unique", "expect_table_row_count_to_be_between",
})

# Columns in which a delivery names the facilities it speaks of: deliveries about other facilities are no measure for it.
_PLACE_COLUMN = {"survey": "facility_code", "complaint": "facility_code", "encounter_count": "facility_code",
                 "encounter": "facility_code", "encounter_event": "facility_code", "benchmark": "geography_level",
                 "answer_count": "facility_code", "metric": "facility_code"}
_EVENT_COLUMN = {"survey": "discharge_on", "complaint": "received_on", "encounter_count": "period_start_on",
                 "encounter": "start_on", "encounter_event": "event_on", "answer_count": "period_start_on", "metric": "period_start_on"}


class SettingsError(DefinitionError):
    """A feed's `expectations` are wrong; the message names feed and key."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Extra(_Strict):
    """One more GX expectation, run on the rows of every single delivery (`mostly` counts within it).

    `unexpected_rows` takes `sql`: a select over {batch} that returns the rows that should not be there, and
    may compare with {earlier}: what the accepted deliveries before it say about the same facilities and it
    does not replace. `days` is a date column of that select whose days the message names.
    `rows: all` lets quarantined rows in too; a warning is shown and holds nothing.
    """

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    sql: str | None = None
    days: str | None = None
    note: str | None = None
    severity: Literal["critical", "warning"] = "critical"
    rows: Literal["accepted", "all"] = "accepted"

    @model_validator(mode="after")
    def _is_whole(self) -> Extra:
        if self.type not in EXTRA_TYPES:
            raise ValueError(f"'{self.type}' is not available; choose one of {', '.join(sorted(EXTRA_TYPES))}")
        if (self.type == "unexpected_rows") != (self.sql is not None):
            raise ValueError("'unexpected_rows' needs 'sql', other types need 'kwargs'")
        if self.sql is not None and "{batch}" not in self.sql:
            raise ValueError("'sql' must select from {batch}")
        if self.days is not None and self.sql is None:
            raise ValueError("'days' names a column of 'sql'")
        return self

    @property
    def column(self) -> str | None:
        """The column it speaks of, if it is one."""
        return self.kwargs.get("column")

    @property
    def looks_back(self) -> bool:
        """Whether it compares a delivery with those before it."""
        return self.sql is not None and "{earlier}" in self.sql


class FeedExpectations(_Strict):
    """Limits of one feed. A limit of null switches its check off.

    Volume limits are factors of the median of the earlier comparable deliveries; `max_missing_pct` is
    absolute per column, `max_missing_rise_pct` is in points above the usual share; `max_shift` and
    `max_reorder` are distances from 0 (same distribution of codes) to 1.
    """

    allow_empty: bool = False
    max_quarantined_pct: Percent | None = 20
    max_duplicate_pct: Percent | None = 5
    warn_repaired_pct: Percent | None = 50
    min_volume_ratio: float | None = Field(default=0.3, ge=0, le=1)
    max_volume_ratio: float | None = Field(default=3, ge=1)
    max_missing_pct: dict[str, Percent] = Field(default_factory=dict)
    max_missing_rise_pct: Percent | None = 40
    warn_marked_missing_pct: Percent | None = None
    max_shift: Share | None = 0.35
    max_reorder: Share | None = 0.15
    shift_columns: list[str] | None = None
    max_future_pct: Percent | None = 1
    # File names give a day, not a moment; a local evening is the next day in UTC, and again a day ahead in the east.
    future_tolerance_days: int = Field(default=2, ge=0)
    max_age_days: int | None = Field(default=None, ge=0)
    warn_gap_days: int | None = Field(default=None, ge=0)
    place_column: str | None = None
    event_column: str | None = None
    min_history: int = Field(default=4, ge=1)
    history_window: int = Field(default=12, ge=1)
    extra: list[Extra] = Field(default_factory=list)


def settings_of(feed: Feed) -> FeedExpectations:
    """The feed's expectations over the defaults of its kind and cadence.

    Raises SettingsError for unknown keys, values out of range, or columns the feed does not have.
    """
    defaults: dict[str, Any] = {"place_column": _PLACE_COLUMN.get(feed.kind), "event_column": _EVENT_COLUMN.get(feed.kind)}
    if feed.cadence == "daily":
        defaults["min_volume_ratio"] = 0.1  # a Sunday or a holiday is no truncated file
    if not feed.unique:
        defaults["max_duplicate_pct"] = None  # the feed says that a key may repeat
    try:
        settings = FeedExpectations.model_validate(defaults | feed.expectations)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"feed {feed.feed}: expectations: {faults}") from None
    known = columns_of(feed)
    named = [*settings.max_missing_pct, *(settings.shift_columns or ()), settings.place_column, settings.event_column,
             *(extra.column for extra in settings.extra)]
    if odd := sorted({name for name in named if name is not None} - known):
        raise SettingsError(f"feed {feed.feed}: expectations: unknown columns {odd}; the feed has {sorted(known)}")
    return settings


def columns_of(feed: Feed) -> set[str]:
    """Every column the raw Parquet of the feed can have."""
    items = {item for generation in (feed.items.generations if feed.items else ()) for item in generation.columns}
    return set(KINDS[feed.kind]) | set(PROVENANCE) | feed.constant_names | items | {one for name, spec in feed.all_columns.items() for one in spec.raw_names(name)}
