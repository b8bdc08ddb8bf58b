"""Data Docs work from a folder alone, and no cell of a delivery gets out anywhere."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

from tests.expectations.conftest import SURVEY, answer, survey_feed

NAME = "Xenia Plantedname"


class _Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        for key, value in attrs:
            if key in ("href", "src"):
                self.links.append(value)
            elif key == "id":
                self.ids.add(value)


def files_with(folder: Path, text: str) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_pages_are_linked_and_need_no_network(workshop):
    feed = survey_feed()
    verdicts = workshop.judge(feed, [*workshop.months(feed, 5), workshop.delivery(feed, 5, n_rows=90)])
    workshop.judge(feed, [workshop.delivery(feed, 6)], [])
    assert len({v.docs_path.split("#")[0] for v in verdicts}) == 1
    page, anchor = verdicts[5].docs_path.split("#")
    index = _Links((workshop.docs / "index.html").read_text())
    assert page in index.links and len([link for link in index.links if link.endswith(".html")]) == 2
    text = (workshop.docs / page).read_text()
    parsed = _Links(text)
    assert anchor in parsed.ids and "less than 0.3 times looks cut off" in text and "volume_ratio" in text
    for path in workshop.docs.rglob("*.html"):
        found = _Links(path.read_text())
        assert "script" not in found.tags, path
        for link in found.links:
            if not link.startswith("#"):
                assert not re.match(r"\w+:|//", link) and (path.parent / link.split("#")[0]).exists(), (path, link)


def test_old_pages_are_removed(workshop, monkeypatch):
    from expectations import docs

    monkeypatch.setattr(docs, "_KEPT_PAGES", 2)
    feed = survey_feed()
    pages = [workshop.judge(feed, [workshop.delivery(feed, number)])[0].docs_path.split("#")[0] for number in range(4)]
    assert [(workshop.docs / page).exists() for page in pages] == [False, False, True, True]
    assert len(list((workshop.docs / "panel").iterdir())) == 4


def test_no_cell_reaches_docs_verdicts_logs_or_output(workshop, caplog, capfd):
    """A vendor moved the patient's name into coded columns; extras look at it in every way there is."""
    column_kinds = [
        ("expect_column_values_to_be_in_set", {"column": "sex_code", "value_set": ["1"]}),
        ("expect_column_values_to_be_null", {"column": "unit_code"}),
        ("expect_column_values_to_be_unique", {"column": "unit_code"}),
        ("expect_column_min_to_be_between", {"column": "unit_code", "min_value": "a", "max_value": "b"}),
        ("expect_column_max_to_be_between", {"column": "unit_code", "min_value": "a", "max_value": "b"}),
        ("expect_column_distinct_values_to_be_in_set", {"column": "sex_code", "value_set": ["1"]}),
        ("expect_column_pair_values_to_be_equal", {"column_A": "sex_code", "column_B": "survey_id"}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["sex_code", "unit_code"]}),
        ("expect_column_mean_to_be_between", {"column": "unit_code", "max_value": 1}),  # a cast that fails and quotes the cell
    ]
    extras = [{"type": kind, "kwargs": kwargs} for kind, kwargs in column_kinds]
    extras += [{"type": "unexpected_rows", "sql": "select * from {batch} where unit_code is not null"},
               {"type": "unexpected_rows", "sql": "select * from {batch} where sex_code::integer > 0"}]
    feed = survey_feed(expectations={"extra": extras, "max_missing_pct": {"unit_code": 0}})
    planted = {name: f"'{NAME}'" for name in ("sex_code", "unit_code", "disposition_code")}
    history = workshop.months(feed, 5)
    new = workshop.delivery(feed, 5, n_rows=700, faulty="i % 3 = 0", **planted | {"unit_code": f"case when i % 10 > 0 then '{NAME}' end"}, race=answer("race", {"5": 1.0}))
    with caplog.at_level(0):
        verdict, = workshop.judge(feed, [new], history)
        elsewhere, = workshop.judge(survey_feed(), [workshop.delivery(feed, 6, facility_code=f"'{NAME}'")], history)
    assert elsewhere.is_ok, "no delivery about this place came before"
    assert len(verdict.failures) >= len(extras)
    assert {("reorder", "sex_code"), ("missing_share", "unit_code")} <= {(f.expectation, f.column) for f in verdict.failures}
    assert new.path.read_bytes().count(b"Plantedname") > 0, "the name is in the delivery"
    assert not files_with(workshop.docs, "Plantedname") and not files_with(workshop.docs, "Xenia")
    out = capfd.readouterr()
    for text in (json.dumps(asdict(verdict)), caplog.text, out.out, out.err):
        assert "Plantedname" not in text


def test_measuring_keeps_no_long_code_lists(workshop):
    """A column with more values than a code list may have is not kept, even in the cache."""
    feed = survey_feed()
    new = workshop.delivery(feed, 0, sex_code=f"'{NAME} ' || i", **{k: SURVEY[k] for k in ("unit_code",)})
    workshop.judge(feed, [new])
    assert not files_with(workshop.work, "Plantedname")


def test_progress_bars_are_silent(workshop, capfd):
    feed = survey_feed()
    workshop.judge(feed, [workshop.delivery(feed, 0)])
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")
