"""`pxw score`: what it prints, writes and refuses."""

import csv
import gzip
import json

import pytest
from click.testing import CliRunner

from orchestration.commands.score import score

HAND = """entity,Q1,Q2,A1,A2
A,2,4,1,1
A,3,,2,2
A,4,2,3,
A,4,3,,
A,3,3,2,3
B,3,3,2,3
B,,,4,5
B,2,2,5,4
B,3,2,6,3
B,7,3,3,3
"""


@pytest.fixture
def hand(tmp_path):
    path = tmp_path / "hand.csv"
    path.write_text(HAND)
    return path


def run(path, *arguments):
    return CliRunner().invoke(score, [str(path), *arguments], catch_exceptions=False)


def run_hand(path, *arguments):
    return run(path, "--items", "Q1,Q2", "--entity", "entity", "--valid", "1-4", *arguments)


def entities(result) -> dict:
    return {row["PLANNAME"]: row for row in json.loads(result.stdout)["tables"]["entities"]}


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(("run_name", "items", "valid"), [("q38", "Q38", "0-10"), ("need", "Q06,Q10,Q22,Q23", "1-3")])
def test_ahrq_runs_from_the_command_line(shared, tmp_path, run_name, items, valid):
    folder = shared / "oracles" / "case_mix_ahrq"
    result = run(
        folder / "test_input.csv", "--items", items, "--valid", valid, "--entity", "PLANID",
        "--adjusters", "GHR=Q39:1-5,AGE=Q40:1-7", "--entity-names", str(folder / "entity_map.csv"),
        "--adjust-boxes", "--csv-dir", str(tmp_path),
    )  # fmt: skip
    assert result.exit_code == 0 and "ENTITIES" in result.stdout and "HMO_B_RURAL" in result.stdout
    n_compared = 0
    for table in ("entities", "coefficients", "rsquared", "overall", "response_distribution", "percent_missing"):
        expected, ours = rows(folder / f"expected_{run_name}_{table}.csv"), rows(tmp_path / f"{table}.csv")
        key = next((k for k in ("PLANNAME", "_NAME_", "_DEPVAR_") if k in ours[0]), None)
        by_key = {row[key] if key else "": row for row in ours}
        assert len(ours) == len(expected)
        for row in expected:
            for name in (set(row) & set(ours[0])) - {key, "SUBCODE"}:
                assert float(by_key[row[key] if key else ""][name]) == pytest.approx(float(row[name]), abs=1e-9), name
                n_compared += 1
    assert n_compared > 100


def test_the_program_is_followed_in_every_option(hand):
    plain = entities(run_hand(hand, "--json"))
    assert plain["A"]["VP"] == pytest.approx(0.009250, abs=5e-7) and plain["A"]["USEN"] == 5
    adjusted = entities(run_hand(hand, "--json", "--adjuster", "A1", "--adjuster", "A2", "--no-impute"))
    assert adjusted["A"]["ADJ_MEAN"] == pytest.approx(2.837102, abs=5e-7)
    weighted = entities(run_hand(hand, "--json", "--k", "5"))
    assert weighted["B"]["UNA_MEAN"] != pytest.approx(plain["B"]["UNA_MEAN"], abs=1e-3)
    starred = entities(run_hand(hand, "--json", "--pvalue", "0.2"))
    assert [starred[e]["MEANING"] for e in "AB"] == [3, 1]
    for condition in (["--meandiff", "0.3"], ["--change", "0.3"]):
        assert entities(run_hand(hand, "--json", "--pvalue", "0.2", *condition))["A"]["MEANING"] == 2
    reversed_ = entities(run_hand(hand, "--json", "--reverse", "Q1,Q2"))
    assert reversed_["A"]["UNA_MEAN"] == pytest.approx(5 - plain["A"]["UNA_MEAN"])


def test_the_printed_report(hand):
    text = run_hand(hand, "--adjusters", "A1:1-6,A2", "--title", "Two items").stdout
    assert text.startswith("Two items\n=========\n")
    assert "IMPUTE=1 K=1 PVALUE=0.05" in text and "A1 = A1 1-6" in text and "product-defined" in text
    assert "fewer than 100 usable rows" in text
    line = next(line for line in text[text.index("\nENTITIES") :].splitlines() if line.startswith("A "))
    assert line.split()[:3] == ["A", "5", "5"] and line.endswith("**")


def test_boxes_are_chosen_by_the_user(hand):
    result = run_hand(hand, "--json", "--boxes", "1/2/3/4")
    table = json.loads(result.stdout)["tables"]["response_distribution"][0]
    assert [table[f"PTRES{b}"] for b in (1, 2, 3, 4)] == pytest.approx([0, 0.225, 0.45, 0.325])
    assert "adj 1-2" in run_hand(hand, "--adjusters", "A1", "--adjust-boxes").stdout


def test_strata_are_reported_with_their_units(tmp_path):
    lines = ["ward,Q"] + [
        f"{w},{q}" for w, qs in {"A": "1234", "B": "2244", "C": "3444", "D": "1133"}.items() for q in qs
    ]
    (tmp_path / "answers.csv").write_text("\n".join(lines))
    (tmp_path / "strata.csv").write_text("ward,hospital,patients\nA,North,300\nB,North,100\nC,South,5\nD,South,5\n")
    arguments = ["--items", "Q", "--entity", "ward", "--valid", "1-4", "--strata", str(tmp_path / "strata.csv")]
    result = run(tmp_path / "answers.csv", *arguments, "--json")
    units = {row["PLANNAME"]: row["ADJ_MEAN"] for row in json.loads(result.stdout)["tables"]["units"]}
    assert units == pytest.approx({"North": 0.75 * 2.5 + 0.25 * 3, "South": (3.75 + 2) / 2})
    assert "UNITS (strata combined)" in run(tmp_path / "answers.csv", *arguments).stdout


def test_contributions_are_written_on_request(hand, tmp_path):
    run_hand(hand, "--csv-dir", str(tmp_path / "out"), "--contributions")
    table = rows(tmp_path / "out" / "contributions.csv")
    assert [int(row["row"]) for row in table] == [1, 2, 3, 4, 5, 6, 8, 9, 10]
    assert float(table[0]["contribution"]) == pytest.approx(0.005)


@pytest.mark.parametrize("form", ["gzip", "bom and crlf", "tab", "parquet", "quoted newline"])
def test_forms_of_the_same_file(hand, tmp_path, form):
    path, arguments = tmp_path / "other", []
    if form == "gzip":
        path.write_bytes(gzip.compress(HAND.encode()))
    elif form == "bom and crlf":
        path.write_bytes(b"\xef\xbb\xbf" + HAND.replace("\n", "\r\n").encode())
    elif form == "tab":
        path.write_text(HAND.replace(",", "\t"))
        arguments = ["--delimiter", "tab"]
    elif form == "quoted newline":
        header, *lines = HAND.splitlines()
        path.write_text("\n".join(['comment,"two\nlines",' + header] + ['"said ""a""\nb",x,' + line for line in lines]))
    else:
        import duckdb

        duckdb.sql(f"COPY (FROM read_csv('{hand}')) TO '{path}' (FORMAT parquet)")
    other = run_hand(path, "--json", "--adjusters", "A1,A2", *arguments)
    assert other.exit_code == 0, other.output
    assert entities(other) == entities(run_hand(hand, "--json", "--adjusters", "A1,A2"))


def test_column_names_in_another_case_and_codes_that_mean_missing(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text(HAND.replace("B,,,4,5", "B,M,98,4,5"))
    result = run(path, "--items", "q1,q2", "--entity", "ENTITY", "--valid", "1-4", "--missing", "M,98.0", "--json")
    assert entities(result)["B"]["USEN"] == 4


def test_numbers_of_entities_lose_a_decimal_zero_and_keep_leading_zeros(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("e,Q\n10.0,1\n10.0,0\n2.0,1\n2,1\n010001,1\n010001,0\n,1\n")
    result = run(path, "--items", "Q", "--entity", "e", "--valid", "0-1", "--json")
    assert list(entities(result)) == ["2", "10", "010001"]
    assert any(note["code"] == "ROWS_WITHOUT_ENTITY" for note in json.loads(result.stdout)["notes"])


def test_the_scale_is_taken_from_the_answers_and_said(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("e,Q\nA,1\nA,3\nB,2\nB,98\nB,3\n")
    result = run(path, "--items", "Q", "--entity", "e", "--json")
    assert json.loads(result.stdout)["settings"]["valid_values"] == [1, 2, 3]
    assert "valid answers taken from the data: 1-3" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--items", "Q1", "--entity", "entities"], "no column 'entities'; did you mean entity?"),
        (["--items", "Q1", "--entity", "hospital"], "no column 'hospital'; it has: entity, Q1"),
        (["--items", "Q1", "--entity", "Q1"], "cannot be the entity"),
        (["--items", "Q1", "--entity", "entity", "--adjusters", "A1:5-1"], "runs backwards"),
        (["--items", "Q1", "--entity", "entity", "--adjusters", "=A1"], "NAME=COLUMN:LOW-HIGH"),
        (["--items", "Q1", "--entity", "entity", "--adjusters", "Q1"], "given twice"),
        (["--items", "Q1", "--entity", "entity", "--valid", "high"], "not a list of whole numbers"),
        (["--items", "Q1", "--entity", "entity", "--valid", "1-4", "--boxes", "1/2/3"], "every valid value"),
        (["--items", "Q1", "--entity", "entity", "--delimiter", "ab"], "one character"),
        (["--items", "Q1", "--entity", "entity", "--pvalue", "2"], "pvalue"),
        (["--items", "Q1", "--entity", "entity", "--reverse", "Q2"], "not an item"),
    ],
)
def test_wrong_options_exit_with_2(hand, arguments, message):
    result = run(hand, *arguments)
    assert result.exit_code == 2 and message in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "entity,Q1\nA,2\nA,a secret\nB,x\n",
            "'Q1' of file.csv holds 2 values that are not numbers, the first in data row 2",
        ),
        ("entity,Q1\nA,2\nA,3,a secret\nB,1\n", "line 3 of file.csv cannot be read"),
        ("", "empty or has no header row"),
        ("entity,Q1,Q1\nA,2,2\n", "2 columns named 'Q1'"),
        ("entity,Q1\nA,2\nB,3\n", "no entity has two usable rows"),
    ],
)
def test_content_that_cannot_be_used_exits_with_1(tmp_path, content, message):
    path = tmp_path / "file.csv"
    path.write_text(content)
    result = run(path, "--items", "Q1", "--entity", "entity", "--valid", "1-4")
    expected = 2 if "columns named" in message else 1
    assert result.exit_code == expected and message in result.output and "secret" not in result.output


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "answers.xlsx"
    path.write_bytes(b"PK\x03\x04\xff\xfe\x00")
    result = run(path, "--items", "Q1", "--entity", "entity")
    assert result.exit_code == 1 and "not UTF-8 text" in result.stderr


def test_importing_the_command_loads_no_heavy_library():
    import subprocess
    import sys

    code = "import sys, orchestration.commands.score; print({'duckdb', 'numpy', 'pandas', 'scipy'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "set()"
    )
