"""Long to wide, wide to long, rows that are set aside."""

from __future__ import annotations

import pytest

from tests.ingestion.reading import feed_of, reading, refusal

LONG = b"ID,SERVICE,VAR,VALUE,UNIT\n1,IN,A1,5,4W\n2,IN,A1,3,ICU\n1,IN,A2,Always,4W\n1,MD,A1,1,4W\n2,IN,SECT1,x,ICU\n"
PIVOT = {"key": "ID", "name": ["SERVICE", "VAR"], "value": "VALUE"}


def long_feed(**pivot):
    return feed_of(["ID", "UNIT", "IN|A1", "IN|A2", "MD|A1"], type="delimited", pivot=PIVOT | pivot)


def test_long_becomes_one_row_per_key_and_the_same_name_means_two_things():
    with reading(LONG, long_feed()) as read:
        assert read.source.is_sparse
        assert read.rows("_row_number", "ID", "UNIT", "IN|A1", "IN|A2", "MD|A1", "_problem") == [
            (1, "1", "4W", "5", "Always", "1", None), (2, "2", "ICU", "3", None, None, None)]


@pytest.mark.parametrize(("more", "repeated", "expected"), [
    (b"1,IN,A1,4,4W\n", "problem", "repeated_response"), (b"1,IN,A1,5,4W\n", "problem", None), (b"1,IN,A1,4,4W\n", "first", None),
])
def test_a_question_answered_twice(more, repeated, expected):
    with reading(LONG + more, long_feed(repeated=repeated)) as read:
        assert read.rows("IN|A1", "_problem")[0] == ("5", expected)


def test_a_broken_line_keeps_a_row_of_its_own():
    with reading(LONG + b"1,IN\n", long_feed()) as read:
        assert [row[0] for row in read.rows("_problem")] == [None, None, "too_few_columns"]


WIDE = b"Site,1 Very Good SUM,2 Good SUM,Note\nA,10,*,x\nB,,3,y\n"
UNPIVOT = {"name": "answer", "value": "n", "columns": {"1": ["1 Very Good", "1 Very Good SUM"], "2": ["2 good sum"]}}


def test_wide_becomes_one_row_per_listed_column():
    with reading(WIDE, feed_of(["Site", "answer", "n"], type="delimited", unpivot=UNPIVOT)) as read:
        assert read.headers == ["Site", "Note", "answer", "n"]
        assert read.rows("_row_number", "Site", "answer", "n") == [(1, "A", "1", "10"), (2, "A", "2", "*"), (3, "B", "1", ""), (4, "B", "2", "3")]


def test_a_listed_column_must_be_there_unless_it_may_be_absent():
    more = UNPIVOT | {"columns": UNPIVOT["columns"] | {"3": ["3 Neither SUM"]}}
    assert "'3 Neither SUM'" in refusal(WIDE, feed_of(["Site", "answer"], type="delimited", unpivot=more)).message
    with reading(WIDE, feed_of(["Site", "answer"], type="delimited", unpivot=more | {"optional": True})) as read:
        assert len(read.rows()) == 4 and read.notes == ["no column for '3 Neither SUM'"]
    assert refusal(b"Site\nA\n", feed_of(["Site", "answer"], type="delimited", unpivot=UNPIVOT | {"optional": True})).rule == "missing_column"
