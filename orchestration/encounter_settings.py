"""The denominator rules that a home may set: section `encounters` of config/settings.yml, and what SQL reads of it.

Belongs here: keys and defaults of the section, the Parquet files that carry them into a build.
Does not belong here: the rules themselves (dbt_project/models/core/fct_encounter.sql, encounter_completeness.sql;
explained in docs/denominators.md).

A changed setting changes numbers, so the section is part of the fingerprint of a build.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from ingestion.feed import Strict
from ingestion.sql import insert_rows, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EncounterClass = Literal[
    "inpatient", "observation", "emergency", "urgent_care", "outpatient", "office", "surgery_short_stay", "virtual", "home", "post_acute", "other"
]
# Synthea writes an emergency visit and the stay after it as two encounters on purpose, and both are counted there.
_LINK_HOURS: dict[str, float] = {"default": 6, "synthea_encounters": 0}


class ExpectedFeed(Strict):
    """A feed that must speak of a facility and class in every month of a span."""

    feed: str
    facility: str
    encounter_class: EncounterClass
    start: date = Field(alias="from")
    end: date | None = Field(default=None, alias="to")


class EncounterSettings(Strict):
    """Rules 1, 2, 4, 8 and 9 of the denominator, and the class weights of the standardised rate."""

    inpatient_basis: Literal["discharges", "patient_days"] = "discharges"
    include_newborn: bool = False
    include_lwbs: bool = True
    admitted_ed: Literal["inpatient", "emergency"] = "inpatient"
    admitted_ed_hours: dict[str, float] = Field(default_factory=lambda: dict(_LINK_HOURS))
    include_ancillary: bool = False
    unit_rule: Literal["discharging", "admitting"] = "discharging"
    missing_feed: Literal["null_rate", "rate_of_what_came"] = "null_rate"
    drop_alert: float = Field(default=0.40, gt=0, lt=1)
    expected: list[ExpectedFeed] = Field(default_factory=list)
    case_class: Literal["unit_predominant", "unit_single"] = "unit_predominant"
    standard_weights: dict[EncounterClass, float] = Field(default_factory=dict)
    standard_year: int | None = Field(default=None, ge=1901, le=2100)

    @model_validator(mode="after")
    def _is_sound(self) -> EncounterSettings:
        if any(hours < 0 for hours in self.admitted_ed_hours.values()):
            raise ValueError("admitted_ed_hours must not be negative; 0 never links two visits")
        if self.standard_weights and self.standard_year:
            raise ValueError("give either standard_weights or standard_year")
        if self.standard_weights and (min(self.standard_weights.values()) < 0 or sum(self.standard_weights.values()) <= 0):
            raise ValueError("standard_weights must not be negative, and one must be above 0")
        if any(one.end and one.end < one.start for one in self.expected):
            raise ValueError("an expected feed ends before it starts")
        return self

    def fingerprint(self) -> str:
        """The section as text, the same for the same settings."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def write_encounter_settings(con: DuckDBPyConnection, settings: EncounterSettings, folder: Path) -> None:
    """Write encounter_setting (one row), encounter_link, encounter_expected and standard_weight below `folder`."""
    one = settings
    con.execute(
        "create or replace temp table encounter_setting as select ?::varchar as inpatient_basis, ?::boolean as include_newborn, "
        "?::boolean as include_lwbs, ?::varchar as admitted_ed, ?::boolean as include_ancillary, ?::varchar as unit_rule, "
        "?::varchar as missing_feed, ?::double as drop_alert, ?::varchar as case_class, ?::integer as standard_year",
        [one.inpatient_basis, one.include_newborn, one.include_lwbs, one.admitted_ed, one.include_ancillary, one.unit_rule, one.missing_feed,
         one.drop_alert, one.case_class, one.standard_year],
    )
    hours = _LINK_HOURS | settings.admitted_ed_hours
    rows = {
        "encounter_link": ("feed varchar, link_hours double", sorted(hours.items())),
        "encounter_expected": (
            "feed varchar, facility_id varchar, encounter_class varchar, from_on date, to_on date",
            sorted((e.feed, e.facility, e.encounter_class, e.start, e.end or date(9999, 12, 31)) for e in settings.expected),
        ),
        "standard_weight": ("encounter_class varchar, weight double", sorted(settings.standard_weights.items())),
    }
    for table, (columns, values) in rows.items():
        con.execute(f"create or replace temp table {table} ({columns})")
        insert_rows(con, table, values)
    for table in ("encounter_setting", *rows):
        con.execute(f"copy {table} to {literal(str(folder / f'{table}.parquet'))} (format parquet)")
