"""Columns of records that differ from line to line: alternatives, references, moments with and without an offset."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from ingestion.conform import conform
from ingestion.feed import Feed, load_feeds
from tests.ingestion.conftest import KEYS, MOMENT

FEEDS = load_feeds()
R4 = {"id": "e1", "status": "finished", "class": {"code": "AMB"}, "subject": {"reference": "Patient/p1"}, "period": {"start": "2025-03-10T12:00:00Z"}}
R5 = {"id": "e2", "status": "completed", "class": [{"coding": [{"code": "VR"}]}], "subject": {"reference": "urn:uuid:p1"},
      "actualPeriod": {"start": "2025-03-10T07:00:00-05:00", "end": "2025-03-10T08:00:00-05:00"}, "partOf": {"reference": "Encounter/e1/_history/2"}}


def conformed(feed: Feed, content: bytes, folder: Path) -> list[dict]:
    (folder / "in").write_bytes(content)
    report = conform(feed, folder / "in", "d", MOMENT, KEYS, folder / "raw.parquet", folder / "text.parquet")
    assert report.refused is None and report.rules == {}
    with duckdb.connect() as con:
        found = con.execute("select * from read_parquet(?) order by row_number", [str(folder / "raw.parquet")])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_fhir_r4_and_r5_in_one_file(tmp_path):
    rows = conformed(FEEDS["fhir_encounters"], "".join(json.dumps(one) + "\n" for one in (R4, R5)).encode(), tmp_path)
    assert [row["class_code"] for row in rows] == ["AMB", "VR"]
    assert rows[0]["start_at"] == rows[1]["start_at"] and f"{rows[1]['end_at']:%H:%M}" == "13:00"


def test_a_reference_and_the_id_it_means_have_one_hash(tmp_path):
    first, second = conformed(FEEDS["fhir_encounters"], "".join(json.dumps(one) + "\n" for one in (R4, R5)).encode(), tmp_path)
    assert second["part_of_id"] == first["encounter_id"] != second["encounter_id"]
    assert second["patient_id"] == first["patient_id"]


@pytest.mark.parametrize("reference", ["Encounter/e1", "https://fhir.example.org/r4/Encounter/e1", "urn:uuid:e1", "e1", "Encounter/e1/_history/3"])
def test_every_way_to_write_a_reference(reference, tmp_path):
    rows = conformed(FEEDS["fhir_encounters"], (json.dumps(R4) + "\n" + json.dumps(R5 | {"partOf": {"reference": reference}}) + "\n").encode(), tmp_path)
    assert rows[1]["part_of_id"] == rows[0]["encounter_id"]


def test_hl7_moments_with_and_without_an_offset(tmp_path):
    def message(number: int, at: str) -> str:
        return f"MSH|^~\\&|S|S|||{at}||ADT^A04|m{number}|P|2.5\rEVN|A04\rPV1|1|O|4W|||||||||||||||{'|'}v{number}\r"

    moments = ("20250310070000-0500", "20250310070000", "202503100700", "20250310120000.5+0000")
    rows = conformed(FEEDS["hl7_adt"], "".join(message(n, at) for n, at in enumerate(moments)).encode(), tmp_path)
    assert {f"{row['event_at']:%Y-%m-%d %H:%M}" for row in rows} == {"2025-03-10 12:00"}  # Chicago is five hours behind
    assert [row["event_code"] for row in rows] == ["A04"] * 4 and len({row["encounter_id"] for row in rows}) == 4


def test_the_first_filled_of_several_columns(tmp_path):
    content = (b"PAT_ENC_CSN_ID,PAT_ID,CONTACT_DATE,ENC_TYPE,APPT_STATUS_C,DEPARTMENT_ID,HOSPITAL_AREA_ID,HOSP_ADMSN_TIME,HOSP_DISCH_TIME,ADT_PAT_CLASS\n"
               b"1,p,2025-03-03,Hospital Encounter,,4W,F1,2025-03-02 23:00:00,2025-03-04 10:00:00,Inpatient\n2,p,2025-03-03,Office Visit,6,CL,F1,,,\n")
    rows = conformed(FEEDS["epic_encounters"], content, tmp_path)
    assert [(row["class_code"], f"{row['start_on']}", row["status_code"]) for row in rows] == [("Inpatient", "2025-03-02", "completed"), ("Office Visit", "2025-03-03", "arrived")]


def test_an_expression_that_cannot_run_is_refused_in_the_feed():
    column = {"from": "a", "strip": "(?<=x)y"}
    with pytest.raises(ValueError, match="look-around"):
        Feed.model_validate({"feed": "f", "label": "f", "kind": "org_unit", "files": "*", "format": {"type": "delimited"},
                             "columns": {"source_facility_code": column, "facility_id": {"from": "b"}}})
