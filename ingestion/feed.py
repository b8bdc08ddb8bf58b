"""What a feed is: the strict model of the YAML files in feeds/, and the registry of them.

Belongs here: the keys of a feed as a whole, their checks, which feed a file belongs to.
Does not belong here: the keys of its layout (feed_format.py) and columns (feed_columns.py), reading data
files (readers/), turning a feed into SQL (conform.py).
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from ingestion.feed_columns import ColumnSpec, Items, Purpose, RowRule, known_zone, text_keys
from ingestion.feed_format import Format, Strict, as_list
from ingestion.kinds import EVENT_DATE, KINDS, PROVENANCE
from ingestion.strict_yaml import OWN_FEEDS, DefinitionError, load_model, own_folders

__all__ = ["ColumnSpec", "Feed", "Format", "Strict", "load_feeds"]

FEEDS_DIR = Path(__file__).parent / "feeds"

PURPOSES: tuple[str, ...] = get_args(Purpose)
ISO_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")


class Feed(Strict):
    """One vendor's files in one layout. `version` changes with every change of the definition."""

    feed: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    kind: str
    files: Annotated[list[str], as_list] = Field(min_length=1)
    format: Format
    cadence: Literal["daily", "weekly", "monthly", "quarterly", "none"] = "none"
    priority: int = 0
    time_zone: str = "UTC"
    order: str | None = None
    business_key: list[str] = Field(default_factory=list)
    unique: bool = False
    replaces: list[str] = Field(default_factory=list)
    constants: dict[str, str] = Field(default_factory=dict)
    from_file_name: str | None = None
    file_name_codes: dict[str, dict[str, str]] = Field(default_factory=dict)
    columns: dict[str, ColumnSpec]
    checked: dict[str, ColumnSpec] = Field(default_factory=dict)
    keep: dict[str, list[str | int]] = Field(default_factory=dict)
    rules: list[RowRule] = Field(default_factory=list)
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
        return known_zone(value)

    @field_validator("order", "from_file_name")
    @classmethod
    def _is_regex(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @field_validator("file_name_codes", mode="before")
    @classmethod
    def _words_are_text(cls, value: Any) -> Any:
        return {name: text_keys(codes) for name, codes in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _fits_kind(self) -> Feed:
        known = KINDS[self.kind]
        kept = {name for name, column in self.columns.items() if column.privacy not in ("drop", "free_text")}
        if extra := sorted((kept | self.constant_names) - set(known)):
            raise ValueError(f"columns {extra} are not columns of kind '{self.kind}'; known are {sorted(known)}")
        missing = [n for n, c in known.items() if c.is_required and n not in self.columns and n not in self.constant_names]
        if missing:
            raise ValueError(f"kind '{self.kind}' needs columns {missing}")
        if odd := sorted({*self.business_key, *self.replaces} - set(known)):
            raise ValueError(f"business_key or replaces names {odd}, which kind '{self.kind}' does not have")
        if self.kind != "org_unit" and not self.business_key:
            raise ValueError("business_key is needed: the columns that identify a row over deliveries")
        if (self.kind == "survey") != (self.items is not None):
            raise ValueError("'items' belongs to feeds of kind 'survey', and each of those needs it")
        if taken := sorted(set(self.checked) & ({*known, *PROVENANCE, *self.columns, *self.constant_names})):
            raise ValueError(f"checked: {taken} are names of other columns; choose names of their own")
        if odd := sorted(set(self.file_name_codes) - set(re.compile(self.from_file_name or "").groupindex)):
            raise ValueError(f"file_name_codes: {odd} are no groups of from_file_name")
        self._refuse_undated_codes()
        return self

    def _refuse_undated_codes(self) -> None:
        """Dated code lists need a date of the row: a column of type date."""
        dated = {name: self.codes_on(spec.codes_on) for name, spec in self.all_columns.items() if spec.codebooks}
        if self.items and any(isinstance(words, list) for words in self.items.words.values()):
            dated["items.words"] = self.codes_on(self.items.codes_on)
        for name, basis in dated.items():
            if basis is None or basis not in self.columns or self.columns[basis].type != "date":
                raise ValueError(f"{name}: dated codes need 'codes_on', a column of type date in this feed; got '{basis}'")

    def codes_on(self, named: str | None) -> str | None:
        """The date column that decides between dated code lists: the named one, else the event date of the kind."""
        return named or EVENT_DATE.get(self.kind)

    @cached_property
    def all_columns(self) -> dict[str, ColumnSpec]:
        """Columns of the kind and those that are read for checks only."""
        return self.columns | self.checked

    @cached_property
    def has_free_text(self) -> bool:
        """Whether deliveries have a restricted twin."""
        return any(spec.privacy == "free_text" for spec in self.all_columns.values())

    @cached_property
    def version(self) -> str:
        """12 hex characters over the whole definition."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def constant_names(self) -> set[str]:
        """Columns with one value for the whole file: written in the feed, or taken from the file's name."""
        return set(self.constants) | set(re.compile(self.from_file_name or "").groupindex)

    def named(self, file_name: str) -> Feed | None:
        """The feed with what the file's name says as constants; None when the name does not say it, or in a word without a code."""
        if not self.from_file_name:
            return self
        found = re.search(self.from_file_name, file_name, re.IGNORECASE)
        # A group that may be absent from the name (a blank one) is a blank column.
        said = {name: self._file_name_word(name, word) for name, word in found.groupdict().items()} if found else {}
        return self.model_copy(update={"constants": self.constants | said}) if found and not any(said[name] is None and found[name] for name in self.file_name_codes) else None

    def _file_name_word(self, name: str, word: str | None) -> str | None:
        """Our word for a group of the file's name; capital letters do not matter."""
        codes = self.file_name_codes.get(name)
        return word if codes is None else {key.casefold(): code for key, code in codes.items()}.get((word or "").casefold())

    @cached_property
    def code_dates(self) -> set[str]:
        """The date columns that decide between dated code lists."""
        return {self.codes_on(spec.codes_on) for spec in self.all_columns.values() if spec.codebooks}

    def with_iso_dates(self) -> Feed:
        """The feed for a file whose dates were cells of a spreadsheet: these are given as ISO text."""
        def iso(specs: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
            return {name: spec.model_copy(update={"formats": [*spec.formats, *ISO_DATES]}) if spec.formats else spec for name, spec in specs.items()}

        return self._read_by(iso(self.columns), iso(self.checked))

    def with_time_zones(self, zones: dict[str, str]) -> Feed:
        """The feed for a file that states the time zones of its moments: `zones` by our name of the column."""
        def zoned(specs: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
            return {name: spec.model_copy(update={"time_zone": zones[name]}) if name in zones else spec for name, spec in specs.items()}

        return self._read_by(zoned(self.columns), zoned(self.checked))

    def _read_by(self, columns: dict[str, ColumnSpec], checked: dict[str, ColumnSpec]) -> Feed:
        """The feed with other columns. A copy keeps what is cached, so all columns together are given anew."""
        return self.model_copy(update={"columns": columns, "checked": checked, "all_columns": columns | checked})

    @property
    def names_units(self) -> bool:
        """Whether the files say to which unit of a facility a row belongs."""
        return "unit_code" in self.columns or "unit_code" in self.constants

    @cached_property
    def source_names(self) -> list[str]:
        """Every header or path the feed may read, in order, each once."""
        names = [name for spec in self.all_columns.values() for name in spec.headers]
        names += list(self.keep)
        if self.items:
            names += [name for generation in self.items.generations for name in generation.columns.values()]
        return list(dict.fromkeys(names))

    def matches(self, relative_path: str) -> bool:
        """Whether a path below the inbox belongs to this feed (case-insensitive globs, `**/` also matches no folder)."""
        path = relative_path.lower()
        paths = {path, path.removesuffix(".gz"), path.removesuffix(".zip")}  # a packed file is called as the file in it
        for pattern in (one.lower() for one in self.files):
            if any(fnmatch.fnmatchcase(one, pattern) or (pattern.startswith("**/") and fnmatch.fnmatchcase(one, pattern[3:])) for one in paths):
                return True
        return False


def load_feeds(extra_dirs: tuple[Path, ...] = ()) -> dict[str, Feed]:
    """All feeds by name: those shipped, those in config/feeds of the home and the folders of `PXW_FEEDS`, those in `extra_dirs`.

    Raises DefinitionError with file and line for a fault, a name that differs from its file, or a name used twice.
    """
    feeds: dict[str, Feed] = {}
    for folder in (FEEDS_DIR, *own_folders(OWN_FEEDS), *extra_dirs):
        for path in sorted(folder.glob("*.yml")):
            feed = load_model(path, Feed)
            if feed.feed != path.stem:
                raise DefinitionError(f"{path}:1: feed: is '{feed.feed}', the file is named '{path.stem}'")
            if feed.feed in feeds:
                raise DefinitionError(f"{path}:1: feed: '{feed.feed}' is defined twice")
            feeds[feed.feed] = feed
    return feeds
