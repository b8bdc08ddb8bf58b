"""The rendered dbt project: texts of generated files and writing only what changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestration.dbt_files import delivered_columns, generated_files, staging_sql
from orchestration.dbt_instruments import family_items
from orchestration.dbt_render import PROJECT_DIR, render
from tests.dbt.conftest import _feeds
from tests.dbt.warehouse import feed

SEEDS = PROJECT_DIR / "seeds"
FEEDS = {one.feed: one for one in _feeds()}


def test_staging_has_the_shape_of_its_kind_whatever_the_feed_delivers() -> None:
    items = {"hcahps": family_items("hcahps", SEEDS)}
    rich, poor = staging_sql(FEEDS["vendor_survey"], items), staging_sql(FEEDS["xml_survey"], items)
    assert "\n    unit_code,\n" in rich and "\n    cast(null as varchar) as unit_code,\n" in poor
    assert "\n    program_code,\n" in poor  # a constant is delivered
    assert rich.count(",\n") == poor.count(",\n")
    assert "where {{ is_accepted() }}" in rich


def test_delivered_columns_follow_privacy_and_type() -> None:
    assert {"narrative_length", "received_at", "received_on"} <= delivered_columns(FEEDS["rl6"])
    assert "narrative" not in delivered_columns(FEEDS["rl6"])
    named = feed("a", "benchmark", ["public_measure_id", "value"], business_key=["public_measure_id"])
    spec = named.columns["value"].model_copy(update={"missing": {"n/a": "NOT_AVAILABLE"}})
    assert "value_reason" in delivered_columns(named.model_copy(update={"columns": named.columns | {"value": spec}}))


def test_items_merge_the_instruments_of_a_family() -> None:
    items = {item.item_code: item for item in family_items("hcahps", SEEDS)}
    assert items["bathroom_help"].screener_item_code == "bathroom_screener" and items["bathroom_help"].skip_codes == (2,)
    assert items["bathroom_help"].instruments == ("HCAHPS-29", "HCAHPS-32")
    assert items["call_button"].instruments == ("HCAHPS-29",) and items["call_button"].extra_codes == (9,)
    assert items["overall_rate"].answers == tuple(range(11))
    assert sum("HCAHPS-29" in item.counted_in for item in items.values()) == 17


def test_an_unknown_family_and_contradicting_screeners_are_refused(tmp_path: Path) -> None:
    strange = feed("s", "survey", ["survey_id", "facility_code", "discharge_on", "disposition_code"], business_key=["survey_id"],
                   items={"family": "nobody", "generations": []})
    with pytest.raises(ValueError, match="no instrument of family 'nobody'"):
        generated_files({"s": strange}, SEEDS)
    seeds = tmp_path / "seeds"
    shutil.copytree(SEEDS, seeds)
    path = seeds / "instrument_item.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("never_always_4,new_med_screener,2,,false,true,unverified", "never_always_4,new_med_screener,1,,false,true,unverified", 1), encoding="utf-8")
    with pytest.raises(ValueError, match="another screener"):
        family_items("hcahps", seeds)


def test_only_changed_files_are_written_and_stale_ones_removed(tmp_path: Path) -> None:
    target = tmp_path / "dbt"
    first = render(FEEDS, target)
    assert len(first) > 60 and (target / "models/core/generated/fct_survey_hcahps.sql").is_file()
    (target / "target").mkdir()
    (target / "target" / "partial_parse.msgpack").write_bytes(b"dbt's own")
    assert render(FEEDS, target) == []
    fewer = {name: one for name, one in FEEDS.items() if name != "cms"}
    changed = {path.relative_to(target).as_posix() for path in render(fewer, target)}
    assert changed == {"models/staging/stg_cms.sql", "models/staging/stg_cms.yml", "models/staging/sources.yml", "macros/generated/feeds.sql",
                       "models/core/generated/unit_tests.yml"}
    assert not (target / "models/staging/stg_cms.sql").exists() and (target / "target/partial_parse.msgpack").exists()


def test_generated_yml_is_json_and_names_every_column_of_the_source() -> None:
    files = generated_files(FEEDS, SEEDS)
    sources = {one["name"]: one for one in json.loads(files["models/staging/sources.yml"].split("\n", 1)[1])["sources"]}
    raw = {table["name"]: {column["name"] for column in table["columns"]} for table in sources["raw"]["tables"]}
    assert raw["rl6"] >= delivered_columns(FEEDS["rl6"]) | {"delivery_id", "row_number", "problems", "warnings"}
    assert [table["name"] for table in sources["restricted"]["tables"]] == ["rl6"]


def test_no_absolute_path_is_written(tmp_path: Path) -> None:
    render(FEEDS, tmp_path / "dbt")
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "dbt").rglob("*") if path.is_file()]
    assert len(texts) > 60 and not [text for text in texts if str(tmp_path) in text or str(PROJECT_DIR) in text]
