"""Why published KPI rows changed, found by comparing evidence.

Belongs here: the summary of the evidence and the context that each publication leaves behind, the
comparison of two of them, a cause for every changed row.
Does not belong here: what changed (history.py).

The summary counts the rows of every delivery per fact, unit and month, with a digest of which rows and
how they were judged. A changed KPI row is explained by the deliveries whose summary differs in its
units and months; by its definition, when that differs; by the code, when nothing else does. A cause
that the comparison does not show is not made up: the row then says UNEXPLAINED.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.sql import identifier, literal
from orchestration.audit.history import keep_json, keep_parquet, kept_file
from orchestration.build_input import code_version

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from orchestration.build_input import BuildPlan

CAUSES = {
    "NEW_DELIVERY": "a delivery that was not there before",
    "CORRECTED_DELIVERY": "a new delivery that replaced rows of earlier ones",
    "RELEASED_DELIVERY": "a held delivery that was released",
    "WITHDRAWN_DELIVERY": "a delivery that is no longer used",
    "MAPPING_CHANGE": "the same rows now belong to other units",
    "FEED_CHANGE": "the definition of a feed reads the same bytes otherwise",
    "DEFINITION_CHANGE": "the definition of the measure or of the KPI",
    "PERIOD_CLOSED": "no row of its own, but a newer delivery told that the period has ended or is whole",
    "CODE_CHANGE": "the code or the code tables, nothing else differs",
    "AS_OF_CUT": "one of the two publications was cut at a date",
    "UNEXPLAINED": "nothing that was compared differs",
}
_KEY = ("feed", "delivery_id", "row_number", "unit_key", "month_start_on")
_FACTS_OF = {"answers": ["fct_survey_{family}"], "surveys": ["fct_survey_{family}"], "cases": ["fct_complaint", "fct_encounter"],
             "handled_cases": ["fct_complaint"]}
_ANY_FACT = ["fct_"]


def keep_evidence(con: DuckDBPyConnection, home: Home) -> dict[str, str]:
    """Write the summary of the evidence of the build; table `evidence_now`."""
    parts = [_summary(con, table) for table in _facts(con)]
    con.execute("create temp table evidence_now as " + " union all ".join(parts))
    return keep_parquet(con, home, "evidence", "select * from evidence_now order by all")


def _facts(con: DuckDBPyConnection) -> list[str]:
    """Tables of core whose rows are delivered rows of a unit and month."""
    rows = con.execute(
        "select table_name from duckdb_columns() where database_name = 'build' and schema_name = 'core' and column_name in (select unnest(?)) "
        "and table_name in (select table_name from duckdb_tables() where database_name = 'build' and schema_name = 'core' and table_name like 'fct_%') "
        "group by table_name having count(*) = ? order by table_name", [list(_KEY), len(_KEY)]).fetchall()
    return [row[0] for row in rows]


def _summary(con: DuckDBPyConnection, table: str) -> str:
    """Rows per delivery, unit and month; the digest covers row numbers, judgements (booleans) and counts."""
    judged = [row[0] for row in con.execute(
        "select column_name from duckdb_columns() where database_name = 'build' and schema_name = 'core' and table_name = ? "
        "and (data_type = 'BOOLEAN' or column_name = 'n_encounters') order by column_index", [table]).fetchall()]
    columns = ", ".join(identifier(name) for name in ("row_number", *judged))
    return (f"select {literal(table)} as fact, feed, delivery_id, unit_key, month_start_on, count(*) as n_rows, "
            f"sum(hash({columns})) as digest from build.core.{identifier(table)} group by all")


def keep_context(con: DuckDBPyConnection, home: Home, plan: BuildPlan) -> dict[str, str]:
    """Write what a publication rests on beside its rows: deliveries, feeds, definitions, code."""
    return keep_json(home, "context", _context(con, home, plan))


def _context(con: DuckDBPyConnection, home: Home, plan: BuildPlan) -> dict[str, Any]:
    deliveries = con.execute(
        f"select delivery_id, feed, kind, coalesce(reason, '') from read_parquet({literal(str(home.input / 'delivery.parquet'))}) "
        "where status = 'accepted' order by delivery_order").fetchall()
    folder = home.input / "definitions"
    definitions = {row[0]: row[1:] for row in con.execute(
        f"select k.kpi_id, m.measure_version, m.source, m.definition_sha256, k.minimum_denominator, m.instrument_family from read_parquet({literal(str(folder / 'kpi.parquet'))}) as k "
        f"join read_parquet({literal(str(folder / 'measure.parquet'))}) as m using (measure_id) order by 1").fetchall()}
    return {
        "code_version": code_version(), "as_of": plan.as_of.isoformat() if plan.as_of else None,
        "feeds": {name: feed.version for name, feed in sorted(load_feeds().items())},
        "deliveries": {row[0]: {"feed": row[1], "kind": row[2], "is_released": row[3].startswith("released by")} for row in deliveries},
        "definitions": {kpi: {"version": version, "sha256": sha256, "minimum_denominator": minimum,
                              "facts": [fact.format(family=family or "") for fact in _FACTS_OF.get(source, _ANY_FACT)]}
                        for kpi, (version, source, sha256, minimum, family) in definitions.items()},
    }


def explain_changes(con: DuckDBPyConnection, home: Home, last: dict[str, Any] | None, kept: dict[str, dict[str, str]]) -> None:
    """Fill cause and cause_detail of table `difference`; rows that were added need none."""
    if last is None or con.execute("select count(*) from difference where change <> 'added'").fetchone()[0] == 0:
        return
    before, now = (_read(home, entry) for entry in (last, kept))
    _compare_evidence(con, home, last)
    told = _judged(con, before, now)
    con.execute("create temp table told (fact varchar, delivery_id varchar, cause varchar, detail varchar)")
    if told:
        con.executemany("insert into told values (?, ?, ?, ?)", told)
    _by_evidence(con, now)
    _by_definition(con, before, now)
    _the_rest(con, before, now)


def _read(home: Home, entry: dict[str, Any]) -> dict[str, Any]:
    return json.loads(kept_file(home, entry["context"]).read_text())


def _compare_evidence(con: DuckDBPyConnection, home: Home, last: dict[str, Any]) -> None:
    """Table `moved`: fact, delivery, unit and month where the summaries differ, with both counts."""
    path = literal(str(kept_file(home, last["evidence"])))
    con.execute(
        f"create temp table moved as select fact, feed, delivery_id, unit_key, month_start_on, coalesce(b.n_rows, 0) as n_before, "
        f"coalesce(a.n_rows, 0) as n_after from read_parquet({path}) as b full join evidence_now as a using (fact, feed, delivery_id, unit_key, month_start_on) "
        "where b.digest is distinct from a.digest")


def _judged(con: DuckDBPyConnection, before: dict, now: dict) -> list[tuple[str, str, str, str]]:
    """One cause per fact and delivery whose rows differ."""
    replaced: dict[str, set[str]] = {}
    for older, newer in con.execute("select distinct delivery_id, superseded_by_delivery_id from build.core.superseded_row").fetchall():
        replaced.setdefault(older, set()).add(newer)
    new, gone = (set(a["deliveries"]) - set(b["deliveries"]) for a, b in ((now, before), (before, now)))
    correcting = set().union(*replaced.values())
    told = []
    for fact, feed, delivery_id, n_before, n_after in con.execute(
        "select fact, feed, delivery_id, sum(n_before), sum(n_after) from moved group by all order by all").fetchall():
        name = f"{delivery_id} ({feed})"
        if delivery_id in new:
            is_released = now["deliveries"][delivery_id]["is_released"]
            cause = "RELEASED_DELIVERY" if is_released else "CORRECTED_DELIVERY" if delivery_id in correcting else "NEW_DELIVERY"
            detail = f"delivery {name}"
        elif delivery_id in gone:
            cause, detail = "AS_OF_CUT" if now["as_of"] else "WITHDRAWN_DELIVERY", f"delivery {name} is no longer used"
        elif n_after < n_before and (newer := sorted(replaced.get(delivery_id, set()) & new)):
            cause, detail = "CORRECTED_DELIVERY", f"delivery {', '.join(newer)} replaced rows of {name}"
        elif n_after > n_before and (lost := sorted(one for one in gone if before["deliveries"][one]["feed"] == feed)):
            cause, detail = "AS_OF_CUT" if now["as_of"] else "WITHDRAWN_DELIVERY", f"rows of {name} count again without {', '.join(lost)}"
        else:
            cause, detail = _judged_anew(feed, name, before, now)
        told.append((fact, delivery_id, cause, detail))
    return told


def _judged_anew(feed: str, name: str, before: dict, now: dict) -> tuple[str, str]:
    """Why the same delivered rows stand elsewhere or count otherwise."""
    mapping = sorted(one for one in set(before["deliveries"]) ^ set(now["deliveries"])
                     if (now["deliveries"].get(one) or before["deliveries"].get(one))["kind"] == "org_unit")
    if mapping:
        return "MAPPING_CHANGE", f"unit mapping {', '.join(mapping)} moves or judges rows of {name} anew"
    if before["feeds"].get(feed) != now["feeds"].get(feed):
        return "FEED_CHANGE", f"feed {feed}: version {before['feeds'].get(feed)} to {now['feeds'].get(feed)}"
    if before["code_version"] != now["code_version"]:
        return "CODE_CHANGE", f"code {before['code_version']} to {now['code_version']} judges rows of {name} anew"
    return "UNEXPLAINED", f"rows of {name} are judged otherwise by the same code"


def _by_evidence(con: DuckDBPyConnection, now: dict) -> None:
    """Rows whose own units and months have evidence that differs."""
    facts = [(kpi, fact) for kpi, told in now["definitions"].items() for fact in told["facts"]]
    con.execute("create temp table kpi_fact (kpi_id varchar, fact varchar)")
    if facts:
        con.executemany("insert into kpi_fact values (?, ?)", facts)
    con.execute("""
        create temp table because as
        with changed as (
            select kpi_key, split_part(kpi_key, ':', 1) as kpi_id, split_part(kpi_key, ':', 2) as grain, split_part(kpi_key, ':', 3)::date as first_on,
                split_part(kpi_key, ':', 4) as level, split_part(kpi_key, ':', 5) as entity_code
            from difference where change <> 'added'
        ),
        unit as (
            select level, unit_key, case level when 'enterprise' then 'all' when 'facility' then facility_id
                when 'service_line' then facility_id || '/' || service_line else unit_key end as entity_code
            from build.marts.dim_unit cross join (values ('enterprise'), ('facility'), ('service_line'), ('unit')) as l (level)
        ),
        found as (
            select distinct c.kpi_key, t.cause, t.detail
            from changed as c
            inner join unit as u using (level, entity_code)
            inner join kpi_fact as f using (kpi_id)
            inner join moved as m on m.unit_key = u.unit_key and starts_with(m.fact, f.fact)
                and m.month_start_on between c.first_on and (c.first_on + to_months(case c.grain when 'month' then 0 when 'quarter' then 2 else 11 end::integer))::date
            inner join told as t on t.fact = m.fact and t.delivery_id = m.delivery_id
        )
        select kpi_key, string_agg(distinct cause, ' + ' order by cause) as cause,
            array_to_string(list_sort(list(distinct detail))[:5], '; ') || case when count(distinct detail) > 5 then '; and ' || (count(distinct detail) - 5) || ' more' else '' end as detail
        from found group by kpi_key
    """)
    con.execute("update difference set cause = b.cause, cause_detail = b.detail from because as b where b.kpi_key = difference.kpi_key and difference.change <> 'added'")


def _by_definition(con: DuckDBPyConnection, before: dict, now: dict) -> None:
    """A definition that differs is a cause of its own, beside evidence that differs."""
    for kpi in sorted(set(before["definitions"]) | set(now["definitions"])):
        was, is_now = before["definitions"].get(kpi), now["definitions"].get(kpi)
        if was == is_now:
            continue
        text = (f"definition of {kpi}: " + ("is gone" if is_now is None else "is back" if was is None else ", ".join(
            f"{name} {str(was[name])[:12]} to {str(is_now[name])[:12]}" for name in is_now if was[name] != is_now[name])))
        con.execute("update difference set cause = concat_ws(' + ', cause, 'DEFINITION_CHANGE'), cause_detail = concat_ws('; ', cause_detail, ?) "
                    "where change <> 'added' and split_part(kpi_key, ':', 1) = ?", [text, kpi])


def _the_rest(con: DuckDBPyConnection, before: dict, now: dict) -> None:
    """Rows whose own evidence and definition are as they were."""
    is_cut = before["as_of"] != now["as_of"]
    new = [f"{i} ({told['feed']})" for i, told in now["deliveries"].items() if i not in before["deliveries"]]
    gone = [f"{i} ({told['feed']})" for i, told in before["deliveries"].items() if i not in now["deliveries"]]
    if is_cut:
        cause, detail = "AS_OF_CUT", f"as of {before['as_of'] or 'now'} to {now['as_of'] or 'now'}"
    elif new:
        cause, detail = "PERIOD_CLOSED", f"newest deliveries: {', '.join(new[-3:])}"
    elif gone:
        cause, detail = "WITHDRAWN_DELIVERY", f"no longer used: {', '.join(gone[-3:])}"
    elif before["code_version"] != now["code_version"]:
        cause, detail = "CODE_CHANGE", f"code {before['code_version']} to {now['code_version']}"
    else:
        cause, detail = "UNEXPLAINED", "deliveries, definitions and code are the same"
    if cause == "PERIOD_CLOSED":
        # A newer delivery can open, close or complete a period; it cannot change a sum that it has no row in.
        con.execute("update difference set cause = ?, cause_detail = ? where cause is null and change <> 'added' "
                    "and numerator is not distinct from numerator_before and denominator is not distinct from denominator_before", [cause, detail])
        is_other = before["code_version"] != now["code_version"]
        cause, detail = ("CODE_CHANGE", f"code {before['code_version']} to {now['code_version']}") if is_other else ("UNEXPLAINED", "no evidence of its own differs")
    con.execute("update difference set cause = ?, cause_detail = ? where cause is null and change <> 'added'", [cause, detail])


