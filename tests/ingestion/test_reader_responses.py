"""Survey files in long form: question map, blocks that may be missing, the same name in two services."""

from __future__ import annotations

import tracemalloc

import pytest

from tests.ingestion.reading import feed_of, reading, refusal

NAMES = ["SURVEY_ID", "DEMOGRAPHICS/UNIT", "ANALYSIS/IN|A1", "ANALYSIS/MD|A1", "HCAHPS/IN|CMS_1CL", "COMMENTS/IN|OPEN1"]
LAYOUT = {"blocks": ["DEMOGRAPHICS", "ANALYSIS", "HCAHPS", "COMMENTS"], "service": "SERVICE", "questions": "QUESTION_MAP/QUESTION"}
FEED = feed_of(NAMES, type="xml", record="PATIENTLEVELDATA", header="HEADER", responses=LAYOUT)
MAPLESS = feed_of(NAMES, type="xml", record="PATIENTLEVELDATA", responses=LAYOUT | {"questions": None})


def question(service: str, name: str) -> str:
    return f"<QUESTION><SERVICE>{service}</SERVICE><VARNAME>{name}</VARNAME><QUESTION_TEXT>Asked: {name}?</QUESTION_TEXT></QUESTION>"


MAP = "".join(question(*one) for one in (("IN", "A1"), ("MD", "A1"), ("IN", "CMS_1CL"), ("IN", "OPEN1")))
HEADER = f"<HEADER><RECDATE><START>2025-01-01</START><END>2025-01-31</END></RECDATE><QUESTION_MAP>{MAP}</QUESTION_MAP></HEADER>"


def block(name: str, **values: str) -> str:
    responses = "".join(f"<RESPONSE><VARNAME>{key}</VARNAME><VALUE>{value}</VALUE></RESPONSE>" for key, value in values.items())
    return f"<{name}>{responses}</{name}>"


def survey(number: int, *blocks: str, service: str = "IN") -> str:
    return f"<PATIENTLEVELDATA>{''.join(blocks)}<SURVEY_ID>{number}</SURVEY_ID><SERVICE>{service}</SERVICE></PATIENTLEVELDATA>"


def export(*surveys: str, header: str = HEADER, namespace: str = "") -> bytes:
    return f"<?xml version='1.0' encoding='UTF-8'?><DATA_EXPORT{namespace}>{header}{''.join(surveys)}</DATA_EXPORT>".encode()


FULL = survey(1, block("DEMOGRAPHICS", UNIT="4W"), block("ANALYSIS", A1="5"), block("HCAHPS", CMS_1CL="Always"), block("COMMENTS", OPEN1="Thank you"))


@pytest.mark.parametrize("namespace", ["", ' xmlns="urn:any"'])
def test_one_row_per_survey_and_a_name_means_what_its_service_says(namespace):
    content = export(FULL, survey(2, block("ANALYSIS", A1="3"), block("DEMOGRAPHICS", UNIT="ICU"), service="MD"), namespace=namespace)
    with reading(content, FEED) as read:
        assert sorted(read.headers) == sorted(NAMES) and not read.source.is_sparse
        assert read.rows("_problem", *NAMES) == [(None, "1", "4W", "5", None, "Always", "Thank you"), (None, "2", "ICU", None, "3", None, None)]


@pytest.mark.parametrize("blocks", [(), ("<ANALYSIS/>", "<HCAHPS></HCAHPS>"), ("<ANALYSIS>\n</ANALYSIS>",)])
def test_blocks_may_be_missing_or_empty(blocks):
    with reading(export(survey(7, *blocks), FULL), FEED) as read:
        assert read.rows("_problem", *NAMES)[0] == (None, "7", None, None, None, None, None)


def test_a_question_in_the_map_was_asked_even_if_nobody_answered():
    with reading(export(survey(1, block("DEMOGRAPHICS", UNIT="4W"))), FEED) as read:
        assert "HCAHPS/IN|CMS_1CL" in read.headers
    shorter = HEADER.replace(question("IN", "CMS_1CL"), "")
    with reading(export(survey(1, block("DEMOGRAPHICS", UNIT="4W")), header=shorter), FEED) as read:
        assert "HCAHPS/IN|CMS_1CL" not in read.headers


def test_without_a_map_absence_says_nothing():
    with reading(export(survey(1, block("ANALYSIS", A1="5")), header=""), MAPLESS) as read:
        assert read.source.is_sparse
        assert read.headers == ["SURVEY_ID", "ANALYSIS/IN|A1"]


@pytest.mark.parametrize(("second", "problem"), [("4", "repeated_response"), ("5", None), ("", None)])
def test_a_question_answered_twice(second, problem):
    with reading(export(survey(1, block("ANALYSIS", A1="5"), block("ANALYSIS", A1=second))), FEED) as read:
        assert read.rows("_problem", "ANALYSIS/IN|A1") == [(problem, "5")]


def test_a_response_without_a_name():
    with reading(export(survey(1, "<ANALYSIS><RESPONSE><VALUE>5</VALUE></RESPONSE></ANALYSIS>")), FEED) as read:
        assert read.rows("_problem") == [("unnamed_response",)]


def test_what_nobody_declared_is_counted_without_its_values():
    content = export(survey(1, block("ANALYSIS", A1="5", A2="4", SECT1="Rooms"), block("HCAHPS", CMS_1="secret"), "<CLIENT_ID>9</CLIENT_ID>"))
    with reading(content, FEED) as read:
        notes = " ".join(read.notes)
        for part in ("ANALYSIS/IN|A2", "ANALYSIS/IN|SECT1", "HCAHPS/IN|CMS_1 ", "CLIENT_ID"):
            assert f"undeclared element {part.strip()} (1 times)" in notes
        assert "secret" not in notes and "QUESTION" not in notes


def test_names_without_end_are_counted_as_one():
    content = export(survey(1, block("ANALYSIS", **{f"X{n}": "1" for n in range(400)})))
    with reading(content, FEED) as read:
        assert len(read.notes) < 250 and "(other names)" in " ".join(read.notes)


def test_no_header_where_one_is_declared():
    assert refusal(export(FULL, header=""), FEED).rule == "no_header"


def test_memory_does_not_grow_with_the_file():
    def peak(n: int) -> int:
        content = export(*(survey(number, block("ANALYSIS", A1="5", A2="4")) for number in range(n)))
        tracemalloc.start()
        with reading(content, FEED) as read:
            assert len(read.rows("SURVEY_ID")) == n
        size = tracemalloc.get_traced_memory()[1] - len(content)
        tracemalloc.stop()
        return size

    peak(10)
    assert peak(20_000) < peak(5_500) + (20 << 20)
