"""Rows of another shape than one per record: long to wide, wide to long, rows a feed does not keep.

Belongs here: SQL around the relation of any reader.
Does not belong here: the readers, months as columns (workbook_months.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.readers import Refused, Source
from ingestion.readers.headers import header_key
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from ingestion.feed import Feed
    from ingestion.feed_format import Pivot, Unpivot


def reshape(source: Source, feed: Feed) -> Source:
    """The source as the feed wants it: rows set aside, then pivoted or unpivoted. The repaired source likewise.

    Raises Refused when a column the shape needs is absent.
    """
    fmt = feed.format
    if not (feed.keep or fmt.pivot or fmt.unpivot):
        return source
    repair, sparse = source.repair, source.is_sparse
    relation, headers = source.relation, source.headers
    if feed.keep:
        relation = _kept(relation, headers, feed)
    if fmt.pivot:
        relation, headers = _pivoted(relation, headers, fmt.pivot, feed)
        sparse = True
    elif fmt.unpivot:
        relation, headers, notes = _unpivoted(relation, headers, fmt.unpivot)
        source.notes.extend(notes)
    shaped = Source(relation, headers, source.notes, source.temporary, None, sparse, source.is_iso_dated)
    if repair is not None:
        shaped.repair = lambda: reshape(repair(), feed)
    return shaped


def _kept(relation: str, headers: list[str], feed: Feed) -> str:
    conditions = []
    for name, values in feed.keep.items():
        header = _header(headers, name, "keep")
        words = ", ".join(literal(str(value).casefold()) for value in values)
        conditions.append(f"coalesce(lower(trim({identifier(header)})), '') in ({words})")
    return (f"(select * replace (case when _problem is null and not ({' and '.join(conditions)}) then 'set_aside' "
            f"else _problem end as _problem) from {relation})")


def _pivoted(relation: str, headers: list[str], pivot: Pivot, feed: Feed) -> tuple[str, list[str]]:
    """One row per key. A name with two different values is a problem of the row; equal ones are one."""
    key = [identifier(_header(headers, name, "format.pivot.key")) for name in pivot.key]
    name = " || '|' || ".join(f"coalesce(trim({identifier(_header(headers, one, 'format.pivot.name'))}), '')" for one in pivot.name)
    value = identifier(_header(headers, pivot.value, "format.pivot.value"))
    folded = {one.casefold() for one in headers}
    wanted = [one for one in feed.source_names if one.casefold() not in folded]
    used = [h for h in headers if h.casefold() in {one.casefold() for one in feed.source_names}]
    texts = [f"arg_min(_value, _row_number) filter (_name = {literal(one.casefold())}) as {identifier(one)}" for one in wanted]
    several = [f"min(_value) filter (_name = {literal(one.casefold())}) <> max(_value) filter (_name = {literal(one.casefold())})"
               for one in wanted] if pivot.repeated == "problem" else []
    is_repeated = f"coalesce(greatest({', '.join(f'({one})' for one in several)}), false)" if several else "false"
    plain = [f"arg_min({identifier(h)}, _row_number) as {identifier(h)}" for h in used]
    # A record that could not be read has no key to be grouped by: it stays a row of its own.
    grouping = ", ".join([*key, "case when _problem is not null then _row_number end"])
    text = (
        f"(select {''.join(f'{one}, ' for one in (*plain, *texts))}min(_row_number) as _row_number, "
        f"coalesce(any_value(_problem), case when {is_repeated} then 'repeated_response' end) as _problem "
        f"from (select *, lower({name}) as _name, nullif(trim({value}), '') as _value from {relation}) group by {grouping})"
    )
    return text, [*used, *wanted]


def _unpivoted(relation: str, headers: list[str], unpivot: Unpivot) -> tuple[str, list[str], list[str]]:
    """One row per listed column. Rows are numbered (record - 1) x columns + column, so the record can be told."""
    present = {header_key(header): header for header in headers}
    found = [(label, next((present[header_key(one)] for one in names if header_key(one) in present), None)) for label, names in unpivot.columns.items()]
    cells = [(label, header) for label, header in found if header is not None]
    absent = [unpivot.columns[label][0] for label, header in found if header is None]
    if absent and not (unpivot.optional and cells):
        raise Refused("missing_column", f"the header lacks columns that hold values: {', '.join(map(repr, absent[:10]))}",
                      "Correct format.unpivot.columns in the feed, or set 'optional: true' there if they may be absent.")
    taken = {header for _, header in cells}
    rest = [header for header in headers if header not in taken]
    entries = ", ".join(f"{{'label': {literal(label)}, 'text': {identifier(header)}}}" for label, header in cells)
    plain = "".join(f"{identifier(header)}, " for header in rest)
    filled = " where _problem is not null or trim(_cell.text) <> ''" if unpivot.blank == "skip" else ""
    text = (
        f"(select {plain}_cell.label as {identifier(unpivot.name)}, _cell.text as {identifier(unpivot.value)}, "
        f"(_row_number - 1) * {len(cells)} + _place as _row_number, _problem from (select {plain}_row_number, _problem, "
        f"unnest([{entries}]) as _cell, unnest(range(1, {len(cells) + 1})) as _place from {relation}){filled})"
    )
    return text, [*rest, unpivot.name, unpivot.value], [f"no column for {', '.join(map(repr, absent))}"] if absent else []


def _header(headers: list[str], name: str, key: str) -> str:
    found = next((header for header in headers if header_key(header) == header_key(name)), None)
    if found is None:
        raise Refused("missing_column", f"the header lacks {name}", f"Correct {key} in the feed, or check that the file belongs to it.")
    return found
