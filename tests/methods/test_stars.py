"""Stars: the summary star's arithmetic, cut points, the official group scores of 2021 and 2022."""

import csv
import math

import numpy as np
import pytest

from methods import stars

NAN = float("nan")


def test_summary_star_is_not_the_mean_of_ten():
    # Eight numbers average 4.4375 -> 4; the ten stars average 4.5 -> 5.
    composites, singles = [5, 4, 5, 4, 4, 4], (5, 4, 5, 5)
    eight = (sum(composites) + 4.5 + 5) / 8
    assert eight == 4.4375 and (sum(composites) + sum(singles)) / 10 == 4.5
    assert stars.summary_star(composites, *singles) == 4


def test_summary_star_rounds_halves_up():
    assert stars.summary_star([3, 3, 3, 3, 4, 4], 4, 4, 4, 4) == 4  # 28 / 8 = 3.5


def test_summary_star_needs_all_ten_stars():
    assert math.isnan(stars.summary_star([3, 3, 3, 3, 3, NAN], 3, 3, 3, 3))
    assert math.isnan(stars.summary_star([3] * 6, 3, NAN, 3, 3))


def test_summary_star_of_many_hospitals():
    result = stars.summary_star([[5] * 6, [1] * 6, [3] * 6], [5, 1, NAN], [5, 1, 3], [5, 1, 3], [5, 1, 3])
    assert np.array_equal(result, [5, 1, NAN], equal_nan=True)


def test_summary_star_refuses_another_number_of_composites():
    with pytest.raises(ValueError, match="6 composite stars"):
        stars.summary_star([3] * 7, 3, 3, 3, 3)


def test_measure_stars_at_and_beside_the_cut_points():
    cuts = [80, 85, 90, 93]
    assert stars.measure_stars([79.4, 79.5, 84.4, 85, 92.5, 93, 100, NAN], cuts).tolist()[:-1] == [1, 2, 2, 3, 5, 5, 5]
    assert stars.measure_stars(92.5, cuts, is_rounded=True) == 4
    assert math.isnan(stars.measure_stars(NAN, cuts))


@pytest.mark.parametrize("cuts", [[80, 85, 90], [80, 85, 85, 90], [90, 85, 80, 70], [80, NAN, 90, 95]])
def test_measure_stars_refuse_cut_points_without_order(cuts):
    with pytest.raises(ValueError, match="four increasing"):
        stars.measure_stars(90, cuts)


def test_standardise_without_spread_or_with_one_value():
    assert stars.standardise([0.1, 0.1, 0.1]).tolist() == [0, 0, 0]
    assert math.isnan(stars.standardise([3.0, NAN])[0])


def test_group_score_uses_the_columns_a_hospital_has():
    # z by column: (-1, 0, 1) and (0.707, -, -0.707); averages -0.146, 0, 0.146; standardised again -1, 0, 1.
    score = stars.patient_experience_group_score([[1, 5], [3, NAN], [5, 1], [NAN, NAN]])
    assert score[:3] == pytest.approx([-1, 0, 1]) and math.isnan(score[3])


@pytest.mark.parametrize("year", [2021, 2022])
def test_group_score_of_the_official_output(shared, year):
    folder = shared / "oracles" / "overall_star_pe_group"
    given, expected = (_rows(folder / f"{year}_{kind}.csv") for kind in ("input", "expected"))
    columns = [name for name in given[0] if name.endswith("_STAR_RATING")]
    assert len(columns) == 8
    score = stars.patient_experience_group_score([[_number(row[c]) for c in columns] for row in given])
    official = {row["PROVIDER_ID"]: _number(row["Std_PatientExp_score"]) for row in expected}
    wanted = np.array([official[row["PROVIDER_ID"]] for row in given])
    assert (np.isnan(score) == np.isnan(wanted)).all()
    assert np.count_nonzero(~np.isnan(wanted)) == {2021: 3311, 2022: 3290}[year]
    assert np.nanmax(np.abs(score - wanted)) < 1e-8


def _rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _number(text: str) -> float:
    return float(text) if text else NAN
