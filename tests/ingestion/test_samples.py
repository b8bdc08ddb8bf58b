"""The sample generator: the same bytes for the same seed, the traps it promises, people that do not exist.

Belongs here: what is in the files. Does not belong here: the feeds by themselves (test_feeds.py).
"""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.conform import conform
from ingestion.feed import Feed, load_feeds
from ingestion.landing import delivery_order
from ingestion.samples import SCALES, Planted, SampleFile, names, planted, summarise, write_samples
from ingestion.sources import list_inbox
from tests.ingestion.conftest import KEYS, MOMENT, Conformed

SEED = 7


class Read(Conformed):
    """A conformed file, with one row of aggregates at a time."""

    def one(self, columns: str, where: str = "true") -> tuple:
        return duckdb.sql(f"select {columns} from read_parquet('{self.out}') where {where}").fetchall()[0]


class Sample:
    """A written sample and what its author says about it."""

    def __init__(self, folder: Path, scale: str) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.files = write_samples(folder, scale, SEED, self.lines.append)
        self.planted: Planted = summarise(self.files)

    def of(self, feed: str) -> list[SampleFile]:
        return [one for one in self.files if one.feed == feed]

    def surveys(self, pattern: str, columns: str, rest: str = "") -> list[tuple]:
        """Columns of the survey vendor's files, faulty lines left out."""
        options = "delim='|', quote='\"', header=true, all_varchar=true, union_by_name=true, ignore_errors=true"
        return duckdb.sql(f"select {columns} from read_csv('{self.folder}/{pattern}', {options}) {rest}").fetchall()


@pytest.fixture(scope="module")
def feeds() -> dict[str, Feed]:
    return load_feeds()


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Sample:
    return Sample(tmp_path_factory.mktemp("small"), "small")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory) -> Sample:
    return Sample(tmp_path_factory.mktemp("hospital"), "hospital")


@pytest.fixture(scope="module")
def read(small, feeds, tmp_path_factory):
    """Conforms a file of the small sample once."""
    folder, done = tmp_path_factory.mktemp("raw"), {}

    def conformed(path: str) -> Read:
        if path not in done:
            feed = next(one.feed for one in small.files if one.path == path)
            out, restricted = folder / f"{path}.parquet", folder / f"{path}.text.parquet"
            report = conform(feeds[feed], small.folder / path, "0123456789abcdef", MOMENT, KEYS, out, restricted)
            done[path] = Read(report, out, restricted)
        return done[path]

    return conformed


def prints(folder: Path) -> dict[str, tuple[str, float]]:
    return {str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime)
            for path in sorted(folder.rglob("*"))}


def test_the_same_seed_writes_the_same_files(small, tmp_path):
    write_samples(tmp_path / "again", "small", SEED)
    assert prints(tmp_path / "again") == prints(small.folder)
    assert len(small.files) == len(prints(small.folder)) == len(small.lines)


def test_another_seed_writes_other_people(small, tmp_path):
    write_samples(tmp_path / "other", "small", SEED + 1)
    mine, other = prints(small.folder), prints(tmp_path / "other")
    assert mine.keys() == other.keys()
    surveys = [path for path in mine if path.startswith("pg_hcahps")]
    assert len(surveys) > 20
    assert all(mine[path][0] != other[path][0] for path in surveys)


def test_planted_tells_the_same_without_the_files(small):
    assert planted("small", SEED) == small.planted


def test_an_unknown_scale_is_refused(tmp_path):
    with pytest.raises(ValueError, match="small, hospital, system, national"):
        write_samples(tmp_path, "continental", 1)


def test_every_file_belongs_to_its_feed_and_carries_its_day(small, feeds):
    listed = {file.relative_path: file for file in list_inbox(str(small.folder))}
    for one in small.files:
        assert [name for name, feed in feeds.items() if feed.matches(one.path)] == [one.feed]
        moment, sequence = delivery_order(listed[one.path], feeds[one.feed])
        assert moment.date() == one.delivered_on == listed[one.path].modified_at.date()
        assert sequence == (2 if one.path.rpartition(".")[0].endswith("_v2") else 0)
    assert {one.feed for one in small.files} == {
        "press_ganey_hcahps", "hcahps_xml", "rl6_feedback", "encounter_counts", "encounter_counts_daily", "fhir_encounters", "synthea_encounters", "org_units",
        "metrics", "initiatives"}


def test_faulty_records_are_where_they_are_said_to_be(small, read):
    """Every file with planted faults, every file that stands for its feed, and nothing quarantined beyond that."""
    chosen = {*small.planted.quarantined, *small.planted.held, *small.planted.corrections, *small.planted.late}
    chosen |= {one.path for feed in small.planted.n_rows for one in (small.of(feed)[0], small.of(feed)[-1])}
    assert len(small.planted.quarantined) == 7
    for one in small.files:
        if one.path in chosen:
            report = read(one.path).report
            assert report.refused is None, one.path
            assert (one.path, report.n_rows, report.n_quarantined) == (one.path, one.n_rows, small.planted.quarantined.get(one.path, 0))


def test_both_instruments_and_late_discharges_of_the_old_one(small, read):
    old, new = (next(read(one.path) for one in small.of("press_ganey_hcahps") if month in one.path) for month in ("_202412_", "_202501_"))
    counts = "count(*), count(overall_rate), count(call_button), count(rest)"
    n_old, n_rated, n_called, n_rested = old.one(counts)
    assert n_old > 50
    assert n_called > 0
    assert n_rested == 0
    assert n_rated > 0
    late = new.one(counts, "discharge_on < date '2025-01-01'")
    assert late[0] > 0
    assert late[3] == 0
    assert new.one(counts, "discharge_on >= date '2025-01-01'")[3] > 0
    marks = "count(call_button) > 0, count(rest) > 0, count(distinct discharge_on)"
    submissions = small.of("hcahps_xml")
    assert read(submissions[0].path).one(marks) == (True, False, 1)
    assert read(submissions[-1].path).one(marks) == (False, True, 1)


def test_answers_follow_skips_and_dispositions(hospital):
    rows = hospital.surveys("pg_hcahps_2025*.txt", "DISPOSITION, Q1, Q15, Q16, Q24, Q25")
    answered = [row for row in rows if row[0] in ("1", "6")]
    assert 0.22 < sum(row[0] == "1" for row in rows) / len(rows) < 0.28
    assert all(row[1:] == (None,) * 5 for row in rows if row[0] not in ("1", "6"))
    assert len(rows) > 15_000
    skipped = [row for row in answered if row[2] == "2"]
    assert 0.97 < sum(row[3] == "8" for row in skipped) / len(skipped) < 1  # some ignore the skip
    assert not any(row[3] == "8" for row in answered if row[2] == "1")
    assert {row[1] for row in answered} == {"1", "2", "3", "4", "M", "H"}
    assert all(row[4] == row[5] == "M" for row in answered if row[0] == "6")  # break-offs end before the rating


def test_units_differ_and_one_gets_worse(hospital):
    top = {row[:3]: row[3] for row in hospital.surveys("pg_hcahps_202[56]*.txt", """
        FACILITY, case when upper(trim(UNIT)) in ('4 WEST', '4W TELE') then '4W' else UNIT end as unit,
        try_strptime(DISDATE, '%m/%d/%Y') >= '2026-04-01' as is_recent, avg((Q1 = '4')::int)""",
        "where Q1 between '1' and '4' group by 1, 2, 3 having count(*) > 200")}
    before = [share for key, share in top.items() if not key[2]]
    assert max(before) - min(before) > 0.04
    assert top["000001", "4W", True] < top["000001", "4W", False] - 0.04


def test_complaints_per_encounter_are_plausible(hospital):
    """1.5 to 4.5 valid cases per 1,000 encounters and about a third of them grievances, by the files alone."""
    cases: dict[str, dict] = {}
    for one in hospital.of("rl6_feedback"):
        with (hospital.folder / one.path).open(encoding="utf-8-sig", newline="") as text:
            cases |= {row["File ID"]: row for row in csv.DictReader(text) if row["File ID"].startswith("FB-")}
    valid = [row for row in cases.values() if row["Feedback Type"] in ("Complaint", "Grievance") and not row["Merged Into"]
             and row["File State"] not in ("Deleted", "Withdrawn") and row["Test Record"] == "No"]
    assert len(valid) == hospital.planted.planted["valid_cases"]
    assert 0.28 < sum(row["Is Grievance"] == "Yes" for row in valid) / len(valid) < 0.45
    per_site = Counter(row["Site"] for row in valid)
    encounters = {"North Harbor Hospital": 226_000, "Riverbend Hospital": 189_000}  # see volumes.py; within a few percent for any seed
    for site, n_encounters in encounters.items():
        assert 1.5 < 1000 * per_site[site] / n_encounters < 4.5


def test_a_case_at_half_past_eleven_stays_in_its_month(small, read):
    late = [row for one in small.of("rl6_feedback")[:6] for row in read(one.path).rows("received_at, received_on") if row[0].hour in (4, 5)]
    assert late
    for received_at, received_on in late:
        assert (received_on + timedelta(days=1)).day == 1
        assert received_at.date() == received_on + timedelta(days=1)


def test_workbook_cells_are_counts_reasons_and_partial_months(small, read):
    first, second, *_, last = (one.path for one in small.of("encounter_counts"))
    assert Counter(row[0] for row in read(first).rows("n_encounters_reason")) == {None: 45, "NOT_AVAILABLE": 3}
    assert {row[1] for row in read(last).rows("is_partial, period_start_on") if row[0]} == {date(2026, 10, 1)}
    assert not any(row[0] for row in read(last).rows("is_partial, period_start_on") if row[1] < date(2026, 10, 1))
    where = ("facility_code = 'North Harbor Hospital' and unit_code = '4 West - Medicine' and class_code like 'Inpatient%' "
             "and period_start_on = '2025-01-01'")
    counts = [read(path).one("n_encounters", where)[0] for path in (first, second)]
    assert counts[1] == counts[0] + 7  # restated
    assert small.planted.planted["restated_cells"] == 1
    assert read(first).one("count(distinct facility_code)") == (2,)


def test_daily_counts_overlap_with_the_workbook_in_one_month(small, read):
    path = next(one.path for one in small.of("encounter_counts_daily") if one.planted.get("overlapping_rows"))
    daily = dict(duckdb.sql(f"select class_code, sum(n_encounters) from '{read(path).out}' group by 1").fetchall())
    book = small.of("encounter_counts")[-1].path
    where = "facility_code like 'North%' and class_code = 'Emergency visits' and period_start_on = '2026-08-01'"
    monthly, = read(book).one("n_encounters", where)
    assert daily.keys() == {"ED visits", "OP visits", "Office visits"}
    assert monthly < daily["ED visits"] < 1.03 * monthly


def test_fhir_visits_that_count(small, read):
    """Finished and not part of another visit; a virtual visit that ends after midnight each month."""
    newest: dict[str, tuple] = {}
    for one in small.of("fhir_encounters"):
        newest |= {row[0]: row for row in read(one.path).rows("encounter_id, status_code, part_of_id, start_on, end_on") if row[0]}
    counted = [row for row in newest.values() if row[1] == "finished" and row[2] is None]
    assert len(counted) == small.planted.planted["counted_visits"]
    assert sum(row[4] > row[3] for row in counted if row[4]) == len(SCALES["small"].months)
    assert {row[1] for row in newest.values()} == {"finished", "cancelled", "planned", "in-progress"}


def test_the_held_file_lost_its_ratings_and_the_correction_changed_some_answers(small):
    held, = small.planted.held
    good = next(one.about for one in small.files if one.path == held)
    for path, low, high in ((held, 0.5, 1), (good, 0, 0.3)):
        ratings = [row[0] for row in small.surveys(path, "Q24") if row[0]]
        assert low < ratings.count("M") / len(ratings) < high
    correction, original = next(pair for pair in small.planted.corrections.items() if pair[0].startswith("pg_"))
    facts = "SURVEY_ID, MRN, DISDATE, DISPOSITION, UNIT"
    assert small.surveys(original, facts) == small.surveys(correction, facts)
    before, after = (small.surveys(path, "Q1, Q2, Q24") for path in (original, correction))
    changed = [old != new for old, new in zip(before, after, strict=True)]
    assert 0 < sum(changed) < len(changed) / 8


def test_copies_late_files_and_untidy_codes(small):
    (copy, original), = small.planted.duplicates.items()
    assert (small.folder / copy).read_bytes() == (small.folder / original).read_bytes()
    late = next(one for one in small.files if one.path in small.planted.late)
    overtaken_by = [one.path for one in small.of(late.feed) if one.path > late.path and one.delivered_on < late.delivered_on]
    assert len(overtaken_by) == 1
    units = Counter(row[0] for row in small.surveys("pg_hcahps_20[0-9]*[0-9].txt", "UNIT"))
    assert units["ZZ9"] > 0
    assert any(unit != unit.strip() for unit in units if unit)
    assert {"4 WEST", "4W TELE"} <= set(units)
    words = small.planted.planted
    for word in ("test_cases", "withdrawn_cases", "deleted_cases", "merged_cases", "other_feedback", "multi_subject_cases",
                 "month_end_cases", "unmapped_department_cases", "unmapped_unit_rows", "stale_unit_rows", "dirty_unit_rows"):
        assert words[word] > 0, word


def test_nobody_in_the_sample_exists(small):
    """Telephones are 555-01xx, mail is example.org, record numbers begin with SYN, names come from the marked lists."""
    given, family = set(names.SYNTHETIC_GIVEN), set(names.SYNTHETIC_FAMILY)
    text = "\n".join((small.folder / one.path).read_text(encoding="utf-8") for one in small.files if not one.path.endswith(".xlsx"))
    phones = re.findall(r"(?<![\w-])\d{3}-\d{4}(?![\w-])", text)
    assert len(phones) > 300
    assert all(phone.startswith("555-01") for phone in phones)
    mail = re.findall(r"@[\w.-]+", text)
    assert len(mail) > 300
    assert set(mail) == {"@example.org"}
    people = small.surveys("pg_hcahps_20[0-9]*[0-9].txt", "PATIENT_NAME, MRN")
    assert len(people) > 2500
    for name, number in people:
        last, first = name.split(", ")
        assert first in given
        assert last in family
        assert re.fullmatch(r"SYN\d{8}", number)


def test_no_identity_reaches_the_main_parquet(small, read):
    """Names, telephones and narratives are in the delivered files and in no raw Parquet but the restricted one."""
    words = [*names.SYNTHETIC_GIVEN, *names.SYNTHETIC_FAMILY, *names.SYNTHETIC_STAFF, "555-01", "example.org", "SYN"]
    for feed in ("rl6_feedback", "press_ganey_hcahps", "fhir_encounters", "synthea_encounters"):
        one = read(small.of(feed)[0].path)
        content = "\n".join(str(row) for row in one.rows())
        assert len(content) > 1000
        assert [word for word in words if word in content] == []
    narratives = duckdb.sql(f"select text from '{read(small.of('rl6_feedback')[0].path).restricted}'").fetchall()
    assert any("555-01" in row[0] for row in narratives)
    assert any("\n" in row[0] for row in narratives)


def test_months_span_the_change_of_instrument():
    last = {name: scale.months[-1] for name, scale in SCALES.items()}
    assert last == {"small": date(2026, 9, 1), "hospital": date(2026, 9, 1), "system": date(2026, 9, 1), "national": date(2025, 9, 1)}
    assert all(scale.months[0] < date(2025, 1, 1) for scale in SCALES.values())


@pytest.mark.scale
def test_national_streams_ten_million_surveys(tmp_path):
    """A fresh process, so that its peak memory is its own: under 1.5 GB for 1.7 GB of survey files."""
    program = ("import resource, sys; from pathlib import Path; from ingestion.samples import summarise, write_samples; "
               "done = summarise(write_samples(Path(sys.argv[1]), 'national', 1)); "
               "print(done.n_rows['press_ganey_hcahps'], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)")
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    n_surveys, peak_kilobytes = map(int, run.stdout.split())
    assert n_surveys >= 10_000_000
    assert peak_kilobytes < 1_500_000
