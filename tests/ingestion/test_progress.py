"""Which of many steps get a line."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ingestion import progress
from ingestion.progress import Steps


def lines_of(n: int, **options) -> list[str]:
    said: list[str] = []
    steps = Steps(said.append, n)
    for number in range(1, n + 1):
        steps.done("landed", f"file{number}", **options)
    return said


def test_few_steps_are_all_told_and_many_by_tenths():
    assert lines_of(3) == ["landed 1/3 file1", "landed 2/3 file2", "landed 3/3 file3"]
    assert [line.split()[1] for line in lines_of(184)] == [f"{n}/184" for n in (*range(18, 181, 18), 184)]


def test_faults_are_told_and_silent_steps_only_counted():
    assert len(lines_of(184, is_fault=True)) == 184
    assert lines_of(184, is_silent=True) == []


def test_a_second_of_silence_is_broken(monkeypatch: pytest.MonkeyPatch):
    moments = iter([0.0, 0.5, 1.1, 1.2, 1.3, 2.3, 2.4])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    said: list[str] = []
    steps = Steps(said.append, 1000)
    for number in range(1, 5):
        steps.done("landed", f"file{number}")
    assert said == ["landed 2/1000 file2", "landed 4/1000 file4"]
