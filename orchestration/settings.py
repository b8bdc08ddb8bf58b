"""What a user may set for a warehouse: where its inboxes are, how encounters are counted, what a publication may show.

Belongs here: reading settings from environment and `config/settings.yml` of the home.
Does not belong here: definitions of feeds, measures or KPIs.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ingestion.feed import Strict
from ingestion.home import Home
from ingestion.sources import SourceError
from ingestion.strict_yaml import load_model
from orchestration.alert_settings import AlertSettings
from orchestration.complaint_settings import ComplaintSettings
from orchestration.encounter_settings import EncounterSettings
from orchestration.month_settings import MonthSettings


class SmallCells(Strict):
    """Counts below `smallest_shown` (0 excepted) are not published; 11 is the cell-size policy of CMS."""

    smallest_shown: Annotated[int, Field(ge=2)] = 11


class LineageSettings(Strict):
    """Where OpenLineage events go; without a URL into a file of the home."""

    url: str | None = None


class Settings(Strict):
    """config/settings.yml. `small_cells` absent: everything is published, for readers who may see a limited data set."""

    inboxes: list[str] = Field(default_factory=list)
    lineage: LineageSettings = Field(default_factory=LineageSettings)
    encounters: EncounterSettings = Field(default_factory=EncounterSettings)
    complaints: ComplaintSettings = Field(default_factory=ComplaintSettings)
    months: MonthSettings = Field(default_factory=MonthSettings)
    small_cells: SmallCells | None = None
    alerts: AlertSettings = Field(default_factory=AlertSettings)


def load_settings(home: Home) -> Settings:
    """The settings of a home; the defaults where it has none. DefinitionError names the line of a fault."""
    path = home.config / "settings.yml"
    return load_model(path, Settings) if path.exists() else Settings()


def _listed(text: str) -> list[str]:
    if not text or Path(text).exists():
        return [text] if text else []
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SourceError(f"PXW_INBOX {text}: {error}") from None


def open_inboxes(home: Home, named: list[str] | None = None) -> list[str]:
    """The inboxes of a run: those named, else `PXW_INBOX`, else the settings, else <home>/inbox, which is made.

    `PXW_INBOX` is one folder or URL, or several parted by blanks; a name with blanks among several is quoted.
    Raises SourceError for a quotation mark that is not closed.
    """
    if named:
        return named
    if listed := _listed(os.environ.get("PXW_INBOX", "").strip()):
        return listed
    if configured := load_settings(home).inboxes:
        return configured
    home.inbox.mkdir(parents=True, exist_ok=True)
    return [str(home.inbox)]
