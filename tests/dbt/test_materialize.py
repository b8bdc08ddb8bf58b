"""Tables made in place: held against their contract and key before anything is committed.

Belongs here: what macros/materialize.sql refuses, on a project of one-line models.
Does not belong here: what the models of the warehouse make (test_marts.py).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from ingestion.home import Home
from orchestration.dbt_render import PROJECT_DIR
from orchestration.dbt_run import dbt_environment, invoke_dbt, next_build_file

PROMISED = {"place_id": "varchar", "n_cases": "bigint"}
MODELS = {
    "kept": "select 'F1' as place_id, 3::bigint as n_cases -- a last line may be a comment",
    "shown": "select place_id, n_cases from {{ ref('kept') }} -- as in a view",
    "other_type": "select 'F1' as place_id, 3::integer as n_cases",
    "too_few": "select 'F1' as place_id",
    "too_many": "select 'F1' as place_id, 3::bigint as n_cases, 1 as rest",
    "other_order": "select 3::bigint as n_cases, 'F1' as place_id",
    "twice": "select 'F1' as place_id, unnest([1, 2])::bigint as n_cases",
    "unnamed": "select null::varchar as place_id, 3::bigint as n_cases",
    "checked": "select 'F1' as place_id, 3::bigint as n_cases",
}
CONSTRAINTS = {"shown": [], "checked": [{"type": "check", "expression": "n_cases > 5"}]}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """Model -> why it failed, empty when it did not; and the file."""
    home = Home(tmp_path_factory.mktemp("materialize"))
    for name in ("macros/materialize.sql", "macros/generate_schema_name.sql", "profiles.yml"):
        (home.dbt / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_DIR / name, home.dbt / name)
    models = [{
        "name": name, "description": f"About {name}", "columns": [{"name": c, "data_type": t, "description": f"Its {c}"} for c, t in PROMISED.items()],
        "config": {"materialized": "view" if name == "shown" else "table", "contract": {"enforced": True}, "persist_docs": {"relation": True, "columns": True}},
        "constraints": CONSTRAINTS.get(name, [{"type": "primary_key", "columns": ["place_id"]}]),
    } for name in MODELS]
    (home.dbt / "models").mkdir()
    (home.dbt / "models" / "all.yml").write_text(json.dumps({"models": models}))
    for name, sql in MODELS.items():
        (home.dbt / "models" / f"{name}.sql").write_text(sql)
    (home.dbt / "dbt_project.yml").write_text('{name: px, version: "1.0", config-version: 2, profile: px, flags: {send_anonymous_usage_stats: false}}')
    with dbt_environment(home):
        result = invoke_dbt(["run", "--no-write-json"])
    return {one.node.name: "" if str(one.status) == "success" else one.message for one in result.results}, next_build_file(home)


def test_what_keeps_its_contract_is_there_with_its_key_and_comments(built: tuple[dict[str, str], Path]) -> None:
    why, file = built
    assert (why["kept"], why["shown"]) == ("", "")
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute("from kept").fetchall() == con.execute("from shown").fetchall() == [("F1", 3)]
        assert con.execute("select table_name, constraint_column_names from duckdb_constraints() where constraint_type = 'PRIMARY KEY'").fetchall() == [("kept", ["place_id"])]
        assert con.execute("select table_name, comment from duckdb_columns() where not internal order by table_name, column_index").fetchall() == [
            ("kept", "Its place_id"), ("kept", "Its n_cases"), ("shown", "Its place_id"), ("shown", "Its n_cases")]


@pytest.mark.parametrize(("model", "told"), [
    ("other_type", ["n_cases", "INTEGER", "BIGINT", "data type mismatch"]),
    ("too_few", ["n_cases", "missing in definition"]),
    ("too_many", ["rest", "missing in contract"]),
    ("other_order", ["other_order", "another order: n_cases, place_id"]),
    ("twice", ["duplicate"]),
    ("unnamed", ["NOT NULL"]),
    ("checked", ["checked", "primary_key and unique", "as a test"]),
])  # fmt: skip
def test_what_breaks_its_contract_fails_and_leaves_nothing(built: tuple[dict[str, str], Path], model: str, told: list[str]) -> None:
    why, file = built
    assert [word for word in told if word not in why[model]] == [] and why[model]
    with duckdb.connect(str(file), read_only=True) as con:
        assert con.execute("select count(*) from duckdb_tables() where table_name = ?", [model]).fetchall() == [(0,)]
