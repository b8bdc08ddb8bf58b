"""Keys of a column that take parts of a cell, count in it, read day numbers and keep people out."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from ingestion.conform import conform
from tests.ingestion.conftest import KEYS, MOMENT, Conformed, complaint_feed
from tests.ingestion.workbooks import workbook

BASE = {"case_id": {"from": "Case", "required": True}, "received_at": {"from": "Received", "type": "timestamp", "formats": ["%d/%m/%Y"], "required": True}}


@pytest.fixture
def conformed(tmp_path: Path):
    def run(columns: dict, header: str, *lines: str, **more) -> Conformed:
        path = tmp_path / "log.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        out, restricted = tmp_path / "raw.parquet", tmp_path / "text.parquet"
        feed = complaint_feed(columns=BASE | columns, **more)
        return Conformed(conform(feed, path, "d", MOMENT, KEYS, out, restricted), out, restricted)

    return run


def test_parts_of_a_cell_are_taken_split_and_counted(conformed) -> None:
    found = conformed(
        {"merged_into_case_id": {"from": "Ref", "extract": "^([A-Za-z0-9]{15})(?:[A-Za-z0-9]{3})?$"},
         "category_text": {"from": "Subjects", "split": ","},
         "reopen_count": {"from": "Type", "count": r"\bFU\s*[0-9]+", "type": "integer"},
         "feedback_type_code": {"from": "Type", "strip": r"(^|,)\s*FU\s*[0-9]+\s*", "extract": r"^[\s,]*([^,]*)", "codes": {"Complaint": "complaint"}}},
        "Case,Received,Ref,Subjects,Type",
        'a,01/02/2026,5008d00000AbCdEAAZ,"Food ,  Noise",Complaint',
        'b,01/02/2026,5008d00000AbCdE,Food,"FU1, Complaint, FU 2"',
        "c,01/02/2026,too short,,",
    )
    rows = found.rows("merged_into_case_id, category_text, reopen_count, feedback_type_code")
    assert rows == [("5008d00000AbCdE", "Food|Noise", 0, "complaint"), ("5008d00000AbCdE", "Food", 2, "complaint"), (None, None, 0, None)]
    assert found.report.n_quarantined == 0


def test_day_numbers_are_read_where_declared_and_refused_elsewhere(conformed) -> None:
    columns = {"acknowledged_at": {"from": "Ack", "type": "timestamp", "formats": ["%d/%m/%y", "excel_serial"]},
               "event_on": {"from": "Event", "type": "date", "formats": ["excel_serial"]},
               "closed_at": {"from": "Closed", "type": "timestamp", "formats": ["%d/%m/%Y"]}}
    found = conformed(columns, "Case,Received,Ack,Event,Closed", "a,31/03/2026,46113.979166667,46113,", "b,31/03/2026,01/04/26,,46113", "c,31/03/2026,461130,,")
    (first, second, third) = found.rows("acknowledged_at, acknowledged_on, event_on, closed_at")
    # 46113 is 1 April 2026; .979166667 of a day is 23:30, and Chicago's 1 April is still 1 April there.
    assert first == (datetime(2026, 4, 2, 4, 30), date(2026, 4, 1), date(2026, 4, 1), None)
    assert second[:2] == (datetime(2026, 4, 1, 5), date(2026, 4, 1))
    assert third[0] is None
    assert found.rules() == [[], ["excel_serial_date"], ["bad_timestamp"]]


def test_date_cells_of_a_workbook_need_no_format_of_their_own(tmp_path: Path) -> None:
    (path := tmp_path / "log.xlsx").write_bytes(workbook(["Case", "Received", "Event"], ["a", datetime(2026, 3, 31, 10), date(2026, 3, 30)]))
    out, restricted = tmp_path / "raw.parquet", tmp_path / "text.parquet"
    columns = {name: spec for name, spec in complaint_feed().model_dump(by_alias=True)["columns"].items() if name in ("case_id", "received_at", "event_on")}
    found = Conformed(conform(complaint_feed(columns=columns), path, "d", MOMENT, KEYS, out, restricted), out, restricted)
    assert found.rules() == [[]] and found.rows("received_on, event_on") == [(date(2026, 3, 31), date(2026, 3, 30))]


NAMES = ["Ward 7", "Dr. Elvarra Phantasmo", "someone@example.org", "Call 555-0142", "ask Torvella Testerly", "Nurse Station", "MS Clinic 100 2024", ""]


@pytest.mark.parametrize("on_error", ["warn", "reject"])
def test_people_do_not_pass_as_codes(conformed, on_error: str) -> None:
    columns = {"unit_code": {"from": "Unit", "guard": "person", "on_error": on_error}, "patient_name": {"from": "Patient", "privacy": "drop"}}
    lines = [f"c{number},01/02/2026,{name},Torvella Testerly" for number, name in enumerate(NAMES)]
    found = conformed(columns, "Case,Received,Unit,Patient", *lines)
    told = "warnings" if on_error == "warn" else "problems"
    rules = [row[0] for row in found.rows(f"list_transform({told}, lambda p: p.rule)")]
    assert rules == [[], ["person_in_code"], ["person_in_code"], ["person_in_code"], ["person_in_code"], [], [], []]
    if on_error == "warn":
        assert [row[0] for row in found.rows("unit_code")] == ["Ward 7", None, None, None, None, "Nurse Station", "MS Clinic 100 2024", None]
        text = str(duckdb.sql(f"select * from '{found.out}'").fetchall())
        assert not any(word in text for word in ("Torvella", "Phantasmo", "example.org", "0142"))
    else:
        assert found.report.n_quarantined == 4


SHAPED = ["Smith, Mary", "5 East - J. Smith", "Mary Smith", "Medicine, East", "Henry Ford", "North Harbor Hospital"]


def test_the_shape_of_a_name_is_no_code_of_a_place(conformed) -> None:
    columns = {name: {"from": "Place", "guard": "person", "on_error": "warn", **more} for name, more in (
        ("facility_code", {}), ("unit_code", {"not_people": "henry ford"}), ("category_text", {}))}
    found = conformed(columns, "Case,Received,Place", *(f'c{number},01/02/2026,"{name}"' for number, name in enumerate(SHAPED)))
    assert found.rows("facility_code, unit_code, category_text") == [
        (None, None, "Smith, Mary"), (None, None, None), (None, None, "Mary Smith"), ("Medicine, East",) * 3, (None, "Henry Ford", "Henry Ford"),
        ("North Harbor Hospital",) * 3]
    assert found.report.warning_rules == {"person_in_code": 8} and found.report.n_quarantined == 0
    assert found.rows("list_transform(warnings, lambda w: w.masked)")[0] == (["xxxxx, xxxx"] * 2,)


def test_headers_compare_without_stray_blanks(conformed) -> None:
    found = conformed({"unit_code": {"from": "Form (Location)"}}, "Case,Received,Form  (Location )", "a,01/02/2026,Ward 7")
    assert found.rows("unit_code") == [("Ward 7",)]


def test_the_first_filled_of_two_columns_counts(conformed) -> None:
    found = conformed({"complexity_code": {"from": ["First (Complexity)", "Second (Complexity)"]}},
                      "Case,Received,First (Complexity),Second (Complexity)", "a,01/02/2026,,high", "b,01/02/2026,low,high")
    assert found.rows("complexity_code") == [("high",), ("low",)]


@pytest.mark.parametrize(("spec", "why"), [
    ({"true_where": {"Type": "x"}}, "true_where"), ({"from": "A", "otherwise": "B"}, "needs 'codes'"),
    ({"type": "boolean", "true_where": {"Type": "("}}, "regular expression"), ({"type": "boolean"}, "'from' or 'join'"),
])
def test_keys_that_contradict_each_other(spec: dict, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        complaint_feed(columns=BASE | {"is_test": spec})


def test_headers_beside_the_own_one_need_not_be_there(conformed) -> None:
    columns = {"is_test": {"type": "boolean", "true_where": {"Type": "(?i)test"}},
               "status_code": {"from": "State", "codes": {"Open": "new", "yes": "closed"}, "otherwise": "Shut", "on_error": "warn"}}
    assert conformed(columns, "Case,Received,State", "a,01/02/2026,odd").rows("is_test, status_code, len(warnings)") == [(None, None, 1)]
    found = conformed(columns, "Case,Received,State,Shut,type", "a,01/02/2026,odd,YES,A test", "b,01/02/2026,,,", "c,01/02/2026,open,yes,x")
    assert found.rows("is_test, status_code, len(warnings)") == [(True, "closed", 1), (None, None, 0), (False, "new", 0)]
    assert found.report.notes == []
