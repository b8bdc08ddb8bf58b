"""What a feed is: the strict model of the YAML files in feeds/, and the registry of them.

Belongs here: the keys one may write in a feed, their checks, which feed a file belongs to.
Does not belong here: reading data files (readers/) or turning a feed into SQL (conform.py).
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ingestion.kinds import KINDS
from ingestion.strict_yaml import DefinitionError, load_model

FEEDS_DIR = Path(__file__).parent / "feeds"

Purpose = Literal["patient", "staff", "complainant", "encounter"]
PURPOSES: tuple[str, ...] = ("patient", "staff", "complainant", "encounter")

_as_list = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ColumnSpec(Strict):
    """Where one canonical column comes from and what makes a value acceptable."""

    source: Annotated[list[str], _as_list] = Field(default_factory=list, alias="from")
    join: list[str] = Field(default_factory=list)
    separator: str = ""
    strip: str | None = None
    type: Literal["text", "integer", "number", "date", "timestamp", "boolean"] = "text"
    formats: Annotated[list[str], _as_list] = Field(default_factory=list)
    utc: bool = False
    required: bool = False
    optional: bool = False
    default: str | None = None
    codes: dict[str, str | bool | int] = Field(default_factory=dict)
    allowed: list[str | int] = Field(default_factory=list)
    missing: dict[str, str] = Field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    on_error: Literal["reject", "warn"] = "reject"
    privacy: Literal["none", "drop", "free_text", "patient", "staff", "complainant", "encounter"] = "none"

    @field_validator("codes", "missing", mode="before")
    @classmethod
    def _text_keys(cls, value: Any) -> Any:
        return {str(key): item for key, item in value.items()} if isinstance(value, dict) else value

    @field_validator("strip")
    @classmethod
    def _is_expression(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if any(mark in (value or "") for mark in ("(?=", "(?!", "(?<=", "(?<!")):
            raise ValueError("look-around is not known to the engine; write what to take away")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> ColumnSpec:
        if bool(self.source) == bool(self.join):
            raise ValueError("give either 'from' or 'join'")
        if self.type in ("date", "timestamp") and not self.formats:
            raise ValueError(f"a {self.type} needs 'formats', for example [\"%m/%d/%Y\"]")
        return self


class Generation(Strict):
    """One header generation of a survey file: which headers mark it, which header holds which item."""

    id: str
    has: list[str] = Field(default_factory=list)
    lacks: list[str] = Field(default_factory=list)
    columns: dict[str, str]


class Items(Strict):
    """The answers of a survey feed."""

    family: str
    generations: list[Generation]


class Format(Strict):
    """How the bytes are laid out; the reader named by `type` understands the keys of its kind."""

    type: Literal["delimited", "workbook", "xml", "ndjson", "hl7v2"]
    delimiter: str = ","
    quote: str | None = '"'
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] = "utf-8"
    header_row: int | None = None
    skip_rows_before: int = 0
    sheet: str | int | None = None
    layout: Literal["table", "months_as_columns"] = "table"
    id_columns: list[str] = Field(default_factory=list)
    fill_down: list[str] = Field(default_factory=list)
    skip_rows: str | None = None
    ignore_columns: str | None = None
    partial_marker: str | None = None
    month_formats: list[str] = Field(default_factory=list)
    record: str | None = None
    header: str | None = None
    max_uncompressed_bytes: int = 20_000_000_000


class Feed(Strict):
    """One vendor's files in one layout. `version` changes with every change of the definition."""

    feed: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    kind: str
    files: Annotated[list[str], _as_list] = Field(min_length=1)
    format: Format
    cadence: Literal["daily", "weekly", "monthly", "quarterly", "none"] = "none"
    priority: int = 0
    time_zone: str = "UTC"
    order: str | None = None
    business_key: list[str] = Field(default_factory=list)
    unique: bool = False
    replaces: list[str] = Field(default_factory=list)
    constants: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, ColumnSpec]
    items: Items | None = None
    expectations: dict[str, Any] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _is_kind(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"'{value}' is not a kind of feed; known are {', '.join(KINDS)}")
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"'{value}' is not an IANA time zone such as America/Chicago")
        return value

    @field_validator("order")
    @classmethod
    def _is_regex(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _fits_kind(self) -> Feed:
        known = KINDS[self.kind]
        kept = {name for name, column in self.columns.items() if column.privacy not in ("drop", "free_text")}
        if extra := sorted((kept | set(self.constants)) - set(known)):
            raise ValueError(f"columns {extra} are not columns of kind '{self.kind}'; known are {sorted(known)}")
        missing = [n for n, c in known.items() if c.is_required and n not in self.columns and n not in self.constants]
        if missing:
            raise ValueError(f"kind '{self.kind}' needs columns {missing}")
        if odd := sorted({*self.business_key, *self.replaces} - set(known)):
            raise ValueError(f"business_key or replaces names {odd}, which kind '{self.kind}' does not have")
        if self.kind != "org_unit" and not self.business_key:
            raise ValueError("business_key is needed: the columns that identify a row over deliveries")
        if (self.kind == "survey") != (self.items is not None):
            raise ValueError("'items' belongs to feeds of kind 'survey', and each of those needs it")
        return self

    @cached_property
    def version(self) -> str:
        """12 hex characters over the whole definition."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def source_names(self) -> list[str]:
        """Every header or path the feed may read, in order, each once."""
        names = [name for spec in self.columns.values() for name in (*spec.source, *spec.join)]
        if self.items:
            names += [name for generation in self.items.generations for name in generation.columns.values()]
        return list(dict.fromkeys(names))

    def matches(self, relative_path: str) -> bool:
        """Whether a path below the inbox belongs to this feed (case-insensitive globs, `**/` also matches no folder)."""
        path = relative_path.lower()
        for pattern in (one.lower() for one in self.files):
            if fnmatch.fnmatchcase(path, pattern) or (pattern.startswith("**/") and fnmatch.fnmatchcase(path, pattern[3:])):
                return True
        return False


def load_feeds(extra_dirs: tuple[Path, ...] = ()) -> dict[str, Feed]:
    """All feeds by name: those shipped, those in `extra_dirs`, those in the folders of `PXW_FEEDS`.

    Raises DefinitionError with file and line for a fault, a name that differs from its file, or a name used twice.
    """
    named = [Path(part) for part in os.environ.get("PXW_FEEDS", "").split(os.pathsep) if part]
    feeds: dict[str, Feed] = {}
    for folder in (FEEDS_DIR, *named, *extra_dirs):
        for path in sorted(folder.glob("*.yml")):
            feed = load_model(path, Feed)
            if feed.feed != path.stem:
                raise DefinitionError(f"{path}:1: feed: is '{feed.feed}', the file is named '{path.stem}'")
            if feed.feed in feeds:
                raise DefinitionError(f"{path}:1: feed: '{feed.feed}' is defined twice")
            feeds[feed.feed] = feed
    return feeds
