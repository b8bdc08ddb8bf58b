"""Text columns to typed raw Parquet: types, keys, masks, and that no row is lost."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, datetime

import duckdb
import pytest

from ingestion.answers import ItemSource, items_of
from ingestion.conform import _connection, _statement, empty_shape, shape_of
from ingestion.feed import Feed, load_feeds
from ingestion.sql import identifier
from tests.ingestion.conftest import HEADER, KEYS, complaint_feed


def test_good_row_has_types_utc_and_local_date(conformed):
    done = conformed(f'{HEADER}\n7,31/03/2026 23:30,30/03/2026,SYN1,Nurse X,"two\nlines, one text"\n')
    assert done.report.n_accepted == done.report.n_rows == 1
    assert done.rows("case_id, received_at, received_on, event_on, narrative_length, row_number, delivery_id, delivered_at") == [
        ("7", datetime(2026, 4, 1, 4, 30), date(2026, 3, 31), date(2026, 3, 30), 19, 1, "0123456789abcdef", datetime(2026, 4, 1))]


def test_identifiers_are_keyed_hashes_or_gone(conformed):
    done = conformed(f"{HEADER}\n7,31/03/2026 23:30,,SYN1,Nurse X,told Nurse X\n")
    expected = hmac.new(KEYS["patient"], b"SYN1", hashlib.sha256).hexdigest()[:32]
    assert done.rows("patient_id") == [(expected,)]
    assert "staff_id" not in [row[0] for row in duckdb.sql(f"describe from read_parquet('{done.out}')").fetchall()]
    assert b"Nurse" not in done.out.read_bytes()
    assert duckdb.sql(f"select column_name, text from read_parquet('{done.restricted}')").fetchall() == [("narrative", "told Nurse X")]
    assert done.restricted.stat().st_mode & 0o077 == 0


def test_a_feed_tells_the_columns_of_its_raw_parquet(tmp_path):
    feed = complaint_feed(checked={"note": {"from": "Note", "privacy": "free_text"}, "seen_at": {"from": "Seen", "type": "timestamp", "formats": ["%d/%m/%Y"]},
                                   "n_calls": {"from": "Calls", "type": "integer", "missing": {"n/a": "NOT_AVAILABLE"}}})
    empty_shape(feed, tmp_path / "empty.parquet")
    found = [row[0] for row in duckdb.sql(f"describe from read_parquet('{tmp_path}/empty.parquet')").fetchall()]
    told = [one for name, spec in feed.all_columns.items() for one in spec.raw_names(name)]
    assert sorted(found) == sorted([*told, "delivery_id", "delivered_at", "delivery_sequence", "row_number", "problems", "warnings"])
    assert {"note_length", "narrative_length", "seen_on", "received_on", "n_calls_reason"} <= set(told) and "staff_id" not in told


@pytest.mark.parametrize(("received", "rule"), [
    ("45678", "excel_serial_date"), ("45678.25", "excel_serial_date"), ("03/31/2026 10:00", "bad_timestamp"), ("", "missing_value"),
    ("01/01/1900 00:00", "implausible_date"), ("31/02/2026 10:00", "bad_timestamp"),
])
def test_a_date_that_cannot_be_read_quarantines_its_row_only(conformed, received, rule):
    done = conformed(f"{HEADER}\n1,{received},,,,\n2,01/04/2026 10:00,,,,\n")
    assert done.rules() == [[rule], []]
    assert (done.report.n_rows, done.report.n_accepted, done.report.n_quarantined) == (2, 1, 1)
    assert done.report.rules == {rule: 1}


def test_masked_text_keeps_shape_only(conformed):
    done = conformed(f"{HEADER}\n1,Märy 12/2026,,,,\n")
    assert done.rows("problems[1].masked") == [("xxxx 99/9999",)]


def test_warning_keeps_the_row_and_empties_the_value(conformed):
    done = conformed(f"{HEADER}\n1,01/04/2026 10:00,yesterday,,,\n")
    assert done.rows("event_on, len(problems), warnings[1].rule") == [(None, 0, "bad_date")]
    assert done.report.warning_rules == {"bad_date": 1}


def test_second_row_with_a_key_is_quarantined(conformed):
    done = conformed(f"{HEADER}\n1,01/04/2026 10:00,,,,a\n2,01/04/2026 10:00,,,,\n1,02/04/2026 10:00,,,,b\n")
    assert done.rules() == [[], [], ["duplicate_key"]]
    assert done.report.n_quarantined == 1


def test_codes_of_places_that_differ_in_capitals_only_are_one_key_and_other_keys_are_not(conformed):
    counts = Feed.model_validate({
        "feed": "counts", "label": "Counts", "kind": "encounter_count", "files": "*.csv", "format": {"type": "delimited"}, "unique": True,
        "time_zone": "UTC", "business_key": ["facility_code", "unit_code", "class_code", "period_start_on"], "constants": {"period_grain": "day"},
        "columns": {"facility_code": {"from": "F"}, "unit_code": {"from": "U"}, "class_code": {"from": "C"},
                    "period_start_on": {"from": "D", "type": "date", "formats": ["%Y-%m-%d"]}, "n_encounters": {"from": "N", "type": "integer"}}})
    done = conformed("F,U,C,D,N\nF1,4W,IP,2026-01-01,5\nf1,4w,ip,2026-01-01,5\nF1,4W,IP,2026-01-02,5\n", counts)
    assert done.rules() == [[], ["duplicate_key"], []]
    cases = conformed(f"{HEADER}\na1,01/04/2026 10:00,,,,\nA1,01/04/2026 10:00,,,,\n")
    assert cases.rules() == [[], []]


def test_header_alternatives_and_new_columns(conformed):
    done = conformed("Case,Date received,Event,MRN,Staff,Text,Mood\n1,01/04/2026 10:00,,,,,good\n")
    assert done.report.n_accepted == 1
    assert done.report.notes == ["new columns, not loaded: 1 ('Mood')"]


def test_missing_column_is_refused_with_a_way_out(conformed):
    done = conformed("Case,Event,MRN,Staff,Text\n1,,,,\n")
    assert done.report.refused["rule"] == "missing_column"
    assert "Received or Date received" in done.report.refused["message"]
    assert "'from'" in done.report.refused["way_out"]
    assert not done.out.exists()


@pytest.mark.parametrize(("said", "written", "told"), [("utf-8", "cp1252", "cp1252"), ("cp1252", "utf-8", "utf-8")])
def test_a_header_in_another_encoding_is_called_so_and_not_a_renamed_column(conformed, said, written, told):
    columns = {"case_id": {"from": "N° dossier", "required": True}, "received_at": {"from": "Reçue le", "type": "timestamp", "formats": ["%d.%m.%Y"], "required": True}}
    feed = complaint_feed(columns=columns, format={"type": "delimited", "delimiter": ";", "encoding": said})
    done = conformed("N° dossier;Reçue le\n1;01.04.2026\n".encode(written), feed)
    assert done.report.refused["rule"] == "wrong_encoding" and told in done.report.refused["way_out"]
    assert conformed("N° dossier;Reçue le\n1;01.04.2026\n".encode(said), feed).report.n_accepted == 1
    renamed = conformed("N° dossier;Reçu\n1;01.04.2026\n".encode(said), feed)
    assert renamed.report.refused["rule"] == "missing_column"


def test_codes_numbers_and_reasons(conformed):
    feed = complaint_feed(columns={
        "case_id": {"from": "Case", "required": True},
        "received_at": {"from": "At", "type": "timestamp", "formats": ["%Y-%m-%dT%H:%M:%S%z"], "required": True},
        "status_code": {"from": "State", "codes": {"Closed": "closed", "In-Progress": "open"}},
        "is_test": {"from": "Test", "type": "boolean"},
        "issue_number": {"from": "N", "type": "integer", "minimum": 1},
    })
    done = conformed("Case,At,State,Test,N\n1,2026-03-31T23:30:00-05:00, CLOSED ,yes,\"1,204\"\n2,2026-03-31T23:30:00+12:00,Gone,no,1.5\n"
                     "3,2026-03-31T23:30:00+00:00,,,0\n", feed)
    assert done.rows("received_at, received_on, status_code, is_test, issue_number")[0] == (
        datetime(2026, 4, 1, 4, 30), date(2026, 3, 31), "closed", True, 1204)
    assert done.rules() == [[], ["unknown_code", "bad_integer"], ["below_minimum"]]


def test_row_count_does_not_shrink_when_casts_fail(conformed):
    """Guards the optimizer setting: with type_pushdown DuckDB 2.0 drops or refuses such rows inside the CSV reader."""
    rows = "".join(f"{i},{'bad' if i % 3 else '01/04/2026 10:00'},,,,\n" for i in range(3000))
    done = conformed(f"{HEADER}\n{rows}")
    assert (done.report.n_rows, done.report.n_accepted) == (3000, 1000)


def test_empty_shape_equals_the_shape_of_data(conformed, tmp_path):
    done = conformed(f"{HEADER}\n1,01/04/2026 10:00,,,,\n")
    empty_shape(complaint_feed(), tmp_path / "empty.parquet")
    shape = "select column_name, column_type from (describe from read_parquet('{}'))"
    assert duckdb.sql(shape.format(tmp_path / "empty.parquet")).fetchall() == duckdb.sql(shape.format(done.out)).fetchall()
    assert duckdb.sql(f"select count(*) from read_parquet('{tmp_path / 'empty.parquet'}')").fetchall() == [(0,)]


@pytest.mark.parametrize("name", sorted(load_feeds()))
def test_the_shape_of_a_feed_is_that_of_its_statement(name):
    feed = load_feeds()[name]
    columns = {column: (spec, None) for column, spec in feed.all_columns.items()}
    headers = dict.fromkeys(one for spec in feed.all_columns.values() for one in spec.headers)
    source = ", ".join([*(f"null::varchar as {identifier(one)}" for one in headers), "0::bigint as _row_number, null::varchar as _problem",
                        "''::varchar as _delivery_id, null::timestamp as _delivered_at, 0::integer as _sequence"])
    statement = _statement(feed, f"(select {source})", columns, {item: ItemSource(None) for item in items_of(feed)})
    with _connection(KEYS) as con:
        found = con.sql(f"select column_name, column_type from (describe {statement})").fetchall()
        wanted = con.sql("select " + ", ".join(f"null::{type_} as {identifier(one)}" for one, type_ in shape_of(feed).items()))
        assert [(one, str(type_)) for one, type_ in zip(wanted.columns, wanted.types, strict=True)] == found


def test_answers_keep_their_code_and_the_kinds_of_missing():
    from ingestion.conform_sql import bad_answer, item_sql, odd_answer
    from ingestion.instruments import MISSING_ANSWERS

    given = ["1", " 2 ", "03", "M", "h", "S", "8", "", "  ", None, "7", "x", "1.0", "3,4", "3 4"]
    part = item_sql("quiet", ["Q9"], {code: str(code) for code in (1, 2, 3, 4, 8)} | {number: mark for mark, number in MISSING_ANSWERS.items()})
    rows = ", ".join("(null)" if one is None else f"('{one}')" for one in given)
    rule = f"case when {odd_answer(['quiet'])} then {bad_answer('t_quiet')} end"
    found = duckdb.sql(f"select {part.final[0]}, {rule} from (select {', '.join(part.typed)} from (values {rows}) t(\"Q9\"))").fetchall()
    assert [row[0] for row in found] == [1, 2, 3, -1, -2, -3, 8, None, None, None, -1, -1, -1, -2, -2]
    assert [row[1] for row in found] == [None] * 10 + ["answer_not_permitted"] * 3 + ["multiple_marks"] * 2


def test_every_answer_that_is_not_permitted_is_a_warning_of_its_own(conformed):
    """After the warnings of the columns, in the order of the instrument, masked; good answers beside them are kept."""
    feed = Feed.model_validate({
        "feed": "vendor", "label": "Vendor", "kind": "survey", "files": "*.csv", "format": {"type": "delimited"}, "time_zone": "UTC",
        "business_key": ["survey_id"],
        "columns": {
            "survey_id": {"from": "Id", "required": True}, "facility_code": {"from": "Site"}, "disposition_code": {"from": "Site"},
            "discharge_on": {"from": "Out", "type": "date", "formats": ["%Y-%m-%d"], "required": True},
            "sex_code": {"from": "Sex", "on_error": "warn", "codes": {"1": "male"}},
        },
        "items": {"family": "hcahps", "generations": [{"id": "all", "has": ["Q1"], "columns": {
            "nurse_listen": "Q1", "overall_rate": "Q2", "quiet": "Q3"}}]},
    })
    done = conformed("Id,Site,Out,Sex,Q1,Q2,Q3\nA,F,2026-03-01,1,4,10,M\nB,F,2026-03-01,7,5,11,Yes 3\nC,F,2026-03-01,1, 2 ,,0\nD,F,2026-03-01\n", feed)
    assert done.rows("nurse_listen, overall_rate, quiet, call_button") == [
        (4, 10, -1, None), (-1, -1, -1, None), (2, None, -1, None), (None, None, None, None)]
    assert done.rows("list_transform(warnings, lambda w: concat_ws(' ', w.rule, w.\"column\", w.masked))") == [
        ([],), (["unknown_code sex_code 9", "answer_not_permitted nurse_listen 9", "answer_not_permitted quiet xxx 9",
                 "answer_not_permitted overall_rate 99"],), (["answer_not_permitted quiet 9"],), ([],)]
    assert done.rules() == [[], [], [], ["too_few_columns"]]
