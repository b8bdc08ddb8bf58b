"""Names of people among the codes of places: found by their shape, and ordinary places left alone."""

from __future__ import annotations

import re

import duckdb
import pytest

from ingestion.person_names import SIGNS_IN_WORDS, looks_like_person

PEOPLE = """Smith, Mary|SMITH, JOHN|O'Brien, Pat|Smith-Jones, Anna|Müller, Jürgen|De Vries, Anna|Smith, J.|J. Smith|J.R. Smith|J.Smith|M. O'Brien|J Smith|Ward 7 - J. Smith
5 East (Testerly, Torvella)|Mary Smith|JOHN SMITH|Mary A. Smith|Susan B Jones|Mary Anne Smith""".replace("\n", "|").split("|")
PLACES = """4 West|Labor and Delivery|Ward 7|North Harbor Hospital|St. Mary Medical Center|St. Mary, Springfield|Medicine, East|MEDICINE, EAST|North Harbor, East
5 E. Tower|N. Harbor Clinic|A Ward|E Wing|B East|Cardiology, Pediatric|ICU, North|NICU|4W|ED|F1|Surgery A|Maple B|Emergency Dept|Mother/Baby|Short Stay
U.S. Naval Hospital|Ward 7 (Harbour)|Springfield, IL|Main Campus, Springfield|Women's Health|Med/Surg, 3rd Floor|Harbor View|Oncology Infusion|unassigned
Mary Immaculate Hospital|Grace Hospital|St. John's|Mount Sinai, Queens|Mercy Hospital, Springfield|Outpatient Clinic C.|Bldg A. Floor 3|Radiology, Main|5 North|
Behavioral Health, Adolescent|Operating Room|Day Surgery|Ortho, Neuro|Victoria Wing|John Radcliffe Hospital|Henry Ford Health|3 South, Telemetry|CLIN|Dialysis, 2nd floor
Intensive Care Unit|Care of Older People|Ambulatory Care, West|Theatre, Recovery|W. Pavilion|Royal Victoria Infirmary|Harbor Site|Unit 5, Bed 3""".replace("\n", "|").split("|")


def judged(texts: list[str | None], **kind: bool) -> list[tuple]:
    with duckdb.connect() as con:
        return con.execute(f"select t, {looks_like_person('t', **kind)} from (select unnest(?::varchar[]) as t)", [texts]).fetchall()


@pytest.mark.parametrize(("texts", "expected"), [(PEOPLE, True), (PLACES, False)], ids=["people", "places"])
def test_people_and_places(texts: list[str], expected: bool) -> None:
    assert len(texts) > 15
    assert [text for text, is_person in judged(texts) if is_person is not expected] == []


def test_other_code_columns_know_initials_only() -> None:
    words = ["Communication, Listening", "Attitude, Behaviour", "Mary Smith", "E. coli", "About J. Smith"]
    assert [is_person for _, is_person in judged(words, is_place=False)] == [False, False, False, False, True]


def test_roles_and_reasons_are_judged_alike_by_the_definitions_and_by_sql() -> None:
    named = ["agreed with Dr Smith", "MRS. JONES asked", "professor Lee", "ask kim@example.org", "call 555-0123", "call 555 0123"]
    roles = ["Chief Nursing Officer", "Quality board", "doctors of the ward", "new form from 2025 on", "room 1234567"]
    found = [bool(re.search(SIGNS_IN_WORDS, text)) for text in (*named, *roles)]
    assert found == [True] * len(named) + [False] * len(roles)
    with duckdb.connect() as con:
        assert con.execute("select list_transform(?::varchar[], lambda t: regexp_matches(t, ?))", [[*named, *roles], SIGNS_IN_WORDS]).fetchone()[0] == found


def test_nothing_is_no_person() -> None:
    assert judged([None, ""]) == [(None, None), ("", False)]
