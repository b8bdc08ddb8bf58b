"""What the complaint feeds make of exports as other sites write them: fewer columns, rows per person, words of their own.

Belongs here: files by hand for feeds that are shipped, each with what must come of its rows.
Does not belong here: the keys of a column one by one (test_column_keys.py), the counts of cases (tests/complaints).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.conform import conform
from ingestion.feed import load_feeds
from tests.ingestion.conftest import KEYS, MOMENT, Conformed

FEEDS = load_feeds()
FIXTURES = Path(__file__).parent / "fixtures"
# The headers that reference/complaints.md lists for RL6, and not one more.
RL6 = ("File ID,File State,Feedback Type,Specific Feedback Type,Date Received,Date of Event,Received By,Received Via,Site,Department,Severity,Owner,"
       "Is Grievance,Acknowledged,Resolution,Closed,Outcome,Involved Person(s)").split(",")
SALESFORCE = ("CaseNumber,Origin,Reason,Type,Status,Priority,IsClosed,ClosedDate,CreatedDate,IsEscalated,IsDeleted,Description,MasterRecordId,"
              "SuppliedEmail").split(",")


@pytest.fixture
def delivered(tmp_path: Path) -> Callable[..., Conformed]:
    """Rows (dicts, or lists where a header stands twice) under a header, conformed by a shipped feed."""

    def run(feed: str, header: list[str], *rows: dict | list) -> Conformed:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows([header, *(row if isinstance(row, list) else [row.get(name, "") for name in header] for row in rows)])
        path, out, restricted = tmp_path / "landed", tmp_path / "raw.parquet", tmp_path / "text.parquet"
        path.write_bytes(text.getvalue().encode(FEEDS[feed].format.encoding))
        return Conformed(conform(FEEDS[feed], path, "d", MOMENT, KEYS, out, restricted), out, restricted)

    return run


def fixture(feed: str) -> tuple[list[str], dict[str, str]]:
    """Header and first row of the feed's fixture."""
    with next((FIXTURES / feed).glob("*.csv")).open(encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text)
        first = next(rows)
        return list(rows.fieldnames), first


def rl6(**values: str) -> dict[str, str]:
    return {"File ID": "FB-1", "File State": "New", "Feedback Type": "Complaint", "Specific Feedback Type": "Attitude",
            "Date Received": "01/26/2025 17:10", "Received Via": "Phone", "Site": "Harbor", "Department": "5 East"} | values


def test_rl6_as_the_reference_lists_it(delivered) -> None:
    found = delivered("rl6_feedback", RL6, rl6(**{"Received By": "Clerk Prototti", "Owner": "Clerk Prototti", "Involved Person(s)": "Nurse Simulata"}))
    assert (found.report.refused, found.report.rules, found.report.warning_rules, found.report.notes) == (None, {}, {}, [])
    assert found.rows("case_id, category_text, channel_code, staff_id is null") == [("FB-1", "Attitude", "phone", False)]
    assert "Simulata" not in str(found.rows()) and "Prototti" not in str(found.rows())


def test_rl6_rows_per_involved_person_are_one_subject(delivered) -> None:
    people = [rl6(**{"Involved Person(s)": name}) for name in ("Nurse Simulata", "Aide Draftwell", "")]
    found = delivered("rl6_feedback", RL6, *people, rl6(**{"Specific Feedback Type": "Waiting"}), people[1], people[2])
    # Another person, none, another subject; then twice the very same row.
    assert found.rules() == [[], [], [], [], ["duplicate_key"], ["duplicate_key"]]
    header, first = fixture("rl6_feedback")
    numbered = delivered("rl6_feedback", header, first, first | {"Involved Staff": "Aide Draftwell"}, first)
    assert numbered.rules() == [[], [], ["duplicate_key"]]


def test_an_unknown_status_takes_no_case_away(delivered) -> None:
    found = delivered("rl6_feedback", RL6, rl6(**{"File State": "Parked"}))
    assert found.rows("status_code, list_transform(warnings, lambda w: w.rule || ' ' || w.\"column\")") == [(None, ["unknown_code status_code"])]
    closed, still_open = ({"CaseNumber": f"0000{place}", "Type": "Complaint", "CreatedDate": "2026-04-01T03:30:00Z", "Status": "Awaiting Legal", "IsClosed": flag}
                          for place, flag in enumerate(("true", "false")))
    found = delivered("salesforce_cases", SALESFORCE, closed, still_open, still_open | {"CaseNumber": "2", "Status": ""}, closed | {"CaseNumber": "3", "Status": "Escalated"})
    assert found.rows("case_id, status_code, len(warnings)") == [("00000", "closed", 1), ("00001", "in_progress", 1), ("2", "in_progress", 0), ("3", "escalated", 0)]
    assert found.report.n_quarantined == 0


@pytest.mark.parametrize(("text", "local"), [
    ("01/26/2025 17:10", "17:10"), ("01/26/2025 17:10:59", "17:10"), ("1/26/2025 5:10 PM", "17:10"), ("1/26/2025 5:10:59 PM", "17:10"), ("01/26/2025", "00:00"),
])
def test_rl6_moments_with_seconds_with_twelve_hours_or_without_a_time(delivered, text: str, local: str) -> None:
    found = delivered("rl6_feedback", RL6, rl6(**{"Date Received": text, "Closed": text}))
    assert (found.report.rules, found.report.warning_rules) == ({}, {})
    chicago = "strftime((x at time zone 'UTC') at time zone 'America/Chicago', '%Y-%m-%d %H:%M')"
    assert found.rows(f"{chicago.replace('x', 'received_at')}, {chicago.replace('x', 'closed_at')}") == [(f"2025-01-26 {local}",) * 2]


def test_datix_as_the_reference_lists_it(delivered) -> None:
    header = ("recordid,com_name,com_ref,com_mgr,com_dreceived,com_dopened,com_dincident,com_dclosed,com_dreopened,com_type,com_method,com_subject1,com_outcome,"
              "com_grade,com_consequence,com_likelihood").split(",")
    with_semicolons = [";".join(cells) for cells in (header, ["1", "A B", "C/1", "M", "03/03/2025", *[""] * 4, "Formal complaint", "Letter", *[""] * 5])]
    found = delivered("datix_complaints", [with_semicolons[0]], [with_semicolons[1]])
    assert (found.report.refused, found.report.rules) == (None, {})
    assert found.rows("case_id, facility_code, unit_code, feedback_type_code") == [("1", None, None, "complaint")]


@pytest.mark.parametrize(("text", "utc"), [
    ("2026-04-01T03:30:00+00:00", "03:30"), ("2026-04-01T03:30:00.000Z", "03:30"), ("2026-04-01T03:30:00.000+0000", "03:30"),
    ("2026-04-01T03:30:00Z", "03:30"), ("2026-04-01T05:30:00+02:00", "03:30"), ("2026-03-31T22:00:00.5-05:30", "03:30"),
    ("2026-04-01T03:30+00", "03:30"), ("2026-04-01T03:30:00", "03:30"), ("2026-04-01T03:30:00.123456", "03:30"),
])
def test_salesforce_reads_iso_moments_however_the_offset_is_written(delivered, text: str, utc: str) -> None:
    row = {"CaseNumber": "00001001", "Type": "Complaint", "Status": "New", "CreatedDate": text, "ClosedDate": text}
    found = delivered("salesforce_cases", SALESFORCE, row)
    assert (found.report.refused, found.report.rules, found.report.warning_rules) == (None, {}, {})
    # 23:30 in New York on 31 March.
    assert found.rows("strftime(received_at, '%Y-%m-%d %H:%M'), received_on::varchar, closed_on::varchar") == [(f"2026-04-01 {utc}", "2026-03-31", "2026-03-31")]


def test_salesforce_takes_the_id_before_the_case_number(delivered) -> None:
    row = {"CaseNumber": "CN-001001", "Type": "Complaint", "Status": "New", "CreatedDate": "2026-04-01T03:30:00Z"}
    found = delivered("salesforce_cases", ["Id", *SALESFORCE], row | {"Id": "5008d00000AbCdEAAZ"}, row | {"Id": "5008d00000AbCdE", "CreatedDate": "bad"}, row)
    assert found.rows("case_id") == [("5008d00000AbCdE",), ("5008d00000AbCdE",), ("CN-001001",)]


def radar(reference: str, **values: str) -> dict[str, str]:
    names = {"stage": "Complaint (Current stage)", "kind": "Complaint (Type)", "outcome": "Closure (Outcome)", "place": "Complaint (Location)",
             "test": "Complaint (Test record)"}
    return fixture("radar_complaints")[1] | {"Complaint (Reference)": reference} | {names[name]: value for name, value in values.items()}


def test_radar_rows_that_never_count(delivered) -> None:
    header, _ = fixture("radar_complaints")
    without_flag = [name for name in header if name != "Complaint (Test record)"]
    rows = [radar("R-1"), radar("TEST-12"), radar("R/test_3"), radar("CONTEST-4"), radar("R-5", kind="Formal complaint, Opened in error"),
            radar("R-6", kind="Opened in error"), radar("R-7", outcome="Withdrawn"), radar("R-8", stage="Parked", place="Ward 7 (Harbour) (old)")]
    found = delivered("radar_complaints", without_flag, *rows)
    assert (found.report.refused, found.report.rules, found.report.warning_rules) == (None, {}, {"unknown_code": 1})
    assert found.rows("case_id, is_test, is_deleted, outcome_code = 'withdrawn'") == [
        ("R-1", False, False, False), ("TEST-12", True, False, False), ("R/test_3", True, False, False), ("CONTEST-4", False, False, False),
        ("R-5", False, True, False), ("R-6", False, True, False), ("R-7", False, False, True), ("R-8", False, False, False)]
    assert found.rows("status_code, unit_code, feedback_type_code")[-1] == (None, "Ward 7", "complaint")
    flagged = delivered("radar_complaints", header, radar("TEST-1", test="No"), radar("R-2", test="Yes"), radar("R-3", test="maybe"))
    assert flagged.rows("is_test, len(warnings)") == [(True, 0), (True, 0), (False, 1)]


def test_radar_labels_that_stand_twice_are_one_column(delivered) -> None:
    header, _ = fixture("radar_complaints")
    twice = [name.replace("Triage (Complexity)", "Complaint (Complexity)").replace("Investigation (Complexity)", "Complaint  (Complexity )") for name in header]
    first, second = (place for place, name in enumerate(twice) if "(Complexity" in name)

    def row(reference: str, one: str, other: str) -> list[str]:
        cells = [radar(reference)[name] for name in header]
        cells[first], cells[second] = one, other
        return cells

    found = delivered("radar_complaints", twice, row("R-1", "Simple", ""), row("R-2", " ", "Complex"), row("R-3", "Simple", "Complex"), row("R-4", "", ""))
    assert found.report.refused is None and not any("Complexity" in note for note in found.report.notes)
    assert found.rows("case_id, complexity_code") == [("R-1", "simple"), ("R-2", "complex"), ("R-3", "simple"), ("R-4", None)]
    other = [name.replace("Patient (Gender)", "Complaint (Type)") for name in header]
    refused = delivered("radar_complaints", other, [*row("R-1", "", "")]).report.refused
    assert refused["rule"] == "duplicate_header" and "'Complaint (Type)'" in refused["message"] and "format.repeated" in refused["way_out"]


def test_levels_are_those_of_the_scheme(delivered) -> None:
    names = ["CaseFeed", "CaseId", "Coder", "CodedAt", "Scheme", "SchemeVersion", "Category", "Severity", "Harm"]
    codings = [["radar_complaints", "R-1", "a", "2025-04-03", scheme, "", f"c{place}", severity, harm] for place, (scheme, severity, harm) in enumerate((
        ("hcat", "3", "5"), ("HCAT", "4", "0"), ("hcat", "5", ""), ("hcat", "", ""), ("generic5", "5", ""), ("generic5", "0", ""), ("own", "5", "5")))]
    found = delivered("complaint_codings", names, *codings)
    assert found.rules() == [[], ["level_outside_scheme"], ["level_outside_scheme"], [], [], [], []]
    assert found.rows("problems[1].\"column\"")[1] == ("severity_level",)
    words = [[dimension, word, scheme, level] for word, (dimension, scheme, level) in enumerate((
        ("severity", "hcat", "3"), ("severity", "hcat", "4"), ("harm", "hcat", "4"), ("stage", "hcat", "9"), ("stage", "hcat", "7"),
        ("severity", "own", "9"), ("category", "hcat", "")))]
    found = delivered("complaint_words", ["Feed", "Dimension", "Word", "Scheme", "SchemeVersion", "Category", "Level"], *(
        ["", dimension, f"w{word}", scheme, "", "", level] for dimension, word, scheme, level in words))
    assert found.rules() == [[], ["level_outside_scheme"], [], [], ["level_outside_scheme"], [], []]
