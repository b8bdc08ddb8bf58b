"""Where the columns and answers of a feed come from: the keys under `columns:`, `items:` and `rules:`.

Belongs here: the strict models and their checks, code lists with the dates between which they hold.
Does not belong here: the layout of the file (feed_format.py), the SQL made of it (conform_sql.py).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from ingestion.feed_format import Strict, as_list

# %f takes any number of digits up to six. The offset is +00:00, +0000 or +00.
# %n is a fraction of one to nine digits: servers on .NET write seven.
ISO_MOMENTS = tuple(f"%Y-%m-%dT%H:%M{seconds}{zone}" for zone in ("%z", "Z", "") for seconds in (":%S", ":%S.%n", ""))

Purpose = Literal["patient", "staff", "complainant", "encounter"]  # each has a key of its own
Privacy = Literal["none", "drop", "free_text"] | Purpose


def known_zone(value: str) -> str:
    """The zone itself. Raises ValueError for one that nobody knows."""
    if value not in available_timezones():
        raise ValueError(f"'{value}' is not an IANA time zone such as America/Chicago")
    return value


def text_keys(value: Any) -> Any:
    """YAML reads 1: and yes: as a number and a boolean; delivered codes are text."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else value


class Dated(Strict):
    """Something that holds between two dates, both included; none means without end."""

    valid_from_on: date | None = None
    valid_to_on: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it holds on that day."""
        return (self.valid_from_on or date.min) <= day <= (self.valid_to_on or date.max)


class Codebook(Dated):
    """A code list and when it held: vendors reorder their codes without a new header."""

    map: dict[str, str | bool | int]

    _texts = field_validator("map", mode="before")(text_keys)


def refuse_overlap(books: list[Any], what: str) -> None:
    """Raise ValueError where two of the dated things hold on the same day."""
    ordered = sorted(books, key=lambda one: one.valid_from_on or date.min)
    for earlier, later in zip(ordered, ordered[1:], strict=False):
        if earlier.holds_on(later.valid_from_on or date.min):
            raise ValueError(f"{what}: two lists hold on {later.valid_from_on or 'the first day'}; set valid_to_on of the earlier one")


def _dated(value: Any, keys: tuple[str, str]) -> Any:
    """A list under the first key is a dated one: it moves to the second."""
    plain, dated = keys
    if isinstance(value, dict) and isinstance(value.get(plain), list):
        return {**{k: v for k, v in value.items() if k != plain}, dated: value[plain]}
    return value


class ColumnSpec(Strict):
    """Where one canonical column comes from and what makes a value acceptable.

    A cell goes through `strip` (what matches is taken away), `extract` (the first group of the expression is
    kept, nothing where it does not fit) and `split` (the parts at this sign come parted by |). `count` gives
    the number of matches instead of the text. `guard: person` refuses what looks like a person: a title with
    a name, a mail address, a telephone, the shape of a name (person_names.py; facilities and units, of other columns
    initials only), or the name in another column of the row. Places with the shape of a name stand in `not_people`.
    A boolean is also true where the cell of a header in `true_where` matches its expression, whatever its own cell
    says. A text that is not among `codes` gets the code of the header in `otherwise`, and is told all the same.
    The format `excel_serial` reads the day numbers of a spreadsheet (1900 system); undeclared they are refused.
    `decimal: ","` reads 1.234,5; without it a comma parts thousands and 8,5 is refused, never read as 85.
    `iso8601` stands for moments such as 2026-04-01T03:30:00, with a fraction or without, with Z, an offset or neither.
    `time_zone` is the zone of its moments where it is not the feed's; a file that states one itself is read in that. The day of a moment is
    the day in the feed's zone.
    """

    source: Annotated[list[str], as_list] = Field(default_factory=list, alias="from")
    join: list[str] = Field(default_factory=list)
    separator: str = ""
    strip: str | None = None
    extract: str | None = None
    split: str | None = None
    count: str | None = None
    true_where: dict[str, str] = Field(default_factory=dict)
    otherwise: str | None = None
    guard: Literal["person"] | None = None
    not_people: Annotated[list[str], as_list] = Field(default_factory=list)
    type: Literal["text", "integer", "number", "date", "timestamp", "boolean"] = "text"
    formats: Annotated[list[str], as_list] = Field(default_factory=list)
    decimal: Literal[".", ","] = "."
    utc: bool = False
    time_zone: str | None = None
    year_starts_in: int = Field(default=1, ge=1, le=12)
    required: bool = False
    optional: bool = False
    default: str | None = None
    codes: dict[str, str | bool | int] = Field(default_factory=dict)
    codebooks: list[Codebook] = Field(default_factory=list)
    codes_on: str | None = None
    allowed: list[str | int] = Field(default_factory=list)
    missing: dict[str, str] = Field(default_factory=dict)
    ranges: dict[str, tuple[float | None, float | None]] = Field(default_factory=dict)
    part: Literal["lower", "upper"] | None = None
    pad: int | None = Field(default=None, ge=1)
    minimum: float | None = None
    maximum: float | None = None
    on_error: Literal["reject", "warn"] = "reject"
    privacy: Privacy = "none"

    _texts = field_validator("codes", "missing", "ranges", mode="before")(text_keys)

    @field_validator("strip", "extract", "count", "true_where")
    @classmethod
    def _is_expression(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        for text in value.values() if isinstance(value, dict) else [value or ""]:
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
            if any(mark in text for mark in ("(?=", "(?!", "(?<=", "(?<!")):
                raise ValueError("look-around is not known to the engine; write what to take away")
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        return value if value is None else known_zone(value)

    @field_validator("formats", mode="after")
    @classmethod
    def _iso_formats(cls, value: list[str]) -> list[str]:
        return [one for text in value for one in (ISO_MOMENTS if text == "iso8601" else [text])]

    @model_validator(mode="before")
    @classmethod
    def _dated_codes(cls, value: Any) -> Any:
        return _dated(value, ("codes", "codebooks"))

    @model_validator(mode="after")
    def _is_whole(self) -> ColumnSpec:
        if self.true_where and self.type != "boolean":
            raise ValueError("'true_where' tells what makes a boolean true: set 'type: boolean'")
        if bool(self.source) == bool(self.join) and not (self.true_where and not self.join):
            raise ValueError("give either 'from' or 'join'")
        if self.otherwise and not (self.has_codes and self.type == "text"):
            raise ValueError("'otherwise' gives a code where the own text has none: it needs 'codes' and type text")
        if self.type in ("date", "timestamp") and not self.formats:
            raise ValueError(f"a {self.type} needs 'formats', for example [\"%m/%d/%Y\"]")
        if self.year_starts_in > 1 and self.type != "date":
            raise ValueError("'year_starts_in' tells the calendar year of a date: set 'type: date'")
        if self.part and self.type != "number":
            raise ValueError("'part' takes one end of a range of numbers: set 'type: number'")
        if self.decimal != "." and self.type not in ("integer", "number"):
            raise ValueError("'decimal' is the sign before the decimals of a number: set 'type: number'")
        if self.ranges and not self.part:
            raise ValueError("'ranges' needs 'part': which end of the range the column takes, lower or upper")
        if self.join and self.privacy == "free_text":
            raise ValueError("free text comes 'from' one header; give each text a column of its own")
        refuse_overlap(self.codebooks, "codes")
        return self

    @property
    def has_codes(self) -> bool:
        """Whether delivered texts are replaced by ours."""
        return bool(self.codes or self.codebooks)

    @property
    def headers(self) -> list[str]:
        """Every header or path the column may read."""
        return [*self.source, *self.join, *self.true_where, *([self.otherwise] if self.otherwise else [])]

    def raw_names(self, name: str) -> list[str]:
        """What column `name` is in raw Parquet, with what is made of it beside; nothing where it is dropped."""
        if self.privacy in ("drop", "free_text"):
            return [f"{name}_length"] if self.privacy == "free_text" else []
        return [name, *([f"{name}_reason"] if self.missing else []), *([f"{name.removesuffix('_at')}_on"] if self.type == "timestamp" else [])]


class Generation(Dated):
    """One header generation of a survey file: which headers mark it, which header holds which item.

    The dates are those of the delivery: where two generations share their headers, they alone tell which one it
    is. With `optional` a file need not have every header; what it lacks was not asked.
    """

    id: str
    has: list[str] = Field(default_factory=list)
    lacks: list[str] = Field(default_factory=list)
    optional: bool = False
    columns: dict[str, str]


class Items(Strict):
    """The answers of a survey feed.

    `values` says whether cells hold codes or the texts of the choices; `either` looks at each column and
    refuses a mixture. `words` are texts beside the labels of the scale, by item or by scale, plain or
    dated (by `codes_on`); numbers among the words of an item take the place of its codes. `reversed` names the items whose scale the vendor counts the other way round.
    `whole`: a record with answers has every one of them, with a code where nothing was marked; a blank one is told.
    """

    families: Annotated[list[str], as_list] = Field(alias="family", min_length=1)
    generations: list[Generation]
    values: Literal["codes", "labels", "either"] = "codes"
    words: dict[str, dict[str, int] | list[Codebook]] = Field(default_factory=dict)
    codes_on: str | None = None
    reversed: list[str] = Field(default_factory=list)
    whole: bool = False
    on_error: Literal["reject", "warn"] = "warn"

    @field_validator("words", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return {key: text_keys(words) for key, words in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _is_whole(self) -> Items:
        for name, words in self.words.items():
            if isinstance(words, list):
                refuse_overlap(words, f"words of {name}")
        return self

    @property
    def family(self) -> str:
        """The instrument family of most of the answers: the first one."""
        return self.families[0]


class RowRule(Strict):
    """A condition over several columns under which a row is not acceptable, in SQL over our column names.

    `reject` quarantines the row, `warn` keeps it and says so. `say` is the reason a person reads.
    """

    rule: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    when: str
    say: str
    column: str | None = None
    on_error: Literal["reject", "warn"] = "reject"
