"""Codes nobody mapped to a unit, told loudly: their rows count as 'unassigned' and nobody's numbers have them. Likewise names
in a site's own reference files that nothing knows: the numbers they were meant for are not there. Likewise words of complaints and of encounter classes,
deliveries whose feed nobody defines, and facilities whose files have not come.

Belongs here: how many codes and rows per feed, in words, with the way out.
Does not belong here: finding them (marts.unmapped_codes, marts.unmapped_words, marts.reference_fault), a file that is not loaded yet (delivery_effect.py).

Read from the build file, where nothing is suppressed: who runs a warehouse may see it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingestion.feed import Feed
from ingestion.home import Home
from ingestion.ledger import Ledger
from ingestion.strict_yaml import OWN_FEEDS, own_folders

Rows = Callable[..., list[tuple]]

_SHOWN_CODES, _SHOWN_WORDS, _SHOWN_FAULTS = 3, 6, 6
_MOST = 0.5  # from this share on nearly everything a feed brings is lost, and the line says so first

_QUERY = """
with placed as (
    select feed, count(*) as n from core.fct_survey group by feed
    union all select feed, count(*) from core.fct_complaint group by feed
    union all select feed, count(*) from core.fct_answer_count group by feed
    union all select feed, count(*) from core.fct_encounter where counted_on is not null group by feed
)
select u.feed, any_value(u.source_kind), count(*), sum(u.n_rows)::bigint,
    coalesce(sum(u.n_rows) filter (u.facility_id = 'unassigned'), 0)::bigint, coalesce(any_value(p.n), sum(u.n_rows))::bigint,
    list(u.source_facility_code || ' / ' || u.source_unit_code
        order by u.facility_id <> 'unassigned', u.n_rows desc, u.source_facility_code, u.source_unit_code)
from marts.unmapped_codes as u left join placed as p using (feed)
where u.facility_id = 'unassigned' or u.source_unit_code <> '(none)' or u.feed not in (select unnest(?::varchar[]))
group by u.feed order by 5 desc, 4 desc, 1
"""
_WORDS = {"survey": "surveys", "complaint": "cases", "answer_count": "counts"}


@dataclass(frozen=True)
class UnmappedFeed:
    """Codes of one feed without a unit; rows behind them (newest versions), how many of these lack even a facility, all rows."""

    feed: str
    source_kind: str
    n_codes: int
    n_rows: int
    n_without_facility: int
    n_all_rows: int
    codes: list[str]

    @property
    def is_lost(self) -> bool:
        """Whether most of the feed reaches no facility at all."""
        return self.n_without_facility >= _MOST * self.n_all_rows

    def line(self) -> str:
        """One line for a person."""
        head = "HARDLY ANYTHING REACHES A FACILITY: " if self.is_lost else ""
        more = ", ..." if self.n_codes > _SHOWN_CODES else ""
        facility = f", {self.n_without_facility:,} of these without a facility" if self.n_without_facility else ""
        return (f"{self.feed}: {head}{self.n_rows:,} of {self.n_all_rows:,} {_WORDS.get(self.source_kind, 'rows')} without a unit{facility}; "
                f"{self.n_codes:,} code{'s' * (self.n_codes > 1)}: {', '.join(self.codes[:_SHOWN_CODES])}{more}")


@contextlib.contextmanager
def reading_build(home: Home) -> Iterator[Rows]:
    """A function from schema, table and a query over it (with its values) to rows; none where the build lacks the table or there is no build."""
    import duckdb

    if not home.build_file.exists():
        yield lambda *_: []
        return
    with duckdb.connect(str(home.build_file), read_only=True) as con:
        known = set(con.execute("select schema_name, table_name from duckdb_tables()").fetchall())
        yield lambda schema, table, query, *values: con.execute(query, list(values)).fetchall() if (schema, table) in known else []


def unmapped_feeds(rows: Rows, feeds: dict[str, Feed]) -> list[UnmappedFeed]:
    """By feed, worst first; empty when everything is mapped or nothing is built.

    A feed that has no column for units is whole when its facilities are mapped.
    """
    without_units = [name for name, feed in feeds.items() if not feed.names_units]
    return [UnmappedFeed(*row) for row in rows("marts", "unmapped_codes", _QUERY, without_units)]


def unmapped_lines(found: list[UnmappedFeed]) -> Iterator[str]:
    """What to print; the first line is the headline."""
    if not found:
        return
    n_codes = sum(one.n_codes for one in found)
    yield f"{n_codes:,} code{'s' * (n_codes > 1)} (facility / unit) that no org_units row maps to a unit; they count under 'unassigned':"
    yield from (f"  {one.line()}" for one in found)
    yield "  way out: rows with these codes in the org_units file (a newer file replaces all rows of its SourceSystem); all of them: marts.unmapped_codes"


def unmapped_word_lines(rows: Rows) -> Iterator[str]:
    """Words of complaint systems that mean nothing in any scheme, by feed and kind of word; the first line is the headline."""
    found = rows("marts", "unmapped_words", "select feed, dimension, count(*), sum(n_issues)::bigint, list(source_text || case when source_subtext = '' then '' "
                                            "else ' / ' || source_subtext end order by n_issues desc, source_text, source_subtext) "
                                            "from marts.unmapped_words where dimension <> 'encounter_class' group by 1, 2 order by 4 desc, 1, 2")
    if not found:
        return
    n_words = sum(row[2] for row in found)
    yield (f"{n_words:,} word{'s' * (n_words > 1)} of complaint systems that no map leads to a scheme; what they stand for is in no category, "
           "and a severity among them makes no case severe:")
    for feed, dimension, n, n_issues, words in found[:_SHOWN_FAULTS]:
        more = ", ..." if n > _SHOWN_WORDS else ""
        yield (f"  {feed}: {n:,} {dimension} word{'s' * (n > 1)} in {n_issues:,} {'subjects or cases' if n_issues != 1 else 'subject or case'}: "
               f"{', '.join(words[:_SHOWN_WORDS])}{more}")
    yield "  way out: a file complaint_words_YYYYMMDD.csv (docs/add_a_feed.md, step 5); all of them: marts.unmapped_words"


def unmapped_class_lines(rows: Rows) -> Iterator[str]:
    """Words of encounter classes that mean nothing to us, by feed; the first line is the headline."""
    found = rows("marts", "unmapped_words", "select feed, count(*), sum(n_issues)::bigint, list(source_text order by n_issues desc, source_text) "
                                            "from marts.unmapped_words where dimension = 'encounter_class' group by 1 order by 3 desc, 1")
    if not found:
        return
    n_words = sum(row[1] for row in found)
    yield f"{n_words:,} word{'s' * (n_words > 1)} of encounter classes that nothing maps; these encounters are in class 'unassigned', and in no rate:"
    for feed, n, n_rows, words in found[:_SHOWN_FAULTS]:
        more = ", ..." if n > _SHOWN_WORDS else ""
        yield f"  {feed}: {n:,} word{'s' * (n > 1)} in {n_rows:,} row{'s' * (n_rows != 1)}: {', '.join(words[:_SHOWN_WORDS])}{more}"
    yield ("  way out: `codes` from each word to a class of ours under class_code in the feed's YAML, or rows in seed encounter_class_map (docs/denominators.md); "
           "all of them: marts.unmapped_words")


_AWAITED = """
select facility_id, feed, strftime(make_date(last_closed_month // 12, last_closed_month % 12 + 1, 1), '%Y-%m')
from (select *, max(last_closed_month) over ({window}) as newest_month from core.{table})
where is_awaited and last_closed_month < newest_month
group by facility_id, feed, last_closed_month order by last_closed_month, facility_id, feed
"""


def awaited(rows: Rows) -> list[tuple[str, str, str]]:
    """Facility, feed and last closed month where months stay open for a feed that has not come while others have; longest ago first."""
    found = rows("core", "complaint_reach", _AWAITED.format(table="complaint_reach", window=""))
    found += rows("core", "data_reach", _AWAITED.format(table="data_reach", window="partition by kind"))
    return sorted(found, key=lambda one: (one[2], *one[:2]))


def awaited_lines(rows: Rows) -> Iterator[str]:
    """What to print of `awaited`; the first line is the headline."""
    found = awaited(rows)
    if not found:
        return
    n = len({facility for facility, *_ in found})
    yield f"{n:,} facilit{'ies' if n > 1 else 'y'} whose files have not come as far as others'; later months have no value yet, there and for the enterprise:"
    for facility, feed, month in found[:_SHOWN_FAULTS]:
        yield f"  {facility}: {feed} has come up to {month}"
    if len(found) > _SHOWN_FAULTS:
        yield f"  ... and {len(found) - _SHOWN_FAULTS:,} more (core.complaint_reach and core.data_reach of the build)"
    yield ("  way out: the next file of that feed; 'ended_feeds' in section 'months' of settings.yml if the feed has ended, ValidTo in the "
           "org_units file if the facility has closed (docs/months.md)")


def left_out_lines(home: Home, feeds: dict[str, Feed]) -> Iterator[str]:
    """Deliveries of feeds that are not defined any more: nothing of them is in the marts, mostly because PXW_FEEDS is not set this time."""
    counts = Counter(entry["feed"] for entry in Ledger(home.ledger).entries("delivery") if entry["feed"] not in feeds)
    if not counts:
        return
    folders = ", ".join(map(str, own_folders(OWN_FEEDS)))
    told = folders or f"{home.own_feeds}; PXW_FEEDS is not set"
    things, names = "deliveries" if counts.total() > 1 else "delivery", "these names" if len(counts) > 1 else "this name"
    yield (f"{counts.total():,} {things}, because no feed of {names} is defined: {', '.join(f'{name} ({n:,})' for name, n in sorted(counts.items()))}; "
           "none of their rows is in the marts, and what was published of them is withdrawn")
    yield f"  way out: their YAML files where feeds are read from, the project or a folder of your own ({told}), and another run"


def reference_fault_lines(rows: Rows) -> Iterator[str]:
    """What nothing can use in cut points, coefficients, benchmarks and places; the first line is the headline."""
    found = rows("marts", "reference_fault", "select feed, column_name, source_text, fault, n_rows, row_number, way_out from marts.reference_fault "
                                             "order by n_rows desc, feed, column_name, source_text")
    if not found:
        return
    yield f"{len(found):,} name{'s' * (len(found) > 1)} or value{'s' * (len(found) > 1)} in reference files that nothing can use (all of them: marts.reference_fault):"
    for feed, column, text, fault, n_rows, first, way_out in found[:_SHOWN_FAULTS]:
        yield f"  {feed}: {column} '{text}' {fault.lower().replace('_', ' ')} in {n_rows:,} row{'s' * (n_rows > 1)}, first in row {first}; {way_out}"


def same_survey_lines(rows: Rows) -> Iterator[str]:
    """Surveys that two feeds delivered, one line per pair of feeds; surveys that a patient returned twice and counts of two levels, one line per feed."""
    for feed, counted, n in rows("core", "same_survey", "select feed, counted_feed, count(*) from core.same_survey group by all order by 3 desc, 1, 2"):
        yield (f"{n:,} survey{'s' * (n > 1)} of {feed} came by {counted} too and count there alone (core.same_survey); "
               "set 'priority' in the feeds if the other one should count")
    for feed, n in rows("core", "superseded_row", "select feed, count(*) from core.superseded_row where rule = 'DUPLICATE_RETURN' group by 1 order by 2 desc, 1"):
        yield (f"{n:,} survey{'s' * (n > 1)} of {feed} from patients who returned another one about the same visit: the first received counts, or a later one with "
               "at least 5 more answers (core.superseded_row)")
    for feed, n in rows("core", "fct_answer_count", "select feed, count(*) from core.fct_answer_count where rule = 'FINER_LEVEL_COUNTED' group by 1 order by 2 desc, 1"):
        yield (f"{n:,} count{'s' * (n > 1)} of {feed} came in a file of a finer level too (by unit or facility) and count{'s' * (n == 1)} there alone "
               "(core.fct_answer_count)")
