"""What a feed may write under `expectations:`."""

from __future__ import annotations

import pytest

from expectations.settings import SettingsError, settings_of
from tests.expectations.conftest import count_feed, survey_feed


def test_defaults_follow_kind_cadence_and_uniqueness():
    monthly, daily = settings_of(survey_feed()), settings_of(survey_feed(cadence="daily", unique=False))
    assert (monthly.event_column, monthly.place_column) == ("discharge_on", "facility_code")
    assert (monthly.min_volume_ratio, daily.min_volume_ratio) == (0.3, 0.1)
    assert (monthly.max_duplicate_pct, daily.max_duplicate_pct) == (5, None)
    assert settings_of(count_feed()).event_column == "period_start_on"


def test_a_feed_overrides_defaults_and_null_switches_off():
    settings = settings_of(survey_feed(expectations={"max_quarantined_pct": 33, "max_shift": None}))
    assert (settings.max_quarantined_pct, settings.max_shift) == (33, None)


@pytest.mark.parametrize(("expectations", "said"), [
    ({"max_quarantined": 10}, "max_quarantined: Extra inputs are not permitted"),
    ({"max_quarantined_pct": 120}, "max_quarantined_pct"),
    ({"max_missing_pct": {"unit_cod": 10}}, "unknown columns ['unit_cod']"),
    ({"shift_columns": ["colour"]}, "unknown columns ['colour']"),
    ({"event_column": "birthday_on"}, "unknown columns ['birthday_on']"),
    ({"extra": [{"type": "expect_column_values_to_match_regex", "kwargs": {"column": "unit_code", "regex": "x"}}]}, "is not available"),
    ({"extra": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "unitcode"}}]}, "unknown columns ['unitcode']"),
    ({"extra": [{"type": "unexpected_rows", "sql": "select * from elsewhere"}]}, "must select from {batch}"),
    ({"extra": [{"type": "unexpected_rows"}]}, "needs 'sql'"),
])
def test_faults_are_refused_with_feed_and_key(expectations: dict, said: str):
    with pytest.raises(SettingsError) as caught:
        settings_of(survey_feed(expectations=expectations))
    assert said in str(caught.value) and "feed panel: expectations" in str(caught.value)


def test_judging_refuses_a_faulty_feed(workshop):
    feed = survey_feed(expectations={"min_volume": 1})
    with pytest.raises(SettingsError, match="min_volume"):
        workshop.judge(feed, [workshop.delivery(feed, 0)])
