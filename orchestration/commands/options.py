"""Choices that several commands offer.

Belongs here: click types and options that stand in more than one command.
Does not belong here: what the words mean (kpi_names.py, question.py).
"""

from __future__ import annotations

import click

from orchestration.kpi_names import GRAINS, LEVELS

LEVEL = click.Choice(LEVELS)
WINDOW = click.Choice(GRAINS)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
