"""A zip archive in an inbox: each file in it is a delivery of its own, placed by its own name."""

from __future__ import annotations

import json

import pytest

from ingestion.conform import conform
from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.known_files import look
from ingestion.landing import land, landed_path
from ingestion.sources import list_inbox
from tests.ingestion.conftest import HEADER, KEYS, MOMENT, complaint_feed
from tests.ingestion.test_archive import packed

GOOD = f"{HEADER}\n1,01/04/2026 10:00,,,,\n".encode()
OTHER = f"{HEADER}\n2,01/04/2026 10:00,,,,\n".encode()


@pytest.fixture
def feeds() -> dict[str, Feed]:
    return {"log": complaint_feed(files="**/log_*.csv")}


@pytest.fixture
def landed(tmp_path, feeds):
    """Put one archive into an inbox and land it, twice; the report of the first time."""
    inbox, home = tmp_path / "inbox", Home(tmp_path / "home").create()
    inbox.mkdir()

    def run(content: bytes, name: str = "month.zip"):
        (inbox / name).write_bytes(content)
        report = land(home, [str(inbox)], feeds)
        again = land(home, [str(inbox)], feeds)
        assert (again.new, again.repeats) == ([], [])
        return report, home, inbox

    return run


def test_every_file_is_a_delivery(landed, feeds):
    report, home, inbox = landed(packed(("a/log_1.csv", GOOD), ("a/log_2.csv", OTHER), ("readme.txt", b"hello"), ("__MACOSX/._x", b"x")))
    assert [(entry["file_name"], landed_path(home, entry["sha256"]).read_bytes()) for entry in report.new] == [("log_1.csv", GOOD), ("log_2.csv", OTHER)]
    assert [path for path, _ in look(home, [str(inbox)], feeds).unplaced] == ["month.zip/readme.txt"]
    urls = [json.loads(line).get("source_url", "") for line in home.ledger.joinpath("ledger.jsonl").read_text().splitlines()]
    assert any(url.endswith("month.zip!/a/log_1.csv") for url in urls)


def test_the_same_file_packed_and_plain_is_one_delivery(landed, tmp_path, feeds):
    report, home, inbox = landed(packed(("log_1.csv", GOOD)))
    (inbox / "log_1.csv").write_bytes(GOOD)
    assert len(land(home, [str(inbox)], feeds).repeats) == 1 and len(report.new) == 1


@pytest.mark.parametrize(("content", "rule"), [
    (packed(("../log_1.csv", GOOD)), "unsafe_archive"), (packed(("log_1.csv.zip", packed(("log_1.csv", GOOD)))), "nested_archive"),
    (packed(("log_1.csv", GOOD))[:-20], "damaged_archive"),
])
def test_an_unsafe_archive_lands_whole_and_is_refused_with_the_reason(landed, feeds, tmp_path, content, rule):
    report, home, _ = landed(content, "log_1.csv.zip")
    entry, = report.new
    assert landed_path(home, entry["sha256"]).read_bytes() == content
    done = conform(feeds["log"], landed_path(home, entry["sha256"]), "d", MOMENT, KEYS, tmp_path / "raw", tmp_path / "text")
    assert done.refused["rule"] == rule


def test_a_damaged_member_does_not_stop_the_run(landed, feeds, tmp_path):
    content = bytearray(packed(("log_1.csv", GOOD * 30)))
    content[60] ^= 0xFF
    report, home, _ = landed(bytes(content))
    entry, = report.new
    done = conform(feeds["log"], landed_path(home, entry["sha256"]), "d", MOMENT, KEYS, tmp_path / "raw", tmp_path / "text")
    assert done.refused["rule"] == "damaged_archive"


def test_a_packed_file_is_called_as_the_file_in_it(feeds):
    log = feeds["log"]
    assert log.matches("x/log_1.csv.gz") and log.matches("log_1.csv.zip") and not log.matches("log_1.csv.zip.gz")


def test_an_empty_archive_is_a_file_nobody_takes(tmp_path):
    (tmp_path / "month.zip").write_bytes(packed())
    assert [file.relative_path for file in list_inbox(str(tmp_path))] == ["month.zip"]
