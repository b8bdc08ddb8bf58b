"""Workbooks as plain tables: sheets, headers, cell values as text, and packages that must not be opened."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile

import pytest

from tests.ingestion.reading import feed_of, reading, refusal
from tests.ingestion.workbooks import repacked, workbook

NAMES = ["Facility", "Unit", "Count"]
FEED = feed_of(NAMES, type="workbook")
SHEET = "xl/worksheets/sheet1.xml"


def test_a_table_below_title_rows():
    content = workbook(["Encounter counts"], [None, "printed", dt.date(2026, 4, 1)], [], NAMES, ["F1", "4W", 12], [], ["F2", None, 7])
    with reading(content, FEED) as read:
        assert read.headers == NAMES
        assert read.rows() == [(1, None, "F1", "4W", "12"), (2, None, "F2", None, "7")]


def test_cells_keep_their_text():
    values = ["007", 7, 7.0, 0.1 + 0.2, 1234567890123456, 1e21, -1.5e-7, True, dt.date(2026, 3, 31),
              dt.datetime(2026, 3, 31, 7, 5, 30), "  two\nlines ", "1,234", "-", "n/a", "2026-03", "=SUM(A1)", "é €"]
    names = [f"c{index}" for index in range(len(values))]

    def touch(book, sheet):
        form = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_datetime(1, 9, values[9], form)

    with reading(workbook(names, values, touch=touch), feed_of(names, type="workbook")) as read:
        assert list(read.rows()[0][2:]) == [
            "007", "7", "7", "0.3", "1234567890123460", "1000000000000000000000", "-0.00000015", "TRUE", "2026-03-31",
            "2026-03-31 07:05:30", "two\nlines", "1,234", "-", "n/a", "2026-03", "=SUM(A1)", "é €"]


def test_the_1904_calendar():
    content = repacked(workbook(NAMES, ["F1", "4W", dt.date(2026, 3, 1)]), lambda name, part: part.replace(
        b"<workbookPr ", b'<workbookPr date1904="1" ') if name == "xl/workbook.xml" else part)
    with reading(content, FEED) as read:
        assert read.rows("Count") == [("2030-03-02",)]  # the same serial number, 1,462 days later


def test_formulas_give_their_saved_result_and_errors_their_name():
    def touch(book, sheet):
        sheet.write_formula(1, 2, "=6*7", value=42)
        sheet.write_formula(2, 2, "=1/0", value="#DIV/0!")
        sheet.write_formula(3, 2, "=A1&B1", value="text")
        sheet.write_formula(4, 2, "=1+1", value=9999)
        sheet.write_formula(5, 2, "=NA()", value="#N/A")
        sheet.set_footer("&CPage &P")

    never_saved = workbook(NAMES, ["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"], ["e", "5"], touch=touch)
    never_saved = repacked(never_saved, lambda name, part: part.replace(b"<v>9999</v>", b"") if name == SHEET else part)
    with reading(never_saved, FEED) as read:
        assert [row[0] for row in read.rows("Count")] == ["42", "#DIV/0!", "text", None, "#N/A"]
        assert read.notes == ["cell C5 has a formula without a saved result"]


def test_hidden_rows_and_columns_are_data():
    content = workbook(NAMES, ["F1", "4W", 1], ["F2", "4W", 2], touch=lambda book, sheet: (
        sheet.set_row(1, None, None, {"hidden": True}), sheet.set_column(1, 1, None, None, {"hidden": True})))
    with reading(content, FEED) as read:
        assert read.rows("Facility", "Unit") == [("F1", "4W"), ("F2", "4W")]


@pytest.mark.parametrize("sheet", ["Volumes", " volumes", 2, None])
def test_the_sheet_is_found_by_name_position_or_first(sheet):
    before = () if sheet is None else ("Notes",)
    content = workbook(NAMES, ["F1", "4W", 1], before=before, after=("More",))
    with reading(content, feed_of(NAMES, type="workbook", sheet=sheet)) as read:
        assert len(read.rows()) == 1
        assert read.notes == [f"sheet '{other}' was not read" for other in (*before, "More")]


@pytest.mark.parametrize(("sheets", "read"), [(["Wards", "Volumes", "Notes"], "Volumes"), (["Wards", "Sites"], "Notes"), (["wards ", 2], "Volumes")])
def test_of_a_list_of_sheets_the_first_there_is_counts(sheets, read):
    content = workbook(NAMES, ["F1", "4W", 1], before=("Notes",), after=("More",), touch=lambda book, sheet: book.worksheets()[0].write_row(0, 0, NAMES))
    with reading(content, feed_of(NAMES, type="workbook", sheet=sheets)) as found:
        assert len(found.rows()) == (1 if read == "Volumes" else 0)
        assert f"sheet '{read}' was not read" not in found.notes


def test_a_page_of_notes_before_the_table_is_passed_by():
    content = workbook(NAMES, ["F1", "4W", 1], before=("Notes",), after=("Lookup",), touch=lambda book, sheet: (
        book.worksheets()[0].write(0, 0, "Encounters 2026"), book.add_worksheet("Codes").write(0, 0, NAMES[0])))
    with reading(content, FEED) as read:
        assert len(read.rows()) == 1
        assert read.notes == ["sheet 'Notes' was not read", "sheet 'Codes' was not read", "sheet 'Lookup' was not read"]


def test_a_sheet_may_be_named_as_a_number():
    content = workbook(NAMES, ["F1", "4W", 1], name="2026", before=("2025",))
    with reading(content, feed_of(NAMES, type="workbook", sheet=2026)) as read:
        assert len(read.rows()) == 1


def test_without_a_name_a_hidden_sheet_is_passed_by():
    content = workbook(NAMES, ["F1", "4W", 1], before=("Notes",), touch=lambda book, sheet: (
        book.worksheets()[0].hide(), sheet.activate(), sheet.set_first_sheet()))
    with reading(content, FEED) as read:
        assert len(read.rows()) == 1


@pytest.mark.parametrize("sheet", ["Other", 0, 2, -1])
def test_an_absent_sheet_is_refused_with_those_there_are(sheet):
    refused = refusal(workbook(NAMES), feed_of(NAMES, type="workbook", sheet=sheet))
    assert refused.rule == "no_sheet" and "'Volumes'" in refused.message


def test_header_row_can_be_set():
    content = workbook(NAMES, ["a", "b", "c"], NAMES, ["F1", "4W", 1])
    with reading(content, feed_of(NAMES, type="workbook", header_row=3)) as read:
        assert read.rows() == [(1, None, "F1", "4W", "1")]


def test_header_only_is_a_delivery_without_rows():
    with reading(workbook(NAMES), FEED) as read:
        assert (read.headers, read.rows()) == (NAMES, [])


def test_headers_over_lines_new_and_nameless_columns():
    content = workbook(["Facility ", "Unit\n name", None, "New"], ["F1", "4W", "x", "y"])
    with reading(content, feed_of(["Facility", "Unit name"], type="workbook")) as read:
        assert read.headers == ["Facility", "Unit name", "New"]
        assert read.rows() == [(1, None, "F1", "4W", "y")]
        assert read.notes == ["column C has values but no header; it was not read"]


@pytest.mark.parametrize(("rows", "rule"), [
    ([["Facility", "Unit", "unit"]], "duplicate_header"),
    ([["a", "b"], ["c", "d"]], "no_header"),
    ([[]], "no_header"),
])
def test_headers_that_cannot_be_used(rows, rule):
    assert refusal(workbook(*rows), FEED).rule == rule


def test_a_large_table_in_order():
    content = workbook(NAMES, *([f"F{n}", "4W", n] for n in range(1, 12_001)))
    with reading(content, FEED) as read:
        wrong = f"select count(*), count(*) filter (\"Count\"::bigint <> _row_number) from {read.source.relation}"
        assert read.con.execute(wrong).fetchall() == [(12_000, 0)]


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
GOOD = workbook(NAMES, ["F1", "4W", 1])


def archive(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, part in parts.items():
            package.writestr(name, part)
    return out.getvalue()


@pytest.mark.parametrize(("content", "rule", "word"), [
    (b"", "empty_file", "empty"),
    (b"Facility,Unit,Count\nF1,4W,1\n", "not_a_workbook", "plain text"),
    (b"<html><table></table></html>", "not_a_workbook", "HTML"),
    (b"%PDF-1.7", "not_a_workbook", "PDF"),
    (OLE + "Workbook".encode("utf-16-le"), "old_workbook", "old .xls"),
    (OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted_workbook", "encrypted"),
    (archive(readme=b"x"), "not_a_workbook", "plain text"),
    (GOOD[:-200], "damaged_workbook", "cut off"),
    (GOOD[:2000], "damaged_workbook", "cut off"),
    (repacked(GOOD, lambda name, part: part[:300] if name == SHEET else part), "damaged_workbook", "sheet1.xml"),
    (repacked(GOOD, lambda name, part: None if name == SHEET else part), "damaged_workbook", "sheet1.xml"),
    (repacked(GOOD, lambda name, part: part, {"../../evil": b"x"}), "unsafe_workbook", "outside"),
    (repacked(GOOD, lambda name, part: part, {"/evil": b"x"}), "unsafe_workbook", "outside"),
    (repacked(GOOD, lambda name, part: part, {f"xl/x{n}": b"" for n in range(10_001)}, zipfile.ZIP_STORED), "unsafe_workbook", "entries"),
    (repacked(GOOD, lambda name, part: part, {"xl/media/x": b"\0" * (20 << 20)}), "zip_bomb", "200 times"),
    (repacked(GOOD, lambda name, part: re.sub(rb"(<worksheet)", rb'<!DOCTYPE w [<!ENTITY a "b">]>\1', part) if name == SHEET else part),
     "unsafe_workbook", "document type"),
])
def test_packages_that_are_refused(content, rule, word):
    refused = refusal(content, FEED)
    assert refused.rule == rule
    assert word in refused.message and refused.way_out


def test_a_lying_size_is_found():
    """The directory says 10 bytes, the part holds more."""
    content = bytearray(GOOD)
    at = content.index(b"PK\x01\x02")  # first entry of the central directory; size unpacked at +24
    content[at + 24:at + 28] = (10).to_bytes(4, "little")
    assert refusal(bytes(content), FEED).rule == "damaged_workbook"


def test_a_sheet_with_far_corners_is_refused_before_it_is_allocated():
    content = workbook(NAMES, ["F1", "4W", 1], touch=lambda book, sheet: sheet.write(1_048_575, 16_383, "x"))
    refused = refusal(content, FEED)
    assert refused.rule == "too_large" and "17,179,869,184 cells" in refused.message


def test_formatted_blank_cells_far_out_do_not_count():
    content = workbook(NAMES, ["F1", "4W", 1], touch=lambda book, sheet: sheet.write_blank(
        1_048_575, 16_383, None, book.add_format({"bold": True})))
    with reading(content, FEED) as read:
        assert len(read.rows()) == 1


def test_size_limit_of_the_feed():
    assert refusal(GOOD, feed_of(NAMES, type="workbook", max_uncompressed_bytes=2000)).rule == "too_large"
