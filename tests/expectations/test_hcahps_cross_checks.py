"""The cross-checks of survey vendors on HCAHPS XML: each wrong file or record gets its own reason."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from expectations import DeliveryRaw, judge
from ingestion.conform import conform
from ingestion.feed import load_feeds
from ingestion.home import Home
from ingestion.row_rules import reason
from orchestration import pipeline

FILE = next((Path(__file__).parents[1] / "ingestion" / "fixtures" / "hcahps_xml").glob("*.xml"))
FEED = load_feeds()["hcahps_xml"]
MOMENT = datetime(2024, 12, 14, tzinfo=UTC)
RECORD = re.compile(r"<patientleveldata>.*?</patientleveldata>", re.DOTALL)


def changed(pattern: str, to: str, *, record: int | None = None) -> str:
    """The good file with one thing changed: in its header or file, or in one record (counted among answered ones)."""
    text = FILE.read_text()
    if record is None:
        done, n = re.subn(pattern, to, text, count=1, flags=re.DOTALL)
    else:
        answered = [found for found in RECORD.findall(text) if "<patientresponse>" in found]
        one, n = re.subn(pattern, to, answered[record], count=1, flags=re.DOTALL)
        done = text.replace(answered[record], one, 1)
    assert n == 1, pattern
    return done


def conformed(text: str, tmp_path: Path, delivery_id: str = "0123456789abcdef", order: tuple[datetime, int] = (MOMENT, 0)):
    landed, raw = tmp_path / "x.xml", tmp_path / "raw.parquet"
    landed.write_text(text)
    keys = {purpose: purpose.encode() * 4 for purpose in ("patient", "staff", "complainant", "encounter")}
    report = conform(FEED, landed, delivery_id, order, keys, raw, tmp_path / "text.parquet")
    assert report.refused is None, report.refused
    return report, raw


def month_files(folder: Path, *files: tuple[str, str, str, str]) -> list:
    """The verdicts on copies of the good file: (year-month, survey mode, another element and its text), delivered one day after the other."""
    deliveries = []
    for number, (month, mode, element, to) in enumerate(files):
        year, month = month.split("-")
        text = re.sub(r"<discharge-yr>\d+<", f"<discharge-yr>{year}<", FILE.read_text())
        text = re.sub(r"<discharge-month>\d+<", f"<discharge-month>{month}<", text)
        text = re.sub(r"<survey-mode>\d<", f"<survey-mode>{mode}<", text)
        text = re.sub(rf"<({element})>\w+<", rf"<\1>{to}<", text) if element else text
        (place := folder / str(number)).mkdir()
        _, raw = conformed(text, place, f"{number:016d}", (MOMENT + timedelta(days=number), 0))
        deliveries.append(DeliveryRaw("hcahps_xml", f"{number:016d}", raw, (MOMENT + timedelta(days=number)).replace(tzinfo=None), raw.stat().st_size, 0))
    return judge({"hcahps_xml": FEED}, deliveries, [], folder / "docs", folder / "work")


def judged(text: str, tmp_path: Path):
    _, raw = conformed(text, tmp_path)
    delivery = DeliveryRaw("hcahps_xml", "0123456789abcdef", raw, MOMENT.replace(tzinfo=None), raw.stat().st_size, 0)
    return judge({"hcahps_xml": FEED}, [delivery], [], tmp_path / "docs", tmp_path / "work")[0]


@pytest.mark.parametrize(("pattern", "to", "rule", "kind"), [
    (r"<gender>\d</gender>(.*)", r"<gender>1</gender>\1", None, None),
    (r"<patient-age>\w+<", "<patient-age>0<", "x02_under_age", "problems"),
    (r"<patient-age>\w+<", "<patient-age>M<", "x03_age_or_sex_missing", "warnings"),
    (r"<discharge-status>\w+<", "<discharge-status>20<", "x04_died", "problems"),
    (r"<language>\w+<", "<language>8<", "x05_language", "warnings"),
    (r"<patientresponse>.*</patientresponse>", "", "x07_no_response", "problems"),
    (r"<survey-status>\w+<", "<survey-status>8<", "x07_response_not_expected", "problems"),
    (r"<number-survey-attempts-mail>\w+<", "<number-survey-attempts-mail>7<", "x08_attempts", "warnings"),
    (r"<provider-id>\w+<", "<provider-id>990099<", "x13_header_differs", "problems"),
    (r"<discharge-month>\w+<", "<discharge-month>01<", "x13_header_differs", "problems"),
    (r"<lag-time>\w+<", "<lag-time>888<", "x16_lag", "warnings"),
])
def test_a_wrong_record_has_its_reason(tmp_path, pattern, to, rule, kind):
    report, _ = conformed(changed(pattern, to, record=0), tmp_path)
    found = report.rules if kind == "problems" else report.warning_rules
    assert rule is None or found.get(rule) == 1, (report.rules, report.warning_rules)
    if rule:
        assert reason(FEED, rule).startswith(rule[:3].upper())


@pytest.mark.parametrize("pattern", [r"<nurse-listen>\w+</nurse-listen>", r"(?<=<nurse-listen>)\w+(?=</nurse-listen>)", r"<call-button>\w+</call-button>"])
def test_an_answered_record_that_lacks_a_question_is_told(tmp_path, pattern):
    report, _ = conformed(changed(pattern, "", record=0), tmp_path)
    assert (report.rules, report.warning_rules) == ({}, {"answer_absent": 1})


def test_an_age_that_is_absent_is_a_missing_age(tmp_path):
    report, _ = conformed(changed(r"<patient-age>\w+</patient-age>", "", record=0), tmp_path)
    assert report.warning_rules == {"x03_age_or_sex_missing": 1}


def test_a_status_that_is_none_is_set_to_missing_and_told(tmp_path):
    report, raw = conformed(changed(r"<survey-status>\w+<", "<survey-status>11<", record=0), tmp_path)
    assert (report.rules, report.warning_rules) == ({}, {"not_allowed": 1})
    assert duckdb.sql(f"select count(*) from read_parquet('{raw}') where disposition_code is null").fetchall() == [(1,)]


def test_a_man_in_maternity_is_told(tmp_path):
    text = changed(r"<gender>\w</gender>", "<gender>1</gender>", record=0)
    text = text.replace("<gender>1</gender>", "<gender>1</gender>")
    text = re.sub(r"<principal-reason-admission>\w</", "<principal-reason-admission>1</", text)
    report, _ = conformed(re.sub(r"<gender>\w</", "<gender>1</", text), tmp_path)
    assert report.warning_rules["x01_male_maternity"] == report.n_rows


def test_a_patient_twice_is_a_patient_once(tmp_path):
    text = FILE.read_text()
    again = RECORD.findall(text)[0]
    report, _ = conformed(text.replace("</monthlydata>", f"{again}</monthlydata>"), tmp_path)
    assert report.rules == {"duplicate_key": 1}


def test_the_good_file_passes_with_nothing_to_say(tmp_path):
    verdict = judged(FILE.read_text(), tmp_path)
    assert verdict.is_ok, verdict.failures


@pytest.mark.parametrize(("pattern", "to", "words"), [
    (r"<number-eligible-discharge>\d+<", "<number-eligible-discharge>1<", "X10"),
    (r"<sample-type>\d<", "<sample-type>4<", "X11"),
    (r"<survey-mode>\d<", "<survey-mode><", "X11"),
    (r"<sample-type>\d<", "<sample-type>3<", "X12"),
])
def test_a_wrong_header_holds_the_file(tmp_path, pattern, to, words):
    verdict = judged(changed(pattern, to), tmp_path)
    assert not verdict.is_ok and any(words in failure.message for failure in verdict.failures), verdict.failures


def test_a_mode_nobody_knows_yet_is_told_and_holds_no_file(tmp_path):
    text = changed(r"<survey-mode>\d<", "<survey-mode>5<")
    report, _ = conformed(text, tmp_path)
    assert (report.rules, report.warning_rules) == ({}, {"unknown_code": report.n_rows})
    assert not [failure for failure in judged(text, tmp_path).failures if "X11" in failure.message]


def stratified(eligible: tuple[int, int], sizes: tuple[int, int], patient: str = "B", in_one_block: bool = False) -> str:
    """The good file as a stratified sample of strata A and B, every patient in `patient`."""
    text = FILE.read_text().replace("<sample-type>1<", "<sample-type>3<", 1)
    parts = [f"<strata-name>{name}</strata-name><dsrs-eligible>{n}</dsrs-eligible><dsrs-samplesize>{size}</dsrs-samplesize>"
             for name, n, size in zip("AB", eligible, sizes, strict=True)]  # fmt: skip
    block = f"<dsrs-strata>{''.join(parts)}</dsrs-strata>" if in_one_block else "".join(f"<dsrs-strata>{part}</dsrs-strata>" for part in parts)
    text = text.replace("</sample-type>", f"</sample-type>{block}", 1)
    return re.sub(r"(<administration>)", rf"\1<strata-name>{patient}</strata-name>", text)


def test_strata_must_be_named_and_add_up(tmp_path):
    n_eligible, n_sampled = (int(re.search(rf"<{name}>(\d+)<", FILE.read_text())[1]) for name in ("number-eligible-discharge", "sample-size"))
    right = ((10, n_eligible - 10), (1, n_sampled - 1))
    for number, in_one_block in enumerate((False, True)):
        (folder := tmp_path / f"right{number}").mkdir()
        assert judged(stratified(*right, in_one_block=in_one_block), folder).is_ok
    wrong = {"stratum is not among": stratified(*right, patient="C"), "do not add up": stratified((10, n_eligible - 11), right[1]),
             "to its eligible discharges and its sample size": stratified(right[0], (1, n_sampled))}  # fmt: skip
    for number, (words, text) in enumerate(wrong.items()):
        (folder := tmp_path / f"wrong{number}").mkdir()
        failures = judged(text, folder).failures
        assert len(failures) == 1 and words in failures[0].message, failures


def test_two_hospitals_in_a_file_hold_it(tmp_path):
    verdict = judged(changed(r"<provider-id>\w+<", "<provider-id>990099<", record=0), tmp_path)
    assert any("one hospital per file" in failure.message for failure in verdict.failures)


def test_old_questions_after_the_change_hold_the_file(tmp_path):
    text = re.sub(r"<discharge-yr>\d+<", "<discharge-yr>2025<", FILE.read_text())
    assert any("X19" in failure.message for failure in judged(text, tmp_path).failures)


def test_new_questions_before_the_change_hold_the_file(tmp_path):
    new = ("rest", "informed-about-care", "worked-together", "help-right-away", "rest-recovery", "plans-made", "family-symptom-information", "stay-planned")
    text = FILE.read_text().replace("<quiet>", "".join(f"<{name}>1</{name}>" for name in new) + "<quiet>")
    text = re.sub(r"<(call-button|ct-[\w-]+|er-admission)>\w+</\1>", "", text)
    assert any("before 2025" in failure.message for failure in judged(text, tmp_path).failures)


@pytest.mark.parametrize("element", ["call-button", "ct-understanding", "er-admission"])
def test_any_old_question_after_the_change_holds_the_file(tmp_path, element):
    text = re.sub(r"<discharge-yr>\d+<", "<discharge-yr>2025<", FILE.read_text())
    others = {"call-button", "ct-preferences", "ct-understanding", "ct-purpose-med", "er-admission"} - {element}
    text = re.sub(rf"<({'|'.join(others)})>\w+<", r"<\1>M<", text)
    assert any("29-item form" in failure.message for failure in judged(text, tmp_path).failures)


def test_a_zero_before_a_code_means_nothing(tmp_path):
    coded = "survey-status|language|gender|patient-age|principal-reason-admission|survey-mode|sample-type|number-survey-attempts-mail|number-survey-attempts-telephone"
    (one := tmp_path / "one").mkdir()
    (two := tmp_path / "two").mkdir()
    plain, zeros = conformed(FILE.read_text(), one), conformed(re.sub(rf"<({coded})>(\d)<", r"<\1>0\2<", FILE.read_text()), two)
    assert zeros[0] == plain[0] and plain[0].n_accepted > 0
    assert duckdb.sql(f"from read_parquet('{zeros[1]}') except from read_parquet('{plain[1]}')").fetchall() == []


@pytest.mark.parametrize(("field", "missing"), [
    ("gender", "M"), ("discharge-status", "M"), ("patient-age", "M"), ("supplemental-question-count", "M"), ("survey-status", "M")])
def test_a_field_marked_missing_too_often_is_told(tmp_path, field, missing):
    verdict = judged(re.sub(rf"<{field}>\w+<", f"<{field}>{missing}<", FILE.read_text()), tmp_path)
    assert any("X17: 5 %" in warning.message for warning in verdict.warnings)


@pytest.mark.parametrize(("files", "told"), [
    ([("2024-07", "1", "", ""), ("2024-08", "1", "", ""), ("2024-09", "2", "", "")], {2: "2024-07, 2024-08"}),
    ([("2024-09", "1", "", ""), ("2024-10", "2", "", "")], {}),  # another quarter
    ([("2024-07", "1", "", ""), ("2024-08", "2", "provider-id", "990099")], {}),  # another hospital
    ([("2024-07", "1", "", ""), ("2024-07", "2", "", ""), ("2024-08", "2", "", "")], {}),  # the first file is corrected before the second month comes
    ([("2024-07", "1", "", ""), ("2024-08", "2", "sample-type", "4"), ("2024-09", "1", "", "")], {1: "2024-07"}),  # a file that is held says nothing about the quarter
])
def test_a_mode_that_changes_within_a_quarter_is_told_and_holds_no_file(tmp_path, files, told):
    verdicts = month_files(tmp_path, *files)
    found = {number: one.message for number, verdict in enumerate(verdicts) for one in verdict.warnings if "survey mode" in one.message}
    assert found == {number: f"a hospital keeps one survey mode within a quarter; months of it with another mode: {months}" for number, months in told.items()}
    assert [verdict.is_ok for verdict in verdicts] == [element != "sample-type" for _, _, element, _ in files]


def test_a_run_names_file_and_months_of_another_mode(tmp_path):
    (inbox := tmp_path / "inbox").mkdir()
    (inbox / "hcahps_x_20241201.xml").write_text(re.sub(r"<discharge-month>11<", "<discharge-month>10<", FILE.read_text()))
    (inbox / "hcahps_x_20241214.xml").write_text(changed(r"<survey-mode>3<", "<survey-mode>1<"))
    home, said = Home(tmp_path / "home").create(), []
    pipeline.land(home, [str(inbox)], {"hcahps_xml": FEED})
    pipeline.conform_new(home, {"hcahps_xml": FEED})
    pipeline.judge_new(home, {"hcahps_xml": FEED}, said.append)
    told, = [line for line in said if line.startswith("warning")]
    assert "hcahps_x_20241214.xml: a hospital keeps one survey mode" in told and told.endswith(": 2024-10")


def test_a_sample_size_that_is_not_the_number_of_records_is_told(tmp_path):
    verdict = judged(changed(r"<sample-size>\d+<", "<sample-size>2<"), tmp_path)
    assert any("sample size" in warning.message for warning in verdict.warnings)


def test_a_month_without_patients_may_be_sent(tmp_path):
    text = RECORD.sub("", FILE.read_text())
    assert judged(text, tmp_path).is_ok
