"""Fixed width: positions, what exports do to the ends of lines, records that have shifted."""

from __future__ import annotations

import pytest

from tests.ingestion.reading import feed_of, reading, refusal

FIELDS = {"id": (1, 4), "q1": (5, 5), "rating": (6, 7), "last": (8, 8)}
FEED = feed_of(["id", "q1"], type="fixed_width", fields=FIELDS)
LINE = b"A0013 94"


@pytest.mark.parametrize("content", [
    LINE, LINE + b"\n", LINE + b"\r\n", b"\xef\xbb\xbf" + LINE + b"\n", LINE + b"   \n", LINE + b"\n\n \n", b"\n" + LINE + b"\r",
])
def test_positions_hold_whatever_ends_the_line(content):
    with reading(content, FEED) as read:
        assert read.rows() == [(1, None, "A001", "3", " 9", "4")]


def test_trailing_blanks_may_be_stripped():
    with reading(LINE + b"\nA002\n" + LINE + b"\n", FEED) as read:
        assert read.rows()[1] == (2, None, "A002", "", "", "")


def test_leading_blanks_count():
    with reading(b"  01M10S\n", FEED) as read:
        assert read.rows() == [(1, None, "  01", "M", "10", "S")]


@pytest.mark.parametrize(("line", "rule"), [
    (b"A0013 94X", "record_too_long"), (b"A001\t 94", "tab_in_record"), (b"A0\xff13 94", "invalid_encoding"), (b"A0\x0013 94", "nul_byte"),
])
def test_a_shifted_record_is_one_row_with_a_problem(line, rule):
    with reading(LINE + b"\n" + line + b"\n" + LINE + b"\n", FEED) as read:
        try:
            rows = read.rows()
        except Exception:  # what DuckDB refuses is read the careful way, as conform does
            rows = read.repaired().rows()
        assert [row[1] for row in rows] == [None, rule, None]
        assert rows[1][2] is None and rows[2] == (3, None, "A001", "3", " 9", "4")


def test_a_declared_length_is_wider_than_the_fields_read():
    feed = feed_of(["id"], type="fixed_width", fields={"id": (1, 4)}, record_length=8)
    with reading(LINE + b"\n", feed) as read:
        assert read.rows() == [(1, None, "A001")]


def test_other_encodings():
    feed = feed_of(["id"], type="fixed_width", fields={"id": (1, 4), "rest": (5, 8)}, encoding="cp1252")
    with reading("Zö013 94\n".encode("cp1252"), feed) as read:
        assert read.rows() == [(1, None, "Zö01", "3 94")]


@pytest.mark.parametrize(("content", "rule"), [(b"", "empty_file"), (b" \n ", "empty_file"), (b"<html></html>", "wrong_content"),
                                               ("ab".encode("utf-16"), "wrong_encoding")])
def test_refused_as_a_whole(content, rule):
    assert refusal(content, FEED).rule == rule


@pytest.mark.parametrize("fields", [{}, {"a": (0, 3)}, {"a": (5, 4)}])
def test_positions_are_checked_when_the_feed_is_read(fields):
    with pytest.raises(ValueError, match="positions|fields"):
        feed_of(["a"], type="fixed_width", fields=fields)
