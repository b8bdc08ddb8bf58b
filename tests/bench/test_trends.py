"""The plain script of the charts and the build compute the same, and the harness notices when they do not."""

from __future__ import annotations

import numpy as np
import pytest

from bench import plain_trends, trends
from methods.signals import anhoej_thresholds


def test_thresholds_are_those_of_anhoej() -> None:
    longest, crossings = anhoej_thresholds(np.arange(1, plain_trends.THRESHOLDS))
    assert plain_trends.thresholds() == list(zip(range(1, plain_trends.THRESHOLDS), longest.tolist(), crossings.tolist(), strict=True))


def test_both_draw_the_same_charts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    trends.main(20, 4)
    told = capsys.readouterr().out
    assert "2,880 points with equal limits and signals" in told and "kpi_funnel" in told
    monkeypatch.setattr(trends, "DIFFERENT", trends.DIFFERENT.replace("a.centre - b.centre", "a.centre - 1.001 * b.centre"))
    with pytest.raises(SystemExit, match="2,880 of 2,880 points differ"):
        trends.main(20, 4)
