"""What a publication leaves behind so that the next one can be explained: its evidence in short, its context.

Belongs here: the summary of the evidence, the context, the sentences on how two contexts differ.
Does not belong here: which row changed for which cause (causes.py), keeping files (history.py).

The summary counts the rows of every delivery per fact, unit and month, with a digest of which rows they are and how
they were judged. The context names deliveries, feeds, definitions, code tables, settings and code.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.sql import identifier, literal
from orchestration.audit.bearing import CONDITIONS, OF_THE_GROUP, SMALL_CELLS, facts_of
from orchestration.audit.history import keep_json, keep_parquet
from orchestration.build_input import code_version
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from orchestration.build_input import BuildPlan

_KEY = ("feed", "delivery_id", "row_number", "unit_key", "month_start_on")
# Beside booleans and answers: what a row adds, or how a clock stands.
_JUDGED = ("n_encounters", "n_answers", "numerator", "denominator", "value", "step_code", "state", "fault", "rule")
_TAGS = """
    select 'case_tag' as fact, c.feed, c.delivery_id, c.unit_key, c.month_start_on, count(*) as n_rows, sum(hash(c.row_number, t.tag_type, t.tag_value)) as digest
    from build.core.case_tag as t inner join build.core.fct_complaint as c using (feed, case_id) group by all"""
COMPARED = ("version", "sha256", "minimum_denominator", "study")  # of a definition


def keep_evidence(con: DuckDBPyConnection, home: Home) -> dict[str, str]:
    """Write the summary of the evidence of the build; table `evidence_now`."""
    tables = _facts(con)
    parts = [_summary(con, table) for table in tables if table != CONDITIONS] + ([_TAGS] if CONDITIONS in tables else [])
    con.execute("create temp table evidence_now as " + " union all ".join(parts))
    return keep_parquet(con, home, "evidence", "select * from evidence_now order by all")


def _facts(con: DuckDBPyConnection) -> list[str]:
    """Tables of core whose rows are delivered rows of a unit and month, and the tags of cases."""
    rows = con.execute(
        "select table_name from duckdb_columns() where database_name = 'build' and schema_name = 'core' and column_name in (select unnest(?)) "
        "and table_name in (select table_name from duckdb_tables() where database_name = 'build' and schema_name = 'core' "
        "and (table_name like 'fct\\_%' escape '\\' or table_name = 'complaint_clock')) "
        "group by table_name having count(*) = ? order by table_name", [list(_KEY), len(_KEY)]).fetchall()
    tags = con.execute("select table_name from duckdb_tables() where database_name = 'build' and schema_name = 'core' and table_name = ?", [CONDITIONS]).fetchall()
    return [row[0] for row in [*rows, *tags]]


def _summary(con: DuckDBPyConnection, table: str) -> str:
    """Rows per delivery, unit and month; the digest covers row numbers and how each row was judged."""
    judged = [row[0] for row in con.execute(
        "select column_name from duckdb_columns() where database_name = 'build' and schema_name = 'core' and table_name = ? "
        "and (data_type in ('BOOLEAN', 'TINYINT') or column_name in (select unnest(?))) order by column_index", [table, list(_JUDGED)]).fetchall()]
    columns = ", ".join(identifier(name) for name in ("row_number", *judged))
    return (f"select {literal(table)} as fact, feed, delivery_id, unit_key, month_start_on, count(*) as n_rows, "
            f"sum(hash({columns})) as digest from build.core.{identifier(table)} group by all")


def keep_context(con: DuckDBPyConnection, home: Home, plan: BuildPlan) -> dict[str, str]:
    """Write what a publication rests on beside its rows."""
    return keep_json(home, "context", _context(con, home, plan))


def _context(con: DuckDBPyConnection, home: Home, plan: BuildPlan) -> dict[str, Any]:
    from orchestration.audit.record import definition_hashes

    deliveries = con.execute(
        f"select delivery_id, feed, kind, coalesce(reason, '') from read_parquet({literal(str(home.input / 'delivery.parquet'))}) "
        "where status = 'accepted' order by delivery_order").fetchall()
    return {
        "code_version": code_version(), "as_of": plan.as_of.isoformat() if plan.as_of else None,
        "feeds": {name: feed.version for name, feed in sorted(load_feeds().items())},
        "deliveries": {row[0]: {"feed": row[1], "kind": row[2], "is_released": row[3].startswith("released by")} for row in deliveries},
        "definitions": _definitions(con, home), "files": definition_hashes(home), "settings": _settings(home),
    }


def _settings(home: Home) -> dict[str, str]:
    """Section of the settings that can change a published number -> hash."""
    settings = load_settings(home)
    told = {"encounters": settings.encounters.fingerprint(), "complaints": settings.complaints.fingerprint(), "months": settings.months.fingerprint(),
            SMALL_CELLS: str(settings.small_cells)}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in told.items()}


def _definitions(con: DuckDBPyConnection, home: Home) -> dict[str, dict[str, Any]]:
    def table(name: str) -> str:
        return f"read_parquet({literal(str(home.input / 'definitions' / f'{name}.parquet'))})"

    studies = {study: hashlib.sha256(text.encode()).hexdigest() for study, text in con.execute(f"select case_mix_id, settings from {table('case_mix')}").fetchall()}
    told = {}
    for kpi, version, source, sha256, minimum, family, rule, has_conditions in con.execute(
        "select k.kpi_id, m.measure_version, m.source, m.definition_sha256, k.minimum_denominator, m.instrument_family, m.numerator_rule, "
        f"m.measure_id in (select measure_id from {table('measure_condition')}) from {table('kpi')} as k join {table('measure')} as m using (measure_id) order by 1").fetchall():
        told[kpi] = {"version": version, "sha256": sha256, "minimum_denominator": minimum, "study": studies.get(rule) if source in OF_THE_GROUP else None,
                     "is_of_group": source in OF_THE_GROUP, "facts": facts_of(source, family, has_conditions=has_conditions)}
    return told


def definition_difference(kpi: str, before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """A sentence on how the definition of a KPI differs; None when it does not."""
    was, is_now = before["definitions"].get(kpi), now["definitions"].get(kpi)
    if was is None or is_now is None:
        return None if was == is_now else f"definition of {kpi}: {'is gone' if is_now is None else 'is new'}"
    # A publication by earlier code kept less: what is not known of it is no difference.
    changed = [name for name in COMPARED if name in was and name in is_now and was[name] != is_now[name]]
    told = ", ".join(f"{name} {str(was[name])[:12]} to {str(is_now[name])[:12]}" for name in changed)
    return f"definition of {kpi}: {told}" if changed else None


def setting_differences(before: dict[str, Any], now: dict[str, Any]) -> dict[str, str]:
    """Section of the settings -> sentence, where it differs."""
    was, is_now = before.get("settings"), now.get("settings")
    if was is None or is_now is None:
        return {}
    return {name: f"settings, section {name}: {was.get(name)} to {is_now[name]}" for name in sorted(is_now) if was.get(name) != is_now[name]}


def code_difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """A sentence on the code, naming the definition files and code tables that differ; None when the version is the same."""
    if before["code_version"] == now["code_version"]:
        return None
    files = file_differences(before, now)
    return f"code {before['code_version']} to {now['code_version']}" + (f", among it {', '.join(files[:5])}{', ...' if len(files) > 5 else ''}" if files else "")


def file_differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Definition files and code tables whose content differs."""
    was, is_now = before.get("files"), now.get("files")
    return [] if was is None or is_now is None else sorted(name for name in was.keys() | is_now.keys() if was.get(name) != is_now.get(name))
