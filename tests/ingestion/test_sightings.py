"""The same bytes seen several times: once, unless they undo a correction; the same whatever the order of arrival."""

from __future__ import annotations

import os
from datetime import date
from itertools import permutations
from pathlib import Path

import pytest

from ingestion.catalogue import read_catalogue
from ingestion.home import Home
from ingestion.landing import land
from ingestion.ledger import Ledger
from ingestion.sightings import entries_by_id
from tests.ingestion.conftest import complaint_feed

FEEDS = {"log": complaint_feed(files=["**/log*.csv"], order=r"_(?P<received>\d{8})")}
FILES = {"log_20260401.csv": b"A", "log_20260402.csv": b"B", "log_20260403.csv": b"A", "log_20260404.csv": b"A", "log_east_20260405.csv": b"C"}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def land_one_by_one(home: Home, inbox: Path, names: tuple[str, ...]) -> list[str]:
    told: list[str] = []
    for name in names:
        (inbox / name).write_bytes(FILES[name])
        land(home, [str(inbox)], FEEDS, told.append)
    return told


def test_a_file_sent_again_after_its_correction_holds_again(inbox, tmp_path):
    home = Home(tmp_path / "home").create()
    told = land_one_by_one(home, inbox, tuple(FILES))
    first, second, third, other = read_catalogue(home, FEEDS)
    assert [d.delivered_at.day for d in (first, second, third, other)] == [1, 2, 3, 5]
    assert first.sha256 == third.sha256 and len({first.delivery_id, second.delivery_id, third.delivery_id}) == 3
    assert (second.supersedes, third.supersedes, other.supersedes) == ((first.delivery_id,), (second.delivery_id,), ())
    assert [line for line in told if "once more" in line or "once" in line] == [
        f"log_20260403.csv: the bytes of delivery {first.delivery_id} once more, after log_20260402.csv had taken their place; they hold again, as delivery {third.delivery_id}",
        f"log_20260404.csv: bytes that are here already (delivery {first.delivery_id}); they count once"]
    assert entries_by_id(Ledger(home.ledger))[third.delivery_id]["file_name"] == third.file_name == "log_20260403.csv"
    assert [d.delivered_at.day for d in read_catalogue(home, FEEDS, date(2026, 4, 2))] == [1, 2]


def test_the_order_of_arrival_does_not_matter(inbox, tmp_path):
    found = set()
    for number, names in enumerate(permutations(FILES)):
        home = Home(tmp_path / f"home{number}").create()
        for path in inbox.iterdir():
            path.unlink()
        land_one_by_one(home, inbox, names)
        found.add(tuple((d.delivery_id, d.delivered_at, d.delivery_order) for d in read_catalogue(home, FEEDS)))
    assert len(found) == 1


@pytest.mark.parametrize(("writes", "n"), [
    (["one/log.csv A 1", "one/log.csv B 2", "one/log.csv A 3"], 3),  # overwritten, and put back
    (["one/log.csv A 1", "two/log.csv B 2", "one/log.csv A 3", "two/log.csv B 4"], 2),  # two places of one name, copied anew every night
])
def test_files_whose_names_say_nothing_take_the_place_of_the_file_they_overwrite(inbox, tmp_path, writes, n):
    home = Home(tmp_path / "home").create()
    for path, content, day in (one.split() for one in writes):
        (inbox / path).parent.mkdir(exist_ok=True)
        (inbox / path).write_text(content)
        os.utime(inbox / path, (1_700_000_000 + 86_400 * int(day),) * 2)
        land(home, [str(inbox)], FEEDS)
    assert len(read_catalogue(home, FEEDS)) == n
