"""A small group of hospitals, clinics and an online feed: one build with surveys of every instrument family.

Belongs here: the deliveries and what is true of them (`GIVEN`).
Does not belong here: what is expected of the build (test_*.py).
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from ingestion.feed import Feed
from ingestion.kinds import KINDS
from orchestration.dbt_instruments import family_items
from orchestration.dbt_render import PROJECT_DIR
from tests.dbt.warehouse import Input, Warehouse, day, feed

SEEDS = PROJECT_DIR / "seeds"
FAMILIES = {"hcahps": "HCAHPS", "cgcahps": "CG_CAHPS", "oas": "OAS_CAHPS", "pg": "PG", "nps": "NPS", "fft": "FFT", "review": "REVIEW"}
SURVEY = ["survey_id", "facility_code", "unit_code", "discharge_on", "received_on", "disposition_code", "language_code", "sex_code", "age_code",
          "payer_code", "provider_id", "mode_code", "service_line_code", "n_eligible_discharges", "sample_type_code"]
NEXT_YEAR = [  # invented standards of a year with two dimensions
    "2027,Overall rating of hospital,hcahps_overall_rating,30,55,80,product-defined", "2027,Discharge information,hcahps_discharge_information,40,60,95,product-defined",
]  # fmt: skip
PG_PATIENTS = [  # the worked example of the issue, answers 1 to 5
    [5, 4, 5, 2, 4, 5, 2, 5, 4], [4, 3, 3, 3, 3, 4, 2, 5, 4], [4, 4, 4, 4, 2, 4, 3, 4, 4], [3, 3, 5, 4, 2, 3, 4, 3, 3], [3, 4, 5, 3, 4, 2, 3, 4, 3],
]  # fmt: skip
ORG = [("HOSP-A", "4W", "F1", "4W", "medicine"), ("HOSP-A", "ONC", "F1", "ONC", "Oncology"), ("HOSP-B", "A1", "F2", "A1", "Surgery"),
       ("HOSP-C", "P1", "F3", "P1", "Palliative care")]  # fmt: skip


def feeds() -> list[Feed]:
    """One survey feed per family, the organisation."""
    found = [
        feed(f"{family}_survey", "survey", [*SURVEY, "patient_id"] if family in ("review", "pg") else SURVEY, constants={"program_code": program}, business_key=["survey_id"],
             items={"family": family, "generations": [{"id": "any", "columns": {}}]})
        for family, program in FAMILIES.items()
    ]  # fmt: skip
    found.append(feed("review_copy", "survey", [*SURVEY, "patient_id"], constants={"program_code": "REVIEW"}, business_key=["survey_id"], priority=-1,
                      items={"family": "review", "generations": [{"id": "any", "columns": {}}]}))  # fmt: skip
    benchmark = [name for name in KINDS["benchmark"]]
    return [*found, feed("org", "org_unit", list(KINDS["org_unit"])), feed("qpp", "benchmark", benchmark, business_key=["benchmark_source", "public_measure_id", "edition", "position"]),
            feed("averages", "benchmark", benchmark, business_key=["geography_code", "public_measure_id", "period_end_on"]),
            feed("ssm", "score", list(KINDS["score"]), business_key=["entity_code", "public_measure_id", "edition"]),
            feed("cuts", "star_cut_point", list(KINDS["star_cut_point"]), business_key=["edition", "measure_name", "star"]),
            feed("coefficients", "adjustment_coefficient", list(KINDS["adjustment_coefficient"]),
                 business_key=["edition", "period_start_on", "measure_name", "statistic", "variable", "level_code"])]


@pytest.fixture(scope="session")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The build, with every dbt test passed."""
    root = tmp_path_factory.mktemp("scores")
    warehouse = Warehouse(root, feeds(), {"hvbp_standard": NEXT_YEAR})
    given = Input(warehouse.input, feeds())
    deliver(given)
    given.write()
    warehouse.dbt("build")
    return warehouse


def deliver(given: Input) -> None:
    """Every delivery of the scenario."""
    _org(given)
    _hcahps(given)
    _clinic(given)
    _vendor(given)
    _published(given)
    _cut_points(given)
    _coefficients(given)


def _org(given: Input) -> None:
    names = ("source_facility_code", "source_unit_code", "facility_id", "unit_id", "service_line")
    rows = [dict(zip(names, row, strict=True)) | {"source_feed": "*", "unit_name": row[3], "facility_name": f"Hospital {row[2]}"} for row in ORG]
    given.delivery("org", "2024-01-01", rows)


def survey(family: str, number: int, on: str, code: str = "HOSP-A", unit: str = "4W", **more: Any) -> dict[str, Any]:
    """One complete survey, received twenty days after discharge."""
    disposition = {"hcahps": "1", "cgcahps": "110", "oas": "110"}.get(family, "1")
    return {"survey_id": f"{family}-{on}-{code}-{unit}-{number}", "facility_code": code, "unit_code": unit, "discharge_on": day(on),
            "disposition_code": disposition} | more  # fmt: skip


def _hcahps(given: Input) -> None:
    """Two years of three hospitals; F3 has a handful of surveys only."""
    draw = random.Random(7)
    items = {item.item_code: item for item in family_items("hcahps", SEEDS)}
    screeners = {item.screener_item_code for item in items.values()} - {None}
    for number in range(24):
        year, month = 2024 + number // 12, number % 12 + 1
        instrument = "HCAHPS-29" if year == 2024 else "HCAHPS-32"
        rows = []
        for code, unit, n, lift in (("HOSP-A", "4W", 20, 0.0), ("HOSP-A", "ONC", 6, 0.3), ("HOSP-B", "A1", 14, -0.3), ("HOSP-C", "P1", 1, 0.0)):
            for nth in range(n):
                health = draw.randint(1, 5)
                answers: dict[str, Any] = {}
                for item in items.values():
                    if instrument not in item.instruments:
                        continue
                    answers[item.item_code] = 1 if item.item_code in screeners else _answer(item, draw, lift - 0.15 * health)
                if code == "HOSP-B" and nth >= 6:  # few were given a new medicine
                    answers |= {"med_for": None, "side_effects": None}
                answers |= {name: 2 for name in answers if name.startswith("race_")} | {"ethnic": 1, "race_white" if nth % 3 else "race_african_amer": 1}
                answers |= {"overall_health": health, "education": draw.randint(1, 6) if nth != 5 else None}
                rows.append(survey("hcahps", nth, f"{year}-{month:02d}-{1 + nth:02d}", code, unit, language_code=draw.choice(["english", "english", "spanish"]),
                                   sex_code=draw.choice(["male", "female"]), age_code=str(draw.randint(1, 15)), payer_code=draw.choice(["medicare", "private"]),
                                   mode_code="phone" if code == "HOSP-B" else "mail", n_eligible_discharges=100 + 10 * month, received_on=day(f"{year}-{month:02d}-28") if nth % 2 == 0 else day(f"{year + month // 12}-{month % 12 + 1:02d}-10"),
                                   sample_type_code="disproportionate_stratified" if (code, year, month) == ("HOSP-C", 2025, 11) else "simple_random", **answers))  # fmt: skip
        given.delivery("hcahps_survey", f"{year + month // 12}-{month % 12 + 1:02d}-05", rows)


def _answer(item: Any, draw: random.Random, lift: float) -> int:
    codes = sorted(item.answers)
    wanted = min(max(draw.gauss(0.75 + lift, 0.3), 0.0), 1.0)
    if len(codes) == 3:  # three-point scales: the lowest code is the best
        codes = codes[::-1]
    return codes[round(wanted * (len(codes) - 1))]


def _clinic(given: Input) -> None:
    """CG-CAHPS and OAS: complete, partial, ineligible, screened out."""
    good = {"cg_provider_seen": 1, "cg_usual_provider": 1, "cg_visits": 3, "cg_urgent_contact": 1, "cg_urgent_appointment": 4, "cg_routine_made": 1,
            "cg_routine_appointment": 3, "cg_question_asked": 2, "cg_explain": 4, "cg_listen": 4, "cg_respect": 4, "cg_enough_time": 3,
            "cg_tests_ordered": 2, "cg_provider_rating": 9, "cg_took_medicine": 2, "cg_staff_helpful": 4, "cg_staff_courteous": 4,
            "cg_overall_health": 2, "cg_age": 4, "cg_education": 4}
    rows = [
        survey("cgcahps", 1, "2025-02-03", **good),
        survey("cgcahps", 2, "2025-02-03", cg_provider_seen=1, cg_explain=2),  # one reportable answer, few key items
        survey("cgcahps", 3, "2025-02-03", **good | {"cg_provider_seen": 2}),  # not this provider: ineligible
        survey("cgcahps", 4, "2025-02-03", **good | {"cg_visits": 1}),  # no visit rules out what follows, down the chain
        survey("cgcahps", 5, "2025-02-03", **good | {"cg_urgent_contact": None}),  # a blank screener keeps its dependant
        survey("cgcahps", 6, "2025-02-03", cg_provider_seen=1, cg_age=3),  # nothing to report
        survey("cgcahps", 7, "2025-02-03", **good | {"cg_question_asked": -2, "cg_answer_same_day": 1}),  # two marks at the screener
    ]
    given.delivery("cgcahps_survey", "2025-03-05", rows)
    draw = random.Random(11)
    rated = ["cg_urgent_appointment", "cg_routine_appointment", "cg_explain", "cg_listen", "cg_respect", "cg_enough_time", "cg_staff_helpful", "cg_staff_courteous"]
    given.delivery("cgcahps_survey", "2026-01-05", [  # a year of four clinicians in two practices
        survey("cgcahps", 10 + nth, f"2025-{month:02d}-1{nth}", code, unit, provider_id=provider, **good | {item: draw.randint(2, 4) for item in rated} | {
            "cg_provider_rating": draw.randint(4, 10), "cg_overall_health": draw.randint(1, 5), "cg_mental_health": draw.randint(1, 5), "cg_age": draw.randint(1, 7),
            "cg_education": draw.choice([*range(1, 7), None])})
        for month in range(1, 13) for code, unit, provider in (("HOSP-A", "ONC", "dr1"), ("HOSP-A", "ONC", "dr2"), ("HOSP-B", "A1", "dr3"), ("HOSP-B", "A1", "dr4"))
        for nth in ((0, 1) if provider in ("dr1", "dr3") else (2, 3))])
    oas = {item.item_code: 1 for item in family_items("oas", SEEDS)} | {"oas_rating": 10, "oas_recommend": 4}
    given.delivery("oas_survey", "2025-03-05", [
        survey("oas", 1, "2025-02-03", **oas),
        survey("oas", 2, "2025-02-03", **oas | {"oas_anaesthesia_screener": 2, "oas_anaesthesia_process": 3}),
        survey("oas", 3, "2025-02-03", disposition_code="310", oas_check_in=1),
    ])
    given.delivery("oas_survey", "2026-01-05", [  # a whole year of one hospital: eight of ten give 10, two give 7
        survey("oas", nth, f"2025-{month:02d}-{nth + 1:02d}", "HOSP-B", "A1", **oas | {"oas_rating": 10 if nth < 8 else 7})
        for month in range(1, 13) for nth in range(10)])


def _vendor(given: Input) -> None:
    """The five patients of the worked example, NPS, FFT and reviews."""
    items = [item.item_code for item in family_items("pg", SEEDS)]
    rows = [survey("pg", n, "2025-02-03", **dict(zip(items, answers, strict=True))) for n, answers in enumerate(PG_PATIENTS)]
    rows.append(survey("pg", 9, "2025-02-03"))  # called answered, and nothing is
    given.delivery("pg_survey", "2025-03-05", rows)
    _returned_twice(given, items)
    given.delivery("nps_survey", "2025-03-05", [survey("nps", n, "2025-02-03", nps_recommend=a) for n, a in enumerate([10, 9, 9, 8, 7, 6, 0, -1])])
    given.delivery("fft_survey", "2025-03-05", [survey("fft", n, "2025-02-03", fft_experience=a) for n, a in enumerate([1, 1, 2, 2, 3, 5, 6])])
    given.delivery("review_survey", "2025-03-05", [survey("review", n, "2025-02-03", review_rating=a, patient_id=p) for n, (a, p) in enumerate([(5, None), (4, "p1"), (1, "p2")])]
                   + [survey("review", n, "2025-01-03", review_rating=3, patient_id="p3") for n in (7,)]
                   + [survey("review", n, "2024-12-04", review_rating=3, patient_id=p) for n, p in ((21, "p5"), (20, None))])
    given.delivery("review_copy", "2025-03-06", [
        survey("review", 0, "2025-02-03", review_rating=1),  # the same number, and nobody names a patient
        survey("review", 99, "2025-02-03", review_rating=1, patient_id="p1"),  # the same patient under another number
        survey("review", 7, "2025-01-03", review_rating=3, patient_id="p9"),  # the same number of another patient
        survey("review", 20, "2024-12-04", review_rating=1, patient_id="p5"),  # the number of one survey, the patient of another
    ])


def _returned_twice(given: Input, items: list[str]) -> None:
    """Patients of another hospital who send two questionnaires, and rows that only look like it."""

    def row(number: int, patient: str, n_answers: int, received: str | None, unit: str = "A1") -> dict[str, Any]:
        return survey("pg", number, "2025-01-03", "HOSP-B", unit, patient_id=patient, received_on=received and day(received), **dict.fromkeys(items[:n_answers], 5))

    given.delivery("pg_survey", "2025-02-05", [
        row(1, "first", 4, "2025-01-20"), row(2, "first", 8, "2025-01-25", "a1"),  # 4 more are not enough; a1 is A1
        row(3, "fuller", 3, "2025-01-20"), row(4, "fuller", 8, "2025-01-25"),  # 5 more are
        row(5, "order", 9, "2025-01-25"), row(6, "order", 9, "2025-01-20"),  # the order of the file is not that of receipt
        row(7, "blank", 0, None), row(8, "blank", 2, "2025-01-20"),  # nothing came back the first time
        row(9, "units", 5, "2025-01-20"), row(9, "units", 5, "2025-01-20", "A2"),  # two units, two visits
        row(10, "corrected", 3, "2025-01-20"), row(11, "steps", 1, "2025-01-10"), row(12, "steps", 5, "2025-01-11"), row(13, "steps", 6, "2025-01-12"),
    ])
    given.delivery("pg_survey", "2025-02-06", [row(10, "corrected", 4, "2025-01-20")])  # the same survey again: a newer version


def _published(given: Input) -> None:
    """Averages, percentiles of one of our measures, and vendor scores beside the deciles of two editions."""
    cahps_1_2025 = {10: 77.78, 20: 80.16, 30: 81.62, 40: 82.81, 50: 83.90, 60: 84.75, 70: 85.85, 80: 87.11, 90: 88.45, 99: 99}
    points = [{"benchmark_source": "QPP", "public_measure_id": "CAHPS_1", "edition": "2025", "position_kind": "percentile", "position": p, "value": v}
              for p, v in cahps_1_2025.items()]
    points += [{"benchmark_source": "QPP", "public_measure_id": "CAHPS_1", "edition": "2019", "position_kind": "decile", "position": d, "value": 40.0 + 4 * d}
               for d in range(3, 11)]  # editions to 2022 begin with decile 3
    points += [{"benchmark_source": "vendor norm", "peer_group": "large", "public_measure_id": "CAHPS_1", "edition": "2025", "position_kind": "percentile", "position": p,
                "value": 50.0 + p / 2} for p in range(10, 100, 10)]
    points += [{"benchmark_source": "own", "public_measure_id": "hcahps_overall_rating_linear_mean", "edition": "2024", "peer_group": "small", "position_kind": "percentile",
                "position": p, "value": 10.0 + p, "valid_from_on": day("2024-01-01")} for p in (10, 25, 50, 75, 90)]
    points += [{"benchmark_source": "own", "public_measure_id": "hcahps_overall_rating_linear_mean", "edition": "2025", "peer_group": "small", "position_kind": "percentile",
                "position": p, "value": 5.0 + p, "valid_from_on": day("2025-09-30")} for p in (10, 25, 50, 75, 90)]
    points.append({"benchmark_source": "own", "public_measure_id": "hcahps_recommend_top_box", "edition": "2026", "value": 60.0, "valid_from_on": day("2026-01-01")})
    points.append({"benchmark_source": "own", "public_measure_id": "hcahps_overall_rating_lineer_mean", "edition": "2024", "value": 70.0})  # misspelt
    given.delivery("qpp", "2025-01-15", points)
    averages = [("2023-07-01", "2024-06-30", "national", "US", "H_HSP_RATING_9_10", 70.0), ("2024-04-01", "2025-03-31", "national", "US", "H_HSP_RATING_9_10", 76.0),
                ("2024-07-01", "2025-06-30", "national", "US", "H_HSP_RATING_9_10", 99.0),
                ("2024-01-01", "2024-12-31", "national", "US", "OAS_RATING_TOP", 86.0), ("2024-01-01", "2024-12-31", "facility", "330101", "OAS_RATING_TOP", 20.0),
                ("2024-01-01", "2024-12-31", "national", "US", "OAS_RESPONSE_RATE", 31.0)]  # fmt: skip
    given.delivery("averages", "2025-01-15", [
        {"benchmark_source": "CMS", "geography_level": level, "geography_code": place, "public_measure_id": measure, "value": value,
         "footnote": "5" if value > 90 else None,  # a value that its own footnote takes back
         "period_start_on": day(first), "period_end_on": day(last)} for first, last, level, place, measure, value in averages])
    scores = [("P1", "2025", 84.75), ("P2", "2025", 77.0), ("P3", "2025", 90.0), ("P4", "2019", 60.0), ("P5", "2024", 80.0), ("P6", "2025", None), ("P7", "2019", 50.0)]
    given.delivery("ssm", "2025-06-15", [
        {"score_source": "vendor", "entity_code": code, "entity_level": "practice", "public_measure_id": "CAHPS_1", "edition": edition,
         "period_start_on": day(f"{edition}-01-01"), "value": value, "n_answers": 5 if code == "P2" else 120, "value_reason": None if value else "TOO_FEW"} for code, edition, value in scores])


def _cut_points(given: Input) -> None:
    """Invented cut points: one edition with all ten measures, a later one with a gap, two values the wrong way round, one measure right."""
    ten = {"nurse_communication": (40, 55, 70, 85), "doctor_communication": (45, 60, 70, 80), "responsiveness": (30, 50, 70, 90), "medicines": (20, 40, 60, 80),
           "discharge_information": (60, 70, 80, 95), "care_transition": (35, 55, 60, 65), "cleanliness": (50, 60, 70, 80), "quietness": (10, 20, 30, 40),
           "overall_rating": (40, 65, 72, 80), "recommend": (50, 62, 75, 90)}  # fmt: skip
    rows = [("2024", "2024-12-31", name, bounds, "product-defined") for name, bounds in ten.items()]
    rows += [("2025", "2025-09-30", name, bounds, "unverified") for name, bounds in
             {"cleanliness": (50, 60, 70, 80), "recommend": (50, 75, 62, 90), "overall_rating": (40, 65, 72)}.items()]
    rows.append(("2024", "2024-12-31", "clenliness", (50, 60, 70, 80), "unverified"))  # misspelt
    given.delivery("cuts", "2025-06-01", [
        {"edition": edition, "measure_name": f"hcahps_{name}", "star": star, "lower_bound": float(bound), "valid_from_on": day(on), "standing": standing}
        for edition, on, name, bounds, standing in rows for star, bound in enumerate(bounds, start=2)])


def _coefficients(given: Input) -> None:
    """Invented coefficients: whole, by item, and every way in which a table does not fit."""
    health, modes = ("overall_health", None, 2.7), [("mode", "mail", None), ("mode", "Phone", None)]
    education = [("education", str(code), 1 / 6) for code in range(1, 7)]
    rows: list[dict[str, Any]] = []

    def add(edition: str, period: tuple[str, str], measure: str, statistic: str, terms: list[tuple], values: list[float]) -> None:
        for (variable, level, centre), value in zip(terms, values, strict=True):
            rows.append({"edition": edition, "period_start_on": day(period[0]), "period_end_on": day(period[1]), "measure_name": measure, "statistic": statistic,
                         "variable": variable, "level_code": level, "coefficient": value, "reference_mean": centre, "standing": "product-defined"})

    year = ("2024-01-01", "2024-12-31")
    for statistic, sign in (("top_box", 1.0), ("bottom_box", -0.5), ("linear_mean", 0.6)):
        add("SYNTHETIC 2024", year, "hcahps_overall_rating", statistic, [health, *education, *modes], [sign * v for v in (-4.5, 3, 2, 1, 0, -1.5, -2.5, 1.25, -2)])
    add("SYNTHETIC 2025", ("2025-01-01", "2025-03-31"), "hcahps_overall_rating", "top_box", [health, ("age", None, 8.0)], [-4.0, 0.35])
    for item, lift in (("nurse_courtesy_respect", 1.0), ("nurse_listen", 2.0), ("nurse_explain", 4.0)):
        add("SYNTHETIC 2024", year, item, "top_box", [health], [-lift])
    add("SYNTHETIC 2024", year, "hcahps_recommend", "top_box", [("service_line", "surgery", 0.4), ("service_line", "medicine", 0.6)], [1.0, 0.0])
    add("SYNTHETIC 2024", year, "hcahps_cleanliness", "top_box", [health, ("educaton", None, 3.0)], [-4.0, 1.0])
    add("SYNTHETIC 2024", year, "hcahps_quietness", "top_box", education[:5], [1.0, 2.0, 3.0, 4.0, 0.0])
    add("SYNTHETIC 2024", year, "hcahps_doctor_communication", "linear_mean", [health], [-3.0])
    add("SYNTHETIC 2023", ("2023-01-01", "2024-02-29"), "hcahps_medicines", "top_box", [health], [-3.0])
    add("SYNTHETIC 2024", year, "hcahps_medicine", "top_box", [health], [-3.0])
    given.delivery("coefficients", "2025-06-01", rows)


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT_DIR
