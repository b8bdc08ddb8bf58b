"""The plain case-mix script and the step of the build compute the same, and the harness notices when they do not."""

from __future__ import annotations

import pytest

from bench import scores


def test_both_adjust_the_same(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    scores.main(4000, 4)
    told = capsys.readouterr().out
    # 4 facilities and their 32 units: 3 boxes and a mean for six measures, 2 boxes and a mean for discharge information
    assert f"{36 * (6 * 4 + 3):,} adjusted scores" in told and "case_mix_result" in told
    monkeypatch.setattr(scores, "FURTHEST_APART", 0.0)
    with pytest.raises(SystemExit, match="differ by up to"):
        scores.main(4000, 4)
