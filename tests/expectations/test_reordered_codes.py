"""A vendor reorders its race codes without changing their range: the file is held, a dated code list lets it in."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from expectations import DeliveryRaw, judge
from ingestion.conform import conform
from ingestion.feed import Feed

SHARES = {"white": 0.62, "black": 0.2, "asian": 0.1, "native": 0.05, "other": 0.03}
OLD = {1: "white", 2: "black", 3: "asian", 4: "native", 5: "other"}
NEW = {1: "native", 2: "asian", 3: "black", 4: "other", 5: "white"}  # in the order of the alphabet, from July on
KEYS = {purpose: purpose.encode() * 4 for purpose in ("patient", "staff", "complainant", "encounter")}


def feed(codes: dict | list) -> Feed:
    """A survey feed whose sex column stands for any coded column; every code is in range before and after."""
    columns = {
        "survey_id": {"from": "ID", "required": True}, "facility_code": {"from": "FAC", "required": True}, "disposition_code": {"from": "DISP", "required": True},
        "discharge_on": {"from": "DIS", "type": "date", "formats": ["%Y-%m-%d"], "required": True}, "age_code": {"from": "RACE", "codes": codes},
    }
    return Feed.model_validate({
        "feed": "panel", "label": "Panel", "kind": "survey", "files": "*.csv", "format": {"type": "delimited"}, "cadence": "monthly",
        "business_key": ["survey_id"], "unique": True, "columns": columns,
        "items": {"family": "review", "generations": [{"id": "only", "has": ["Q1"], "columns": {"review_rating": "Q1"}}]}})


def deliveries(of: Feed, folder: Path) -> list[DeliveryRaw]:
    """Eight monthly files of the same patients; from July 2024 the vendor numbers its race codes anew."""
    draw, made = random.Random(7), []
    for month in range(1, 9):
        book = {meaning: code for code, meaning in (OLD if month < 7 else NEW).items()}
        rows = []
        for number in range(600):
            race = draw.choices(list(SHARES), list(SHARES.values()))[0]
            rows.append(f"{month}-{number},F1,1,{date(2024, month, 1 + number % 28)},{book[race]},{draw.randint(3, 5)}")
        moment = datetime(2024, month, 28, tzinfo=UTC) + timedelta(days=8)
        landed, raw = folder / f"{month}.csv", folder / f"{month}.parquet"
        landed.write_text("ID,FAC,DISP,DIS,RACE,Q1\n" + "\n".join(rows) + "\n")
        report = conform(of, landed, f"{month:016d}", (moment, 0), KEYS, raw, folder / "text.parquet")
        assert (report.rules, report.warning_rules) == ({}, {})  # no rule of a single row can see it
        made.append(DeliveryRaw(of.feed, f"{month:016d}", raw, moment.replace(tzinfo=None), raw.stat().st_size, 0))
    return made


def test_a_range_check_passes_and_the_distribution_holds_the_file(tmp_path):
    of = feed(OLD)
    verdicts = judge({of.feed: of}, deliveries(of, tmp_path), [], tmp_path / "docs", tmp_path / "work")
    assert [v.is_ok for v in verdicts] == [True] * 6 + [False] * 2
    failure = verdicts[6].failures[0]
    assert (failure.expectation, failure.column) in {("reorder", "age_code"), ("shift", "age_code")}
    assert "age_code" in failure.message


def test_a_code_list_with_dates_lets_the_same_files_in(tmp_path):
    of = feed([{"valid_to_on": "2024-06-30", "map": OLD}, {"valid_from_on": "2024-07-01", "map": NEW}])
    verdicts = judge({of.feed: of}, deliveries(of, tmp_path), [], tmp_path / "docs", tmp_path / "work")
    assert [v.failures for v in verdicts] == [[]] * 8
