"""The scenario of the dbt tests: fourteen months of two hospitals, with the things that go wrong.

Belongs here: what truly happened (`Truth`), the deliveries that tell of it with errors, corrections and
gaps, and one build over them.
Does not belong here: what is expected of the build (test_*.py).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.feed import Feed
from ingestion.kinds import KINDS
from orchestration.dbt_instruments import Item, family_items
from orchestration.dbt_render import PROJECT_DIR
from tests.dbt.warehouse import Input, Warehouse, day, feed

MONTHS = [f"{2024 + n // 12}-{n % 12 + 1:02d}" for n in range(5, 19)]  # 2024-06 .. 2025-07
ORG = [
    ("*", "HOSP-A", "4 West", "F1", "4W", "4 West", "Medicine", None, None),
    ("*", "HOSP-A", "ICU", "F1", "ICU", "Intensive care", "Critical care", None, None),
    ("*", "HOSP-A", "Ward 9", "F1", "4W", "4 West", "Medicine", "2024-01-01", None),
    ("*", "HOSP-A", "Ward 9", "F1", "ICU", "Intensive care", "Critical care", "2025-04-01", None),
    ("*", "HOSP-B", "A1", "F2", "A1", "Surgery A1", "Surgery", None, None),
    ("xml_survey", "330101", None, "F2", None, None, None, None, None),
]


@dataclass
class Truth:
    """What happened: surveys as they stand after every correction, valid cases, encounters."""

    items: dict[str, Item]
    surveys: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    encounters: dict[tuple[str, str, str], int] = field(default_factory=dict)  # unit, class, month -> n


def _feeds() -> list[Feed]:
    survey = ["survey_id", "facility_code", "unit_code", "discharge_on", "received_on", "disposition_code",
              "discharge_status_code", "is_in_official_sample"]
    complaint = [name for name in KINDS["complaint"] if not name.endswith("_on") and name not in (
        "narrative_length", "event_on", "patient_id", "complainant_id", "staff_id")]
    hcahps = {"program_code": "HCAHPS"}
    return [
        feed("vendor_survey", "survey", survey, business_key=["survey_id"], constants=hcahps, cadence="monthly"),
        feed("xml_survey", "survey", ["survey_id", "facility_code", "discharge_on", "disposition_code"], constants=hcahps,
             business_key=["survey_id"], replaces=["facility_code", "discharge_on"]),
        feed("rl6", "complaint", [*complaint, "narrative"], business_key=["case_id", "issue_number"], time_zone="America/Chicago"),
        feed("sheet", "encounter_count", list(KINDS["encounter_count"]), priority=10, cadence="monthly",
             business_key=["facility_code", "unit_code", "class_code", "period_start_on"]),
        feed("fhir_visits", "encounter", [name for name in KINDS["encounter"] if not name.endswith("_on") and name != "patient_id"],
             business_key=["encounter_id"], priority=5),
        feed("org", "org_unit", list(KINDS["org_unit"])),
        feed("cms", "benchmark", list(KINDS["benchmark"]), business_key=["geography_code", "public_measure_id"]),
    ]


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, Truth]:
    """The build of the scenario, with every dbt test and unit test passed, and the truth behind it."""
    root = tmp_path_factory.mktemp("scenario")
    warehouse, truth = Warehouse(root, _feeds()), Truth({i.item_code: i for i in family_items("hcahps", PROJECT_DIR / "seeds")})
    write_deliveries(warehouse.input, truth)
    warehouse.dbt("build")
    return warehouse, truth


@pytest.fixture(scope="session")
def warehouse(scenario: tuple[Warehouse, Truth]) -> Warehouse:
    return scenario[0]


@pytest.fixture(scope="session")
def truth(scenario: tuple[Warehouse, Truth]) -> Truth:
    return scenario[1]


def write_deliveries(folder: Path, truth: Truth) -> None:
    """Every delivery of the scenario, as build input below `folder`."""
    given, draw = Input(folder, _feeds()), random.Random(20250805)
    _org(given)
    _surveys(given, truth, draw)
    _special_surveys(given)
    _cases(given, truth)
    _encounters(given, truth, draw)
    given.delivery("cms", "2024-07-31", [_benchmark("H_COMP_1_A_P", 79.0), _benchmark("H_COMP_3_A_P", None, "Not Available", "1, 5"),
                                         _benchmark("H_COMP_2_A_P", 81.0, footnote="2;3"), _benchmark("H_COMP_5_A_P", 64.0, footnote="2;5"),
                                         _benchmark("H_COMP_2_LINEAR_SCORE", 91.0, footnote="15"), _benchmark("H_COMP_2_STAR_RATING", 4.0, footnote="15")])
    given.delivery("cms", "2024-10-30", [_benchmark("H_COMP_1_A_P", 80.0)])
    given.write()


def _org(given: Input) -> None:
    names = ("source_feed", "source_facility_code", "source_unit_code", "facility_id", "unit_id", "unit_name", "service_line",
             "valid_from_on", "valid_to_on")
    zone = {"F1": "America/Chicago", "F2": "No/Such_Zone"}
    rows = [dict(zip(names, row, strict=True)) for row in ORG]
    rows = [row | {name: row[name] and day(row[name]) for name in names[-2:]} for row in rows]
    rows = [row | {"facility_name": f"Hospital {row['facility_id']}", "time_zone": zone[row["facility_id"]]} for row in rows]
    ghost = rows[0] | {"source_unit_code": "5 East", "unit_id": "GHOST", "unit_name": "Not in the newest file"}
    given.delivery("org", "2024-01-01", [rows[0] | {"unit_name": "Old name"}, ghost])
    given.delivery("org", "2024-02-01", rows)


def answers(truth: Truth, discharge: str, draw: random.Random) -> dict[str, int | None]:
    """A complete survey: every item of the instrument answered within its scale, screeners saying yes."""
    instrument = "HCAHPS-29" if discharge < "2025" else "HCAHPS-32"
    asked = {code: item for code, item in truth.items.items() if instrument in item.instruments}
    screeners = {item.screener_item_code for item in asked.values()} - {None}
    return {code: 1 if code in screeners else draw.choice(item.answers) for code, item in asked.items()}


def _surveys(given: Input, truth: Truth, draw: random.Random) -> None:
    """Monthly files of 4W, ICU (from 2025-01), A1; in 2024-09 answers arrive wrong and are corrected in November."""
    for month in MONTHS:
        rows = []
        for unit, facility_code, unit_code, n in (("F1/4W", "hosp-a ", "4 WEST", 5), ("F1/ICU", "HOSP-A", "ICU", 3), ("F2/A1", "HOSP-B", "A1", 4)):
            if unit == "F1/ICU" and month < "2025":
                continue
            for number in range(n):
                row = {"survey_id": f"{unit}-{month}-{number}", "facility_code": facility_code, "unit_code": unit_code,
                       "discharge_on": day(f"{month}-{number * 6 + 2:02d}"), "disposition_code": "1", **answers(truth, month, draw)}
                rows.append(row)
                truth.surveys.append(row | {"unit": unit, "month": month})
            rows.append({"survey_id": f"{unit}-{month}-refused", "facility_code": facility_code, "unit_code": unit_code,
                         "discharge_on": day(f"{month}-03"), "disposition_code": "7"})
            truth.surveys.append(rows[-1] | {"unit": unit, "month": month})
        year, number = (int(part) for part in month.split("-"))
        sent = f"{year + number // 12}-{number % 12 + 1:02d}-05"
        if month == "2024-09":
            given.delivery("vendor_survey", sent, [row | {"overall_rate": 0} if row["disposition_code"] == "1" else row for row in rows])
            sent = "2024-11-20"
        given.delivery("vendor_survey", sent, rows)
    given.delivery("vendor_survey", "2025-08-06", [rows[0]], status="held")


SPECIAL = {"facility_code": "HOSP-B", "unit_code": "odd", "disposition_code": "1", "discharge_on": day("2025-02-10")}


def _special_surveys(given: Input) -> None:
    """Surveys of an unmapped unit of F2, one for each rule of cleaning; they are told by their survey_id."""
    full32 = {code: 4 for code in ("nurse_courtesy_respect", "nurse_listen", "nurse_explain", "dr_courtesy_respect", "dr_listen",
                                   "dr_explain", "cleanliness", "rest", "quiet", "informed_about_care", "worked_together", "recommend")}
    full32 |= {"bathroom_screener": 1, "new_med_screener": 1, "discharge_screener": 1, "overall_rate": 9}
    ten = dict(list(full32.items())[:10])
    rows = [
        {"survey_id": "screened", **full32, "bathroom_screener": 2, "bathroom_help": 4, "new_med_screener": 2, "med_for": 8,
         "discharge_screener": -1, "symptoms": 1},
        {"survey_id": "off_instrument", **full32, "call_button": 4, "ct_preferences": -1},
        {"survey_id": "ten_answered", **ten},
        {"survey_id": "nine_answered", **ten, "quiet": -1, "informed_about_care": None, "recommend": -2, "bathroom_help": 3},
        {"survey_id": "outside_sample", **full32, "is_in_official_sample": False},
        {"survey_id": "died", **full32, "discharge_status_code": "20"},
        {"survey_id": "break_off", **full32, "disposition_code": "6"},
        {"survey_id": "ineligible", "disposition_code": "3"},
        {"survey_id": "unknown_code", **full32, "disposition_code": "Z"},
        {"survey_id": "before_any_instrument", **full32, "discharge_on": day("2017-12-31")},
        {"survey_id": "old_form", "discharge_on": day("2024-12-31"), **full32, "rest": 4, "call_button": 9},
        {"survey_id": "ward_9_march", **full32, "facility_code": "HOSP-A", "unit_code": "ward 9", "discharge_on": day("2025-03-31")},
        {"survey_id": "ward_9_april", **full32, "facility_code": "HOSP-A", "unit_code": "ward 9", "discharge_on": day("2025-04-01")},
        {"survey_id": "no_such_hospital", **full32, "facility_code": "HOSP-X"},
        {"survey_id": "open_month", **full32, "discharge_on": day("2025-08-02")},
        {"survey_id": "quarantined", "problems": [("bad_date", "discharge_on", "99/99/9999")], "discharge_on": None},
        {"survey_id": "warned", **full32, "rest": -1, "warnings": [("answer_not_permitted", "rest", "9"), ("answer_not_permitted", "quiet", "9")]},
    ]
    given.delivery("vendor_survey", "2025-08-05", [SPECIAL | row for row in rows], sequence=2)
    # Later rows and deliveries win; a sequence number orders deliveries of one moment.
    given.delivery("vendor_survey", "2025-08-05", [
        SPECIAL | full32 | {"survey_id": "twice", "overall_rate": 1}, SPECIAL | full32 | {"survey_id": "twice", "overall_rate": 2},
        SPECIAL | full32 | {"survey_id": "warned", "overall_rate": 3},
    ], sequence=1)
    xml = {"facility_code": "330101", "disposition_code": "1", "discharge_on": day("2025-05-01"), **full32}
    given.delivery("xml_survey", "2025-06-10", [xml | {"survey_id": "x1"}, xml | {"survey_id": "x2"}])
    given.delivery("xml_survey", "2025-07-10", [xml | {"survey_id": "x1", "overall_rate": 5}])
    given.delivery("xml_survey", "2025-06-11", [xml | {"survey_id": "x3", "discharge_on": day("2025-04-01")}])


def _cases(given: Input, truth: Truth) -> None:
    """Snapshots of the feedback system; C2 loses an issue and is withdrawn later, C4 falls on the local last of March."""
    def case(case_id: str, at: str, unit: str | None = "4 West", **more: Any) -> dict[str, Any]:
        moment = datetime.fromisoformat(at)
        return {"case_id": case_id, "issue_number": 1, "facility_code": "HOSP-A", "unit_code": unit, "received_at": moment,
                "received_on": moment.date(), "feedback_type_code": "complaint", "status_code": "new", "channel_code": "letter",
                "category_text": "Care", "narrative": f"text of {case_id}"} | more

    c0 = case("C0", "2024-06-10 12:00")  # the first case: rates begin here
    c1 = [case("C1", "2025-03-05 15:00"), case("C1", "2025-03-05 15:00", issue_number=2, category_text="Noise"),
          case("C1", "2025-03-05 15:00", issue_number=3, category_text="Noise")]
    c2 = [case("C2", "2025-03-06 15:00"), case("C2", "2025-03-06 15:00", issue_number=2, category_text="Noise")]
    c3 = case("C3", "2025-03-31 12:00", channel_code="in_person", is_resolved_on_spot=True)
    c4 = case("C4", "2025-04-01 04:30", received_on=day("2025-04-01"), channel_code="phone")
    c5 = case("C5", "2025-03-20 12:00", "5 East")
    c6 = case("C6", "2025-03-21 12:00", "ICU", is_test=True)
    c7 = case("C7", "2025-03-22 12:00", "A1", facility_code="HOSP-B")
    given.delivery("rl6", "2024-07-05", [c0])
    given.delivery("rl6", "2025-04-05", [*c1, *c2, c3, c4, c5, c6, c7])
    given.delivery("rl6", "2025-08-05", [*c1, c2[0] | {"status_code": "withdrawn"}, c3, c4, c5, c6, c7])
    for case_id, unit, month, is_grievance in (("C0", "F1/4W", "2024-06", True), ("C1", "F1/4W", "2025-03", True), ("C3", "F1/4W", "2025-03", False), ("C4", "F1/4W", "2025-03", False),
                                               ("C5", "F1/unassigned", "2025-03", True), ("C7", "F2/A1", "2025-03", True)):
        truth.cases.append({"case_id": case_id, "unit": unit, "month": month, "is_grievance": is_grievance})


def _encounters(given: Input, truth: Truth, draw: random.Random) -> None:
    """Monthly sheets, restated once; F2 sends nothing for 2025-02 and ICU begins in 2025-01; FHIR visits of F1."""
    def count(code: str, unit: str, name: str, month: str, n: int, is_partial: bool = False) -> dict[str, Any]:
        return {"facility_code": code, "unit_code": unit, "class_code": name, "period_grain": "month",
                "period_start_on": day(f"{month}-01"), "n_encounters": n, "is_partial": is_partial}

    rows = []
    for month in MONTHS:
        for unit, code, name, encounter_class in (("F1/4W", "4 West", "Inpatient discharges", "inpatient"), ("F1/4W", "4 West", "ED visits", "emergency"),
                                                  ("F1/ICU", "ICU", "Inpatients", "inpatient"), ("F2/A1", "A1", "Same day surgery", "surgery_short_stay")):
            if (unit == "F1/ICU" and month < "2025") or (unit == "F2/A1" and month == "2025-02"):
                continue
            n = draw.randint(200, 900)
            rows.append(count("HOSP-B" if unit == "F2/A1" else "HOSP-A", code, name, month, n))
            truth.encounters[unit, encounter_class, month] = n
    # Codes are written otherwise in the sheet that is restated: they are the same codes.
    given.delivery("sheet", "2025-02-03", [row | {"n_encounters": 1, "unit_code": row["unit_code"].lower(), "class_code": row["class_code"].upper()} for row in rows if row["period_start_on"] < day("2025-02-01")])
    given.delivery("sheet", "2025-08-03", [*rows, count("HOSP-A", "4 West", "ED visits", "2025-08", 20, is_partial=True)])
    visit = {"facility_code": "HOSP-A", "unit_code": "4 West", "class_code": "AMB", "status_code": "finished"}

    def at(text: str) -> dict[str, Any]:
        moment = datetime.fromisoformat(text)
        return {"start_at": moment, "start_on": moment.date(), "end_at": moment, "end_on": moment.date()}

    given.delivery("fhir_visits", "2025-07-31 23:00", [
        visit | {"encounter_id": "v1"} | at("2025-03-10 12:00"),
        visit | {"encounter_id": "v2"} | at("2025-04-01 04:00"),  # 23:00 on the last of March in Chicago
        visit | {"encounter_id": "v3", "part_of_id": "v1"} | at("2025-03-10 12:00"),
        visit | {"encounter_id": "v4", "class_code": "EMER"} | at("2025-03-10 12:00"),  # the sheet counts emergency
        visit | {"encounter_id": "v5", "facility_code": "HOSP-X"} | at("2025-03-10 12:00"),
        visit | {"encounter_id": "v6", "class_code": "Ward round"} | at("2025-04-10 12:00"),  # a class nobody mapped: in no rate
        *(visit | {"encounter_id": f"w{month}"} | at(f"{month}-15 12:00") for month in MONTHS[-4:]),
    ])
    given.delivery("fhir_visits", "2025-08-04", [visit | {"encounter_id": "v1", "status_code": "cancelled"} | at("2025-03-10 12:00")])
    truth.encounters |= {("F1/4W", "outpatient", month): 1 for month in MONTHS[-5:]}
    truth.encounters["unassigned/unassigned", "outpatient", "2025-03"] = 1


def _benchmark(measure: str, value: float | None, reason: str | None = None, footnote: str | None = None) -> dict[str, Any]:
    return {"benchmark_source": "CMS", "geography_level": "national", "geography_code": "US", "public_measure_id": measure,
            "value": value, "value_reason": reason, "footnote": footnote,
            "period_start_on": day("2022-10-01"), "period_end_on": day("2023-09-30")}
