"""What cleaning, completeness and scoring do to surveys of each instrument family."""

from __future__ import annotations

import pytest

from tests.dbt.warehouse import Warehouse


def _survey(scores: Warehouse, family: str, number: int) -> dict:
    return scores.row(
        f"select f.*, s.exclusion_reason from core.fct_survey_{family} as f join core.fct_survey as s using (delivery_id, row_number) "
        f"where f.survey_id = '{family}-2025-02-03-HOSP-A-4W-{number}'"
    )


@pytest.mark.parametrize(
    ("family", "number", "group", "reason"),
    [
        ("cgcahps", 1, "complete", None),
        ("cgcahps", 2, "partial", None),  # complete and partial are analysed
        ("cgcahps", 3, "break_off", "INELIGIBLE"),  # every question after the first is ruled out
        ("cgcahps", 4, "break_off", "BREAK_OFF"),  # no visit: nothing reportable is left
        ("cgcahps", 5, "complete", None),
        ("cgcahps", 6, "break_off", "BREAK_OFF"),
        ("oas", 1, "complete", None),
        ("oas", 3, "break_off", "BREAK_OFF"),  # the vendor's own result is never raised
        ("pg", 0, "complete", None),
        ("pg", 9, "break_off", "BREAK_OFF"),
        ("nps", 7, "break_off", "BREAK_OFF"),
        ("fft", 6, "complete", None),
    ],
)
def test_what_a_survey_counts_as(scores: Warehouse, family: str, number: int, group: str, reason: str | None) -> None:
    row = _survey(scores, family, number)
    assert (row["disposition_group"], row["exclusion_reason"], row["is_scored"]) == (group, reason, reason is None)


def test_forward_cleaning_goes_down_the_form(scores: Warehouse) -> None:
    none, blank, two_marks = (_survey(scores, "cgcahps", n) for n in (4, 5, 7))
    ruled_out = ["cg_urgent_contact", "cg_urgent_appointment", "cg_routine_appointment", "cg_explain", "cg_provider_rating", "cg_staff_courteous"]
    assert [none[item] for item in ruled_out] == [None] * 6
    assert (none["cg_provider_seen"], none["cg_visits"], none["cg_overall_health"]) == (1, 1, 2)
    assert none["n_screened_out"] == 14
    assert (blank["cg_urgent_contact"], blank["cg_urgent_appointment"]) == (None, 4)
    assert (two_marks["cg_question_asked"], two_marks["cg_answer_same_day"]) == (-2, 1)  # not answered, so nothing is ruled out
    assert _survey(scores, "oas", 2)["oas_anaesthesia_process"] is None


@pytest.mark.parametrize(
    ("kpi_id", "value", "n"),
    [("pg_section_a", 220 / 3, 5), ("pg_section_b", 53.75, 5), ("pg_section_c", 72.5, 5), ("pg_mean_score", 66.527777777778, 5),
     ("net_promoter_score", 100 / 7, 7), ("fft_positive", 400 / 7, 7), ("fft_negative", 100 / 7, 7), ("review_stars_top_box", 200 / 3, 3),
     ("oas_communication_top_box", 100, 2), ("oas_rating_top_box", 100, 2)],
)  # fmt: skip
def test_scores_of_the_other_instruments(scores: Warehouse, kpi_id: str, value: float, n: int) -> None:
    row = scores.row(f"select sum(numerator) as numerator, max(denominator) as n from core.measure_month where measure_id = '{kpi_id}' and unit_key = 'F1/4W'")
    scale = scores.row(f"select scale_factor from marts.dim_measure where measure_id = '{kpi_id}'")["scale_factor"]
    assert row["n"] == n
    if kpi_id != "oas_communication_top_box":
        assert scale * float(row["numerator"]) / n == pytest.approx(value, abs=1e-9)
    published = scores.rows(f"select * from marts.kpi_value where kpi_id = '{kpi_id}' and level = 'facility'")
    assert {row["reason"] for row in published} <= {"WINDOW_INCOMPLETE", "BELOW_MINIMUM", "PERIOD_OPEN", None}
    assert published
