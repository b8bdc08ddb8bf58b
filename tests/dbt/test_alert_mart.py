"""The alert mart: one row per event, the same id while it lasts, nothing that names a person.

Belongs here: what is an alert. Does not belong here: sending (tests/orchestration/test_alerts.py).
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import duckdb
import jinja2

from orchestration import alert_rows
from orchestration.dbt_render import PROJECT_DIR
from tests.dbt.warehouse import Warehouse


def test_every_kind_of_event_comes_from_its_mart(warehouse: Warehouse) -> None:
    found = {row["alert_kind"]: row["n"] for row in warehouse.rows("select alert_kind, count(*)::int as n from marts.alert group by all")}
    wanted = {
        "new_signal": "select count(*)::int as n from marts.kpi_signal where variation <> 'common_cause' and period_grain = 'month'",
        "grievance_overdue": "select count(distinct feed || case_id)::int as n from core.complaint_clock as c where state = 'open_past_target' and is_grievance and step_code <> 'interim' "
            "and exists (select 1 from core.fct_complaint as f where f.feed = c.feed and f.case_id = c.case_id and not f.is_closed)",
        "unmapped_code": "select count(*)::int as n from marts.unmapped_codes",
        "held_delivery": "select sum(n_held)::int as n from marts.feed_status",
    }
    for kind, query in wanted.items():
        assert found[kind] == warehouse.row(query)["n"] > 0, kind


def test_ids_follow_from_kind_subject_and_first_date(warehouse: Warehouse) -> None:
    rows = warehouse.rows("select * from marts.alert")
    assert len({row["alert_id"] for row in rows}) == len(rows) > 5
    for row in rows:
        subject = hashlib.md5(f"{row['alert_kind']}|{row['subject_key']}".encode()).hexdigest()
        assert row["subject_id"] == subject
        assert row["alert_id"] == hashlib.md5(f"{subject}|{row['first_seen_on']}".encode()).hexdigest()[:16]
        assert row["first_seen_on"] is not None


def test_feeds_that_are_late_by_the_clock_have_the_ids_and_words_of_the_mart(warehouse: Warehouse) -> None:
    due = {row["feed"]: row for row in warehouse.rows("select * from marts.feed_status where late_after_on is not null")}
    newest = warehouse.row("select max(last_delivered_at)::date as newest from marts.feed_status")["newest"]
    columns = alert_rows.COLUMNS

    def late(today: date) -> list[dict]:
        with duckdb.connect(str(warehouse.file), read_only=True) as con:
            return [dict(zip(columns, row, strict=True)) for row in sorted(alert_rows._late(con, today))]

    assert late(newest) == warehouse.rows(f"select {', '.join(columns)} from marts.alert where alert_kind = 'feed_late' order by alert_id")
    everybody = late(date(2030, 1, 1))
    assert {row["feed"] for row in everybody} == set(due) and len(due) > 1
    for row in everybody:
        told = due[row["feed"]]
        subject = hashlib.md5(f"feed_late|{row['feed']} {told['late_after_on']}".encode()).hexdigest()
        assert (row["subject_id"], row["first_seen_on"]) == (subject, told["late_after_on"] + timedelta(1))
        assert row["alert_id"] == hashlib.md5(f"{subject}|{row['first_seen_on']}".encode()).hexdigest()[:16]
        assert str(told["next_due_on"]) in row["message"]


def test_a_build_of_a_day_judges_late_feeds_by_that_day(warehouse: Warehouse) -> None:
    """The mart's own SQL over the built tables, as if they had been built as of 2030."""
    with duckdb.connect(str(warehouse.file), read_only=True) as con:
        schema = dict(con.execute("select table_name, schema_name || '.' || table_name from duckdb_tables()").fetchall())
        files = {"definition": "definitions/", "warehouse": ""}

        def source(group: str, name: str) -> str:
            given = "(select 'run' as run_id, date '2030-01-01' as as_of_on)"
            return given if name == "run" else f"read_parquet('{warehouse.input}/{files[group]}{name}.parquet')"

        sql = jinja2.Template((PROJECT_DIR / "models/marts/alert.sql").read_text()).render(ref=schema.get, source=source)
        found = {row[0] for row in con.execute(f"select feed from ({sql}) where alert_kind = 'feed_late'").fetchall()}
    assert found == {row["feed"] for row in warehouse.rows("select feed from marts.feed_status where late_after_on is not null")}


def test_messages_hold_no_codes_cases_or_texts(warehouse: Warehouse) -> None:
    secret = {row["code"] for row in warehouse.rows("select distinct source_unit_code as code from marts.unmapped_codes where source_unit_code <> '(none)'")}
    secret |= {row["case_id"] for row in warehouse.rows("select case_id from core.fct_complaint")} | {"text of"}
    messages = [row["message"] for row in warehouse.rows("select message from marts.alert")]
    assert messages and not [text for text in messages for word in secret if f" {word} " in f" {text} "]
