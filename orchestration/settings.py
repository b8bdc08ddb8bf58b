"""What a user may set for a warehouse: where its inboxes are, how encounters are counted.

Belongs here: reading settings from environment and `config/settings.yml` of the home.
Does not belong here: definitions of feeds, measures or KPIs.
"""

from __future__ import annotations

import os

from pydantic import Field

from ingestion.feed import Strict
from ingestion.home import Home
from ingestion.strict_yaml import load_model
from orchestration.encounter_settings import EncounterSettings


class Settings(Strict):
    """config/settings.yml"""

    inboxes: list[str] = Field(default_factory=list)
    encounters: EncounterSettings = Field(default_factory=EncounterSettings)


def load_settings(home: Home) -> Settings:
    """The settings of a home; the defaults where it has none. DefinitionError names the line of a fault."""
    path = home.config / "settings.yml"
    return load_model(path, Settings) if path.exists() else Settings()


def inboxes(home: Home, named: list[str] | None = None) -> list[str]:
    """The inboxes of a run: those named, else `PXW_INBOX` (blank separated), else the settings, else <home>/inbox."""
    if named:
        return named
    if listed := os.environ.get("PXW_INBOX", "").split():
        return listed
    if configured := load_settings(home).inboxes:
        return configured
    return [str(home.root / "inbox")]
