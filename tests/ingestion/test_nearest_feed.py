"""Which feed a file of any name was meant for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ingestion.feed import Feed, load_feeds
from ingestion.nearest_feed import nearest_feeds

FIXTURES = Path(__file__).parent / "fixtures"
FEEDS = load_feeds()
# Nothing to compare without headers (fixed widths, messages), nor where columns are turned into rows first.
NAMED = sorted(name for name in FEEDS if FEEDS[name].format.type not in ("fixed_width", "hl7v2") and name not in ("nhs_fft", "encounter_counts", "qpp_benchmarks", "hcahps_history_responses"))


@pytest.mark.parametrize("name", NAMED)
def test_the_fixture_of_a_feed_is_nearest_to_it_under_another_name(name: str, tmp_path: Path) -> None:
    original = sorted((FIXTURES / name).iterdir())[0]
    stranger = tmp_path / f"export{original.suffix}"
    shutil.copy(original, stranger)
    near = nearest_feeds(stranger, FEEDS.values())
    assert name in [one.feed.feed for one in near] and len(near) <= 3
    assert all(0 < one.n_found <= one.n_declared for one in near)


def test_headers_with_accents_are_known_in_the_encoding_of_spreadsheets(tmp_path: Path) -> None:
    columns = {"case_id": {"from": "N° dossier", "required": True}, "received_at": {"from": "Reçue le", "type": "timestamp", "formats": ["%d.%m.%Y"], "required": True},
               "facility_code": {"from": "Établissement"}, "severity_text": {"from": "Gravité"}}
    feed = Feed.model_validate({"feed": "plaintes", "label": "P", "kind": "complaint", "files": "*.csv", "time_zone": "Europe/Paris", "business_key": ["case_id"],
                                "format": {"type": "delimited", "delimiter": ";", "encoding": "cp1252"}, "columns": columns})
    (tmp_path / "x.csv").write_bytes("N° dossier;Reçue le;Établissement;Gravité\n".encode("cp1252"))
    assert [(one.n_found, one.n_declared) for one in nearest_feeds(tmp_path / "x.csv", [feed])] == [(4, 4)]


def test_prose_and_rubbish_are_near_to_nothing(tmp_path: Path) -> None:
    for name, content in {"notes.md": b"Date, Name and Owner of a thing", "x.csv": b"", "y.xlsx": b"PK\x03\x04broken", "z.csv.gz": b"\x1f\x8bbroken"}.items():
        (tmp_path / name).write_bytes(content)
        assert nearest_feeds(tmp_path / name, FEEDS.values()) == []


def test_the_vendor_s_own_sample_is_known_by_its_columns(shared: Path) -> None:
    for path in sorted((shared / "samples" / "qualtrics").glob("*.csv")):
        assert [one.feed.feed for one in nearest_feeds(path, FEEDS.values())] == ["qualtrics_experience"]
