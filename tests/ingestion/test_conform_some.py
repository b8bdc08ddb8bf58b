"""Several small deliveries of a feed conformed by one statement give what each gives alone."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ingestion import conform as conforming
from ingestion.conform import ConformReport, Job, conform_some
from tests.ingestion.conftest import HEADER, KEYS, complaint_feed

GOOD = {
    "repeated_key": f"{HEADER}\n7,01/03/2026 10:00,02/03/2026,M1,S1,a text\n8,02/03/2026 10:00,,M2,S2,\n7,03/03/2026 10:00,,M1,S1,again\n".encode(),
    "other_order": b"Text,New,MRN,Staff,Event,Received,Case\nwords,x,M3,S3,99/99/2026,04/03/2026 09:30,9\n,y,M4,S4,,never,10\n",
    "without_rows": f"{HEADER}\n".encode(),
    "packed": gzip.compress(f"{HEADER}\n7,05/03/2026 10:00,,M5,S5,packed\n".encode()),
    "short_line": f"{HEADER}\n11,06/03/2026 10:00\n12,06/03/2026 11:00,,M6,S6,z\n".encode(),
}
ODD = {
    "other_name": b"Case,Date received,Event,MRN,Staff,Text\n13,07/03/2026 10:00,,M7,S7,t\n",
    "lacks_a_column": b"Case,Event,MRN,Staff,Text\n14,,M8,S8,t\n",
    "empty": b"",
    "wrong_bytes": f"{HEADER}\n15,08/03/2026 10:00,,M9,S9,caf\xe9\n16,08/03/2026 10:00,,M9,S9,tea\n".encode("latin-1"),
    "open_quote": f'{HEADER}\n17,09/03/2026 10:00,,M9,S9,"never closed\n18,09/03/2026 10:00,,M9,S9,t\n'.encode(),
}


def run(folder: Path, files: dict[str, bytes], *, is_together: bool) -> tuple[list[ConformReport], dict[str, list]]:
    folder.mkdir()
    jobs = []
    for number, (name, content) in enumerate(files.items()):
        (folder / name).write_bytes(content)
        jobs.append(Job(folder / name, name, (datetime(2026, 4, number + 1, tzinfo=UTC), number), folder / "raw" / f"{name}.parquet", folder / "text" / f"{name}.parquet"))
    lots = [jobs] if is_together else [[job] for job in jobs]
    reports = [report for lot in lots for report in conform_some(complaint_feed(), lot, KEYS)]
    return reports, {path.relative_to(folder).as_posix(): content_of(path) for path in sorted(folder.rglob("*")) if path.parent != folder}


def content_of(path: Path) -> list:
    assert (path.suffix, path.stat().st_mode & 0o777) == (".parquet", 0o600), path
    with duckdb.connect() as con:
        table = f"read_parquet('{path}')"
        return [con.execute(f"describe select * from {table}").fetchall(), con.execute(f"select * from {table}").fetchall()]


@pytest.mark.parametrize(("files", "most"), [(GOOD, 5), (GOOD | ODD, 7)], ids=["good", "with odd ones"])
def test_deliveries_of_one_layout_share_a_statement_and_keep_their_own_rows(tmp_path, monkeypatch, files, most):
    shared: list[int] = []
    write_apart = conforming.write_apart
    monkeypatch.setattr(conforming, "write_apart", lambda con, select, some, parts: (shared.append(len(some)), write_apart(con, select, some, parts)))
    together = run(tmp_path / "together", files, is_together=True)
    assert max(shared) == most
    assert together == run(tmp_path / "alone", files, is_together=False)
    assert [(r.n_rows, r.n_accepted, r.rules) for r in together[0][:5]] == [
        (3, 2, {"duplicate_key": 1}), (2, 1, {"bad_timestamp": 1}), (0, 0, {}), (1, 1, {}), (2, 1, {"too_few_columns": 1})]


def test_a_file_larger_than_the_limit_stays_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(conforming, "TOGETHER_BYTES", 150)
    shared: list[int] = []
    write_apart = conforming.write_apart
    monkeypatch.setattr(conforming, "write_apart", lambda con, select, some, parts: (shared.append(len(some)), write_apart(con, select, some, parts)))
    large = gzip.compress(f"{HEADER}\n".encode() + b"7,05/03/2026 10:00,,M5,S5,packed\n" * 40)
    reports, _ = run(tmp_path / "in", {"large": large, "a": GOOD["without_rows"], "b": GOOD["without_rows"]}, is_together=True)
    assert [r.n_rows for r in reports] == [40, 0, 0] and sorted(shared) == [1, 1, 2, 2]
