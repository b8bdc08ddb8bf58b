"""docs/add_a_feed.md followed literally, with an inbox full of broken files of that feed around the good one."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import duckdb
import pytest

from tests.run.conftest import run_pxw

pytestmark = pytest.mark.heavy

RECIPE = (Path(__file__).parents[2] / "docs" / "add_a_feed.md").read_text()
HEADER = "Ref;Opened;Site;Ward;What happened;Kind\n"
BOMB = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><monthlydata><header>&b;</header></monthlydata>'


def example(language: str) -> str:
    """The first code block of the recipe in `language` ('' for the file), without the indentation of its list."""
    block = re.search(rf"^( *)```{language}\n(.*?)^ *```", RECIPE, re.S | re.M)
    return re.sub(rf"^{block[1]}", "", block[2], flags=re.M)


def row(number: int, opened: str, kind: str = "complaint") -> str:
    return f"B-{number};{opened};North;4 West;text;{kind}\n"


def broken_files() -> dict[str, bytes]:
    """File name -> bytes; the words expected of each are in EXPECTED."""
    many = "".join(row(n, f"{1 + n % 12:02d}/{13 + n % 15}/2026 10:00") for n in range(30))
    files = {
        "ward_log_empty.csv": "", "ward_log_header.csv": HEADER,
        "ward_log_commas.csv": HEADER.replace(";", ",") + "B-1,01/08/2026 10:00,North,4 West,text,complaint\n",
        "ward_log_missing.csv": HEADER.replace("Opened;", "") + "B-1;North;4 West;text;complaint\n",
        "ward_log_renamed.csv": HEADER.replace("Opened", "Opened on") + row(1, "01/08/2026 10:00"),
        "ward_log_twice.csv": HEADER.replace("Site;", "Ward;") + row(1, "01/08/2026 10:00"),
        "ward_log_monthfirst.csv": HEADER + many,
        "ward_log_serials.csv": HEADER + "".join(row(100 + n, str(46000 + n)) for n in range(10)),
        "ward_log_new.csv": HEADER.replace("Kind", "Kind;Mood") + "".join(row(200 + n, f"0{n + 1}/08/2026 10:00").strip() + ";good\n" for n in range(5)),
        "hcahps_bomb.xml": BOMB,
    }
    encoded = {name: text.encode() for name, text in files.items()}
    encoded["ward_log_utf16.csv"] = (HEADER + row(1, "01/08/2026 10:00")).encode("utf-16")
    encoded["ward_log_nul.csv"] = (HEADER + "".join(row(300 + n, "02/08/2026 10:00") for n in range(9))).encode() + b"B-399;02/08/2026 10:00;No\0rth;4 West;text;complaint\n"
    encoded["ward_log_latin.csv"] = (HEADER + "".join(row(400 + n, "03/08/2026 10:00") for n in range(9))).encode() + b"B-499;03/08/2026 10:00;N\xf6rd;4 West;text;complaint\n"
    encoded["ward_log_cut.csv"] = gzip.compress((HEADER + many * 50).encode())[:-40]
    return encoded


EXPECTED = {  # file name: (status, words of the reason)
    "ward_log_empty.csv": ("refused", "empty"), "ward_log_commas.csv": ("refused", "','"), "ward_log_missing.csv": ("refused", "lacks Opened"),
    "ward_log_renamed.csv": ("refused", "lacks Opened"), "ward_log_twice.csv": ("refused", "'Ward' more than once"),
    "ward_log_utf16.csv": ("refused", "utf-16"), "ward_log_cut.csv": ("refused", "ends early"), "hcahps_bomb.xml": ("refused", ""),
    "ward_log_header.csv": ("held", "row"), "ward_log_monthfirst.csv": ("held", "quarantined"), "ward_log_serials.csv": ("held", "quarantined"),
}


class NewFeed:
    def __init__(self, folder: Path) -> None:
        self.inbox, self.home = folder / "inbox", folder / "home"
        self.feeds = self.home / "config" / "feeds"
        self.feeds.mkdir(parents=True)
        self.inbox.mkdir()
        (self.feeds / "ward_log.yml").write_text(example("yaml"))
        (self.inbox / "ward_log_20260901.csv").write_text(example(""))
        (self.inbox / "ward_log_20260901_copy.csv").write_text(example(""))
        for name, content in broken_files().items():
            (self.inbox / name).write_bytes(content)
        self.checked = self.pxw("check", str(self.inbox / "ward_log_20260901.csv")).stdout
        self.is_untouched = [path for path in self.home.rglob("*") if path.is_file()] == [self.feeds / "ward_log.yml"]
        self.output = self.pxw("run", "--inbox", str(self.inbox)).stdout
        self.status = json.loads(self.pxw("status", "--json").stdout)

    def pxw(self, *arguments: str, code: int | None = 0):
        return run_pxw(self.home, *arguments, code=code)

    def rows(self, file_name: str) -> list[tuple]:
        ledger = [json.loads(line) for line in (self.home / "ledger" / "ledger.jsonl").read_text().splitlines()]
        delivery = next(e["delivery_id"] for e in ledger if e["kind"] == "delivery" and e["file_name"] == file_name)
        raw = f"{self.home}/raw/ward_log/*/{delivery}-*.parquet"
        return duckdb.sql(f"select case_id, [p.rule for p in problems] from read_parquet('{raw}') order by row_number").fetchall()


@pytest.fixture(scope="module")
def new_feed(tmp_path_factory) -> NewFeed:
    return NewFeed(tmp_path_factory.mktemp("feed"))


def test_check_says_what_would_happen_and_changes_nothing(new_feed: NewFeed):
    assert "2 rows delivered = 2 good + 0 quarantined" in new_feed.checked and "would be accepted" in new_feed.checked
    assert new_feed.is_untouched


def test_asset_staging_and_documentation_appear_by_themselves(new_feed: NewFeed):
    with duckdb.connect(str(new_feed.home / "build" / "px.duckdb"), read_only=True) as con:
        staged = con.execute("select case_id, received_at::varchar, feedback_type_code from staging.stg_ward_log where case_id like 'W-%' order by 1").fetchall()
        assert staged == [("W-1", "2026-08-01 19:20:00", "complaint"), ("W-2", "2026-08-03 14:05:00", "compliment")]
        cases = con.execute("select case_id, facility_id, is_valid_case from core.fct_complaint where case_id like 'W-%' order by 1").fetchall()
        assert cases == [("W-1", "unassigned", True), ("W-2", "unassigned", False)]
        assert con.execute("select comment <> '' from duckdb_views() where view_name = 'stg_ward_log'").fetchone() == (True,)
    with duckdb.connect(str(new_feed.home / "published" / "px.duckdb"), read_only=True) as con:
        assert ("ward_log",) in con.execute("select feed from marts.feed_status").fetchall()
        assert con.execute("select count(*) from marts.unmapped_codes where feed = 'ward_log'").fetchone()[0] > 0


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_broken_file_is_kept_and_named_and_the_run_goes_on(new_feed: NewFeed, name):
    status, words = EXPECTED[name]
    told = {d["file_name"]: d["reason"] for d in new_feed.status[status]}
    assert name in told, f"{name} is not {status}: {new_feed.status}"
    assert words in told[name] and len(told[name]) > 20


@pytest.mark.parametrize(("name", "rules"), [
    ("ward_log_nul.csv", [[]] * 9 + [["nul_byte"]]), ("ward_log_latin.csv", [[]] * 9 + [["invalid_encoding"]]), ("ward_log_new.csv", [[]] * 5),
])
def test_single_bad_rows_are_quarantined_and_the_file_is_loaded(new_feed: NewFeed, name, rules):
    assert [row[1] for row in new_feed.rows(name)] == rules
    assert name not in {d["file_name"] for d in new_feed.status["held"] + new_feed.status["refused"]}


def test_the_same_file_under_two_names_counts_once(new_feed: NewFeed):
    kinds = [json.loads(line) for line in (new_feed.home / "ledger" / "ledger.jsonl").read_text().splitlines()]
    assert [e["file_name"] for e in kinds if e["kind"] == "repeat"] == ["ward_log_20260901_copy.csv"]


def test_the_mapping_of_the_recipe_is_a_good_org_units_file(new_feed: NewFeed, tmp_path):
    file = tmp_path / "org_units_20260902.csv"
    file.write_text(example("csv"))
    text = new_feed.pxw("check", str(file)).stdout
    assert "1 row delivered = 1 good + 0 quarantined" in text and "would be accepted" in text
    assert "UNMAPPED" in new_feed.checked and "UNMAPPED" in new_feed.output and "ward_log: HARDLY ANYTHING" in new_feed.output


def test_a_fault_in_the_definition_is_named_with_its_line(new_feed: NewFeed, tmp_path):
    (tmp_path / "ward_log.yml").write_text(example("yaml").replace("cadence: weekly", "cadence: weekly\nfrequency: 3"))
    done = run_pxw(new_feed.home, "run", code=1, PXW_FEEDS=str(tmp_path))
    assert re.search(r"ward_log\.yml:\d+: frequency: unknown key", done.stderr)
