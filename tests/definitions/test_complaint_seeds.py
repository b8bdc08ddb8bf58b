"""Schemes, words, limits and holidays of complaints: agreement with the reference tables, and with themselves."""

from __future__ import annotations

from datetime import date

import pytest

from methods import holiday_calendar
from methods.holiday_calendar import differences, extended, read


def test_hcat_is_the_reference(reference, seed) -> None:
    mine = [row for row in seed("complaint_scheme") if row["scheme_id"] == "hcat"]
    categories = [(row["domain_code"], row["category_code"], row["standing"]) for row in mine if not row["subcategory"]]
    assert categories == [(row["domain"], row["category"], row["standing"]) for row in reference("hcat_categories")]
    subcategories = [(row["category_code"], row["subcategory"], row["subcategory_standing"]) for row in mine if row["subcategory"]]
    assert subcategories == [(row["category"], row["subcategory"], row["standing"]) for row in reference("hcat_subcategories")]


@pytest.mark.parametrize(("scheme", "name", "category", "subcategory"), [
    ("reader2014", "reader2014_taxonomy", "category", "subcategory"), ("hse_ysys", "hse_ysys", "category", "subcategory"),
])
def test_other_schemes_are_the_reference(scheme: str, name: str, category: str, subcategory: str, reference, seed) -> None:
    mine = [row for row in seed("complaint_scheme") if row["scheme_id"] == scheme]
    listed = [(row["category_label"], row["subcategory"]) for row in mine if row["subcategory"]]
    assert listed == [(row[category], row[subcategory]) for row in reference(name) if row[subcategory]]
    assert {row["category_label"] for row in mine} == {row[category] for row in reference(name)}


def test_ko41a_is_the_reference(reference, seed) -> None:
    mine = [row for row in seed("complaint_scheme") if row["scheme_id"] == "ko41a"]
    assert [(row["category_label"], row["standing"]) for row in mine if not row["subcategory"]] == [
        (row["subject"], row["standing"]) for row in reference("ko41a_subject_area")]
    assert [row["subcategory"] for row in mine if row["subcategory"]] == [row["subcategory"] for row in reference("ko41a_clinical_treatment")]


def test_levels_are_the_reference(reference, seed) -> None:
    mine = {(row["scheme_id"], row["scheme_version"], row["dimension"], row["level"]): row for row in seed("complaint_scheme_level")}
    assert [mine["hcat", "2016", "severity", row["code"]]["label"] for row in reference("hcat_severity")] == ["Not present", "Low", "Medium", "High"]
    for row in reference("hcat_harm"):
        found = mine["hcat", "2016", "harm", row["code"]]
        assert (found["label"], found["standing"], found["meaning_standing"]) == (row["label"], row["label_standing"], row["definition_standing"])
    for row in reference("hcat_stage_of_care"):
        version = {"hospital": "2016", "GP": "gp"}[row["version"]]
        assert mine["hcat", version, "stage", row["code"]]["label"] == row["label"]
    for row in reference("severity_generic5"):
        found = mine["generic5", "1", "severity", row["level"]]
        assert (found["label"], found["suggested_first_contact"], found["standing"]) == (
            row["label"], row["suggested_first_contact"], row["standing"])


def test_words_lead_to_what_the_schemes_have(seed) -> None:
    schemes = {(row["scheme_id"], row["scheme_version"], row["category_code"], row["subcategory"]) for row in seed("complaint_scheme")}
    levels = {(row["scheme_id"], row["scheme_version"], row["dimension"], row["level"]) for row in seed("complaint_scheme_level")}
    for row in seed("complaint_word"):
        if row["dimension"] == "category":
            assert (row["scheme_id"], row["scheme_version"], row["category_code"], row["subcategory"]) in schemes, row
        else:
            assert (row["scheme_id"], row["scheme_version"], row["dimension"], row["level"]) in levels, row
        for word in (row["source_text"], row["source_subtext"]):
            assert word == " ".join("".join(c if c.isalnum() else " " for c in word.lower()).split())


def test_every_name_of_a_scheme_is_a_word_of_it(seed) -> None:
    """A site that writes the names of HCAT, KO41a or HSE needs no crosswalk of its own."""
    def word(text: str) -> str:
        return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())

    mapped = {(row["scheme_id"], row["source_text"], row["source_subtext"]): row for row in seed("complaint_word") if row["dimension"] == "category"}
    named = [row for row in seed("complaint_scheme") if row["scheme_id"] in ("hcat", "ko41a", "hse_ysys")]
    assert len(named) > 120
    for row in named:
        found = mapped[row["scheme_id"], word(row["category_label"]), word(row["subcategory"])]
        assert (found["category_code"], found["subcategory"]) == (row["category_code"], row["subcategory"])
        if row["scheme_id"] != "hcat":
            assert found["standing"] == (row["subcategory_standing"] if row["subcategory"] else row["standing"])


NAMES = {"US CMS hospital": "us_cms", "England NHS": "england", "Scotland NHS": "scotland", "Ireland HSE": "ireland", "Ontario hospital": "ontario"}
UNITS = {"calendar day": "calendar_day", "working day": "business_day", "business day": "business_day", "month": "month"}


def test_limits_are_the_reference(reference, seed) -> None:
    expected = sorted((NAMES[row["jurisdiction"]], row["limit"], UNITS[row["unit"]], row["standing"]) for row in reference("timeliness_rules"))
    mine = sorted((row["jurisdiction_code"], row["limit_n"], row["limit_unit"], row["standing"]) for row in seed("timeliness_rule") if row["limit_n"])
    assert mine == expected
    for row in seed("timeliness_rule"):
        assert row["limit_n"] or row["standing"] == "product-defined", "what has no limit is ours, not the regulation's"


def test_the_snapshot_of_holidays_is_what_the_library_says() -> None:
    assert differences(read()) == []


def test_a_known_year_is_never_rewritten() -> None:
    kept = [("US", "2015-01-01", "New Year's Day", "0.1", "corroborated"), ("US", "2015-07-06", "A day of our own", "0.1", "product-defined")]
    later = extended(kept, 2016)
    assert [row for row in later if row[1] < "2016"] == kept
    assert {date.fromisoformat(row[1]).year for row in later if row not in kept} == {2016}
    assert extended(kept, 2014) == kept
    assert "US 2015-07-06: a holiday in the snapshot, not in the library" in differences(kept)


def test_calendars_have_every_year_and_no_weekend(seed) -> None:
    years = {code: {row["holiday_on"][:4] for row in seed("holiday") if row["calendar_code"] == code} for code in holiday_calendar.CALENDARS}
    assert len({tuple(sorted(found)) for found in years.values()}) == 1
    assert len(years["US"]) == 16
    assert all(date.fromisoformat(row["holiday_on"]).weekday() < 5 for row in seed("holiday"))
    used = {row["calendar_code"] for row in seed("timeliness_rule")}
    assert used <= set(years)
