"""Texts of the dbt files that follow from feeds and code tables: staging, sources, survey facts, macros.

Belongs here: pure functions from definitions to text.
Does not belong here: writing files (dbt_render.py), contracts of core models (dbt_contracts.py), SQL that can stand in
dbt_project/ as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.cadence import CADENCE_DAYS
from ingestion.conform_sql import FAULT_TYPE, mask
from ingestion.kinds import KINDS, PROVENANCE, Column
from ingestion.person_names import SIGNS_IN_WORDS, looks_like_person
from ingestion.sql import literal
from orchestration.dbt_contracts import HEAD, column_list, item_columns, survey_fact_yml, views_of_kinds_yml, yml
from orchestration.dbt_instruments import Item, family_instruments, family_items, family_segments, known_families
from orchestration.definitions_data.tables import TABLES

if TYPE_CHECKING:
    from ingestion.feed import Feed

Families = Mapping[str, list[Item]]

_INPUT = """{{ env_var("PXW_INPUT") | replace("'", "''") }}"""
_PERSON_NAMES = """{{# {head} #}}
{{# A code without the name of a person: as delivered, or its shape where it looks like one. #}}
{{% macro unnamed(code) -%}}
case when {is_person} then {masked} else {{{{ code }}}} end
{{%- endmacro %}}

{{# A short text of a feed, or words in its place where it names a person; the kinds and docs ask for roles. #}}
{{% macro without_person(text) -%}}
case when regexp_matches({{{{ text }}}}, {signs}) then '(withheld: it names a person)' else {{{{ text }}}} end
{{%- endmacro %}}
"""
SETTING_TABLES = {
    "complaint_setting": "How complaints are counted; one row",
    "month_setting": "How long months wait for feeds and facilities; one row",
    "feed_ended": "The last day of feeds that have ended, where a home says so",
    "encounter_setting": "How encounters are counted; one row",
    "encounter_link": "Hours in which a stay follows the visit it came from, per feed",
    "encounter_expected": "Which feed must speak of a facility and class, and when",
    "standard_weight": "Fixed class weights of the standardised rate, where a home sets them",
}

# Which columns make older rows of a kind obsolete when a newer delivery of the feed has the same values,
# beside what the feed itself replaces: an export shows a case whole, with all its rows.
_KIND_SCOPES = {"complaint": ["case_id"]}

def generated_files(feeds: Mapping[str, Feed], seeds_dir: Path) -> dict[str, str]:
    """Relative path -> text of everything that depends on the feeds and the seeds.

    Raises ValueError if the seeds contradict each other or a feed names an unknown instrument family.
    """
    ordered = [feeds[name] for name in sorted(feeds)]
    # Without a survey feed the facts are there all the same, and empty: marts never depend on what is delivered.
    families = {family for feed in ordered for family in families_of(feed)} or known_families(seeds_dir)
    items = {family: family_items(family, seeds_dir) for family in sorted(families)}
    files = {
        "models/staging/sources.yml": sources_yml(ordered, items),
        "macros/generated/feeds.sql": feeds_macro(ordered, items, seeds_dir),
        "macros/generated/person_names.sql": person_names_macro(),
        "models/core/generated/views_of_kinds.yml": views_of_kinds_yml(),
    }
    if (seeds_dir.parent / "models" / "core" / "superseded_row.sql").exists():  # a unit test needs its model
        files["models/core/generated/unit_tests.yml"] = version_test_yml(ordered)
    for feed in ordered:
        files[f"models/staging/stg_{feed.feed}.sql"] = staging_sql(feed, items)
        files[f"models/staging/stg_{feed.feed}.yml"] = staging_yml(feed, items)
    for family, asked in items.items():
        name = f"models/core/generated/fct_survey_{family}"
        files[f"{name}.sql"] = f"-- {HEAD}\n{{{{ survey_fact('{family}') }}}}\n"
        files[f"{name}.yml"] = survey_fact_yml(family, asked)
    return files


def delivered_columns(feed: Feed) -> set[str]:
    """The canonical columns that the raw Parquet of a feed has."""
    return feed.constant_names | {one for name, spec in feed.columns.items() for one in spec.raw_names(name)}


def families_of(feed: Feed) -> list[str]:
    """The instrument families whose answers a feed carries."""
    return list(feed.items.families) if feed.items else []


def names_patient_and_day(feed: Feed) -> bool:
    """Whether two surveys of the feed can be told to be about the same stay or visit; a mere month of discharge cannot tell."""
    if feed.kind != "survey" or not feed.items or "patient_id" not in delivered_columns(feed) or "discharge_on" not in feed.columns:
        return False
    formats = feed.columns["discharge_on"].formats
    return not formats or any("%d" in one or "%j" in one for one in formats)


def staging_sql(feed: Feed, items: Families) -> str:
    """The staging view of a feed: accepted rows in the shape of its kind, absent columns as typed nulls."""
    delivered = delivered_columns(feed)
    lines = [f"'{feed.feed}' as feed", "delivery_id", "delivered_at", "delivery_sequence", "row_number"]
    for name, column in KINDS[feed.kind].items():
        lines.append(name if name in delivered else f"cast(null as {column.type.lower()}) as {name}")
    lines += [item.item_code for item in _items_of(feed, items)]
    return (
        f"-- {HEAD}\nselect\n    " + ",\n    ".join(lines)
        + f"\nfrom {{{{ source('raw', '{feed.feed}') }}}}\nwhere {{{{ is_accepted() }}}}\n"
    )  # fmt: skip


def staging_yml(feed: Feed, items: Families) -> str:
    """Names, types and meanings of a staging view."""
    columns = PROVENANCE | KINDS[feed.kind] | item_columns(_items_of(feed, items))
    what = f"{feed.label}: accepted rows of every delivery, every version, in the shape of kind {feed.kind}."
    return yml({"models": [{"name": f"stg_{feed.feed}", "description": what, "columns": column_list(columns)}]})


def sources_yml(feeds: Iterable[Feed], items: Families) -> str:
    """Sources: raw Parquet per feed, free text, the catalogue, the definitions."""
    feeds = list(feeds)
    raw = [{"name": f.feed, "description": f"{f.label}: every delivered row", "columns": column_list(_raw_columns(f, items))} for f in feeds]
    texts = [{"name": f.feed, "description": f"Free text of {f.label}"} for f in feeds if f.has_free_text]
    catalogue = {"delivery": "Every delivery known to the ledger, with its state", "feed": "The feeds", "run": "The run that builds; one row",
                 "alert_open": "Alerts that were open at the last publication, from the ledger",
                 **SETTING_TABLES}
    sources = [
        _source("raw", f"read_parquet('{_INPUT}/{{name}}/*.parquet')", raw),
        _source("restricted", f"read_parquet('{_INPUT}/restricted/{{name}}/*.parquet')", texts),
        _source("warehouse", f"read_parquet('{_INPUT}/{{name}}.parquet')",
                [{"name": name, "description": text} for name, text in catalogue.items()]),
        _source("definition", f"read_parquet('{_INPUT}/definitions/{{name}}.parquet')",
                [{"name": name, "description": "From the YAML of measures and KPIs"} for name in TABLES]),
    ]  # fmt: skip
    return yml({"sources": [source for source in sources if source["tables"]]})


def person_names_macro() -> str:
    """Macros `unnamed(code)` and `without_person(text)`: SQL knows names by the shapes that conforming and definitions know."""
    code = "{{ code }}"
    return _PERSON_NAMES.format(head=HEAD, is_person=looks_like_person(code), masked=mask(code), signs=literal(SIGNS_IN_WORDS))


def feeds_macro(feeds: Iterable[Feed], items: Families, seeds_dir: Path) -> str:
    """Macros that tell SQL which feeds there are and what the instruments ask."""
    facts = {
        feed.feed: {
            "kind": feed.kind,
            "families": families_of(feed),
            "business_key": list(feed.business_key),
            "scopes": version_scopes(feed),
            "has_free_text": feed.has_free_text,
            "names_patient_and_day": names_patient_and_day(feed),
            "promised": [name for name, spec in feed.columns.items() if not spec.optional],
            "dated": [name for name, spec in feed.columns.items() if spec.type == "timestamp" and not all(map(_tells_offset, spec.formats))],
        }
        for feed in feeds
    }
    data = {
        "feeds": facts,
        "cadence_days": {cadence: list(days) for cadence, days in CADENCE_DAYS.items()},
        "kind_columns": {kind: {name: column.type for name, column in columns.items()} for kind, columns in KINDS.items()},
        "survey_instruments": {family: family_instruments(family, seeds_dir) for family in items},
        "survey_segments": {family: family_segments(family, seeds_dir) for family in items},
        "instrument_items": {family: [vars(item) for item in listed] for family, listed in items.items()},
    }
    return f"{{# {HEAD} #}}\n" + "\n".join(_data_macro(name, value) for name, value in data.items())


def _tells_offset(format: str) -> bool:
    return "%z" in format or format.endswith("Z")


def version_scopes(feed: Feed) -> list[list[str]]:
    """Column lists: a newer delivery with the same values replaces all older rows. No columns: the feed as a whole."""
    scopes = [list(feed.replaces)] if feed.replaces else []
    by_kind = _KIND_SCOPES.get(feed.kind)
    if by_kind and by_kind not in scopes:
        scopes.append(by_kind)
    return scopes if scopes or feed.business_key else [[]]


def version_test_yml(feeds: Iterable[Feed]) -> str:
    """A unit test of the choice of versions on the first feed that has a business key and no other rule.

    It is generated because the model reads every feed, and a unit test must name every input.
    """
    feeds = list(feeds)
    tried = next((feed for feed in feeds if feed.business_key and not version_scopes(feed)), None)
    if tried is None:
        return yml({"unit_tests": []})
    kind = KINDS[tried.kind]

    def row(delivery: str, number: int, which: int) -> dict[str, object]:
        samples = {"DATE": f"2025-01-0{which}", "TIMESTAMP": f"2025-01-0{which} 00:00:00"}
        key = {name: samples.get(kind[name].type, str(which)) for name in tried.business_key}
        return {"delivery_id": delivery, "row_number": number, **key}

    rows = [row("old", 1, 1), row("new", 1, 1), row("new", 2, 1), row("old", 2, 2), row("new", 3, 3)]
    order = "select *, timestamp '2025-01-01' as delivered_at from (values ('new', 2), ('old', 1)) as d (delivery_id, delivery_order)"
    same = {"feed": tried.feed, "rule": "NEWER_VERSION", "superseded_by_delivery_id": "new", "superseded_by_row_number": 2}
    test = {
        "name": "which_version_counts",
        "description": "The newest delivery has the say, and in it the last row; keys that came once stay.",
        "model": "superseded_row",
        "given": [
            *({"input": f"ref('stg_{feed.feed}')", "rows": rows if feed is tried else []} for feed in feeds),
            {"input": "source('warehouse', 'delivery')", "format": "sql", "rows": order},
        ],
        "expect": {"rows": [same | {"delivery_id": "old", "row_number": 1}, same | {"delivery_id": "new", "row_number": 1}]},
    }
    return yml({"unit_tests": [test]})


def _items_of(feed: Feed, items: Families) -> list[Item]:
    return [item for family in families_of(feed) for item in items[family]]


def _raw_columns(feed: Feed, items: Families) -> dict[str, Column]:
    delivered = delivered_columns(feed)
    kind = {name: column for name, column in KINDS[feed.kind].items() if name in delivered}
    faults = {
        "problems": Column(FAULT_TYPE, "Why the row is not accepted; empty when it is"),
        "warnings": Column(FAULT_TYPE, "Values set missing or repaired"),
    }
    provenance = {name: column for name, column in PROVENANCE.items() if name != "feed"}
    return kind | item_columns(_items_of(feed, items)) | provenance | faults


def _source(name: str, location: str, tables: list[dict]) -> dict:
    return {"name": name, "config": {"meta": {"external_location": location}}, "tables": tables}


def _data_macro(name: str, data: object) -> str:
    text = repr(json.loads(json.dumps(data)))
    return f"{{% macro {name}() %}}{{{{ return({text}) }}}}{{% endmacro %}}\n"
