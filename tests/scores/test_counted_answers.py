"""Answers that others have counted: into the cube and the KPIs, each delivered count with its own provenance."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ingestion.kinds import KINDS
from orchestration.unmapped import reading_build, same_survey_lines
from tests.dbt.warehouse import Input, Warehouse, day, feed
from tests.scores.conftest import survey

PLACE = ["facility_code", "unit_code", "period_start_on"]


def counts(unit: str, on: str, given: dict[int, int | None], grain: str = "month") -> list[dict]:
    return [{"facility_code": "HOSP-A", "unit_code": unit, "period_start_on": day(on), "period_grain": grain, "answer": answer, "n_answers": n,
             "n_answers_reason": "SUPPRESSED" if n is None else None} for answer, n in given.items()]  # fmt: skip


# Files of one month (organisation, site, ward, service, count of answer 1), and which counts stay.
LEVELS = [
    ("2023-03-01", [("R", "R1", "A", "inpatient", 1), ("R", "r2", "B", "inpatient", 4)]),  # wards
    ("2023-03-01", [("R", "R1", None, "inpatient", 103), ("R", "R2", None, "inpatient", 104), ("R", "R3", None, "inpatient", 8)]),  # sites, one without wards
    ("2023-03-01", [("R", "R", None, "inpatient", 115), ("Q", "Q", None, "inpatient", 16)]),  # organisations, one without sites
    ("2023-03-01", [("R", "R1", None, "emergency", 32)]),  # another service of the site
    ("2023-03-01", [("R", "R2", None, None, 140)]),  # a file that names no service
    ("2023-04-01", [("R", "R1", None, "inpatient", 64)]),  # another month
]


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> Warehouse:
    """One month counted twice (corrected), with a ward nobody mapped, a code outside the scale and two surveys beside it."""
    kinds = [name for name in KINDS["answer_count"] if name not in ("instrument_family", "item_code")]
    feeds = [
        feed("ward_counts", "answer_count", kinds, constants={"instrument_family": "fft", "item_code": "fft_experience"},
             business_key=[*PLACE, "item_code", "answer"], replaces=PLACE),
        *(feed(f"{family}_survey", "survey", ["survey_id", "facility_code", "unit_code", "discharge_on", "disposition_code"], constants={"program_code": family.upper()},
               business_key=["survey_id"], items={"family": family, "generations": [{"id": "any", "columns": {}}]}) for family in ("fft", "review")),
        feed("level_counts", "answer_count", kinds, constants={"instrument_family": "fft", "item_code": "fft_experience"},
             business_key=[*PLACE, "service_code", "item_code", "answer"], replaces=[*PLACE, "service_code"]),
        feed("org", "org_unit", list(KINDS["org_unit"])),
    ]  # fmt: skip
    root = tmp_path_factory.mktemp("counted")
    warehouse, given = Warehouse(root, feeds), Input(root / "input", feeds)
    given.delivery("org", "2024-01-01", [{"source_feed": "*", "source_facility_code": "HOSP-A", "source_unit_code": "4 West", "facility_id": "F1", "unit_id": "4W",
                                          "facility_name": "Hospital F1", "unit_name": "4W", "service_line": "Medicine"}])  # fmt: skip
    given.delivery("fft_survey", "2025-01-31", [survey("fft", n, "2025-01-10", unit="4 West", fft_experience=answer) for n, answer in enumerate((1, 5))])
    given.delivery("review_survey", "2025-01-31", [survey("review", 1, "2025-01-10", unit="4 West", review_rating=5)])
    given.delivery("ward_counts", "2025-02-20", [*counts("4 West", "2025-01-01", {1: 1, 2: 1, 3: 77}), *counts("Attic", "2025-01-01", {1: 10, 4: 10})])
    given.delivery("ward_counts", "2025-02-25", [
        *counts("4 West", "2025-01-01", {1: 40, 2: 20, 4: 3, 5: 2, 6: 5, 7: 9}),
        *counts("4 West", "2025-02-03", {1: 4, 3: 0}, "day"),
        *counts("4 West", "2024-11-01", {1: 8, 2: None}),
        *counts("4 West", "2024-10-01", {1: 99}, "quarter"),
        *counts("4 West", "2019-12-01", {1: 5}),
    ])  # fmt: skip
    for number, (on, rows) in enumerate(LEVELS):
        given.delivery("level_counts", f"2023-05-{number + 1:02d}", [
            {"organisation_code": organisation, "facility_code": site, "unit_code": ward, "service_code": service, "period_start_on": day(on), "answer": 1, "n_answers": n}
            for organisation, site, ward, service, n in rows])
    given.write()
    warehouse.dbt("build")  # kpi_evidence_equals_value, rows_reconcile and keys_hold are among its tests
    return warehouse


def test_the_share_of_a_month_is_that_of_counts_and_surveys_together(counted: Warehouse):
    found = {(row["kpi_id"], row["facility_id"]): row for row in counted.rows(
        "select * from marts.kpi_value where kpi_id like 'fft_%' and period_grain = 'month' and period_start_on = '2025-01-01'")}
    # 4 West 60 of 70, the unmapped ward 10 of 20, the surveys 1 of 2; negative 5, 10 and 1.
    for facility in ("F1", None):
        for kpi, numerator in (("fft_positive", 71), ("fft_negative", 16)):
            row = found[kpi, facility]
            assert (row["numerator"], row["denominator"], row["reason"]) == (numerator, 92, None)
            assert row["value"] == pytest.approx(100 * numerator / 92)


def test_the_cube_holds_the_corrected_month_and_codes_of_the_scale_only(counted: Warehouse):
    cube = counted.rows("select unit_key, answer, n from core.answer_counts where item_code = 'fft_experience' and month_start_on = '2025-01-01' order by all")
    assert [tuple(row.values()) for row in cube] == [
        ("F1/4W", 1, 41), ("F1/4W", 2, 20), ("F1/4W", 4, 3), ("F1/4W", 5, 3), ("F1/4W", 6, 5), ("F1/unassigned", 1, 10), ("F1/unassigned", 4, 10)]  # fmt: skip
    others = counted.rows("select distinct month_start_on, answer, n from core.answer_counts where item_code = 'fft_experience' and month_start_on > '2025-01-01'")
    assert others == [{"month_start_on": day("2025-02-01"), "answer": 1, "n": 4}]


def test_every_count_has_its_evidence_and_what_is_left_out_its_rule(counted: Warehouse):
    rows = counted.rows("select month_start_on, rule, sum(numerator)::int as numerator, sum(denominator) as denominator, count(*) as n from marts.kpi_evidence "
                        "where kpi_id = 'fft_positive' and source_kind = 'answer_count' and feed = 'ward_counts' group by all order by all")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        (day("2024-10-01"), "LONGER_THAN_A_MONTH", 0, 0, 1),
        (day("2024-11-01"), "PARTLY_WITHHELD", 0, 0, 1),
        (day("2024-11-01"), "SUPPRESSED", 0, 0, 1),
        (day("2025-01-01"), "ANSWERS_COUNTED", 70, 90, 7),
        (day("2025-01-01"), "NOT_AN_ANSWER", 0, 0, 1),
        (day("2025-02-01"), "ANSWERS_COUNTED", 4, 4, 2),
    ]
    assert counted.row("select rule from core.fct_answer_count where month_start_on = '2019-12-01'") == {"rule": "NO_INSTRUMENT"}
    assert counted.row("select count(*) as n, count(distinct superseded_by_delivery_id) as by from core.superseded_row where feed = 'ward_counts'") == {"n": 3, "by": 1}


def test_a_delivery_of_counts_closes_months_of_its_own_questionnaire_only(counted: Warehouse):
    opened = counted.rows("select measure_name, period_start_on, reason from marts.survey_score where measure_name in ('fft_positive', 'review_stars') "
                          "and level = 'enterprise' and period_grain = 'month' and period_start_on >= '2025-01-01' order by all")  # fmt: skip
    assert [tuple(row.values()) for row in opened] == [
        ("fft_positive", day("2025-01-01"), None), ("fft_positive", day("2025-02-01"), "PERIOD_OPEN"), ("review_stars", day("2025-01-01"), "PERIOD_OPEN")]  # fmt: skip
    windows = counted.rows("select kpi_id, period_start_on, reason from marts.kpi_value where kpi_id in ('fft_positive', 'review_stars_top_box') and level = 'enterprise' "
                            "and (period_start_on, period_grain) in (('2025-01-01', 'month'), ('2025-02-01', 'month'), ('2024-02-01', 'rolling_12_months')) order by all")  # fmt: skip
    assert [tuple(row.values()) for row in windows] == [
        ("fft_positive", day("2024-02-01"), "WINDOW_INCOMPLETE"), ("fft_positive", day("2025-01-01"), None), ("fft_positive", day("2025-02-01"), "PERIOD_OPEN"),
        ("review_stars_top_box", day("2024-02-01"), "PERIOD_OPEN")]  # fmt: skip


def test_of_files_of_several_levels_the_finest_counts_and_the_others_are_told(counted: Warehouse):
    rows = counted.rows("select month_start_on, rule, list(n_answers order by n_answers) as n from core.fct_answer_count where feed = 'level_counts' group by all order by all")
    assert [tuple(row.values()) for row in rows] == [
        (day("2023-03-01"), "ANSWERED", [1, 4, 8, 16, 32]), (day("2023-03-01"), "FINER_LEVEL_COUNTED", [103, 104, 115, 140]), (day("2023-04-01"), "ANSWERED", [64])]  # fmt: skip
    assert counted.row("select sum(n_rows)::int as n from marts.data_quality where outcome = 'counted_elsewhere'") == {"n": 4}
    with reading_build(SimpleNamespace(build_file=counted.file)) as told:
        assert "4 counts of level_counts came in a file of a finer level too" in " ".join(same_survey_lines(told))


def test_a_ward_that_nobody_mapped_is_told(counted: Warehouse):
    assert counted.row("select * exclude (first_used_on, last_used_on, is_suppressed) from marts.unmapped_codes where feed = 'ward_counts'") == {
        "feed": "ward_counts", "source_kind": "answer_count", "source_facility_code": "HOSP-A", "source_unit_code": "Attic", "facility_id": "F1", "n_rows": 2}  # fmt: skip
