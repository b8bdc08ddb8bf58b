"""What the shipped survey, score and benchmark feeds make of their files, and of the official ones."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pytest

from ingestion.conform import conform
from ingestion.feed import Feed, load_feeds
from ingestion.readers import WARNING
from tests.ingestion.conftest import KEYS, MOMENT, Conformed
from tests.ingestion.workbooks import workbook

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def feeds() -> dict[str, Feed]:
    return load_feeds()


@pytest.fixture
def read(feeds, tmp_path):
    def run(feed: str | Feed, path: Path, name: str | None = None) -> Conformed:
        out, restricted = tmp_path / "raw.parquet", tmp_path / "text.parquet"
        found = feeds[feed] if isinstance(feed, str) else feed
        return Conformed(conform(found, path, "0123456789abcdef", MOMENT, KEYS, out, restricted, file_name=name or path.name), out, restricted)

    return run


def fixture(feed: str, name: str = "*") -> Path:
    return next(iter(sorted((FIXTURES / feed).glob(name))))


def test_a_press_ganey_export_carries_two_questionnaires_and_comments(read):
    done = read("press_ganey_xml", fixture("press_ganey_xml"))
    rows = done.rows("survey_id, nurse_listen is not null, pg_a1 is not null, is_in_official_sample, comment_length, comment_label_model")
    assert [row[1] for row in rows] == [True, False, True, True, True, False, True, True]  # a null block, a block that is not there
    assert [row[2] for row in rows] == [True, True, True, False, True, True, True, True]
    assert [row[3] for row in rows].count(False) == 1 and rows[4][3] is False
    assert rows[0][4:] == (43, "labeller 2.1")
    assert len(duckdb.sql(f"from read_parquet('{done.restricted}')").fetchall()) == 2
    assert b"nurse explained" not in done.out.read_bytes()


def test_an_unknown_answer_text_of_an_export_is_quarantined(read, tmp_path):
    bad = tmp_path / "pg_export_1.xml"
    bad.write_text(fixture("press_ganey_xml").read_text().replace("aLWAYS", "Mostly"))
    done = read("press_ganey_xml", bad)
    assert (done.report.n_quarantined, set(done.report.rules)) == (1, {"answer_not_permitted"})


def test_other_services_are_set_aside(read, tmp_path):
    other = tmp_path / "pg_export_1.xml"
    other.write_text(fixture("press_ganey_xml").read_text().replace("<SERVICE>IN</SERVICE><RECDATE>", "<SERVICE>MD</SERVICE><RECDATE>", 2))
    done = read("press_ganey_xml", other)
    assert done.report.rules == {"set_aside": 2} and done.report.n_accepted == 6


def test_positions_of_a_submission_file(read, shared):
    """Each answer stands where the published layout says."""
    import csv

    with (shared / "reference" / "codes" / "cgcahps30_items.csv").open(newline="") as rows:
        layout = {f"Q{row['question_no']}": (int(row["pos_from"]), int(row["pos_to"])) for row in csv.DictReader(rows)}
    feed = load_feeds()["cgcahps_fixed_width"]
    assert {name: place for name, place in feed.format.fields.items() if name.startswith("Q")} == layout
    done = read(feed, fixture("cgcahps_fixed_width"))
    lines = fixture("cgcahps_fixed_width").read_text().splitlines()
    texts = [line[136:138].strip() for line in lines]
    ratings = [{"M": -1, "H": -2}[text] if text in "MH" else int(text) for text in texts]
    assert [row[0] for row in done.rows("cg_provider_rating")] == ratings
    assert len({row[0] for row in done.rows("provider_id")}) == 3
    assert b"SYNDOC" not in done.out.read_bytes()


def test_qualtrics_counts_finished_answers_and_keeps_choices_as_text(read):
    done = read("qualtrics_experience", fixture("qualtrics_experience"))
    assert [row[0] for row in done.rows("disposition_code")].count("0") == 1
    assert {row[0] for row in done.rows("pg_a2")} <= {-3, 3, 4} and min(done.rows("pg_a2"))[0] == -3
    assert b"192.0.2.17" not in done.out.read_bytes()


def test_previews_are_set_aside(read, tmp_path):
    text = fixture("qualtrics_experience").read_bytes().replace(b"08:04:00,0,", b"08:04:00,1,", 2)
    path = tmp_path / "qualtrics_x.csv"
    path.write_bytes(text)
    assert read("qualtrics_experience", path).report.rules == {"set_aside": 2}


@pytest.mark.parametrize(("zone", "recorded", "received_on"), [
    ("America/Chicago", "2025-03-01 23:30:00", "2025-03-01"),
    ("America/Denver", "2025-03-01 23:30:00", "2025-03-02"),  # half past midnight in the feed's zone, Chicago
    ("", "2025-03-01 23:30:00", "2025-03-01"), ("Moon/Crater", "2025-03-01 23:30:00", "2025-03-01"),
    ("Europe/Paris", "2025-03-01T03:10:05Z", "2025-02-28"), ("America/Denver", "2025-03-01T23:30:00-06:00", "2025-03-01"),
    ("America/Denver", "2025-03-01T23:30:00", "2025-03-02"),
])
@pytest.mark.parametrize("is_workbook", [False, True])
def test_qualtrics_moments_are_read_in_the_zone_the_file_states(read, tmp_path, zone, recorded, received_on, is_workbook):
    text = fixture("qualtrics_experience").read_text("utf-8-sig").replace('""recordedDate"",""timeZone"":""America/Chicago""', f'""recordedDate"",""timeZone"":""{zone}""')
    text = text.replace("2025-03-01 08:04:01", recorded, 1).replace('""VisitDate"",""timeZone"":""America/Chicago""', f'""VisitDate"",""timeZone"":""{zone}""')
    (file := tmp_path / f"qualtrics_x.{'xlsx' if is_workbook else 'csv'}").write_bytes(
        workbook(*csv.reader(io.StringIO(text))) if is_workbook else text.encode())
    done = read("qualtrics_experience", file)
    assert done.report.warning_rules == {} and [note for note in done.report.notes if "time zone" in note] == (
        [f"{WARNING}the file states a time zone for {name} that nobody knows; it is read in that of the feed, America/Chicago" for name in ("discharge_on", "received_on")]
        if zone == "Moon/Crater" else [])
    assert done.rows("received_on::varchar, discharge_on::varchar")[0] == (received_on, "2025-02-21")


def test_qualtrics_sample_files_conform(read, shared, feeds):
    """The public samples know no facility: the feed of such a survey names it itself."""
    definition = feeds["qualtrics_experience"].model_dump(by_alias=True)
    facility = {"facility_code": "CLINIC A"}
    columns = {name: spec for name, spec in definition["columns"].items() if name not in ("facility_code", "unit_code")}
    columns["discharge_on"]["from"] = ["endDate"]
    columns["discharge_on"]["formats"] = ["%Y-%m-%d %H:%M:%S"]
    generations = [{"id": "now", "has": ["_recordId"], "columns": {"pg_a1": "QID1"}}, {"id": "legacy", "has": ["ResponseID"], "columns": {"pg_a1": "Q1"}}]
    columns["comment"]["from"] = ["QID2_TEXT", "Q2"]
    feed = Feed.model_validate(definition | {"constants": definition["constants"] | facility, "columns": columns,
                                             "items": definition["items"] | {"generations": generations}})
    for name in ("sample.csv", "sample_legacy.csv"):
        done = read(feed, shared / "samples" / "qualtrics" / name)
        assert done.report.refused is None, done.report.refused
        assert done.rows("survey_id, pg_a1, comment_length, disposition_code") == [("R_2YPOQ602ER1jkf1", 2, 12, "1")]


def test_surveymonkey_workbook(read):
    done = read("surveymonkey_feedback", fixture("surveymonkey_feedback"))
    assert set(row[0] for row in done.rows("pg_a1")) <= {4, 5} and set(row[0] for row in done.rows("pg_a2")) <= {2, 3, 4}
    assert all(0 <= row[0] <= 10 for row in done.rows("nps_recommend"))


def test_scale_directions_stand_in_the_feed(read, tmp_path):
    path = tmp_path / "realtime_feedback_1.csv"
    head = "ResponseId,EventId,EventDate,AnsweredAt,Channel,Location,Unit,Question,Answer\n"
    path.write_text(head + "".join(f"T{n},E{n % 3},2025-03-01,{day} 10:00,SMS,A,U,{question},{value}\n" for n, day, question, value in (
        (1, "2025-03-02", "CARE", 1), (1, "2025-03-02", "WAIT", 1), (2, "2025-03-30", "CARE", 3), (4, "2025-03-03", "CARE", 3), (5, "2025-03-02", "CARE", 5))))
    done = read("realtime_feedback", path)
    assert done.rows("survey_id, pg_a1, pg_a2, list_transform(problems, lambda p: p.rule), list_transform(warnings, lambda p: p.rule)") == [
        ("E1", 5, 5, [], []), ("E2", 1, None, [], ["late_answer"]), ("E1", 1, None, ["duplicate_key"], []), ("E2", -1, None, ["duplicate_key"], ["answer_not_permitted"])]


def test_fft_counts_keep_suppression_and_the_calendar_year(read):
    done = read("nhs_fft", fixture("nhs_fft", "*.xlsx"))
    assert done.report.n_rows == 24
    assert {str(row[0]) for row in done.rows("distinct period_start_on, 0 as row_number")} == {"2024-12-01", "2025-01-01"}
    assert done.rows("count(n_answers), count_if(n_answers_reason = 'SUPPRESSED'), 0 as row_number") == [(23, 1, 0)]
    emergency = read("nhs_fft", fixture("nhs_fft", "*.csv"))
    assert emergency.rows("period_start_on::varchar, answer, n_answers")[:2] == [("2024-04-01", 1, 40), ("2024-04-01", 2, 9)]
    assert emergency.rows("period_start_on::varchar")[-1] == ("2025-03-01",)


@pytest.mark.parametrize(("year", "month", "first_on"), [
    ("2024-25", "JANUARY", "2025-01-01"), ("2024_25", "Jan", "2025-01-01"), ("2024/25", "January 2025", "2025-01-01"), ("2025-26", "May", "2025-05-01"), ("2025_26", "Sep", "2025-09-01"),
])
def test_the_month_of_an_fft_file_in_all_its_forms(read, tmp_path, year, month, first_on):
    (file := tmp_path / "fft_emergency_202503_20250420.csv").write_text(
        fixture("nhs_fft", "*.csv").read_text().replace("2024-25,April", f"{year},{month}"))
    done = read("nhs_fft", file)
    assert done.report.rules == {} and done.rows("period_start_on::varchar")[0] == (first_on,)


@pytest.mark.parametrize(("name", "dont_know"), [("Parent & Self Trusts - Ward Lev", "6 Dont Know SUM"), ("Sheet1", "6 Don't Know SUM")])
def test_an_fft_workbook_is_read_at_its_finest_level(read, tmp_path, name, dont_know):
    answers = ["1 Very Good SUM", "2 Good SUM", "3 Neither Good nor Poor SUM", "4 Poor SUM", "5 Very Poor SUM", dont_know]
    header = ["Yearnumber", "Periodname", "Org code", "Site code", "Ward name", *answers, "Total Eligible SUM"]
    before = ("Notes", "Parent & Self Trusts - Organisa") if name != "Sheet1" else ()
    (file := tmp_path / "FFT_Inpatients_V1 Aug-25.xlsx").write_bytes(
        workbook([name], header, ["2025_26", "AUGUST", "RSY", "RSY01", "Ward 1", 40, 8, 2, 1, 1, 0, 100], name=name, before=before))
    done = read("nhs_fft", file)
    assert (done.report.refused, done.report.rules) == (None, {})
    assert done.rows("facility_code, unit_code, sum(n_answers) over (), n_eligible")[0] == ("RSY01", "Ward 1", 52, 100)


@pytest.mark.parametrize(("name", "service"), [
    ("FFT_Inpatients_V1 Aug-25.csv", "inpatient"), ("fft_emergency_202503_20250420.csv", "emergency"), ("fft_202503.csv", None), ("fft_site_202503.csv", None)])
def test_the_service_of_an_fft_file_is_in_its_name_or_nowhere(read, tmp_path, name, service):
    (file := tmp_path / name).write_text(fixture("nhs_fft", "*.csv").read_text().replace("Site Code", "Org code,Site Code").replace(",RSY", ",RSY,RSY"))
    done = read("nhs_fft", file)
    assert (done.report.refused, done.report.rules) == (None, {})
    assert set(done.rows("service_code, organisation_code")) == {(service, "RSY")}


def test_a_virtual_group_is_a_group_and_an_unknown_kind_is_told(read, tmp_path):
    text = fixture("cahps_mips_scores").read_text()
    (file := tmp_path / "cahps_mips_scores_2025_20260701.csv").write_text(text.replace("Practice,CAHPS_1,", "Virtual Group,CAHPS_1,").replace("Practice,CAHPS_2,", "Club,CAHPS_2,"))
    done = read("cahps_mips_scores", file)
    assert done.report.rules == {} and set(done.report.warning_rules) == {"unknown_code"}
    assert done.rows("entity_level")[:2] == [("group",), (None,)]


def test_public_results_under_the_older_names_of_their_dates(read, shared, tmp_path):
    (file := tmp_path / "HCAHPS-State.csv").write_text(
        (shared / "samples/cms/HCAHPS-State.csv").read_text().replace("Start Date", "Measure Start Date", 1).replace("End Date", "Measure End Date", 1))
    assert (read("cms_hcahps_public", file).report.n_accepted) == 4032


OLDER_NAMES = {"Facility ID": "Provider ID", "Facility Name": "Hospital Name", "City/Town": "City", "County/Parish": "County Name",
               "Telephone Number": "Phone Number", '"Start Date"': '"Measure Start Date"', '"End Date"': '"Measure End Date"'}  # fmt: skip


@pytest.mark.parametrize("names", [{}, OLDER_NAMES])
def test_a_hospital_row_has_the_value_its_id_is_about(read, tmp_path, names):
    text = fixture("cms_hcahps_hospital").read_text()
    for new, old in names.items():
        text = text.replace(new, old, 1)
    (file := tmp_path / "HCAHPS-Hospital.csv").write_text(text)
    done = read("cms_hcahps_hospital", file)
    assert done.report.rules == {} and not any("not loaded" in note for note in done.report.notes)
    assert done.rows("geography_code, public_measure_id, value, value_reason, footnote, n_surveys, n_surveys_high, response_rate_pct") == [
        ("000001", "H_COMP_1_A_P", 76, None, None, 505, 505, 15), ("000001", "H_COMP_1_LINEAR_SCORE", 90, None, None, 505, 505, 15),
        ("000001", "H_COMP_1_STAR_RATING", 3, None, None, 505, 505, 15), ("000001", "H_STAR_RATING", 3, None, None, 505, 505, 15),
        ("00000F", "H_COMP_1_A_P", None, "NOT_AVAILABLE", "5", None, None, None), ("000002", "H_COMP_1_A_P", 100, None, "6, 10", 0, 49, 15),
        ("000002", "H_COMP_1_STAR_RATING", None, "NOT_AVAILABLE", "15", 100, 299, 15)]  # fmt: skip


def test_a_hospital_without_its_leading_zero_is_the_same_hospital(read, tmp_path):
    (file := tmp_path / "HCAHPS-Hospital.csv").write_text(fixture("cms_hcahps_hospital").read_text().replace('"000001"', '"1"'))
    done = read("cms_hcahps_hospital", file)
    assert {row[0] for row in done.rows("geography_code")} == {"000001", "00000F", "000002"}
    assert done.report.warning_rules == {"leading_zeros_restored": 4}


@pytest.mark.parametrize(("release", "period"), [("07_2014", ("2012-10-01", "2013-09-30")), ("07_2026", ("2024-10-01", "2025-09-30"))])
def test_releases_before_and_after_the_known_ones_have_their_period(read, shared, tmp_path, release, period):
    lines = (shared / "oracles" / "cms_hcahps_history" / "national_results.csv").read_text().splitlines()
    (file := tmp_path / "hcahps_history_national_results.csv").write_text("\n".join([lines[0], lines[1].replace("07_2015", release)]) + "\n")
    assert release in file.read_text()
    assert set(read("hcahps_history_results", file).rows("period_start_on::varchar, period_end_on::varchar")) == {period}


def test_scores_of_practices_under_either_id(read, shared):
    import csv

    with (shared / "reference" / "codes" / "mips_cahps_ssm.csv").open(newline="") as rows:
        domains = {row["ssm_id"] for row in csv.DictReader(rows)}
    done = read("cahps_mips_scores", fixture("cahps_mips_scores"))
    found = done.rows("entity_code, public_measure_id, value_reason")
    assert {row[1] for row in found if row[0] == "SYNP1"} == {row[1] for row in found if row[0] == "SYNP2"} == domains
    assert [row for row in found if row[2]] == [("SYNP2", "CAHPS_4", "BELOW_MINIMUM")]


QPP = {2019: ("decile", 64), 2020: ("decile", 64), 2021: ("decile", 64), 2022: ("decile", 72), 2023: ("percentile", 90), 2024: ("percentile", 90), 2025: ("percentile", 90)}


@pytest.mark.parametrize("year", QPP)
def test_every_benchmark_edition_loads(read, shared, year):
    done = read("qpp_benchmarks", shared / "oracles" / "benchmarks" / f"benchmarks_cahps_{year}.csv")
    assert (done.report.refused, done.report.rules, done.report.warning_rules) == (None, {}, {})
    kind, n = QPP[year]
    rows = done.rows("edition, public_measure_id, position_kind, position, value, value_high")
    assert len(rows) == n and {row[0] for row in rows} == {str(year)} and {row[2] for row in rows} == {kind}
    assert "CAHPS_7" not in {row[1] for row in rows} and 99 not in {row[3] for row in rows}
    for measure in {row[1] for row in rows}:
        points = [row[4] for row in rows if row[1] == measure]
        assert points == sorted(points), measure  # every edition rises from point to point
        assert len(points) == (8 if kind == "decile" else 10)
    open_ended = [row for row in rows if row[5] is None]
    assert {row[3] for row in open_ended} == ({10} if kind == "decile" else set())


def test_benchmarks_of_known_points(read, shared):
    done = read("qpp_benchmarks", shared / "oracles" / "benchmarks" / "benchmarks_cahps_2019.csv")
    found = {row[:2]: row[2:] for row in done.rows("public_measure_id, position, value, value_high, peer_group")}
    assert found["CAHPS_11", 3] == (21.85, 23.64, "CAHPS Survey Vendor") and found["CAHPS_11", 10] == (31.53, None, "CAHPS Survey Vendor")


def test_a_benchmark_file_must_be_named_by_its_year(read, shared):
    done = read("qpp_benchmarks", shared / "oracles" / "benchmarks" / "benchmarks_cahps_2019.csv", name="benchmarks_cahps_new.csv")
    assert done.report.refused["rule"] == "file_name" and "edition" in done.report.refused["message"]


def test_nine_releases_with_lost_zeros_and_classes_in_words(read, shared):
    done = read("hcahps_history_responses", shared / "oracles" / "cms_hcahps_history" / "responses.csv")
    assert (done.report.n_rows, done.report.rules) == (2 * 43_219, {})
    assert done.report.warning_rules == {"leading_zeros_restored": 2 * 6_516}
    surveys = duckdb.sql(f"""select coalesce(value_reason, case when value_high is null then 'or more' when value_high > value then 'class' else 'number' end) as what, count(*)
        from read_parquet('{done.out}') where public_measure_id = 'H_COMPLETED_SURVEYS' group by 1 order by 1""").fetchall()
    numbers = 43_219 - 2_771 - 853 - 777 - 612 - 5_772
    assert dict(surveys) == {"FEWER_THAN_100": 612, "FEWER_THAN_50": 853, "NOT_AVAILABLE": 5_772, "class": 777, "number": numbers, "or more": 2_771}
    assert duckdb.sql(f"select count(*) from read_parquet('{done.out}') where length(geography_code) <> 6").fetchall() == [(0,)]


@pytest.mark.parametrize(("name", "n"), [("state", 4_580), ("national", 90)])
def test_every_released_result_sums_to_a_hundred(read, shared, name, n):
    done = read("hcahps_history_results", shared / "oracles" / "cms_hcahps_history" / f"{name}_results.csv")
    assert (done.report.n_accepted, done.report.rules) == (3 * n, {})
    sums = duckdb.sql(f"select distinct sum(value) from read_parquet('{done.out}') group by (row_number - 1) // 3").fetchall()
    assert sums == [(100.0,)]


@pytest.mark.parametrize(("name", "level", "n"), [("hospital", "facility", 1_242), ("state", "state", 56), ("national", "national", 1)])
def test_surgery_results_with_sentences_as_headers(read, shared, name, level, n):
    done = read("cms_oas_public", shared / "oracles" / "oas_hopd_2024_07" / f"{name}.csv", name=f"oas_hopd_{level}_20240731.csv")
    assert (done.report.n_accepted, done.report.rules) == (19 * n, {})
    assert done.rows("distinct geography_level, peer_group, 0 as row_number") == [(level, "hopd", 0)]
    wide = duckdb.sql(f"pivot (select (row_number - 1) // 19 as r, public_measure_id, value from read_parquet('{done.out}')) on public_measure_id using any_value(value) group by r")
    for composite in ("FACILITY", "COMM"):
        off = wide.filter(f"OAS_{composite}_TOP is not null and (abs(OAS_{composite}_LINEAR - OAS_{composite}_TOP - OAS_{composite}_MIDDLE / 2) > 1.0 "
                          f"or OAS_{composite}_TOP + OAS_{composite}_MIDDLE + OAS_{composite}_BOTTOM <> 100)")
        assert off.fetchall() == []
    assert len(wide.filter("OAS_COMM_TOP is not null").fetchall()) == {"hospital": 1_049, "state": 51, "national": 1}[name]


@pytest.mark.parametrize(("name", "says"), [
    ("OQR_OAS_CAHPS_BY_HOSPITAL.csv", ("hopd", "facility")), ("OQR_OAS_CAHPS_STATE.csv", ("hopd", "state")), ("OQR_OAS_CAHPS_NATIONAL.csv", ("hopd", "national")),
    ("ASCQR_OAS_CAHPS_BY_ASC.csv", ("asc", "facility")), ("ASCQR_OAS_CAHPS_STATE.csv", ("asc", "state")), ("ASCQR_OAS_CAHPS_NATIONAL.csv", ("asc", "national")),
    ("oas_asc_facility_20250730.csv", ("asc", "facility")), ("OAS_HOPD_STATE.csv", ("hopd", "state")),
])
def test_surgery_results_under_the_names_of_their_publisher(name, says):
    feed = load_feeds()["cms_oas_public"]
    assert feed.matches(name) and [feed.named(name).constants[one] for one in ("peer_group", "geography_level")] == list(says)


def oas(read, tmp_path, *changes: tuple[str, str]) -> Conformed:
    text = fixture("cms_oas_public", "*facility*").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (file := tmp_path / "oas_asc_facility_20250730.csv").write_text(text)
    return read("cms_oas_public", file)


@pytest.mark.parametrize("change", [("Patients' rating of", "Patients\u2019 rating of"), ("linear mean score", "linear mean  score"), ("Facility ID", "Provider ID")])
def test_a_facility_is_told_by_its_id_under_headers_of_other_editions(read, tmp_path, change):
    known = oas(read, tmp_path)
    before = known.rows("geography_code, public_measure_id, value")
    found = oas(read, tmp_path, change)
    assert (found.report.refused, found.report.rules) == (None, {})
    assert found.rows("geography_code, public_measure_id, value") == before


def test_facilities_without_an_id_are_not_taken_for_their_states(read, tmp_path):
    found = oas(read, tmp_path, ("Facility ID", "CCN"))
    assert found.report.n_accepted == 0 and found.report.rules == {"facility_without_id": found.report.n_rows}


def test_a_measure_without_a_benchmark_is_no_fault(read, tmp_path):
    points = ",".join(f"Decile {n}" for n in range(3, 11))
    (file := tmp_path / "benchmarks_cahps_2017.csv").write_text(
        f"MIPS Benchmark Results ,\n,\nMeasure_Name,Measure_ID,Submission_Method,{points}\nSSM,CAHPS_7,Vendor,{','.join(['--'] * 8)}\n")
    done = read("qpp_benchmarks", file)
    assert done.report.rules == {} and set(done.rows("value, value_reason")) == {(None, "NO_BENCHMARK")}


def test_results_of_guam_are_of_a_territory(read, tmp_path):
    (file := tmp_path / "hcahps_history_state_results.csv").write_text(
        "Release Period,State,Measure ID,Bottom-box Percentage,Middle-box Percentage,Top-box Percentage\n07_2015,GU,H_COMP_1,4,17,79\n")
    assert set(read("hcahps_history_results", file).rows("geography_level, geography_code")) == {("state", "GU")}


def test_own_benchmarks_are_plain_values_or_points(read):
    done = read("own_benchmarks", fixture("own_benchmarks"))
    assert done.rows("position_kind, position, value, value_high") == [
        ("percentile", 50, 84.1, 84.1), ("percentile", 75, 86.9, 86.9), (None, None, 83.7, 83.7), ("decile", 3, 80.1, 82.4)]


def test_cut_points_of_stars_are_two_to_five(read, tmp_path):
    good = fixture("star_cut_points")
    bad = tmp_path / good.name
    bad.write_text(good.read_text() + "invented example,hcahps_cleanliness,6,90,2024-12-31,\n")
    done = read("star_cut_points", bad)
    assert done.rows("edition, measure_name, star, lower_bound, standing")[:5] == [
        ("invented example", "hcahps_nurse_communication", star, 20.0 * (star - 1), "product-defined") for star in (2, 3, 4, 5)
    ] + [("invented example", "hcahps_cleanliness", 2, 20.5, "unverified")]
    assert done.rules() == [[], [], [], [], [], ["above_maximum"]]  # six stars do not exist
    assert (done.report.n_quarantined, done.report.n_accepted) == (1, 5)


def test_published_coefficients_are_one_row_per_level_and_box(read, tmp_path):
    good = fixture("adjustment_coefficients")
    bad = tmp_path / good.name
    twice = "SYNTHETIC,2025-01-01,2025-12-31,hcahps_overall_rating,linear,age,,0.3,8.3,\n"
    bad.write_text(good.read_text() + twice + twice.replace("linear", "upper").replace("0.3", "much"))
    done = read("adjustment_coefficients", bad)
    assert done.rows("statistic, variable, level_code, coefficient, reference_mean, standing")[:4] == [
        ("top_box", "overall_health", "1", 8.0, 0.14, "product-defined"), ("top_box", "overall_health", "2", 4.0, 0.28, "product-defined"),
        ("linear_mean", "age", None, 0.2, 8.3, "unverified"), ("top_box", "mode", "phone", -3.1, None, "product-defined")]
    assert done.rules()[4] == ["duplicate_key"]  # a blank level is a key too
    assert set(done.rules()[5]) == {"unknown_code", "bad_number"}


def test_the_example_of_coefficients_is_whole_and_says_that_it_is_invented(read):
    path = Path(__file__).parents[2] / "docs" / "examples" / "adjustment_coefficients_synthetic_20250701.csv"
    done = read("adjustment_coefficients", path)
    assert done.report.n_accepted == done.report.n_rows > 100 and (done.report.rules, done.report.warning_rules) == ({}, {})
    assert {edition.split()[0] for (edition,) in done.rows("edition")} == {"SYNTHETIC"}
    assert {standing for (standing,) in done.rows("standing")} == {"product-defined"}
    shares = {}
    for measure, box, variable, level, share in done.rows("measure_name, statistic, variable, level_code, reference_mean"):
        if level and share is not None:
            shares[measure, box, variable] = shares.get((measure, box, variable), 0) + share
    assert len(shares) == 24 and all(abs(total - 1) < 1e-9 for total in shares.values())


def test_a_word_of_a_file_name_without_a_code_is_no_name_and_codes_need_their_group():
    feed = load_feeds()["cms_oas_public"]
    fewer = feed.file_name_codes | {"peer_group": {"hopd": "hopd"}}
    assert feed.model_copy(update={"file_name_codes": fewer}).named("OQR_OAS_CAHPS_STATE.csv") is None
    with pytest.raises(ValueError, match=r"file_name_codes: \['edition'\] are no groups of from_file_name"):
        Feed.model_validate(feed.model_dump(mode="json", by_alias=True) | {"file_name_codes": {"edition": {"a": "b"}}})
