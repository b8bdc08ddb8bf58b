"""XML to rows of text: one repeated record element, read as a stream.

Belongs here: the pass over the file, the one header, what a broken file says.
Does not belong here: which element goes to which column (xml_plan.py, xml_responses.py), limits
(xml_safety.py), HCAHPS rules (feeds).

lxml and not expat: libxml2 builds the tree of a record in C and Python looks at it once. Measured on
200,000 records of 51 elements (403 MB), CPU seconds on one core: lxml 10 with the Parquet written, expat
11 before any. xml2arrow needs 2, but says nothing of undeclared, repeated or absent elements.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.readers import Refused, Source
from ingestion.readers.spool import Spool
from ingestion.readers.xml_plan import HeaderPlan, Plan, local_name
from ingestion.readers.xml_responses import ResponsePlan
from ingestion.readers.xml_safety import Bounded, refuse_unsafe_prolog
from ingestion.sql import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.feed import Feed

_SEND_AGAIN = "Ask the sender for the file again; nothing of it was loaded."


def open(con: DuckDBPyConnection, path: Path, feed: Feed) -> Source:  # noqa: A001 the readers' common name
    """Records as rows; header values repeat on every row. Columns are the paths the feed declares.

    A path counts as a header of the file (`Source.headers`) unless its parent element has others and the
    element itself never occurs. Attributes and namespaces are ignored, blanks trimmed, empty is null.
    Raises Refused for anything that is not one well-formed document with the declared elements.
    """
    fmt = feed.format
    if not fmt.record:
        raise Refused("feed_definition", "the feed does not name the record element", "Set format.record in the feed.")
    refuse_unsafe_prolog(path)
    prefix = f"{fmt.header}/" if fmt.header else None
    in_header = [name for name in feed.source_names if prefix and name.startswith(prefix)]
    in_record = [name for name in feed.source_names if name not in in_header]
    header = HeaderPlan([name.removeprefix(prefix) for name in in_header], fmt.header_lists) if prefix else None
    plan = ResponsePlan(in_record, fmt.responses) if fmt.responses else Plan(in_record)
    with path.open("rb") as handle, Spool(in_record) as spool:
        outside = _read(Bounded(handle, fmt.record), fmt.record, fmt.header, plan, header, spool)
    values = zip(in_header, header.values if header else [], strict=True)
    constants = ", ".join(f"{_text(value)} as {identifier(name)}" for name, value in values)
    absent = plan.absent() | {f"{prefix}{name}" for name in (header.absent() if header else ())}
    headers = [name for name in feed.source_names if name not in absent]
    notes = _notes(outside, plan, header, fmt.header)
    return Source(spool.relation(constants), headers, notes, [spool.path], is_sparse=isinstance(plan, ResponsePlan) and plan.is_sparse)


def _read(source: Bounded, record: str, header_name: str | None, plan: Plan, header: HeaderPlan | None,
          spool: Spool) -> Counter[str]:
    """One pass. Returns how often other elements occurred beside records and header."""
    from lxml import etree

    tags = [f"{{*}}{name}" for name in (record, header_name) if name]
    outside: Counter[str] = Counter()
    depth = 0
    events = etree.iterparse(source, events=("start", "end"), tag=tags, resolve_entities=False, load_dtd=False,
                             no_network=True, huge_tree=False, remove_blank_text=True, remove_comments=True,
                             remove_pis=True)
    try:
        for event, element in events:
            depth += 1 if event == "start" else -1
            if depth or event == "start":
                continue  # not complete yet, or an element of the same name inside a record
            if local_name(element.tag) == record:
                row, problem = plan.row(element)
                spool.add(row, problem, source.since_mark())
            elif header is not None:
                if isinstance(plan, ResponsePlan):
                    plan.learn(element)
                header.take(element, header_name)
            _forget(element, tags, outside)
            source.mark()
    except etree.XMLSyntaxError as error:
        raise _broken(error, source.is_at_end, plan.n_records) from None
    _refuse_incomplete(events.root, record, header_name, header, plan.n_records)
    outside.update(_others(events.root, tags))
    return outside


def _forget(element: Any, tags: list[str], outside: Counter[str]) -> None:
    """Free what has been read, so that memory does not grow with the file."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and (previous := element.getprevious()) is not None:
        if not _is_one_of(previous, tags):
            outside[local_name(previous.tag)] += 1
        parent.remove(previous)


def _others(root: Any, tags: list[str]) -> list[str]:
    return [local_name(child.tag) for child in root if not _is_one_of(child, tags)]


def _is_one_of(element: Any, tags: list[str]) -> bool:
    return f"{{*}}{local_name(element.tag)}" in tags


def _refuse_incomplete(root: Any, record: str, header_name: str | None, header: HeaderPlan | None, n: int) -> None:
    if header is not None and not header.n_records:
        raise Refused("no_header", f"the file has no <{header_name}> element; its root is <{local_name(root.tag)}>",
                      "Check that the file belongs to this feed, or correct format.header.")
    if header is None and not n and len(root):
        raise Refused("no_records", f"the file has no <{record}> element; its root is <{local_name(root.tag)}>",
                      "Check that the file belongs to this feed, or correct format.record.")


def _broken(error: Any, is_at_end: bool, n_records: int) -> Refused:
    line, column = error.position
    last = error.error_log.last_error
    reason = re.sub(r"^(ERR|NS_ERR)_", "", last.type_name).replace("_", " ").lower() if last is not None else "syntax"
    n_read = f"{n_records:,} complete records"
    if is_at_end and "entity" not in reason:  # an unknown entity is reported last of all, wherever it stands
        return Refused("truncated_xml", f"the XML ends early at line {line}, column {column}, after {n_read}",
                       _SEND_AGAIN)
    return Refused("malformed_xml", f"the XML is broken at line {line}, column {column} ({reason}), after {n_read}",
                   _SEND_AGAIN)


def _notes(outside: Counter[str], plan: Plan, header: HeaderPlan | None, header_name: str | None) -> list[str]:
    found = Counter(outside)
    found.update(plan.undeclared())
    if header is not None:
        found.update({f"{header_name}/{name}": n for name, n in header.undeclared().items()})
    return [f"undeclared element {name} ({n:,} times)" for name, n in sorted(found.items())]


def _text(value: str | None) -> str:
    return "null::varchar" if value is None else literal(value)
