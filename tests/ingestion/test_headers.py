"""Headers of two and three rows: Qualtrics and SurveyMonkey, as text and as workbooks."""

from __future__ import annotations

import pytest

from tests.ingestion.reading import feed_of, reading, refusal
from tests.ingestion.workbooks import workbook

QUALTRICS = feed_of(["_recordId", "QID1", "QID2_TEXT"], type="delimited", headers="import_id")
MONKEY = feed_of(["Respondent ID", "How was it?"], type="delimited", headers="question_and_choice")


def table(*rows: list[str]) -> bytes:
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows).encode()


THREE = [["ResponseId", "Q3_1", "Q4"], ["Antwort-ID", "Erste Zeile\nder Frage", "Welche?"],
         ['{"ImportId":"_recordId"}', '{"ImportId":"QID3_7","choiceId":"7"}', '{"ImportId":"QID4"}'], ["R_1", "-1", "1,2,3"], ["R_2", "two\nlines", ""]]
TWO = [["Respondent ID", "How was it?", "", "Comment", "Which?", ""], ["", "Response", "Other (please specify)", "Open-Ended Response", "Food", "Noise"],
       ["7", "Good", "", "fine", "Food", ""]]


@pytest.mark.parametrize("content", [table(*THREE), b"\xef\xbb\xbf" + table(*THREE), workbook(*THREE)])
def test_qualtrics_columns_are_named_by_import_id(content):
    with reading(content, QUALTRICS) as read:
        assert read.headers == ["_recordId", "QID3_7", "QID4"]
        first, second = read.rows("_row_number", "_recordId", "QID3_7", "QID4")
        assert first == (1, "R_1", "-1", "1,2,3")  # several choices stay text, a recode may be negative
        assert second[:2] == (2, "R_2") and second[2].split() == ["two", "lines"]


def test_qualtrics_samples(shared):
    current = (shared / "samples" / "qualtrics" / "sample.csv").read_bytes()
    with reading(current, QUALTRICS) as read:
        assert read.rows("_recordId", "status", "finished", "QID1", "QID2_TEXT") == [("R_2YPOQ602ER1jkf1", "0", "1", "2", "Hello World!")]
    legacy = (shared / "samples" / "qualtrics" / "sample_legacy.csv").read_bytes()
    with reading(legacy, QUALTRICS) as read:
        assert read.rows("ResponseID", "Status", "Finished", "Q1", "Q2") == [("R_2YPOQ602ER1jkf1", "0", "1", "2", "Hello World!")]


@pytest.mark.parametrize("content", [table(*TWO), workbook(*TWO)])
def test_surveymonkey_questions_reach_over_their_choices(content):
    with reading(content, MONKEY) as read:
        assert read.headers == ["Respondent ID", "How was it?", "How was it? > Other (please specify)", "Comment", "Which? > Food", "Which? > Noise"]
        assert [value or "" for value in read.rows()[0][2:]] == ["7", "Good", "", "fine", "Food", ""]


def test_a_broken_line_below_three_header_rows_is_one_row():
    content = table(*THREE) + b'R_3,1\r\nR_4,2,"open\r\n'
    with reading(content, QUALTRICS) as read:
        rows = read.rows("_recordId", "_problem")
        assert rows[0] == ("R_1", None) and [problem for _, problem in rows[2:]] == ["too_few_columns", "unterminated_quote"]


def test_refused_headers():
    assert refusal(table(*THREE[:1]), QUALTRICS).rule == "no_header"
    twice = [row + [row[-1]] for row in THREE]
    assert refusal(table(*twice), QUALTRICS).rule == "duplicate_header"


@pytest.mark.parametrize("lines_above", [b"", b"Results ,,\n", b"Results ,,\n,,\n"])
def test_a_header_below_titles_is_found(lines_above):
    with reading(lines_above + b"a,b,c\n1,2,3\n", feed_of(["a", "c"], type="delimited", header_row="auto")) as read:
        assert read.rows("a", "c", "_row_number") == [("1", "3", 1)]


def test_no_header_anywhere_is_refused():
    assert refusal(b"x,y\n1,2\n", feed_of(["a", "c"], type="delimited", header_row="auto")).rule == "no_header"


TWICE = [["Ref", "Form (Level)", "Form  (Level )", "Text"], ["1", "", "high", "a"], ["2", "low", "high", "b"], ["3", " ", "", "c"]]


@pytest.mark.parametrize("content", [table(*TWICE), workbook(*TWICE), table(*TWICE) + b'4,"open\n'], ids=["text", "workbook", "repaired"])
def test_a_declared_header_may_stand_twice(content):
    feed = feed_of(["Ref", "Form (Level)", "Text"], type="delimited", repeated=["Form (Level)"])
    with reading(content, feed) as read:
        assert read.headers == ["Ref", "Form (Level)", "Text"]
        cells = [(row[0], (row[1] or "").strip(), row[2]) for row in read.rows("Ref", "Form (Level)", "Text")]
        assert cells[:3] == [("1", "high", "a"), ("2", "low", "b"), ("3", "", "c")]
        assert [row[0] for row in read.rows("_problem")][3:] == (["unterminated_quote"] if content.endswith(b"open\n") else [])


@pytest.mark.parametrize("content", [table(*TWICE), workbook(*TWICE)], ids=["text", "workbook"])
def test_an_undeclared_one_is_refused_however_its_blanks_stand(content):
    refused = refusal(content, feed_of(["Ref", "Form (Level)"], type="delimited", repeated=["Ref"]))
    assert refused.rule == "duplicate_header" and "(Level )' more than once" in refused.message
