"""Case-mix studies: what the shipped one says, and how faults in a study file are told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestration.definitions_data import DefinitionError, load
from orchestration.definitions_data.studies import load_studies


def test_the_shipped_study_makes_adjusted_measures_with_their_kpis(project: Path, measures) -> None:
    studies = load_studies(project, measures)
    assert set(studies) == {"cgcahps_group", "hcahps_group"} and "provider" in studies["cgcahps_group"].settings
    study = studies["hcahps_group"]
    assert len(study.measures) == 7 * 2
    more, kpis = load(project)
    adjusted = {kpi.kpi_id for kpi in kpis.values() if more[kpi.measure_id].source == "adjusted"}
    assert adjusted == {"hcahps_overall_rating_adjusted_linear_mean", "hcahps_overall_rating_adjusted_top_box", "hcahps_recommend_adjusted_linear_mean",
                        "hcahps_recommend_adjusted_top_box", "hcahps_nurse_communication_adjusted_linear_mean"}  # fmt: skip
    settings = json.loads(study.settings)
    rating = next(one for one in settings["measures"] if one["name"] == "hcahps_overall_rating")
    assert rating["boxes"] == [[0, 10, 20, 30, 40, 50, 60], [70, 80], [90, 100]]
    assert rating["answers"]["overall_rate"]["9"] == 90


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("column: age_code", "column: age_cod", "adjusters.age.column: unknown column 'age_cod'; did you mean 'age_code'?"),
        ("hcahps_cleanliness,", "hcahps_cleanlines,", "unknown measure with a linear mean 'hcahps_cleanlines'"),
        ("values: {A: 75,", "values: {A: 76,", "example.values.A: expected 76.0, the example's data give 7"),
        ("levels: [facility, unit]", "levels: [ward]", "levels"),
        ("instrument: hcahps", "instrument: hcaps", "unknown instrument 'hcaps'; did you mean 'hcahps'?"),
        ("measure: hcahps_overall_rating", "measure: hcahps_quietness", "unknown measure of the study 'hcahps_quietness'"),
    ],
)
def test_faults_name_file_key_and_way_out(project: Path, measures, tmp_path: Path, old: str, new: str, message: str) -> None:
    for name in ("seeds", "case_mix"):
        shutil.copytree(project / name, tmp_path / name)
    path = tmp_path / "case_mix" / "hcahps_group.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DefinitionError) as error:
        load_studies(tmp_path, measures)
    assert message in str(error.value) and "hcahps_group.yml:" in str(error.value)
