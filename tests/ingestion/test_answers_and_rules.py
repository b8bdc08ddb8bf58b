"""How delivered answers become ours, code lists with dates, and rules over several columns of a row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestion.feed import Feed
from ingestion.row_rules import REASONS, reason

ROOT = Path(__file__).parents[2]
COLUMNS = {
    "survey_id": {"from": "ID", "required": True}, "facility_code": {"from": "FAC", "required": True},
    "unit_code": {"from": "UNIT"}, "discharge_on": {"from": "DIS", "type": "date", "formats": ["%Y-%m-%d"], "required": True},
    "received_on": {"from": "REC", "type": "date", "formats": ["%Y-%m-%d"], "on_error": "warn"},
    "disposition_code": {"from": "DISP", "required": True},
}
HEADER = "ID,FAC,UNIT,DIS,REC,DISP,Q1,Q2\n"


def survey_feed(items: dict | None = None, columns: dict | None = None, **changes) -> Feed:
    """Two items of the HCAHPS family: one of four frequencies, one rating."""
    generation = {"id": "only", "has": ["Q1"], "columns": {"nurse_listen": "Q1", "overall_rate": "Q2"}}
    definition = {
        "feed": "panel", "label": "Panel", "kind": "survey", "files": "*.csv", "format": {"type": "delimited"},
        "business_key": ["survey_id"], "unique": True, "constants": {"program_code": "HCAHPS"}, "columns": COLUMNS | (columns or {}),
        "items": {"family": "hcahps", "generations": [generation]} | (items or {}),
    }
    return Feed.model_validate(definition | changes)


def row(survey_id: str, q1: str = "4", q2: str = "9", unit: str = "4W", discharged: str = "2024-06-10", received: str = "2024-07-01", status: str = "1") -> str:
    return f'{survey_id},F1,{unit},{discharged},{received},{status},"{q1}","{q2}"\n'


def answers(done) -> list[tuple]:
    return done.rows("survey_id, nurse_listen, overall_rate, list_transform(problems, lambda p: p.rule), list_transform(warnings, lambda p: p.rule)")


def test_labels_are_read_whatever_their_case_and_blanks(conformed):
    feed = survey_feed({"values": "labels", "words": {"rating_0_10": {"10-Best possible": 10, "0-Worst possible": 0}}})
    done = conformed(HEADER + row("1", " always", "10-best  possible") + row("2", "SOMETIMES", "7") + row("3", "Now and then", "0-Worst possible")
                     + row("4", "4", "11") + row("5", "", "M"), feed)
    assert answers(done) == [("1", 4, 10, [], []), ("2", 2, 7, [], []), ("3", -1, 0, [], ["answer_not_permitted"]),
                             ("4", -1, -1, [], ["answer_not_permitted", "answer_not_permitted", "complete_without_answers"]), ("5", None, -1, [], ["complete_without_answers"])]


def test_an_unknown_text_is_rejected_where_the_feed_says_so(conformed):
    done = conformed(HEADER + row("1", "Always") + row("2", "Now and then"), survey_feed({"values": "labels", "on_error": "reject"}))
    assert [problems for *_, problems, _ in answers(done)] == [[], ["answer_not_permitted"]]
    assert done.rows("problems[1].masked")[1] == ("xxx xxx xxxx",)


@pytest.mark.parametrize(("first", "second", "expected"), [("4", "3", [4, 3]), ("Always", "Usually", [4, 3]), ("Always", "", [4, None])])
def test_codes_or_texts_are_told_apart_by_column(conformed, first, second, expected):
    done = conformed(HEADER + row("1", first) + row("2", second), survey_feed({"values": "either"}))
    assert [row[1] for row in answers(done)] == expected


def test_a_column_with_codes_and_texts_is_refused(conformed):
    done = conformed(HEADER + row("1", "4") + row("2", "Always"), survey_feed({"values": "either"}))
    assert done.report.refused["rule"] == "mixed_answers" and "'Q1'" in done.report.refused["message"]


def test_a_scale_that_is_counted_the_other_way_round(conformed):
    done = conformed(HEADER + row("1", "1", "0") + row("2", "4", "10") + row("3", "M", "5"), survey_feed({"reversed": ["nurse_listen", "overall_rate"]}))
    assert [row[1:3] for row in answers(done)] == [(4, 10), (1, 0), (-1, 5)]


def test_several_marks_are_named(conformed):
    done = conformed(HEADER + row("1", "3,4") + row("2", "H"), survey_feed())
    assert answers(done) == [("1", -2, 9, [], ["multiple_marks"]), ("2", -2, 9, [], [])]


def test_words_of_nothing_are_the_feeds_fault(conformed):
    done = conformed(HEADER + row("1"), survey_feed({"words": {"no_such_scale": {"Yes": 1}}}))
    assert done.report.refused["rule"] == "feed_definition" and "no_such_scale" in done.report.refused["message"]


RACES = [{"valid_to_on": "2024-06-30", "map": {1: "white", 2: "black", 3: "asian"}},
         {"valid_from_on": "2024-07-01", "valid_to_on": "2024-12-31", "map": {1: "asian", 2: "black", 3: "white"}}]


def test_the_same_code_means_something_else_from_a_date_on(conformed):
    feed = survey_feed(columns={"sex_code": {"from": "RACE", "codes": RACES}})  # any coded column of the kind
    lines = "".join(row(f"{n}", discharged=day, received="2025-02-01").strip() + ",1\n" for n, day in enumerate(["2024-06-30", "2024-07-01", "2024-12-31", "2025-01-01"]))
    done = conformed(HEADER.strip() + ",RACE\n" + lines, feed)
    assert [row[0] for row in done.rows("sex_code")] == ["white", "asian", "asian", None]
    assert done.rules() == [[], [], [], ["unknown_code"]]
    assert done.rows("survey_id")[0] == ("0",)  # and the date stays the date
    assert str(done.rows("discharge_on")[1][0]) == "2024-07-01"


def test_answer_words_may_have_dates_too(conformed):
    words = {"nurse_listen": [{"valid_to_on": "2024-06-30", "map": {"A": 1, "B": 4}}, {"valid_from_on": "2024-07-01", "map": {"A": 4, "B": 1}}]}
    done = conformed(HEADER + row("1", "A") + row("2", "A", discharged="2024-07-01") + row("3", "2"), survey_feed({"words": words}))
    assert [row[1] for row in answers(done)] == [1, 4, 2]


@pytest.mark.parametrize(("codes", "words"), [
    ([{"map": {1: "a"}}, {"valid_from_on": "2024-01-01", "map": {1: "b"}}], "two lists hold on 2024-01-01"),
    ([{"valid_to_on": "2024-01-01", "map": {1: "a"}}, {"valid_from_on": "2024-01-01", "map": {1: "b"}}], "two lists hold"),
])
def test_dated_lists_may_not_overlap(codes, words):
    with pytest.raises(ValueError, match=words):
        survey_feed(columns={"sex_code": {"from": "RACE", "codes": codes}})


def test_dated_lists_need_a_date():
    with pytest.raises(ValueError, match="codes_on"):
        survey_feed(columns={"sex_code": {"from": "RACE", "codes": RACES, "codes_on": "survey_id"}})


@pytest.mark.parametrize(("day", "expected"), [("2026-04-01", (1, 9)), ("2026-03-31", (9, 1))])
def test_layouts_with_the_same_headers_are_told_apart_by_the_date_of_the_delivery(conformed, monkeypatch, day, expected):
    """From a date on the vendor swapped two questions under unchanged headers."""
    from datetime import UTC, datetime

    monkeypatch.setattr("tests.ingestion.conftest.MOMENT", (datetime.fromisoformat(day).replace(tzinfo=UTC), 0))
    both = [{"id": "old", "has": ["Q1"], "valid_to_on": "2026-03-31", "columns": {"overall_rate": "Q1", "recommend": "Q2"}},
            {"id": "new", "has": ["Q1"], "valid_from_on": "2026-04-01", "columns": {"overall_rate": "Q2", "recommend": "Q1"}}]
    done = conformed(HEADER + row("1", "9" if day == "2026-03-31" else "1", "1" if day == "2026-03-31" else "9"), survey_feed({"generations": both}))
    assert done.rows("overall_rate, recommend") == [(9, 1)]
    assert expected


def test_a_layout_outside_its_dates_is_refused(conformed):
    old = [{"id": "old", "has": ["Q1"], "valid_to_on": "2025-12-31", "columns": {"nurse_listen": "Q1"}}]
    done = conformed(HEADER + row("1"), survey_feed({"generations": old}))
    assert done.report.refused["rule"] == "missing_column" and "holds on 2026-04-01" in done.report.refused["message"]


def test_a_discharge_after_the_receipt_is_quarantined(conformed):
    done = conformed(HEADER + row("1", received="2024-06-09") + row("2", received="2024-06-10") + row("3", received=""), survey_feed())
    assert done.rules() == [["discharge_after_receipt"], [], []]


def test_a_survey_with_two_units_is_no_survey_of_either(conformed):
    done = conformed(HEADER + row("1") + row("1", unit="ICU") + row("2") + row("2") + row("3"), survey_feed())
    assert done.rules() == [["two_units"], ["two_units"], [], ["duplicate_key"], []]


@pytest.mark.parametrize(("status", "q1", "expected"), [("1", "", ["complete_without_answers"]), ("1", "M", ["complete_without_answers"]), ("1", "4", []),
                                                        ("8", "", [])])
def test_a_complete_without_answers_is_told(conformed, status, q1, expected):
    done = conformed(HEADER + row("1", q1, "", status=status), survey_feed())
    assert done.rows("list_transform(warnings, lambda p: p.rule), problems") == [(expected, [])]


def test_rules_of_the_feed(conformed):
    rules = [{"rule": "young_mother", "when": "unit_code = 'ICU' and overall_rate > 8", "say": "no such unit gives nines", "column": "unit_code"},
             {"rule": "odd_status", "when": "disposition_code = '7'", "say": "refusals are rare", "on_error": "warn"}]
    feed = survey_feed(rules=rules)
    done = conformed(HEADER + row("1", unit="ICU") + row("2", status="7") + row("3", unit="ICU", q2="8"), feed)
    assert done.rules() == [["young_mother"], [], []]
    assert done.report.warning_rules == {"odd_status": 1}
    assert (reason(feed, "young_mother"), reason(feed, "two_units")) == ("no such unit gives nines", REASONS["two_units"])


def test_a_rule_that_is_no_sql_refuses_the_file(conformed):
    done = conformed(HEADER + row("1"), survey_feed(rules=[{"rule": "bad", "when": "no_such_column > 1", "say": "x"}]))
    assert done.report.refused["rule"] == "feed_definition" and "rule of the feed" in done.report.refused["message"]


def test_columns_for_checks_reach_raw_parquet_and_go_no_further(conformed):
    from orchestration.dbt_files import delivered_columns

    feed = survey_feed(checked={"sample_size": {"from": "N", "type": "integer"}})
    done = conformed(HEADER.strip() + ",N\n" + row("1").strip() + ",30\n", feed)
    assert done.rows("sample_size") == [(30,)]
    assert "sample_size" not in delivered_columns(feed)


def test_rows_a_feed_does_not_keep_are_set_aside_with_that_one_reason(conformed):
    feed = survey_feed(keep={"DISP": ["1", "6"]})
    done = conformed(HEADER + row("1") + row("2", status="8", discharged="never") + row("3", status=""), feed)
    assert done.rules() == [[], ["set_aside"], ["set_aside"]]


def test_lost_zeros_are_restored_and_recorded(conformed):
    feed = survey_feed(columns={"facility_code": {"from": "FAC", "required": True, "pad": 6}})
    lines = "".join(row(str(n)).replace("F1", code) for n, code in enumerate(["10001", "010001", "1C001", "1234567", " 50 "]))
    done = conformed(HEADER + lines, feed)
    assert [row[0] for row in done.rows("facility_code")] == ["010001", "010001", "1C001", "1234567", "000050"]
    assert done.report.warning_rules == {"leading_zeros_restored": 2}


RANGE = {"from": "V", "type": "number", "ranges": {"300 or more": [300, None], "Between 100 and 299": [100, 299], "FEWER THAN 50": [0, 49]}}


@pytest.mark.parametrize(("text", "lower", "upper", "problems"), [
    ("21.85 - 23.64", 21.85, 23.64, []), (">= 31.53", 31.53, None, []), ("<= 5", None, 5.0, []), ("88", 88.0, 88.0, []), ("97 %", 97.0, 97.0, []),
    ("1,204", 1204.0, 1204.0, []), ("-3.5", -3.5, -3.5, []), ("300 OR MORE", 300.0, None, []), ("between 100 and 299", 100.0, 299.0, []), ("Fewer than 50", 0.0, 49.0, []),
    ("", None, None, []), ("--", None, None, ["bad_number", "bad_number"]), ("12 - x", None, None, ["bad_number", "bad_number"]),
])
def test_ends_of_a_range(conformed, text, lower, upper, problems):
    benchmark = {"feed": "b", "label": "B", "kind": "benchmark", "files": "*.csv", "format": {"type": "delimited"}, "business_key": ["public_measure_id"],
                 "columns": {"public_measure_id": {"from": "M", "required": True}, "value": RANGE | {"part": "lower"}, "value_high": RANGE | {"part": "upper"}}}
    done = conformed(f'M,V\nX,"{text}"\n', Feed.model_validate(benchmark))
    assert done.rows("value, value_high") == [(lower, upper)]
    assert done.rules() == [problems]


@pytest.mark.parametrize(("decimal", "text", "value", "whole"), [
    (".", "8.5", 8.5, None), (".", "8,5", None, None), (".", "1,234.5", 1234.5, None), (".", "12,34", None, None), (".", "1,234", 1234.0, 1234), (".", ".5", 0.5, None),
    (",", "8,5", 8.5, None), (",", "1.234,50", 1234.5, None), (",", "1 234,5", 1234.5, None), (",", "1\u202f234", 1234.0, 1234), (",", "1.234", 1234.0, 1234),
    (",", "8.5", None, None), (",", "3,0", 3.0, 3), (",", "-0,25", -0.25, None), (".", "nan", None, None),
])
def test_a_comma_is_decimal_only_where_the_feed_says_so(conformed, decimal, text, value, whole):
    spec = {"from": "V", "decimal": decimal}
    metric = {"feed": "m", "label": "M", "kind": "metric", "files": "*.csv", "format": {"type": "delimited", "delimiter": ";"}, "business_key": ["metric_code"],
              "columns": {"metric_code": {"from": "M", "required": True}, "facility_code": {"from": "M", "required": True},
                          "period_start_on": {"from": "D", "type": "date", "formats": ["%d.%m.%Y"], "required": True},
                          "value": spec | {"type": "number"}, "denominator": spec | {"type": "integer"}}}
    done = conformed(f"M;D;V\nX;01.03.2026;{text}\n", Feed.model_validate(metric))
    assert done.rows("value, denominator") == [(value, whole)]
    assert done.rules() == [["bad_number"] * (value is None) + ["bad_integer"] * (whole is None)]


def test_every_rule_code_has_words():
    """Rules are named in single quotes in the SQL that makes them."""
    found = set()
    for path in [*ROOT.glob("ingestion/*.py"), *ROOT.glob("ingestion/readers/*.py")]:
        text = path.read_text()
        found |= set(re.findall(r"(?:then|else) '([a-z]+(?:_[a-z]+)+)'", text)) | set(re.findall(r"\"'([a-z]+(?:_[a-z]+)+)'\"", text))
    assert {"answer_not_permitted", "missing_value", "tab_in_record", "two_units", "set_aside"} <= found
    assert found <= set(REASONS), sorted(found - set(REASONS))
