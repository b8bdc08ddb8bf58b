"""Numbers in sentences."""

from __future__ import annotations

from ingestion.words import counted
from orchestration.delivery_effect import Effect, lines
from tests.ingestion.conftest import complaint_feed


def test_a_word_fits_its_number():
    assert [counted(n, "row") for n in (0, 1, 2, 1000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert [counted(n, "delivery", "deliveries") for n in (1, 2)] == ["1 delivery", "2 deliveries"]


def test_the_effect_of_one_row_speaks_of_one_row():
    told = list(lines(Effect(n_rows=1, n_replacing=1, n_outdated=1, earlier={"d": 1}), complaint_feed(), {}))
    assert told[0] == "1 good row" and told[2:] == ["  1 row would replace a loaded one", "  1 row is older than what is loaded and would change nothing"]
