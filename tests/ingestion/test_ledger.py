"""The ledger: a chain that stays readable whatever byte a crash stops at."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from ingestion.ledger import GENESIS, Ledger, LedgerBroken


def filled(folder, n=3) -> Ledger:
    ledger = Ledger(folder)
    for number in range(n):
        ledger.append("note", text=f"Zeile {number} é")
    return ledger


def test_entries_come_back_in_order_with_a_whole_chain(tmp_path):
    ledger = filled(tmp_path)
    assert [e["text"] for e in ledger.entries()] == ["Zeile 0 é", "Zeile 1 é", "Zeile 2 é"]
    assert ledger.verify() == 3


def test_a_crash_at_any_byte_of_the_last_entry_leaves_a_readable_chain(tmp_path):
    whole = filled(tmp_path / "whole").path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(whole)):
        ledger = Ledger(tmp_path / str(cut))
        ledger.folder.mkdir()
        ledger.path.write_bytes(whole[:cut])
        assert len(list(ledger.entries())) == 2
        ledger.append("note", text="after")
        assert ledger.verify() == 3
        assert [e["text"] for e in ledger.entries()][-1] == "after"


def test_the_newest_entry_is_known_by_its_own_hash(tmp_path):
    ledger = filled(tmp_path)
    lines = ledger.path.read_bytes().splitlines()
    assert ledger.newest() == (3, hashlib.sha256(lines[2]).hexdigest())
    assert json.loads(lines[2])["previous"] == hashlib.sha256(lines[1]).hexdigest()
    with ledger.path.open("ab") as log:
        log.write(b'{"entry":4,')
    assert ledger.newest() == (3, hashlib.sha256(lines[2]).hexdigest())
    assert Ledger(tmp_path / "none").newest() == (0, GENESIS)


def test_tampering_is_found_with_its_line(tmp_path):
    ledger = filled(tmp_path)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[1]) | {"text": "other"}
    ledger.path.write_bytes(lines[0] + json.dumps(entry).encode() + b"\n" + lines[2])
    with pytest.raises(LedgerBroken, match=":3:"):
        ledger.verify()
    ledger.path.write_bytes(lines[0] + lines[2])
    with pytest.raises(LedgerBroken, match=":2:"):
        ledger.verify()


def test_writers_take_turns(tmp_path):
    ledger = Ledger(tmp_path)
    threads = [threading.Thread(target=lambda: [Ledger(tmp_path).append("note") for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.verify() == 80


def test_a_ledger_cut_off_anywhere_stays_readable_and_is_found_out(tmp_path):
    """Cut at every byte: the whole entries before the cut can be read, and verify says that others are gone."""
    ledger = filled(tmp_path, 4)
    whole = ledger.path.read_bytes()
    ends = [n + 1 for n, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        ledger.path.write_bytes(whole[:cut])
        n_whole = sum(end <= cut for end in ends)
        assert len(list(ledger.entries())) == n_whole
        with pytest.raises(LedgerBroken, match=f":{n_whole + 1}: the ledger is cut off here; it had at least 4 entries"):
            ledger.verify()
    ledger.path.write_bytes(whole)
    assert ledger.verify() == 4


def test_another_last_line_is_found_out(tmp_path):
    ledger = filled(tmp_path)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:-1]) + lines[-1].replace(b"Zeile 2", b"Zeile 9"))
    with pytest.raises(LedgerBroken, match=":3: the entry is not the one"):
        ledger.verify()


def test_entries_of_a_kind_are_those_of_that_kind(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append("note", text='says "kind":"other"')
    ledger.append("other", text="x")
    assert [entry["entry"] for entry in ledger.entries("other")] == [2]
    assert [entry["entry"] for entry in ledger.entries("note", "other")] == [1, 2]
