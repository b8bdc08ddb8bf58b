"""A warehouse home small enough to write by hand: what a build leaves behind, without dbt.

Belongs here: the build file, the build input and the publication of a handful of KPI rows, for tests of
history and verification.
Does not belong here: how a real build makes them; whole runs are tested in tests/run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from ingestion.home import Home
from orchestration.build_input import BuildPlan
from orchestration.publish import PublishReport, publish

# facility, unit, service line
UNITS = (("F1", "4W", "Medicine"), ("F1", "ICU", "Critical care"), ("F2", "A1", "Surgery"))
KPI = "rate"


@dataclass
class World:
    """What the small build knows. Change it and `publish` again."""

    home: Home
    # delivery_id -> (feed, kind, status reason)
    deliveries: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)
    # (delivery_id, row_number, unit_key, month): one valid case each
    cases: list[tuple[str, int, str, str]] = field(default_factory=list)
    # (older delivery, row, newer delivery, row)
    replaced: list[tuple[str, int, str, int]] = field(default_factory=list)
    encounters: int = 1000  # per unit and month
    definition: str = "a" * 64
    minimum: int = 100
    open_from: str = "2026-04"  # months from here on are open
    months: tuple[str, ...] = ("2026-01", "2026-02", "2026-03")
    n_runs: int = 0
    source: str = "cases"
    study: str = "{}"  # of a measure that is adjusted
    clock: dict[tuple[str, int], str] = field(default_factory=dict)  # (delivery_id, row_number) -> state; absent: no such table
    values: dict[str, float] = field(default_factory=dict)  # kpi_key -> value that a regression gives
    reasons: dict[str, str] = field(default_factory=dict)  # kpi_key -> reason that small cells or the calendar give

    def publish(self) -> PublishReport:
        """Build by hand, publish for real."""
        self.n_runs += 1
        self._write_input()
        self._write_build()
        plan = BuildPlan(f"run{self.n_runs:09d}", f"{self.n_runs:064d}", True, None, len(self.deliveries), len(self.cases))
        return publish(self.home, plan, [])

    def restatements(self) -> list[dict]:
        """The published mart."""
        return self.rows("restatement", "publication_number, kpi_key")

    def changes(self, publication: int) -> dict[str, tuple[str, str]]:
        """kpi_key -> kind and cause of one publication as history keeps them, also when the marts hide them."""
        (file,) = (self.home.ledger / "history").glob(f"changes-{publication:06d}-*")
        return {key: (kind, cause) for key, kind, cause in duckdb.sql(f"select kpi_key, change_kind, cause from '{file}' where change <> 'added'").fetchall()}

    def rows(self, mart: str, order: str) -> list[dict]:
        found = duckdb.sql(f"select * from read_parquet('{self.home.published}/marts/{mart}.parquet') order by {order}")
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    def _write_input(self) -> None:
        folder = self.home.input / "definitions"
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as con:
            con.execute("create table delivery (delivery_id varchar, feed varchar, kind varchar, status varchar, reason varchar, delivery_order bigint)")
            for number, (name, (feed, kind, reason)) in enumerate(self.deliveries.items(), 1):
                con.execute("insert into delivery values (?, ?, ?, 'accepted', ?, ?)", [name, feed, kind, reason, number])
            con.execute(f"copy delivery to '{self.home.input}/delivery.parquet' (format parquet)")
            con.execute(f"copy (select '{KPI}' as kpi_id, '{KPI}' as measure_id, {self.minimum}::bigint as minimum_denominator) to '{folder}/kpi.parquet' (format parquet)")
            con.execute(f"copy (select 'study' as case_mix_id, '{self.study}' as settings) to '{folder}/case_mix.parquet' (format parquet)")
            con.execute(f"copy (select '' as measure_id where false) to '{folder}/measure_condition.parquet' (format parquet)")
            con.execute(f"copy (select '{KPI}' as measure_id, 1 as measure_version, '{self.source}' as source, '{self.definition}' as definition_sha256, "
                        f"null::varchar as instrument_family, 'study' as numerator_rule) to '{folder}/measure.parquet' (format parquet)")

    def _write_build(self) -> None:
        self.home.build_file.unlink(missing_ok=True)
        with duckdb.connect(str(self.home.build_file)) as con:
            for schema in ("core", "marts"):
                con.execute(f"create schema {schema}")
            fact = "fct_survey_x" if self.source in ("adjusted", "surveys") else "fct_complaint"
            con.execute(f"create table core.{fact} (feed varchar, delivery_id varchar, row_number bigint, unit_key varchar, month_start_on date, is_valid_case boolean)")
            for delivery_id, number, unit_key, month in self.cases:
                con.execute(f"insert into core.{fact} values (?, ?, ?, ?, ?::date, true)", [self.deliveries[delivery_id][0], delivery_id, number, unit_key, f"{month}-01"])
            if self.clock:
                con.execute("create table core.complaint_clock (feed varchar, delivery_id varchar, row_number bigint, unit_key varchar, month_start_on date, state varchar)")
                rows = [(*case[:3], f"{case[3]}-01", self.clock.get(case[:2], "open")) for case in self.cases]
                con.executemany("insert into core.complaint_clock values ('complaints', ?, ?, ?, ?::date, ?)", rows)
            con.execute("create table core.superseded_row (delivery_id varchar, row_number bigint, superseded_by_delivery_id varchar, superseded_by_row_number bigint)")
            for row in self.replaced:
                con.execute("insert into core.superseded_row values (?, ?, ?, ?)", list(row))
            con.execute("create table marts.dim_unit (unit_key varchar, facility_id varchar, unit_id varchar, service_line varchar)")
            con.executemany("insert into marts.dim_unit values (?, ?, ?, ?)", [(f"{f}/{u}", f, u, s) for f, u, s in UNITS])
            con.execute("create table marts.dim_facility as select distinct facility_id, 'Hospital ' || facility_id as facility_name from marts.dim_unit")
            con.execute("alter table marts.dim_unit add column unit_name varchar")
            con.execute(f"create table marts.dim_kpi as select '{KPI}' as kpi_id, 'Rate' as label, 'per_1000' as unit, 'decrease' as direction, "
                        f"'facility' as levels, 'month' as windows, {self.minimum} as minimum_denominator")
            con.execute("create table marts.kpi_value (kpi_key varchar, kpi_id varchar, value double, numerator double, denominator double, n bigint, "
                        "is_publishable boolean, reason varchar, measure_version integer, level varchar, facility_id varchar, unit_id varchar, "
                        "service_line varchar, segment_type varchar, period_grain varchar, period_start_on date, period_end_on date)")
            for facility in ("F1", "F2"):
                for month in self.months:
                    self._insert_value(con, facility, month)
            _shape(con)

    def _insert_value(self, con: duckdb.DuckDBPyConnection, facility: str, month: str) -> None:
        cases = sum(unit.startswith(facility) and when == month for _, _, unit, when in self.cases)
        n = self.encounters * sum(unit[0] == facility for unit in UNITS)
        key = f"{KPI}:month:{month}-01:facility:{facility}:all"
        if self.clock:
            cases = sum(self.clock.get(case[:2]) == "in_target" for case in self.cases if case[2].startswith(facility) and case[3] == month)
        reason = self.reasons.get(key) or ("PERIOD_OPEN" if month >= self.open_from else "BELOW_MINIMUM" if n < self.minimum else None)
        value = self.values.get(key, 1000 * cases / n) if reason in (None, "BELOW_MINIMUM") else None
        con.execute("insert into marts.kpi_value select ?, ?, ?, ?, ?, ?, ?, ?, 1, 'facility', ?, null, null, 'all', 'month', m, last_day(m) from (select ?::date as m)",
                    [key, KPI, value, cases, n, n, reason is None, reason, facility, f"{month}-01"])


def _shape(con: duckdb.DuckDBPyConnection) -> None:
    """The two marts that publication fills, in the shape dbt gives them."""
    con.execute("""create table marts.kpi_history (kpi_key varchar, kpi_id varchar, valid_from_at timestamp, valid_to_at timestamp, value double, numerator double,
        denominator double, n bigint, is_publishable boolean, reason varchar, measure_version integer, publication_number integer, run_id varchar)""")
    con.execute("""create table marts.restatement (kpi_key varchar, kpi_id varchar, period_grain varchar, period_start_on date, level varchar, entity_code varchar,
        publication_number integer, run_id varchar, restated_at timestamp, change_kind varchar, value_before double, value_after double, n_before bigint,
        n_after bigint, is_publishable_before boolean, is_publishable_after boolean, reason_before varchar, reason_after varchar, cause varchar,
        cause_detail varchar, what_happened varchar, how_found varchar, corrective_action varchar, facilities_affected varchar)""")


def first_world(root: Path) -> World:
    """Two facilities, three months, four cases in one delivery; nothing published yet."""
    world = World(Home(root).create())
    world.deliveries = {"org1": ("org_units", "org_unit", None), "feb": ("complaints", "complaint", None)}
    world.cases = [("feb", 1, "F1/4W", "2026-01"), ("feb", 2, "F1/ICU", "2026-01"), ("feb", 3, "F1/4W", "2026-02"), ("feb", 4, "F2/A1", "2026-02")]
    return world
