"""What all steps share: the connection, the delivered files, the definitions.

Belongs here: settings of DuckDB, file patterns, definitions as views and as the lists that name columns.
Does not belong here: rules, rows of files.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import duckdb

from bench.plain.pieces import csv_relation, header_of, month_number, order

SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"
PATTERNS = {
    "press_ganey_hcahps": "pg_hcahps_*.txt", "hcahps_xml": "hcahps_*.xml", "rl6_feedback": "rl6_feedback_*.csv",
    "encounter_counts": "encounter_counts_*.xlsx", "encounter_counts_daily": "encounters_daily_*.csv",
    "fhir_encounters": "*Encounter*.ndjson", "synthea_encounters": "synthea_encounters*.csv", "org_units": "org_units_*.csv",
    "metrics": "metrics_*.csv",
}
DEFINITIONS = ("measure", "measure_weight", "measure_encounter_class", "measure_condition", "kpi", "kpi_level", "kpi_window", "case_mix")


class Script:
    """Months are numbers: year x 12 + month - 1. Every file of a sample is of HCAHPS: measures of other questionnaires are left out."""

    def __init__(self, con: duckdb.DuckDBPyConnection, inbox: Path, skipped: set[str], folder: Path, definitions: Path | None) -> None:
        self.folder, self.run = folder, con.execute
        for setting in ("preserve_insertion_order = false", "memory_limit = '4GB'", f"temp_directory = '{folder}'", "TimeZone = 'UTC'",
                        "disabled_optimizers = 'type_pushdown'"):  # the last: DuckDB 2.0.0 makes try_cast over read_csv strict
            self.run(f"set {setting}")
        self.files = {feed: sorted((path for path in inbox.rglob(pattern) if path.name not in skipped), key=order)
                      for feed, pattern in PATTERNS.items()}
        self._read_definitions(definitions)

    def rows(self, sql: str) -> list[tuple]:
        return self.run(sql).fetchall()

    def csv(self, feed: str, types: dict[str, str] | None = None) -> str:
        return csv_relation(self.files[feed], header_of(self.files[feed][0]), types or {})

    def open_month(self, *feeds: str) -> int:
        """The month of the newest file: months before it are closed."""
        return max(month_number(order(path)[0]) for feed in feeds for path in self.files[feed])

    def _read_definitions(self, folder: Path | None) -> None:
        if folder is None:
            from orchestration.definitions_data import write

            write(SEEDS.parent, folder := self.folder / "definitions")
        for name in DEFINITIONS:
            where = "where coalesce(instrument_family, 'hcahps') = 'hcahps'" if name in ("measure", "case_mix") else ""
            self.run(f"create temp view {name} as from '{folder / name}.parquet' {where}")
        for path in SEEDS.glob("*.csv"):
            self.run(f"create temp view {path.stem} as from read_csv('{path}', all_varchar = true)")
        self.weights: dict = defaultdict(lambda: defaultdict(dict))  # measure -> item -> answer -> weight
        for measure, item, answer, weight in self.rows("""
                select measure_id, item_code, answer, weight from measure_weight join measure using (measure_id)
                where source = 'answers' order by all"""):
            self.weights[measure][item][answer] = weight
        scored = {(item, answer) for items in self.weights.values() for item, answers in items.items() for answer in answers}
        self.counters = {f"{item}__{answer}": (item, answer) for item, answer in sorted(scored)}
        self.scored = list(dict.fromkeys(item for item, _ in self.counters.values()))
        # Measure over cases -> the first measure with the same classes of encounters: it names their sum and what is whole of them.
        self.denominators = dict(self.rows("""
            select measure_id, min(measure_id) over (partition by classes)
            from (
                select measure_id, list(encounter_class order by encounter_class) as classes
                from measure_encounter_class join measure using (measure_id) where source = 'cases' group by measure_id
            ) order by all"""))
        self.metrics = dict(self.rows("select measure_id, numerator_rule from measure where source = 'metrics' order by all"))
        studies = self.rows("select case_mix_id, settings from case_mix order by all")
        self.studies = {study: json.loads(settings) for study, settings in studies}
