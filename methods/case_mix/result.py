"""The result of a case-mix run: named tables, settings and notes.

Belongs here: the container and its views.
Does not belong here: computing, the program's column names (program.py), text for people (report.py).

Tables are dicts of numpy columns of one length:
- entities: entity, n_all, n_usable, unadjusted, adjusted, delta, se, ci95 (half-width), variance, t, p_value,
  star (1-3), reliability (product-defined)
- overall (one row): n_entities, n_usable, overall, grand_mean, df1, df2, f, p_value, reliability,
  reliability_class
- coefficients: adjuster, one column per item · r_squared: item, n, rank, r_squared, adjusted_r_squared
- items: entity, item, n, weight, unadjusted, adjusted
- percent_missing: entity, n_all, one column per item and adjuster, shares 0-1 of all rows of the entity
- response_distribution: entity, n_all, n_usable, box_1..., and with adjusted boxes adjusted_1...
- box_entities (adjusted boxes only): box, then the columns of entities
- dropped: entity, n_all, n_usable, reason_code, reason
- contributions (on request): row (0-based position in the table), entity, contribution d_j
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

METHOD = "ahrq_4_1c"

Table = dict[str, np.ndarray]


@dataclass(frozen=True)
class Note:
    """Something a reader of the result must know: a stable code and a sentence."""

    code: str
    text: str


@dataclass(frozen=True)
class CaseMix:
    """What case_mix() returns. `is_adjusted` is False when fewer than two entities remain: raw scores only."""

    tables: dict[str, Table]
    settings: dict
    notes: list[Note] = field(default_factory=list)
    is_adjusted: bool = True

    def __getitem__(self, table: str) -> Table:
        return self.tables[table]

    def entity(self, label) -> dict:
        """The row of one entity of the table `entities` as a dict; KeyError if it is not in the result."""
        position = np.flatnonzero(self.tables["entities"]["entity"] == label)
        if not len(position):
            raise KeyError(f"entity {label!r} is not in the result")
        return {name: values[position[0]] for name, values in self.tables["entities"].items()}

    def frame(self, table: str):
        """One table as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.tables[table])
