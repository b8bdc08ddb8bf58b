"""Delimited files that are broken in every way we have met: a clear outcome, nothing lost."""

from __future__ import annotations

import pytest

from tests.ingestion.conftest import HEADER, complaint_feed

GOOD = "{},01/04/2026 10:00,,,,\n"


def body(*numbers: int) -> str:
    return "".join(GOOD.format(n) for n in numbers)


@pytest.mark.parametrize(("content", "rule"), [
    (b"", "empty_file"),
    (b"\n\n", "empty_file"),
    (HEADER.replace(",", ";").encode() + b"\n1;2;3;4;5;6\n", "wrong_delimiter"),
    (b"Case,Received,Event,MRN,Staff,Text,Text\n1,,,,,,\n", "duplicate_header"),
    ("﻿Case,Received\n".encode("utf-16-le"), "wrong_encoding"),
    ((HEADER + "\n").encode("utf-16-le"), "wrong_encoding"),
    ((HEADER + "\n").encode("utf-16-be"), "wrong_encoding"),
    (b'<?xml version="1.0"?>\n<html><table><tr><td>Case</td></tr></table></html>\n', "wrong_content"),
    (b"\r\n <TABLE><tr><td>Case</td></tr></TABLE>\n", "wrong_content"),
    (b'[{"Case": "1"}]\n', "wrong_content"),
    (f"Complaints of March; printed 2 April\n\n{HEADER}\n1,,,,,\n".encode(), "title_rows"),
    (f"sep=;\n{HEADER}\n1,,,,,\n".encode(), "wrong_delimiter"),
])
def test_refused_as_a_whole(conformed, content, rule):
    refused = conformed(content).report.refused
    assert refused["rule"] == rule
    assert refused["message"] and refused["way_out"]


def test_rows_above_the_header_are_named_with_the_way_out(conformed):
    refused = conformed(f"Complaints of March\n\n{HEADER}\n{body(1)}").report.refused
    assert refused["message"] == "the header stands in row 3 of the file, below 2 that are not part of the table" and "header_row to auto" in refused["way_out"]
    feed = complaint_feed(format={"type": "delimited", "header_row": "auto"})
    assert conformed(f"Complaints of March\n\n{HEADER}\n{body(1)}", feed).rows("case_id") == [("1",)]
    renamed = conformed(HEADER.replace("Case", "Number") + "\n").report.refused
    assert renamed["rule"] == "missing_column" and "If the vendor renamed it" in renamed["way_out"]


@pytest.mark.parametrize("mark", ["sep=,\n", "sep=,\r\n", "sep=,\r", "﻿sep=,\n", '"sep=,"\n'])
@pytest.mark.parametrize("header_row", [None, "auto"])
def test_a_first_row_that_tells_excel_the_delimiter_is_passed_over(conformed, mark, header_row):
    feed = complaint_feed(format={"type": "delimited", "header_row": header_row})
    assert conformed(f"{mark}{HEADER}\n{body(1, 2)}", feed).rows("row_number, case_id") == [(1, "1"), (2, "2")]
    broken = conformed(f'{mark}{HEADER}\n{body(1)}2,"open\n{body(3)}', feed)
    assert broken.rules() == [[], ["unterminated_quote"], []]


def test_header_only_is_a_delivery_without_rows(conformed):
    done = conformed(HEADER + "\n")
    assert (done.report.refused, done.report.n_rows) == (None, 0)


@pytest.mark.parametrize(("line", "rule"), [
    ("2,01/04/2026 10:00,,,\n", "too_few_columns"),
    ("2,01/04/2026 10:00,,,,,extra\n", "too_many_columns"),
    ("2,01/04/2026 10:00,,,,a,b,c,d\n", "too_many_columns"),
    ('2,01/04/2026 10:00,,,,"never closed\n', "unterminated_quote"),
    ('2,01/04/2026 10:00,,,,"closed"too early\n', "malformed_line"),
    ("2,01/04/2026 10:00,,,,n\0ul\n", "nul_byte"),
    (b"2,01/04/2026 10:00,,,,caf\xe9\n", "invalid_encoding"),
])
def test_a_broken_line_is_one_quarantined_row(conformed, line, rule):
    line = line if isinstance(line, bytes) else line.encode()
    done = conformed(f"{HEADER}\n{body(1)}".encode() + line + body(3, 4).encode())
    assert done.report.n_rows == 4
    assert done.rules() == [[], [rule], [], []]
    assert done.rows("row_number, case_id")[2:] == [(3, "3"), (4, "4")]


@pytest.mark.parametrize("stray", [
    '2,01/04/2026 10:00,,O"Brien,,\n',  # the next line opens a text of two lines
    '2,01/04/2026 10:00,,"Bo,,\n',
    '2,"01/04/2026 10:00,,,,\n',
])
@pytest.mark.parametrize("later", ["", '8,01/04/2026 10:00,,,,Bo"\n', '8,01/04/2026 10:00,,O"Hara,,"a\nb"\n'])
def test_a_stray_quote_costs_its_own_line_and_no_other(conformed, stray, later):
    text = '3,01/04/2026 10:00,,,,"two\nlines"\n'
    done = conformed(f"{HEADER}\n{body(1)}{stray}{text}{body(4, 5, 6)}{text.replace('3', '7', 1)}{later}{body(9)}")
    assert {"1", "3", "4", "5", "6", "7", "9"} <= {row[0] for row in done.rows("case_id") if row[0]}
    assert done.report.n_quarantined <= 4


@pytest.mark.parametrize("n_between", [1, 2, 50])
def test_two_stray_quotes_in_one_column_hide_no_records_between_them(conformed, n_between):
    between = body(*range(3, 3 + n_between))
    done = conformed(f'{HEADER}\n{body(1)}2,01/04/2026 10:00,,,"Bo,x\n{between}98,01/04/2026 10:00,,,Smith",x\n{body(99)}')
    assert done.report.n_rows == n_between + 4
    assert [row[0] for row in done.rows("case_id") if row[0]] == ["1", *map(str, range(3, 3 + n_between)), "99"]
    assert [rules for rules in done.rules() if rules] == [["unterminated_quote"]] * 2


def test_a_text_that_looks_like_records_for_a_line_is_a_text(conformed):
    done = conformed(f'{HEADER}\n1,01/04/2026 10:00,,,,"It said\ntea, milk, sugar, cake, bread, jam\nand was\nlate"\n{body(2)}')
    assert done.rows("case_id, narrative_length > 40") == [("1", True), ("2", None)] and done.report.n_quarantined == 0


@pytest.mark.parametrize("ends", ["\n \r", "\r \n", "\r\n \r", "\r\n \n \r", "\r \r \r\n", "\n \r\n"])
def test_lines_that_end_in_different_ways_are_rows_of_their_own(conformed, ends):
    ends = ends.split(" ")
    lines = [HEADER, *(GOOD.format(n).strip() for n in range(1, 30)), '30,01/04/2026 10:00,,,,"a\rb\nc"', "31,01/04/2026 10:00,,,", "32,01/04/2026 10:00,,,,"]
    done = conformed("".join(line + ends[n % len(ends)] for n, line in enumerate(lines)))
    assert done.rows("case_id")[:30] == [(str(n),) for n in range(1, 31)] and done.rows("narrative_length")[29] == (5,)
    assert (done.report.n_rows, done.rules()[30:]) == (32, [["too_few_columns"], []])


def test_a_carriage_return_inside_a_cell_without_quotes_costs_its_own_record(conformed):
    done = conformed(f"{HEADER}\n{body(1)}2,01/04/2026 10:00,,,,\n3,01/04/2026 10:00,a\rb,,,\n{body(4)}")
    assert (done.report.n_rows, done.rules()) == (4, [[], [], ["malformed_line"], []])


def test_a_short_record_of_two_lines_is_one_quarantined_row(conformed):
    done = conformed(f'{HEADER}\n{body(1)}2,01/04/2026 10:00,,,"two\nlines"\n{body(3)}')
    assert done.rules() == [[], ["too_few_columns"], []]


def test_two_open_quotes_do_not_swallow_what_lies_between(conformed):
    lines = '2,01/04/2026 10:00,,,,"open\n' + body(3) + '4,01/04/2026 10:00,,,,"open too\n' + body(5)
    done = conformed(f"{HEADER}\n{body(1)}{lines}")
    accepted = [row[0] for row in done.rows("case_id") if row[0]]
    assert done.report.n_rows == done.report.n_accepted + done.report.n_quarantined
    assert {"1", "5"} <= set(accepted)
    assert done.report.n_quarantined >= 1


def test_quoted_line_breaks_crlf_bom_and_blank_lines(conformed):
    text = f'{HEADER}\r\n1,01/04/2026 10:00,,,,"a\r\nb"\r\n\r\n2,01/04/2026 10:00,,,,\r\n\r\n'
    done = conformed(b"\xef\xbb\xbf" + text.encode())
    assert done.rows("case_id, narrative_length") == [("1", 4), ("2", None)]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "latin-1"])
def test_declared_encodings(conformed, encoding):
    feed = complaint_feed(format={"type": "delimited", "delimiter": ";", "encoding": encoding})
    done = conformed((HEADER.replace(",", ";") + "\n1é;01/04/2026 10:00;;;;\n").encode(encoding), feed)
    assert done.rows("case_id") == [("1é",)]


def test_a_line_of_200_megabytes_is_one_quarantined_row(conformed, tmp_path):
    head, tail = f"{HEADER}\n{body(1)}2,01/04/2026 10:00,,,,".encode(), b"\n" + body(3).encode()
    done = conformed(head + b"x" * 200_000_000 + tail)
    assert done.rules() == [[], ["line_too_long"], []]
    assert done.rows("case_id")[2] == ("3",)
