"""Definitions as Parquet: shape, bytes, hashes, and the examples scored from the tables by SQL.

Belongs here: what dbt reads.
Does not belong here: the dbt models that read it.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.definitions_data import DefinitionError, examples, fingerprint, load, write
from orchestration.definitions_data.tables import TABLES


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """The shipped definitions as Parquet."""
    out = tmp_path_factory.mktemp("definitions")
    write(project, out)
    return out


@pytest.fixture
def con(written: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a view per definition table."""
    with duckdb.connect() as connection:
        for table in TABLES:
            connection.execute(f"CREATE VIEW {table} AS FROM read_parquet('{written}/{table}.parquet')")
        yield connection


def test_files_columns_and_types(con: duckdb.DuckDBPyConnection, written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {f"{table}.parquet" for table in TABLES}
    for table, columns in TABLES.items():
        described = con.execute(f"DESCRIBE {table}").fetchall()
        assert {row[0]: row[1] for row in described} == columns
        n_rows = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        assert (n_rows == 0) == (table == "kpi_chart_event"), table  # a site decides about its charts; nothing is shipped decided


def test_keys_are_unique_and_parents_exist(con: duckdb.DuckDBPyConnection) -> None:
    keys = {"measure": "measure_id", "measure_item": "measure_id, item_code", "measure_weight": "measure_id, item_code, answer",
            "measure_encounter_class": "measure_id, encounter_class", "kpi": "kpi_id", "kpi_level": "kpi_id, level",
            "kpi_window": "kpi_id, period_grain", "kpi_target": "kpi_id, valid_from_on"}  # fmt: skip
    for table, key in keys.items():
        assert con.execute(f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1").fetchall() == []
    for child, parent in (("measure_item", "measure"), ("measure_weight", "measure_item"), ("kpi", "measure"), ("kpi_level", "kpi"),
                          ("kpi_window", "kpi"), ("kpi_target", "kpi"), ("measure_encounter_class", "measure")):  # fmt: skip
        key = keys[parent]
        assert con.execute(f"SELECT {key} FROM {child} EXCEPT SELECT {key} FROM {parent}").fetchall() == []


def test_examples_come_out_when_scored_from_the_tables(con: duckdb.DuckDBPyConnection, measures) -> None:
    """The same arithmetic in SQL over the Parquet that dbt reads: scale x mean over items of sum(weight n) / sum(n)."""
    rows = list(examples(measures.values()))
    con.execute("CREATE TABLE example (measure_id VARCHAR, item_code VARCHAR, answer TINYINT, n INTEGER, expected DOUBLE, number INTEGER)")
    con.executemany("INSERT INTO example VALUES (?, ?, ?, ?, ?, ?)", rows)
    scored = con.execute("""
        WITH item AS (
            SELECT e.measure_id, e.number, e.item_code, any_value(e.expected) AS expected, sum(w.weight * e.n) / sum(e.n) AS score
            FROM example e JOIN measure_weight w USING (measure_id, item_code, answer) GROUP BY ALL)
        SELECT measure_id, any_value(expected), any_value(scale_factor) * avg(score)
        FROM item JOIN measure USING (measure_id) GROUP BY measure_id, number
    """).fetchall()
    assert {row[0] for row in scored} == {m.measure_id for m in measures.values() if m.source == "answers"}
    for measure_id, expected, value in scored:
        assert value == pytest.approx(expected, abs=5e-5), measure_id


def test_linear_weights_are_exact_doubles(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("""SELECT answer, weight FROM measure_weight
        WHERE measure_id = 'hcahps_cleanliness_linear_mean' ORDER BY answer""").fetchall()
    assert found == [(1, 0.0), (2, 100 / 3), (3, 200 / 3), (4, 100.0)]


def test_every_answer_of_the_scale_has_a_weight(con: duckdb.DuckDBPyConnection) -> None:
    counts = con.execute("""SELECT item_code, count(*) FROM measure_weight WHERE measure_id LIKE 'hcahps\\_%\\_top_box' ESCAPE '\\' AND measure_id NOT LIKE '%adjusted%'
        GROUP BY measure_id, item_code""").fetchall()
    expected = {"overall_rate": 11, "help_after_discharge": 2, "symptoms": 2, "rest_recovery": 3, "plans_made": 3,
                "family_symptom_information": 3}  # fmt: skip
    assert len(counts) == 28
    assert all(n == expected.get(item, 4) for item, n in counts)


def test_the_same_definitions_give_the_same_bytes_in_any_order(written: Path, project: Path, tmp_path: Path) -> None:
    copy = copied(project, tmp_path / "elsewhere")
    for number, path in enumerate(sorted((copy / "measures").iterdir(), reverse=True)):
        path.rename(path.with_name(f"{number:02}.yml"))
    for path in [*(copy / "measures").iterdir(), *(copy / "kpis").iterdir()]:
        text = re.sub(r"^(items|encounter_classes|levels|windows): \[(.*)\]$", reversed_list, path.read_text(), flags=re.MULTILINE)
        path.write_text(text)
    write(copy, tmp_path / "out")
    for table in TABLES:
        assert (tmp_path / "out" / f"{table}.parquet").read_bytes() == (written / f"{table}.parquet").read_bytes()


def test_hash_follows_the_number_not_the_words(measures) -> None:
    measure = measures["hcahps_cleanliness_top_box"]
    for silent in ({"label": "x"}, {"note": "x"}, {"standing": "unverified"}, {"path": Path("x")}, {"examples": ()}):
        assert dataclasses.replace(measure, **silent).definition_sha256 == measure.definition_sha256
    weights = {"cleanliness": {**measure.weights["cleanliness"], 3: 0.5}}
    for telling in ({"weights": weights}, {"scale_factor": 1.0}, {"direction": "decrease"}, {"version": 2}, {"valid_from_on": None}):
        assert dataclasses.replace(measure, **telling).definition_sha256 != measure.definition_sha256
    rate = measures["complaints_per_1000_encounters"]
    shuffled = dataclasses.replace(rate, denominator_groups=rate.denominator_groups[::-1])
    assert shuffled.definition_sha256 == rate.definition_sha256
    assert len({m.definition_sha256 for m in measures.values()}) == len(measures)


def test_fingerprint_notices_every_kind_of_definition(project: Path, tmp_path: Path) -> None:
    assert fingerprint(copied(project, tmp_path / "a")) == fingerprint(project)
    seen = {fingerprint(project)}
    for number, name in enumerate(("measures/hcahps_recommend.yml", "kpis/complaint_rate.yml", "seeds/footnote.csv", "case_mix/hcahps_group.yml")):
        changed = copied(project, tmp_path / str(number))
        (changed / name).write_text((changed / name).read_text() + "\n")
        seen.add(fingerprint(changed))
    assert len(seen) == 5


def test_definitions_of_the_user_in_another_directory(bench: Path, project: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "measures").mkdir(parents=True)
    text = (project / "measures" / "hcahps_recommend.yml").read_text()
    (own / "measures" / "mine.yml").write_text(text.replace("hcahps_recommend", "my_recommend"))
    measures, _ = load(project, [own])
    assert "my_recommend_top_box" in measures
    assert fingerprint(project, [own]) != fingerprint(project)
    out = tmp_path / "out"
    assert write(project, out, [own])["measure"] == len(measures)
    with pytest.raises(DefinitionError, match="no definition files"):
        load(project, [tmp_path / "nowhere"])


def test_a_fault_writes_nothing(project: Path, tmp_path: Path) -> None:
    broken = copied(project, tmp_path / "broken")
    path = broken / "measures" / "hcahps_recommend.yml"
    path.write_text(path.read_text().replace("recommend: [4,", "recommend: [3,"))
    with pytest.raises(DefinitionError, match="example.values"):
        write(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def reversed_list(found: re.Match) -> str:
    """`key: [a, b]` as `key: [b, a]`."""
    return f"{found[1]}: [{', '.join(reversed(found[2].split(', ')))}]"


def copied(project: Path, target: Path) -> Path:
    """The definitions of the project at another place."""
    for name in ("measures", "kpis", "seeds", "case_mix"):
        shutil.copytree(project / name, target / name)
    return target
