"""Which column of a file is which column of its feed.

Belongs here: comparing headers, alternatives of a name, generations of a survey's layout, what is absent or new.
Does not belong here: finding the headers in the bytes (readers/), what a column holds (conform_sql.py).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ingestion.answers import items_of
from ingestion.readers import Refused, Source
from ingestion.readers.headers import header_key

if TYPE_CHECKING:
    from ingestion.feed import ColumnSpec, Feed


def choose(feed: Feed, source: Source, delivered_on: date) -> tuple[dict, list[str]]:
    """Canonical column or item -> (spec, source headers). Raises Refused when a declared header is absent.

    Of a sparse source a name that never occurs says nothing: only required columns must be there.
    """
    present = {header_key(name): name for name in reversed(source.headers)}
    chosen: dict[str, tuple[ColumnSpec | None, list[str] | None]] = {}
    absent: list[str] = []
    for name, spec in feed.all_columns.items():
        wanted = [present.get(header_key(one)) for one in (spec.join or spec.source)]
        found = (wanted if all(wanted) else []) if spec.join else list(dict.fromkeys(one for one in wanted if one))
        if not found and not spec.optional and spec.headers != list(spec.true_where) and (spec.required or not source.is_sparse):
            absent.append(" or ".join(spec.source) or " and ".join(spec.join))
        chosen[name] = (_with_present(spec, present), found or None)
    generation, unfit = _generation(feed, present, delivered_on)
    absent += [] if source.is_sparse and generation else unfit
    if absent and (other := _other_encoding(source.headers, feed.format.encoding)):
        raise Refused("wrong_encoding", f"the header is not {feed.format.encoding}", f"Set format.encoding to {other} in the feed, or have the file sent again.")
    if absent:
        raise Refused(
            "missing_column", f"the header lacks {'; '.join(absent)}",
            "If the vendor renamed it, add the new name to the feed's 'from'; if it may be absent, set 'optional: true'.",
        )
    chosen |= generation
    used = {one for spec, found in chosen.values() for one in (*(found or ()), *(spec.headers if spec else ()))}
    new = [name for name in source.headers if name not in used and name not in feed.source_names]
    return chosen, [f"new columns, not loaded: {len(new)} ({', '.join(map(repr, new[:10]))})"] if new else []


def _other_encoding(headers: list[str], encoding: str) -> str | None:
    """The encoding the header seems to be in instead: signs that UTF-8 does not know, or two signs where UTF-8 has one letter."""
    if any("\ufffd" in name for name in headers):
        return "cp1252 (or latin-1, utf-16)"
    try:
        again = [name.encode(encoding).decode("utf-8") for name in headers]
    except UnicodeError:
        return None
    return "utf-8" if again != headers else None


def _with_present(spec: ColumnSpec, present: dict[str, str]) -> ColumnSpec:
    """The spec with the headers beside its own as the file writes them; one the file lacks says nothing."""
    if not (spec.true_where or spec.otherwise):
        return spec
    marks = {present[header_key(one)]: text for one, text in spec.true_where.items() if header_key(one) in present}
    return spec.model_copy(update={"true_where": marks, "otherwise": present.get(header_key(spec.otherwise or ""))})


def _generation(feed: Feed, present: dict[str, str], delivered_on: date) -> tuple[dict, list[str]]:
    """Items of the first header generation that fits the headers and the day of the delivery, and what it lacks."""
    if not feed.items:
        return {}, []
    nothing = dict.fromkeys(items_of(feed), (None, None))
    fitting = [g for g in feed.items.generations
               if all(header_key(h) in present for h in g.has) and not any(header_key(h) in present for h in g.lacks)]
    for generation in (g for g in fitting if g.holds_on(delivered_on)):
        absent = [h for h in generation.columns.values() if header_key(h) not in present and not generation.optional]
        items = {item: (None, [present[header_key(h)]]) for item, h in generation.columns.items() if header_key(h) in present}
        return nothing | items, [f"{h} (layout {generation.id})" for h in absent]
    if fitting:
        return {}, [f"a layout that holds on {delivered_on}; the headers are those of {', '.join(g.id for g in fitting)}"]
    marks = "; ".join(f"{g.id}: {', '.join(g.has)}" for g in feed.items.generations)
    return {}, [f"the marks of every known header generation ({marks})"]
