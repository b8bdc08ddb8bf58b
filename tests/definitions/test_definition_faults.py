"""A fault in a definition is refused with file, line, key and a way out.

Belongs here: broken definition files and the sentence each one gets.
Does not belong here: shipped definitions.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.definitions_data import DefinitionError, load, load_kpis, load_measures

GOOD = """measure: listening
label: Nurses listened
instrument: hcahps
items: [nurse_listen, call_button]
scores: [top_box, linear_mean]
version: 1
standing: corroborated
valid: {from: 2018-01-01, to: 2024-12-31}
example:
  answers:
    nurse_listen: [4, 4, 3, 1]
    call_button: [9, 4]
  values: {top_box: 75, linear_mean: 83.3333}
"""
OWN = """measure: net
label: Net
instrument: hcahps
weights:
  recommend: {1: -1, 2: -1, 3: null, 4: 1}
unit: percent
standing: product-defined
valid: {from: 2018-01-01}
example: {answers: {recommend: [4, 4, 1, 3]}, value: 33.3333}
"""
RATE = """measure: rate
label: Rate
source: cases
numerator: all
encounter_classes: [inpatient, emergency]
standing: product-defined
example: {cases: {complaint: 2}, encounters: {inpatient: 500, office: 70}, value: 4}
"""
SURVEYS = """measure: share
label: Share
source: surveys
instrument: hcahps
numerator: complete
standing: unverified
valid: {from: 2018-01-01}
example: {surveys: {complete: 1, non_response: 3, ineligible: 9}, value: 25}
"""
KPI = """kpi: listening_goal
measure: listening
scores: [top_box]
levels: [facility]
windows: [quarter]
minimum_denominator: 25
chart: i
owner: nursing
"""


def refused(bench: Path, text: str) -> str:
    """The message for a measure file, its folder removed."""
    (bench / "measures" / "m.yml").write_text(text)
    with pytest.raises(DefinitionError) as error:
        load_measures(bench / "measures", bench / "seeds")
    return str(error.value).replace(f"{bench}/measures/", "")


@pytest.mark.parametrize("text", [GOOD, OWN, RATE, SURVEYS])
def test_the_unbroken_files_are_accepted(bench: Path, text: str) -> None:
    (bench / "measures" / "m.yml").write_text(text)
    assert load_measures(bench / "measures", bench / "seeds")


@pytest.mark.parametrize(
    ("base", "old", "new", "message"),
    [
        (GOOD, "version: 1", "versoin: 1", "m.yml:6: versoin: unknown key"),
        (GOOD, "version: 1", "label: again", "m.yml:6: key 'label' stands twice"),
        (GOOD, "label: Nurses listened\n", "", "m.yml:1: label: Field required"),
        (GOOD, "version: 1", "version: [", "not valid YAML"),
        (GOOD, "measure: listening", "measure: Listening!", "m.yml:1: measure: String should match pattern"),
        (GOOD, "nurse_listen, call", "nurse_lisen, call", "m.yml:4: items.0: unknown item 'nurse_lisen'; did you mean 'nurse_listen'?"),
        (GOOD, "instrument: hcahps", "instrument: hcaps", "m.yml:3: instrument: unknown instrument 'hcaps'; did you mean 'hcahps'?"),
        (GOOD, ", to: 2024-12-31", "", "m.yml:4: items.1: 'call_button' is not asked on HCAHPS-32 (discharges from 2025-01-01)"),
        (GOOD, "to: 2024-12-31", "to: 2025-01-01", "m.yml:4: items.1: 'call_button' is not asked on HCAHPS-32"),
        (OWN.replace("recommend", "stay_planned"), "from: 2018-01-01", "from: 2024-12-31",
         "m.yml:5: weights.stay_planned: 'stay_planned' is not asked on HCAHPS-29 (discharges from 2018-01-01 to 2024-12-31)"),
        (GOOD, "from: 2018-01-01, to: 2024-12-31", "from: 2001-01-01, to: 2002-12-31", "m.yml:8: valid: no form of hcahps was in use"),
        (GOOD, "to: 2024-12-31", "to: 2017-12-31", "m.yml:8: valid.to: ends before it starts"),
        (GOOD, "[top_box, linear_mean]", "[top_box, top_bx]", "m.yml:5: scores.1: Input should be 'top_box'"),
        (GOOD, "[nurse_listen, call_button]", "[nurse_listen, call_button, nurse_listen]", "m.yml:4: items: 'nurse_listen' stands twice"),
        (GOOD, "items: [nurse_listen, call_button]\n", "", "m.yml:1: items: named scores need items"),
        (GOOD, "version: 1", "unit: percent", "m.yml:6: unit: belongs to own weights"),
        (GOOD, "standing: corroborated", "standing: verified",
         "m.yml:7: standing: linear_mean is called verified, but the linear values of never_always_4 are corroborated"),
        (GOOD, GOOD[GOOD.index("example"):], "", "m.yml:1: example: a measure needs a worked example; it is its test"),
        (GOOD, "top_box: 75", "top_box: 70", "m.yml:13: example.values.top_box: expected 70.0000, the example's data give 75.0000"),
        (GOOD, "top_box: 75", "top_box: null", "m.yml:13: example.values.top_box: expected null, the example's data give 75.0000"),
        (GOOD, "83.3333", "83.33", "m.yml:13: example.values.linear_mean: expected 83.3300, the example's data give 83.3333"),
        (GOOD, "[9, 4]", "[8, 4]", "m.yml:12: example.answers.call_button: 8 is neither an answer of scale never_always_4"),
        (GOOD, "[9, 4]", "[9, true]", "m.yml:9: example.0.answers.call_button.1: Input should be a valid integer"),
        (GOOD, "    call_button: [9, 4]\n", "", "m.yml:10: example.answers: has no answers for 'call_button'"),
        (GOOD, "call_button: [9", "call_buton: [9", "m.yml:12: example.answers.call_buton: unknown item 'call_buton'"),
        (GOOD, "{top_box: 75, ", "{", "m.yml:13: example.values: has no value for top_box"),
        (GOOD, "{top_box: 75, ", "{top_box: 75, bottom_box: 0, ", "m.yml:13: example.values.bottom_box: is not among the scores"),
        (OWN, "4: 1}", "5: 1}", "m.yml:5: weights.recommend: 5 is no answer of scale recommend_4"),
        (OWN, ", 4: 1}", "}", "m.yml:5: weights.recommend: answer 4 has no weight; null leaves it out of the denominator"),
        (OWN, "4: 1}", "4: .inf}", "Input should be a finite number"),
        (OWN, "unit: percent", "interval: wilson", "m.yml:6: interval: a Wilson interval needs weights of 0 and 1"),
        (OWN, "unit: percent", "scores: [top_box]", "m.yml:1: file: give either 'scores' with 'items', or own 'weights'"),
        (OWN, "unit: percent", "items: [recommend]", "m.yml:6: items: named scores need items"),
        (OWN, "value: 33.3333", "values: {top_box: 50}", "m.yml:9: example: own weights have one 'value', not 'values'"),
        (OWN, "value: 33.3333", "value: 25", "m.yml:9: example.value: expected 25.0000, the example's data give 33.3333"),
        (RATE, "emergency]", "emergencies]",
         "m.yml:5: encounter_classes.1: unknown encounter class 'emergencies'; did you mean 'emergency'?"),
        (RATE, "emergency]", "exclude]", "m.yml:5: encounter_classes.1: unknown encounter class 'exclude'"),
        (RATE, "value: 4", "value: 3.5088", "m.yml:7: example.value: expected 3.5088, the example's data give 4.0000"),
        (RATE, "source: cases", "source: case", "m.yml:3: source: unknown source 'case'; did you mean 'cases'?"),
        (RATE, "numerator: all", "numerator: some", "m.yml:4: numerator: Input should be 'all' or 'grievance'"),
        (SURVEYS, "ineligible: 9", "inelligible: 9", "unknown disposition group 'inelligible'; did you mean 'ineligible'?"),
        (SURVEYS, "value: 25", "value: 7.6923", "m.yml:8: example.value: expected 7.6923, the example's data give 25.0000"),
    ],
)  # fmt: skip
def test_fault_in_a_measure(bench: Path, base: str, old: str, new: str, message: str) -> None:
    assert base.count(old) >= 1
    assert message in refused(bench, base.replace(old, new, 1))


def test_a_score_must_mean_something_on_the_scale(bench: Path) -> None:
    text = GOOD.replace("[nurse_listen, call_button]", "[symptoms]").replace("[top_box, linear_mean]", "[middle_box]")
    text = text[: text.index("example")] + "example: {answers: {symptoms: [1, 2]}, values: {middle_box: 0}}\n"
    assert "scores: middle_box: no answer of yes_no belongs to it" in refused(bench, text)
    text = text.replace("symptoms", "education").replace("middle_box", "linear_mean").replace("corroborated", "unverified")
    assert "linear_mean: scale education_6 of 'education' has no linear values" in refused(bench, text)


def test_all_faults_of_all_files_are_told_at_once(bench: Path) -> None:
    (bench / "measures" / "a.yml").write_text(GOOD.replace("nurse_listen,", "nurse_lisen,"))
    (bench / "measures" / "b.yml").write_text(OWN.replace("4: 1}", "5: 1}"))
    with pytest.raises(DefinitionError) as error:
        load_measures(bench / "measures", bench / "seeds")
    lines = str(error.value).splitlines()
    assert any("a.yml:4: items.0" in line for line in lines)
    assert any("b.yml:5: weights.recommend: 5" in line for line in lines)
    assert any("b.yml:5: weights.recommend: answer 4" in line for line in lines)


def test_the_same_measure_twice(bench: Path) -> None:
    (bench / "measures" / "a.yml").write_text(GOOD)
    (bench / "measures" / "b.yml").write_text(GOOD)
    with pytest.raises(DefinitionError, match=r"b.yml:1: measure: 'listening_top_box' is already defined in .*a.yml"):
        load_measures(bench / "measures", bench / "seeds")


def test_no_definitions_are_no_success(bench: Path) -> None:
    with pytest.raises(DefinitionError, match="measures: no definition files"):
        load_measures(bench / "measures", bench / "seeds")
    (bench / "measures" / "m.yml").write_text(GOOD)
    with pytest.raises(DefinitionError, match="kpis: no definition files"):
        load(bench)
    (bench / "measures" / "m.yml").write_text("")
    with pytest.raises(DefinitionError, match="m.yml:1: expected a mapping of keys"):
        load_measures(bench / "measures", bench / "seeds")


@pytest.mark.parametrize(
    ("seed", "line", "message"),
    [
        ("scale_answer", "yes_no,1,Again,top,100,verified,verified", "scale_answer.csv:{last}: yes_no, 1 stands already in line"),
        ("encounter_class_map", "*, ed VISITS,other,product-defined", "encounter_class_map.csv:{last}: *, ed visits stands already"),
        ("instrument_item", "HCAHPS-29,30,more,More,,never_2,,,,false,false,verified", "instrument_item.csv:{last}: unknown scale_id 'never_2'"),
        ("disposition", "HCAHPS,11,Odd,complete,true,true,unverified", "disposition.csv:{last}: group 'complete' is eligible in one row"),
        ("item_extra_code", "call_button,8", "item_extra_code.csv:{last}: the row does not have the 4 columns"),
    ],
)
def test_code_tables_that_contradict_themselves(bench: Path, seed: str, line: str, message: str) -> None:
    (bench / "measures" / "m.yml").write_text(GOOD)
    with (bench / "seeds" / f"{seed}.csv").open("a") as handle:
        handle.write(line + "\n")
    with pytest.raises(DefinitionError) as error:
        load_measures(bench / "measures", bench / "seeds")
    last = len((bench / "seeds" / f"{seed}.csv").read_text().splitlines())
    assert message.format(last=last) in str(error.value)


def test_a_missing_code_table_is_named(bench: Path) -> None:
    (bench / "measures" / "m.yml").write_text(GOOD)
    (bench / "seeds" / "disposition.csv").unlink()
    with pytest.raises(DefinitionError, match=r"disposition.csv: the seed is missing"):
        load_measures(bench / "measures", bench / "seeds")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("owner: nursing", "ower: nursing", "k.yml:8: ower: unknown key"),
        ("owner: nursing\n", "", "k.yml:1: owner: Field required"),
        ("measure: listening", "measure: listenin", "k.yml:2: measure: unknown measure 'listenin'; did you mean 'listening'?"),
        ("[top_box]", "[topbox]", "k.yml:3: scores.topbox: unknown score 'topbox'; did you mean 'top_box'?"),
        ("scores: [top_box]\n", "", "k.yml:2: measure: 'listening' has several scores; choose from them in 'scores': linear_mean, top_box"),
        ("measure: listening", "measure: rate", "k.yml:3: scores: 'rate' is one single measure"),
        ("[facility]", "[facility, ward]", "k.yml:4: levels.1: Input should be 'enterprise', 'facility', 'service_line' or 'unit'"),
        ("[quarter]", "[year]", "k.yml:5: windows.0: Input should be 'month', 'quarter' or 'rolling_12_months'"),
        ("[quarter]", "[]", "k.yml:5: windows: name at least one of the windows"),
        ("levels: [facility]\n", "", "k.yml:1: levels: name at least one of the levels"),
        ("[facility]", "[facility, facility]", "k.yml:4: levels: 'facility' stands twice"),
        ("minimum_denominator: 25", "minimum_denominator: 0", "k.yml:6: minimum_denominator: Input should be greater than"),
        ("chart: i", "chart: i\ntarget: {value: 80, from: 2025-01-01}", "k.yml:8: target.0.reason: Field required"),
        ("chart: i", "chart: i\ntarget: {value: 180, from: 2025-01-01, reason: r}", "k.yml:8: target: 180 cannot be reached"),
        ("chart: i", "chart: i\ntarget: [{value: 80, from: 2025-01-01, reason: r}, {value: 81, from: 2026-01-01, reason: r}]",
         "k.yml:8: target: two targets hold on 2026-01-01; end the earlier one with 'to'"),
        *[("chart: i", f"chart: {{type: i, exclude: [{{period: 2025-01-01, reason: '{reason}', decided_by: board}}]}}",
           "name a role or a board, never a person or an address")
          for reason in ("asked by Dr. A. Example", "asked by ms Example", "see a@example.org", "call 555-0100", "call 312 555-0100")],
        ("[top_box]", "{top_box: {window: [month]}}", "k.yml:3: scores.top_box.window: unknown key"),
        ("[top_box]", "{top_box: {target: {value: -1, from: 2025-01-01, reason: r}}}",
         "k.yml:3: scores.top_box.target: -1 cannot be reached"),
    ],
)  # fmt: skip
def test_fault_in_a_kpi(bench: Path, old: str, new: str, message: str) -> None:
    (bench / "measures" / "m.yml").write_text(GOOD)
    (bench / "measures" / "r.yml").write_text(RATE)
    assert KPI.count(old) == 1
    (bench / "kpis" / "k.yml").write_text(KPI.replace(old, new))
    measures = load_measures(bench / "measures", bench / "seeds")
    with pytest.raises(DefinitionError) as error:
        load_kpis(bench / "kpis", measures)
    assert message in str(error.value)


def test_reasons_without_a_person_are_taken(bench: Path) -> None:
    (bench / "measures" / "m.yml").write_text(GOOD)
    reasons = "flood in ward drains, 2024-2025, 25 beds; doctors, drill of mrsa rules"
    (bench / "kpis" / "k.yml").write_text(KPI.replace("chart: i", f"chart: {{type: i, exclude: [{{period: 2025-01-01, reason: '{reasons}', decided_by: board}}]}}"))
    (kpi, *_) = load_kpis(bench / "kpis", load_measures(bench / "measures", bench / "seeds")).values()
    assert kpi.chart_settings.exclude[0].reason == reasons


def test_a_middle_box_has_no_target(bench: Path, measures) -> None:
    (bench / "kpis" / "k.yml").write_text(KPI.replace("listening\n", "hcahps_recommend\n").replace("[top_box]", "[middle_box]").replace(
        "chart: i", "target: {value: 20, from: 2025-01-01, reason: r}\nchart: i"))  # fmt: skip
    with pytest.raises(DefinitionError, match="k.yml:7: target: 'hcahps_recommend_middle_box' is neither better"):
        load_kpis(bench / "kpis", measures)


def test_the_same_kpi_twice(bench: Path) -> None:
    (bench / "measures" / "m.yml").write_text(GOOD)
    (bench / "kpis" / "a.yml").write_text(KPI)
    (bench / "kpis" / "b.yml").write_text(KPI)
    with pytest.raises(DefinitionError, match=r"b.yml:1: kpi: 'listening_goal' is already defined in .*a.yml"):
        load(bench)
