"""Why published KPI rows changed, found by comparing evidence.

Belongs here: the comparison of two publications by what they left behind, a cause for every changed row.
Does not belong here: what changed (history.py), what is left behind (kept.py), what bears on what (bearing.py).

A changed KPI row is explained by the deliveries whose summary differs in its units and months; by its
definition, when that differs; without evidence of its own by what bears on its facts; by the code, when
nothing else does. A cause that the comparison does not show is not made up: the row then says UNEXPLAINED.
docs/proof.md says what each cause means.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ingestion.home import Home
from ingestion.sql import insert_rows, literal
from orchestration.audit.bearing import JUDGED_BY, OF_CASES, SET_BY, SMALL_CELLS, kinds_filling, touches
from orchestration.audit.history import kept_file
from orchestration.audit.kept import code_difference, definition_difference, setting_differences

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Told = list[tuple[str, str]]  # causes with a sentence each
# What a newer delivery decides about a period, whatever its rows are.
_OF_THE_PERIOD = ("PERIOD_OPEN", "NUMERATOR_INCOMPLETE", "WINDOW_INCOMPLETE", "DENOMINATOR_MISSING", "DENOMINATOR_INCOMPLETE", "NOTHING_DECIDED")
_SHOWN = 5


def explain_changes(con: DuckDBPyConnection, home: Home, last: dict[str, Any] | None, kept: dict[str, dict[str, str]]) -> None:
    """Fill cause and cause_detail of table `difference`; rows that were added need none."""
    if last is None or con.execute("select count(*) from difference where change <> 'added'").fetchone()[0] == 0:
        return
    before, now = (json.loads(kept_file(home, entry["context"]).read_text()) for entry in (last, kept))
    _compare_evidence(con, home, last)
    told = _judged(con, before, now)
    con.execute("create temp table told (fact varchar, delivery_id varchar, cause varchar, detail varchar)")
    insert_rows(con, "told", told)
    _by_evidence(con, before, now)
    _by_definition(con, before, now)
    _the_rest(con, before, now)


def _compare_evidence(con: DuckDBPyConnection, home: Home, last: dict[str, Any]) -> None:
    """Table `moved`: fact, delivery, unit and month where the summaries differ, with both counts."""
    path = literal(str(kept_file(home, last["evidence"])))
    con.execute(
        f"create temp table moved as select fact, feed, delivery_id, unit_key, month_start_on, coalesce(b.n_rows, 0) as n_before, "
        f"coalesce(a.n_rows, 0) as n_after from read_parquet({path}) as b full join evidence_now as a using (fact, feed, delivery_id, unit_key, month_start_on) "
        "where b.digest is distinct from a.digest")


def _judged(con: DuckDBPyConnection, before: dict, now: dict) -> list[tuple[str, str, str, str]]:
    """Causes per fact and delivery whose rows differ."""
    replaced: dict[str, set[str]] = {}
    for older, newer in con.execute("select distinct delivery_id, superseded_by_delivery_id from build.core.superseded_row").fetchall():
        replaced.setdefault(older, set()).add(newer)
    new, gone = (set(a["deliveries"]) - set(b["deliveries"]) for a, b in ((now, before), (before, now)))
    correcting = set().union(*replaced.values())
    rows = con.execute("select fact, feed, delivery_id, sum(n_before), sum(n_after), bool_or(n_before <> n_after) from moved group by all order by all").fetchall()
    told = []
    for fact, feed, delivery_id, n_before, n_after, is_moved in rows:
        name = f"{delivery_id} ({feed})"
        if delivery_id in new:
            is_released = now["deliveries"][delivery_id]["is_released"]
            found = [("RELEASED_DELIVERY" if is_released else "CORRECTED_DELIVERY" if delivery_id in correcting else "NEW_DELIVERY", f"delivery {name}")]
        elif delivery_id in gone:
            found = [(_withdrawn(now), f"delivery {name} is no longer used")]
        elif n_after < n_before and (newer := sorted(replaced.get(delivery_id, set()) & new)):
            found = [("CORRECTED_DELIVERY", f"delivery {', '.join(newer)} replaced rows of {name}")]
        elif n_after > n_before and (lost := sorted(one for one in gone if before["deliveries"][one]["feed"] == feed)):
            found = [(_withdrawn(now), f"rows of {name} count again without {', '.join(lost)}")]
        else:
            beside = [[f"{other} ({its_feed})" for its_fact, its_feed, other, *_ in rows if its_fact == fact and its_feed != feed and other in some] for some in (new, gone)]
            found = _judged_anew(fact, feed, name, before, now, beside, is_moved=is_moved)
        told += [(fact, delivery_id, *one) for one in found]
    return told


def _withdrawn(now: dict) -> str:
    return "AS_OF_CUT" if now["as_of"] else "WITHDRAWN_DELIVERY"


def _judged_anew(fact: str, feed: str, name: str, before: dict, now: dict, beside: list[list[str]], *, is_moved: bool) -> Told:
    """Why the same delivered rows stand elsewhere or count otherwise: everything that differs and bears on them.

    beside: deliveries of other feeds with rows of the same fact, those that came and those that went; of several feeds one counts.
    """
    told = []
    for kind, cause, listed in _changed_references(fact, before, now):
        if is_moved or kind != "org_unit":   # rows that stand where they stood were not moved by a mapping of units
            told.append((cause, f"{listed} judges rows of {name} anew"))
    told += [("SETTING_CHANGE", text) for section, text in setting_differences(before, now).items() if touches(SET_BY.get(section, ()), fact)]
    if before["feeds"].get(feed) != now["feeds"].get(feed):
        told.append(("FEED_CHANGE", f"feed {feed}: version {before['feeds'].get(feed)} to {now['feeds'].get(feed)}"))
    # A case can have parts in files of their own, and open cases are counted up to the newest delivery of cases.
    is_case = touches(OF_CASES, fact)
    new, gone = beside if not is_case else (_of_kinds(kinds_filling([fact]), a, b) for a, b in ((now, before), (before, now)))
    if not told and (new or gone):
        what = "tells more of" if is_case else "counts beside or instead of"
        told.append(("NEW_DELIVERY", f"delivery {_few(new)} {what} rows of {name}") if new else (_withdrawn(now), f"without {_few(gone)} rows of {name} are judged anew"))
    if not told and (code := code_difference(before, now)):
        told.append(("CODE_CHANGE", f"{code}, judges rows of {name} anew"))
    return told or [("UNEXPLAINED", f"rows of {name} are judged otherwise by the same code")]


def _changed_references(fact: str, before: dict, now: dict) -> list[tuple[str, str, str]]:
    """Kind, cause and deliveries of what places or judges rows of this fact and came, or went."""
    told = []
    for kind, (cause, facts) in JUDGED_BY.items():
        new, gone = (_of_kinds({kind}, a, b) for a, b in ((now, before), (before, now)))
        if touches(facts, fact) and (new or gone):
            told.append((kind, cause, " and ".join([*([_few(new)] if new else []), *([f"the end of {_few(gone)}"] if gone else [])])))
    return told


def _of_kinds(kinds: set[str], these: dict, without: dict) -> list[str]:
    """Deliveries of these kinds that the other publication did not have, with their feeds."""
    return [f"{one} ({told['feed']})" for one, told in these["deliveries"].items() if told["kind"] in kinds and one not in without["deliveries"]]


def _few(names: list[str]) -> str:
    return ", ".join(names[-_SHOWN:]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _by_evidence(con: DuckDBPyConnection, before: dict, now: dict) -> None:
    """Rows whose own units and months have evidence that differs; of a value of the group, any unit's."""
    known = before["definitions"] | now["definitions"]
    facts = [(kpi, fact, bool(told.get("is_of_group"))) for kpi, told in known.items() for fact in told["facts"]]
    con.execute("create temp table kpi_fact (kpi_id varchar, fact varchar, is_of_group boolean)")
    insert_rows(con, "kpi_fact", facts)
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
            inner join kpi_fact as f using (kpi_id)
            inner join unit as u on u.level = case when f.is_of_group then 'enterprise' else c.level end
                and u.entity_code = case when f.is_of_group then 'all' else c.entity_code end
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
        if text := definition_difference(kpi, before, now):
            con.execute("update difference set cause = concat_ws(' + ', cause, 'DEFINITION_CHANGE'), cause_detail = concat_ws('; ', cause_detail, ?) "
                        "where change <> 'added' and split_part(kpi_key, ':', 1) = ?", [text, kpi])


def _the_rest(con: DuckDBPyConnection, before: dict, now: dict) -> None:
    """Rows whose own evidence and definition are as they were: what bears on their facts, step by step."""
    if before["as_of"] != now["as_of"]:
        _tell(con, "AS_OF_CUT", f"as of {before['as_of'] or 'now'} to {now['as_of'] or 'now'}")
    hidden = "(starts_with(coalesce(reason, ''), 'SUPPRESSED') or starts_with(coalesce(reason_before, ''), 'SUPPRESSED'))"
    settings = setting_differences(before, now)
    if SMALL_CELLS in settings:
        _tell(con, "SETTING_CHANGE", settings[SMALL_CELLS], hidden)
    else:
        _tell(con, "SMALL_CELLS", "another published number changed", f"{hidden} and reason is distinct from reason_before")
    kpis = con.execute("select distinct split_part(kpi_key, ':', 1) from difference where cause is null and change <> 'added' order by 1").fetchall()
    known = before["definitions"] | now["definitions"]
    for kpi in (row[0] for row in kpis):
        _tell_kpi(con, kpi, known.get(kpi, {}).get("facts", []), before, now, settings)
    code = code_difference(before, now)
    _tell(con, "CODE_CHANGE" if code else "UNEXPLAINED", code or "no evidence of its own and nothing that bears on it differs")


def _tell_kpi(con: DuckDBPyConnection, kpi: str, facts: list[str], before: dict, now: dict, settings: dict[str, str]) -> None:
    """What came, or went, of the kinds that fill or judge the facts of one KPI, and its settings."""
    is_own = f"split_part(kpi_key, ':', 1) = {literal(kpi)}"
    new, gone = (_of_kinds(kinds_filling(facts), a, b) for a, b in ((now, before), (before, now)))
    # A newer delivery can open, close or complete a period; it cannot change a sum that it has no row in.
    periods = ", ".join(map(literal, _OF_THE_PERIOD))
    is_period = f"{is_own} and (reason in ({periods}) or reason_before in ({periods}))"
    are_sums_same = "numerator is not distinct from numerator_before and denominator is not distinct from denominator_before"
    # What judges rows would show in the evidence; here it can only have told which months count, or where a unit belongs.
    mappings = [("MAPPING_CHANGE", f"{listed} came or went") for fact in facts for kind, _, listed in _changed_references(fact, before, now) if kind == "org_unit"][:1]
    judging = mappings + [("SETTING_CHANGE", text) for section, text in settings.items() if any(touches(SET_BY.get(section, ()), fact) for fact in facts)]
    if mappings:
        _tell(con, *mappings[0], f"{is_own} and split_part(kpi_key, ':', 4) = 'service_line'")
    closed = [("PERIOD_CLOSED", f"newest deliveries: {_few(new)}")] if new else [(_withdrawn(now), f"no longer used: {_few(gone)}")] if gone else []
    if told := judging + closed:
        _tell(con, " + ".join(cause for cause, _ in told), "; ".join(text for _, text in told), f"{is_period} and {are_sums_same}" if not judging else is_period)


def _tell(con: DuckDBPyConnection, cause: str, detail: str, where: str = "true") -> None:
    """Give rows that have no cause yet this one."""
    con.execute(f"update difference set cause = ?, cause_detail = ? where cause is null and change <> 'added' and {where}", [cause, detail])
