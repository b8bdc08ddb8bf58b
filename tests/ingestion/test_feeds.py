"""The feeds that are shipped: each loads, none overlaps, identifiers never stay, and real third-party files are read.

Belongs here: feeds/*.yml. Does not belong here: the model of a feed (test_feed.py), the readers, the samples.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from ingestion.conform import conform
from ingestion.feed import FEEDS_DIR, Feed, load_feeds
from ingestion.instruments import SEEDS_DIR, permitted_answers
from tests.ingestion.conftest import KEYS, MOMENT, Conformed
from tests.ingestion.workbooks import workbook

SHIPPED = {
    "cms_hcahps_public", "encounter_counts", "encounter_counts_daily", "fhir_encounters", "hcahps_xml", "org_units", "press_ganey_hcahps",
    "rl6_feedback", "synthea_encounters", "tuva_encounter_counts", "press_ganey_xml", "cgcahps_fixed_width", "qualtrics_experience",
    "surveymonkey_feedback", "realtime_feedback", "online_reviews", "nhs_fft", "cahps_mips_scores", "qpp_benchmarks", "own_benchmarks",
    "hcahps_history_results", "hcahps_history_responses", "cms_oas_public", "cms_hcahps_hospital",
    "datix_complaints", "datix_subjects", "datix_complainants", "radar_complaints", "salesforce_cases", "complaint_log", "complaint_log_csv",
    "complaint_codings", "complaint_words", "complaint_schemes", "complaint_links", "timeliness_rules", "star_cut_points", "adjustment_coefficients",
}
# One file name per way a feed's files are called, in a folder too.
NAMES = {
    "in/HCAHPS-State.csv": "cms_hcahps_public", "HCAHPS-National_2026.csv": "cms_hcahps_public", "HCAHPS - State.csv": "cms_hcahps_public",
    "Patient_survey__HCAHPS__-_National.csv": "cms_hcahps_public", "HCAHPS-Hospital.csv": "cms_hcahps_hospital",
    "2017/HCAHPS - Hospital.csv": "cms_hcahps_hospital", "PCH_HCAHPS_HOSPITAL.csv": "cms_hcahps_hospital",
    "encounter_counts_202609_20261006.xlsx": "encounter_counts", "encounters_daily_202609_20261002.csv": "encounter_counts_daily",
    "F2_Encounter_202609_20261007.ndjson": "fhir_encounters", "x/synthea_fhir_Encounter.ndjson": "fhir_encounters",
    "hcahps_000003_202501_20250214_v2.xml": "hcahps_xml", "org_units_20250620.csv": "org_units",
    "pg_hcahps_r1_202501_20250212.txt": "press_ganey_hcahps", "rl6_feedback_202609_20261003.csv": "rl6_feedback",
    "benchmarks_cahps_2019.csv": "qpp_benchmarks", "cms_hcahps_history/responses.csv": "hcahps_history_responses",
    "cms_hcahps_history/state_results.csv": "hcahps_history_results", "x/oas_asc_state_202407.csv": "cms_oas_public",
    "OQR_OAS_CAHPS_BY_HOSPITAL.csv": "cms_oas_public", "in/ASCQR_OAS_CAHPS_NATIONAL.csv": "cms_oas_public",
    "pg_export_202412_20250103.xml": "press_ganey_xml", "fft_ambulance_202503.xlsx": "nhs_fft",
    "x/synthea_encounters.csv": "synthea_encounters", "tuva_encounter_counts_monthly.csv": "tuva_encounter_counts",
}
IDENTIFYING = re.compile(r"(?i)name|phone|e-?mail|mrn|subject|patient mrn|involved staff|complainant|display$")
PLACE_NAMES = {"$.serviceProvider.display", "$.location[-1].location.display", "FacilityName", "UnitName", "header/provider-name", "Ward Name", "Ward name"}


@pytest.fixture(scope="module")
def feeds() -> dict[str, Feed]:
    return load_feeds()


def read(feed: Feed, path: Path, tmp_path: Path) -> Conformed:
    out, restricted = tmp_path / "raw.parquet", tmp_path / "text.parquet"
    return Conformed(conform(feed, path, "0123456789abcdef", MOMENT, KEYS, out, restricted), out, restricted)


def test_all_shipped_feeds_load(feeds):
    assert SHIPPED <= set(feeds)


@pytest.mark.parametrize("path", sorted(FEEDS_DIR.glob("*.yml")), ids=lambda path: path.stem)
def test_a_feed_opens_with_one_or_two_lines_about_it(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    n_comments = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    assert 1 <= n_comments <= 2
    assert lines[n_comments] == f"feed: {path.stem}"


@pytest.mark.parametrize(("name", "feed"), NAMES.items())
def test_a_file_belongs_to_exactly_one_feed(feeds, name, feed):
    assert [one for one in feeds if feeds[one].matches(name)] == [feed]


def test_every_header_that_identifies_people_is_hashed_or_dropped(feeds):
    kept = [
        f"{feed.feed}.{name}" for feed in feeds.values() for name, spec in feed.columns.items()
        if spec.privacy == "none" and not spec.guard and any(IDENTIFYING.search(header) for header in set(spec.source) - PLACE_NAMES)
    ]
    assert kept == []
    purposes = {spec.privacy for feed in feeds.values() for spec in feed.columns.values()}
    assert purposes >= {"patient", "staff", "complainant", "encounter", "free_text", "drop"}


@pytest.mark.parametrize(("layout", "instrument"), [("layout_2025", "HCAHPS-32"), ("layout_2018", "HCAHPS-29")])
def test_question_columns_follow_the_form(feeds, layout, instrument):
    """Q7 must be question 7 of the form; the five race boxes carry letters."""
    with (SEEDS_DIR / "instrument_item.csv").open(encoding="utf-8", newline="") as rows:
        form = {row["item_code"]: int(row["question_number"]) for row in csv.DictReader(rows) if row["instrument_id"] == instrument}
    generation = next(one for one in feeds["press_ganey_hcahps"].items.generations if one.id == layout)
    numbers = {item: int(re.fullmatch(r"Q(\d+)[A-E]?", header)[1]) for item, header in generation.columns.items()}
    assert numbers == form
    assert len(set(generation.columns.values())) == len(form)


@pytest.mark.parametrize("name", ["press_ganey_hcahps", "hcahps_xml"])
def test_generations_name_known_items_only(feeds, name):
    known = set(permitted_answers("hcahps"))
    generations = feeds[name].items.generations
    assert all(set(one.columns) <= known for one in generations)
    assert set().union(*(one.columns for one in generations)) == known


def test_a_survey_file_that_is_neither_layout_is_refused(feeds, tmp_path):
    path = tmp_path / "pg_hcahps_x.txt"
    path.write_text("SURVEY_ID|CCN|UNIT|MRN|PATIENT_NAME|DISDATE|RECDATE|DISPOSITION|MODE|LANGUAGE|SEX|AGE|SERVICE_LINE|ADMIT_SOURCE|"
                    "DISCH_STATUS|LAG|ADJSAMP|COMMENT|Q1\nA|1|W|SYN1|X|01/02/2025||8|Mail|English|1|3|2|1|01||INCLUDED||\n")
    report = read(feeds["press_ganey_hcahps"], path, tmp_path).report
    assert report.refused["rule"] == "missing_column"
    assert "layout_2025" in report.refused["message"]


def test_cms_files_become_benchmarks_with_reasons(feeds, shared, tmp_path):
    state = read(feeds["cms_hcahps_public"], shared / "samples/cms/HCAHPS-State.csv", tmp_path)
    assert (state.report.n_rows, state.report.n_quarantined) == (4032, 0)
    values = Counter(reason for _, reason in state.rows("value, value_reason"))
    assert values == {None: 4032 - 288, "NOT_AVAILABLE": 288}
    assert {row[0] for row in state.rows("footnote") if row[0]} == {"5"}
    assert set(state.rows("geography_level, period_start_on, period_end_on")) == {("state", date(2022, 10, 1), date(2023, 9, 30))}
    national = read(feeds["cms_hcahps_public"], shared / "samples/cms/HCAHPS-National.csv", tmp_path)
    assert set(national.rows("geography_level, geography_code")) == {("national", "US")}
    assert national.report.n_accepted == 72


def test_synthea_encounters_arrive_by_class(feeds, shared, tmp_path):
    got = read(feeds["synthea_encounters"], shared / "samples/encounters/synthea_encounters.csv", tmp_path)
    assert (got.report.n_rows, got.report.n_quarantined) == (654, 0)
    with (shared / "samples/encounters/synthea_encounters.csv").open(encoding="utf-8", newline="") as rows:
        expected = Counter((row["ENCOUNTERCLASS"], row["START"][:19].replace("T", " ")) for row in csv.DictReader(rows))
    assert Counter((code, str(start)) for code, start in got.rows("class_code, start_at")) == expected
    assert all(len(row[0]) == 32 for row in got.rows("encounter_id"))


@pytest.mark.parametrize(("header", "place"), [
    ("Id,START,STOP,PATIENT,ENCOUNTERCLASS,CODE,DESCRIPTION,COST,REASONCODE,REASONDESCRIPTION", None),
    ("Id,START,STOP,PATIENT,PROVIDER,ENCOUNTERCLASS,CODE,DESCRIPTION,COST,REASONCODE,REASONDESCRIPTION", "org-1"),
])
def test_synthea_before_it_had_a_column_of_organisations(feeds, tmp_path, header, place):
    cells = {"Id": "a", "START": "2018-05-01T10:00:00Z", "STOP": "2018-05-01T10:15:00Z", "PATIENT": "p", "PROVIDER": "org-1", "ENCOUNTERCLASS": "wellness"}
    (path := tmp_path / "synthea_encounters.csv").write_text(f"{header}\n{','.join(cells.get(name, '') for name in header.split(','))}\n")
    got = read(feeds["synthea_encounters"], path, tmp_path)
    assert (got.report.refused, got.report.rules) == (None, {})
    assert got.rows("facility_code, class_code, start_at::varchar") == [(place, "wellness", "2018-05-01 10:00:00")]


@pytest.mark.parametrize("moment", ["2026-03-31T23:30:00+00:00", "2026-03-31 23:30:00", "2026-03-31T23:30:00.000Z"])
def test_synthea_moments_are_utc_however_they_are_written(feeds, tmp_path, moment):
    (path := tmp_path / "synthea_encounters.csv").write_text(f"Id,START,STOP,PATIENT,ORGANIZATION,ENCOUNTERCLASS\na,{moment},{moment},p,o,home\n")
    got = read(feeds["synthea_encounters"], path, tmp_path)
    assert (got.report.rules, got.report.warning_rules) == ({}, {})
    assert got.rows("start_at::varchar, end_at::varchar") == [("2026-03-31 23:30:00",) * 2]


def fhir(feeds, tmp_path, **parts) -> Conformed:
    resource = {"resourceType": "Encounter", "id": "1", "status": "finished", "class": {"code": "AMB"}, "period": {"start": "2026-03-31T23:30:00Z"}}
    (path := tmp_path / "Encounter.ndjson").write_text(json.dumps(resource | parts) + "\n")
    return read(feeds["fhir_encounters"], path, tmp_path)


@pytest.mark.parametrize(("place", "code"), [
    ({"reference": "Organization/1", "display": "North Harbor"}, "North Harbor"), ({"reference": "Organization/1"}, "Organization/1"),
    ({"reference": "Organization/1/_history/3"}, "Organization/1"), ({"identifier": {"system": "urn:x", "value": "F1"}}, "F1"), ({"reference": "#1"}, None),
])
def test_a_place_without_a_display_is_told_by_its_reference(feeds, tmp_path, place, code):
    got = fhir(feeds, tmp_path, serviceProvider=place, location=[{"location": {"display": "Door"}}, {"location": place}])
    assert got.rows("facility_code, unit_code") == [(code, code)]


@pytest.mark.parametrize("parent", [{"reference": "Encounter/9"}, {"identifier": {"value": "9"}}, {"display": "stay of March"}])
def test_a_part_of_a_visit_is_one_however_the_visit_is_named(feeds, tmp_path, parent):
    assert fhir(feeds, tmp_path, partOf=parent).rows("part_of_id is not null") == [(True,)]


def test_a_fraction_of_seven_digits_is_a_moment(feeds, tmp_path):
    got = fhir(feeds, tmp_path, period={"start": "2026-04-01T11:30:00.1234567+12:00", "end": "2026-04-01T00:10:00.1234567Z"})
    assert got.rows("strftime(start_at, '%Y-%m-%d %H:%M'), strftime(end_at, '%Y-%m-%d %H:%M')") == [("2026-03-31 23:30", "2026-04-01 00:10")]


def test_a_visit_to_an_office_belongs_to_its_data_source(feeds, tmp_path):
    (path := tmp_path / "tuva_encounters.csv").write_text(
        "encounter_id,person_id,encounter_type,encounter_group,encounter_start_date,encounter_end_date,facility_id,data_source\n"
        "1,p,office visit,office based,2026-03-05,2026-03-05,,north\n2,p,acute inpatient,inpatient,2026-03-05,2026-03-07,H1,north\n")
    got = read(feeds["tuva_encounters"], path, tmp_path)
    assert got.report.rules == {} and got.rows("facility_code") == [("north",), ("H1",)]


def test_tuva_before_it_had_persons_and_groups(feeds, tmp_path):
    (path := tmp_path / "tuva_encounters.csv").write_text("encounter_id,patient_id,encounter_type,encounter_start_date,encounter_end_date,facility_npi,data_source\n"
                                                          "1,p,emergency department,2023-03-05 00:00:00,2023-03-05 00:00:00,F1,north\n")
    got = read(feeds["tuva_encounters"], path, tmp_path)
    assert (got.report.refused, got.report.rules) == (None, {})
    assert got.rows("class_code, start_on::varchar, patient_id is not null") == [("emergency department", "2023-03-05", True)]


def test_tuva_counts_without_groups_have_their_type_as_class(feeds, tmp_path):
    (path := tmp_path / "tuva_encounter_counts.csv").write_text("DATA_SOURCE,ENCOUNTER_TYPE,YEAR_MONTH,CLAIM_COUNT\nnorth,acute inpatient,202303,34\n")
    got = read(feeds["tuva_encounter_counts"], path, tmp_path)
    assert (got.report.refused, got.report.rules, got.rows("unit_code, class_code")) == (None, {}, [("acute inpatient", "acute inpatient")])


def test_fhir_timestamps_become_utc(feeds, shared, tmp_path):
    got = read(feeds["fhir_encounters"], shared / "samples/encounters/synthea_fhir_Encounter.ndjson", tmp_path)
    assert (got.report.n_rows, got.report.n_quarantined) == (75, 0)
    assert Counter(row[0] for row in got.rows("class_code")) == {"AMB": 73, "EMER": 2}
    first = got.rows("start_at, facility_code, status_code")[0]
    assert (str(first[0]), *first[1:]) == ("1964-12-28 08:42:24", "MOUNT AUBURN HOSPITAL", "finished")  # 20:42:24+12:00 in the file


def test_tuva_counts_keep_their_totals(feeds, shared, tmp_path):
    path = shared / "samples/encounters/tuva_encounter_counts_monthly.csv"
    got = read(feeds["tuva_encounter_counts"], path, tmp_path)
    assert got.report.n_quarantined == 0
    expected: Counter = Counter()
    with path.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            expected[row["ENCOUNTER_GROUP"], row["YEAR_MONTH"]] += int(row["CLAIM_COUNT"])
    counted: Counter = Counter()
    for group, month, n in got.rows("class_code, strftime(period_start_on, '%Y%m'), n_encounters"):
        counted[group, month] += n
    assert counted == expected


def counts_workbook(feeds, tmp_path, header: list, *rows: list) -> Conformed:
    (path := tmp_path / "encounter_counts_202602_20260301.xlsx").write_bytes(workbook(["Volumes"], ["Hospital", "Unit", "Patient class", *header], *rows))
    return read(feeds["encounter_counts"], path, tmp_path)


@pytest.mark.parametrize("label", ["Total", "Subtotal", "Sub-total", "ED subtotal", "SUBTOTAL:", "Grand total", "Subtotals"])
def test_a_total_row_of_a_workbook_is_never_counted(feeds, tmp_path, label):
    got = counts_workbook(feeds, tmp_path, [date(2026, 1, 1), "YTD 2026"], ["F1", "4W", "ED visits", 3, 3], ["F1", "5E", "ED visits", 4, 4], ["F1", label, "ED visits", 7, 7])
    assert got.rows("unit_code, n_encounters") == [("4W", 3), ("5E", 4)]
    assert "1 total row was checked and left out" in got.report.notes


@pytest.mark.parametrize("months", [["Jan-26", "Feb-26"], ["Jan 2026", "February 2026"], ["2026-01", "02/2026"], [date(2026, 1, 31), "Feb 26"]])
def test_a_workbook_may_write_its_months_in_any_usual_way(feeds, tmp_path, months):
    got = counts_workbook(feeds, tmp_path, [*months, "Q1 2026", "Total"], ["F1", "4W", "ED visits", 3, 4, 7, 8])
    assert got.report.refused is None
    assert got.rows("period_start_on, n_encounters") == [(date(2026, 1, 1), 3), (date(2026, 2, 1), 4)]
    assert any("column 'Total' differs from the sum of its months" in note for note in got.report.notes)


def test_a_month_called_a_total_does_not_vanish(feeds, tmp_path):
    assert counts_workbook(feeds, tmp_path, ["Jan 2026", "Feb 2026 total"], ["F1", "4W", "ED visits", 3, 4]).report.refused["rule"] == "unknown_month"
