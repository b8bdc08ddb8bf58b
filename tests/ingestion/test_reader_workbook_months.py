"""Workbooks with months as columns, in the ways hospitals make them."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.ingestion.reading import Read, feed_of, reading, refusal
from tests.ingestion.workbooks import workbook

IDS = ["Facility", "Unit", "Class"]
HEADERS = [*IDS, "period", "value", "is_partial"]


def months_feed(**fmt):
    settings = {"id_columns": IDS, "fill_down": ["Facility"], "skip_rows": "(?i)total", "ignore_columns": "(?i)ytd|total",
                "partial_marker": r"\(MTD\)|\*"}
    return feed_of(HEADERS, type="workbook", layout="months_as_columns", **(settings | fmt))


FEED = months_feed()


def values(read: Read) -> list[tuple]:
    return read.rows("Facility", "Unit", "Class", "period", "value", "is_partial", "_cell")


def test_one_row_per_row_and_month():
    content = workbook(["Encounters 2026"], [], [*IDS, "Jan 2026", "Feb 2026", "Mar 2026 (MTD)", "YTD"],
                       ["St Mary", "4 West", "Inpatient", 120, "1,204", 40, 1364], [None, "ED", "Emergency", "-", "n/a", None, 0])
    with reading(content, FEED) as read:
        assert read.headers == HEADERS
        assert values(read) == [
            ("St Mary", "4 West", "Inpatient", "2026-01", "120", "false", "D4"),
            ("St Mary", "4 West", "Inpatient", "2026-02", "1204", "false", "E4"),
            ("St Mary", "4 West", "Inpatient", "2026-03", "40", "true", "F4"),
            ("St Mary", "ED", "Emergency", "2026-01", "-", "false", "D5"),
            ("St Mary", "ED", "Emergency", "2026-02", "n/a", "false", "E5"),
            ("St Mary", "ED", "Emergency", "2026-03", None, "true", "F5"),
        ]
        assert [row[0] for row in read.rows("_row_number")] == [1, 2, 3, 4, 5, 6]
        assert read.notes == ["thousands separators were removed from 1 cell that holds text"]


@pytest.mark.parametrize("header", [
    dt.date(2026, 3, 1), dt.date(2026, 3, 31), dt.datetime(2026, 3, 1, 12), "Mar 2026", "mar 2026", "March 2026", "MAR-2026", "Mar-26",
    "Mar 26", "Mar. 2026", "2026-03", "2026/03", "03/2026", "3/2026", "2026-03-01", " March\n2026 ",
])
def test_ways_to_write_a_month(header):
    with reading(workbook([*IDS, header], ["F", "U", "C", 1]), FEED) as read:
        assert read.rows("period", "is_partial") == [("2026-03", "false")]


def test_september_has_two_short_names():
    with reading(workbook([*IDS, "Sept 2026", "Sep-25"], ["F", "U", "C", 1, 2]), FEED) as read:
        assert read.rows("period") == [("2026-09",), ("2025-09",)]


def test_own_forms_of_months():
    feed = months_feed(month_formats=["M%m.%Y"], ignore_columns="^2026$")
    with reading(workbook([*IDS, "M03.2026", "2026"], ["F", "U", "C", 1, 2]), feed) as read:
        assert read.rows("period", "value") == [("2026-03", "1")]


@pytest.mark.parametrize("marker", ["Nov 2026 (MTD)", "Nov 2026*", "* Nov 2026"])
def test_a_partial_month_is_marked(marker):
    with reading(workbook([*IDS, "Oct 2026", marker], ["F", "U", "C", 1, 2]), FEED) as read:
        assert read.rows("period", "is_partial") == [("2026-10", "false"), ("2026-11", "true")]


@pytest.mark.parametrize(("headers", "rule", "cell"), [
    (["Jan 2026", "Mär 2026"], "unknown_month", "E1"),
    (["Jan 2026", "Feb"], "unknown_month", "E1"),
    (["Jan 2026", 46082], "unknown_month", "E1"),
    (["Jan 2026", "FY26"], "unknown_month", "E1"),
    (["Jan 2026", "Feb 2026 (final)"], "unknown_month", "E1"),
    (["Jan 2026", "Jan-26"], "duplicate_month", "E1"),
    (["A", "B"], "no_months", "row 1"),
])
def test_a_month_never_vanishes_in_silence(headers, rule, cell):
    refused = refusal(workbook([*IDS, *headers], ["F", "U", "C", 1, 2]), FEED)
    assert refused.rule == rule and cell in refused.message


def test_a_column_that_is_no_month_is_noted():
    with reading(workbook([*IDS, "Jan 2026", "Comment", None], ["F", "U", "C", 1, "moved", "?"]), FEED) as read:
        assert read.notes == ["column E 'Comment' is no month and was not read", "column F has values but no header; it was not read"]


def test_an_absent_id_column_is_refused():
    refused = refusal(workbook(["Facility", "Ward", "Class", "Jan 2026"]), FEED)
    assert refused.rule == "missing_column" and "'Unit'" in refused.message


@pytest.mark.parametrize("is_merged", [True, False])
def test_years_above_months(is_merged):
    def touch(book, sheet):
        if is_merged:
            for column, name in enumerate(IDS):
                sheet.merge_range(1, column, 2, column, name)
            sheet.merge_range(1, 3, 1, 4, 2025)
            sheet.merge_range(1, 5, 1, 6, "2026")

    top = [None] * 7 if is_merged else [*IDS, 2025, None, "2026", None]
    content = workbook(["Volumes"], top, [None, None, None, "Nov", "Dec", "Jan", "Feb*"], ["F", "U", "C", 1, 2, 3, 4], touch=touch)
    with reading(content, FEED) as read:
        assert read.rows("period", "value", "is_partial") == [
            ("2025-11", "1", "false"), ("2025-12", "2", "false"), ("2026-01", "3", "false"), ("2026-02", "4", "true")]
        assert read.notes == []


def test_years_above_a_header_row_that_names_everything():
    content = workbook([None, None, None, 2026], [*IDS, "Jan", "Feb"], ["F", "U", "C", 1, 2])
    with reading(content, FEED) as read:
        assert read.rows("period") == [("2026-01",), ("2026-02",)]


def test_merged_and_filled_down_names():
    content = workbook([*IDS, "Jan 2026"], ["St Mary", None, "Inpatient", 1], [None, None, "Emergency", 2], [None, "5E", "Inpatient", 3],
                       ["General", None, "Inpatient", 4], ["North"], [None, "1N", "Inpatient", 5],
                       touch=lambda book, sheet: sheet.merge_range(1, 1, 2, 1, "4W"))
    with reading(content, months_feed(fill_down=["Facility", "Unit"])) as read:
        assert read.rows("Facility", "Unit", "Class", "value") == [
            ("St Mary", "4W", "Inpatient", "1"), ("St Mary", "4W", "Emergency", "2"), ("St Mary", "5E", "Inpatient", "3"),
            ("General", None, "Inpatient", "4"), ("North", "1N", "Inpatient", "5")]


def test_a_count_without_names_is_a_row_all_the_same():
    with reading(workbook([*IDS, "Jan 2026"], ["F", "U", "C", 1], [None, None, None, 99]), months_feed(fill_down=[])) as read:
        assert read.rows("Facility", "value") == [("F", "1"), (None, "99")]


def test_titles_and_footnotes_are_passed_over_and_noted():
    content = workbook([*IDS, "Jan 2026"], [None, "Medicine"], ["F", "U", "C", 1], [], [None, "* without newborns"],
                       [None, None, None, None, "x"])
    with reading(content, FEED) as read:
        assert read.rows("value") == [("1",)]
        assert "3 rows without counts were passed over (rows 2, 5, 6)" in read.notes


def test_several_tables_on_one_sheet():
    content = workbook(["Inpatient"], [*IDS, "Jan 2026"], ["F", "U", "C", 1], ["Total", None, None, 1], [],
                       ["Emergency"], [*IDS, "Feb 2026", "Mar 2026"], ["G", "V", "D", 2, 3], ["Total", None, None, 2, 3])
    with reading(content, FEED) as read:
        assert read.rows("Facility", "period", "value", "_cell") == [
            ("F", "2026-01", "1", "D3"), ("G", "2026-02", "2", "D8"), ("G", "2026-03", "3", "E8")]
        assert read.notes == ["1 total row was checked and left out"]


def totals(*rows: list, fmt: dict | None = None) -> list[str]:
    with reading(workbook([*IDS, "Jan 2026", "Feb 2026"], *rows), months_feed(**(fmt or {}))) as read:
        assert not [row for row in read.rows("Facility", "Unit") if "otal" in f"{row}"]
        return read.notes


A, B = ["F1", "4W", "Inpatient", 10, 1], ["F1", "ED", "Emergency", 20, 2]
C, D = ["F2", "4W", "Inpatient", 30, 3], ["F2", "ED", "Emergency", 40, "n/a"]


@pytest.mark.parametrize("rows", [
    [A, B, ["F1 total", None, None, 30, 3], C, D, ["F2 total", None, None, 70, 3], ["Grand total", None, None, 100, 6]],
    [["Total F1", None, None, 30, 3], A, B, ["Total F2", None, None, 70, 3], C, D],
    [["Total", None, None, 100, 6], A, B, C, D],
    [A, B, C, D, ["All", "Total", "Inpatient", 40, 4], ["All", "Total", "Emergency", "60", "(-)"]],
    [A, B, C, D, ["Total inpatient", None, None, 40, 4], ["Total emergency", None, None, 60, 2]],
    [A, B, ["F1", "Subtotal", None, 30, None], C, D, ["F2", "Subtotal", None, "-", 3]],
])
def test_totals_that_fit(rows):
    notes = totals(*rows)
    assert len(notes) == 1 and notes[0].endswith(("total row was checked and left out", "total rows were checked and left out"))


def test_a_total_that_does_not_fit_is_noted_with_its_cell():
    notes = totals(A, B, ["F1 total", None, None, 30, 4], C, D, ["F2 total", None, None, 70, 3], ["Grand total", None, None, 1100, 6])
    assert notes == ["warning: total 4 in cell E4 is not the sum of rows 2 to 3: 3", "warning: total 1,100 in cell D8 is not the sum of rows 2 to 6: 100",
                     "3 total rows were checked and left out"]


def test_a_unit_taken_for_a_total_raises_a_note():
    notes = totals(A, ["F1", "Total Joint Center", "Inpatient", 7, 8], B)
    assert any("in cell D3 is not the sum" in note for note in notes)


def test_total_columns_are_checked():
    rows = [["F", unit, "C", 1, 2, total] for unit, total in (("U", 3), ("V", 4), ("W", 5))]
    content = workbook([*IDS, "Jan 2026", "Feb 2026", "Total"], *rows)
    with reading(content, FEED) as read:
        assert read.notes == ["warning: column 'Total' differs from the sum of its months in 2 rows, first in cell F3: 4, the sum is 3"]
        assert len(read.rows()) == 6


def test_texts_and_errors_in_counts_are_left_to_the_feed():
    content = workbook([*IDS, *(f"{month} 2026" for month in ("Jan", "Feb", "Mar", "Apr", "May"))],
                       ["F", "U", "C", "1.234", "1 234", "see note", 12.5, None],
                       touch=lambda book, sheet: sheet.write_formula(1, 7, "=NA()", value="#N/A"))
    with reading(content, FEED) as read:
        assert [row[0] for row in read.rows("value")] == ["1.234", "1234", "see note", "12.5", "#N/A"]


def test_the_feed_must_name_id_columns():
    assert refusal(workbook(["a"]), months_feed(id_columns=[], fill_down=[])).rule == "feed_definition"
