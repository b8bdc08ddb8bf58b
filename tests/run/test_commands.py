"""What the commands say about a finished run, and about questions that cannot be meant."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.run.conftest import SampleRun, run_pxw


def told(home: Path, *arguments: str, code: int | None = 0) -> str:
    done = run_pxw(home, *arguments, code=code)
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", [("status",), ("show", "complaint_rate"), ("kpis",), ("release", "abc")])
def test_a_folder_without_a_warehouse_is_said_to_have_none(tmp_path, command):
    text = told(tmp_path / "nowhere", *command, code=1)
    assert f"there is no warehouse in {tmp_path / 'nowhere'}" in text and "PXW_HOME" in text
    assert not (tmp_path / "nowhere").exists()


def test_status_uses_one_word_per_thing_and_the_clock_for_lateness(sample_run: SampleRun, marts):
    facts = {feed["feed"]: feed for feed in json.loads(told(sample_run.home, "status", "--json"))["feeds"]}
    rows = marts.execute("select feed, n_rows_delivered, n_rows_accepted, n_rows_quarantined, n_rows_held, next_due_on::varchar, late_after_on::varchar from marts.feed_status").fetchall()
    assert len(rows) == len(facts) > 5
    for feed, delivered, accepted, quarantined, held, next_due_on, late_after_on in rows:
        own = facts[feed]
        assert (own["n_rows_delivered"], own["n_rows_accepted"], own["n_rows_quarantined"], own["n_rows_held"]) == (delivered, accepted, quarantined, held)
        assert (own["next_due_on"], own["late_after_on"]) == (next_due_on, late_after_on) and delivered == accepted + quarantined + held
        is_late = late_after_on is not None and date.today() > date.fromisoformat(late_after_on)
        assert bool(own["days_late"]) == is_late
    assert sum(held for *_, held, _, _ in rows) > 0
    screen = told(sample_run.home, "status")
    assert "days late" in screen and "rows delivered = accepted + quarantined + held" in screen


def test_codes_without_a_unit_are_told_after_a_run_and_in_status(sample_run: SampleRun, marts):
    by_feed = dict(marts.execute("select feed, sum(n_rows) from marts.unmapped_codes where feed not in ('hcahps_xml', 'synthea_encounters') group by feed").fetchall())  # those have no column for units
    found = {one["feed"]: one["n_rows"] for one in json.loads(told(sample_run.home, "status", "--json"))["unmapped"]}
    assert found == by_feed and len(found) >= 2
    for text in (sample_run.output, told(sample_run.home, "status")):
        assert "UNMAPPED" in text and "way out: rows with these codes in the org_units file" in text and "rl6_feedback" in text


def test_show_names_what_it_prints(sample_run: SampleRun):
    screen = told(sample_run.home, "show", "complaint_rate", "--level", "unit", "--facility", "f1", "--unit", "4w", "--period", "2026-03")
    for words in ("Complaints and grievances per 1,000 encounters", "lower is better", "F1 North Harbor Hospital", "4W 4 West", "2026-03-31"):
        assert words in screen
    weak = told(sample_run.home, "show", "hcahps_overall_rating_top_box", "--level", "unit")
    assert "*" in weak and "not publishable, do not pass it on" in weak and "below minimum" in weak


@pytest.mark.parametrize(("arguments", "words"), [
    (("zzz",), "`pxw kpis` lists all"),
    (("complaints_rate",), "nearest: complaint_rate"),
    (("complaint_rate", "--facility", "F9"), "there is no facility 'F9'; there are F1 (North Harbor Hospital)"),
    (("complaint_rate", "--level", "enterprise", "--facility", "F1"), "the enterprise has no facility"),
    (("complaint_rate", "--level", "facility", "--unit", "4W"), "add --level unit"),
    (("complaint_rate", "--period", "2026-Q2", "--window", "month"), "name a month such as 2026-06"),
    (("complaint_rate", "--period", "2026-02", "--window", "quarter"), "--period 2026-Q1"),
    (("hcahps_nurse_communication_linear_mean", "--level", "unit"), "has no level unit; it has enterprise, facility"),
    (("hcahps_nurse_communication_linear_mean", "--window", "month"), "has no month values"),
])
def test_a_question_that_cannot_be_meant_is_answered_with_what_exists(sample_run: SampleRun, arguments, words):
    text = told(sample_run.home, "show", *arguments, code=2)
    assert words in text and len(text) < 600


def test_a_period_without_data_is_answered_with_the_span_there_is(sample_run: SampleRun):
    assert "there is 2024-11-01 to 2026-10-31" in told(sample_run.home, "show", "complaint_rate", "--period", "2030-02", code=1)


def test_the_kpis_can_be_listed(sample_run: SampleRun, marts):
    listed = json.loads(told(sample_run.home, "kpis", "--json"))
    assert {one["kpi_id"] for one in listed} == {row[0] for row in marts.execute("select kpi_id from marts.dim_kpi").fetchall()}
    assert "complaint_rate" in told(sample_run.home, "kpis", "GRIEVANCE") and "no published KPI" in told(sample_run.home, "kpis", "zzz", code=1)


def test_check_tells_a_correction_from_new_rows(sample_run: SampleRun, tmp_path):
    original = next(sample_run.inbox.glob("encounters_daily_202605_*.csv"))
    lines = original.read_text().splitlines(keepends=True)
    again = tmp_path / "encounters_daily_202605_20270101.csv"
    again.write_text("".join([*lines, lines[-1], lines[-1]]))
    text = told(sample_run.home, "check", str(again))
    assert "a re-delivery: every row is known" in text and original.name in text and "62 rows would replace loaded ones" in text
    assert text.count("bad_integer in column n_encounters: 3 rows (row 65, 66, 67)") == 1
    assert "dated 2026-05-01 to 2026-05-31; facilities F1 North Harbor Hospital" in text and "UNMAPPED" not in text
    same = told(sample_run.home, "check", str(original))
    assert "these very bytes are in the warehouse already" in same and "it is accepted" in same
    older = tmp_path / "encounters_daily_202605_20260601.csv"
    older.write_text("".join(lines[:40]))
    assert "older than what is loaded and would change nothing" in told(sample_run.home, "check", str(older), code=None)


def test_check_warns_of_codes_nobody_mapped(sample_run: SampleRun, tmp_path):
    original = next(sample_run.inbox.glob("rl6_feedback_202609_*.csv"))
    strange = tmp_path / "rl6_feedback_202609_20270101.csv"
    strange.write_bytes(original.read_bytes().replace(b"North Harbor Hospital", b"Nowhere Hospital"))
    text = told(sample_run.home, "check", str(strange), code=None)
    assert "UNMAPPED" in text and "without a facility" in text and "Nowhere Hospital /" in text and "SourceSystem rl6_feedback or *" in text
    alone = told(tmp_path / "new", "check", str(strange), code=None)
    assert "holds no deliveries" in alone and "has no org_units file yet" in alone
    words = tmp_path / "complaint_words_20270101.csv"
    words.write_text("Feed,Dimension,Word,Scheme,SchemeVersion,Category,Level\nrl6_feedback,severity,Grave,generic5,1,,5\n")
    assert "UNMAPPED" not in told(sample_run.home, "check", str(words))  # its rows name no place


def test_release_says_what_changes_before_and_when_it_is_done(sample_run: SampleRun, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(sample_run.home, home, symlinks=True)
    held = json.loads(told(home, "status", "--json"))["held"][0]["delivery_id"]
    ledger = (home / "ledger" / "ledger.jsonl").read_bytes()
    asked = told(home, "release", held[:8], code=2)
    for words in ("132 good rows, dated 2026-05-15 to 2026-06-30", "F1 North Harbor Hospital, F2", "132 rows would replace loaded ones",
                  "pg_hcahps_202606_20260712.txt (132)", "nothing is released yet"):
        assert words in asked
    assert (home / "ledger" / "ledger.jsonl").read_bytes() == ledger
    done = told(home, "release", held[:8], "--reason", "vendor confirmed")
    assert "132 rows would replace loaded ones" in done and f"released {held}" in done
